/** Primitives that rename, join, repeat or look up elements. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import { Gather, GatherElements, GatherNd } from "../../../ir/ops/gather.ts";
import { OneHot, Range, rangeLength } from "../../../ir/ops/generate.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import { DequantizeLinear } from "../../../ir/ops/quantize.ts";
import { Expand, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose, unsqueezeShape } from "../../../ir/ops/shape.ts";
import { samePerm, toLast, toSecond } from "../layout.ts";
import { type Lowering, type Lowerings, type NodeContext, second } from "../node.ts";
import { dtypeOfId } from "../type-id.ts";
import { axisIn } from "./norm.ts";

const reshape: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.has(1) ? n.dims(1, "the shape") : n.result().dims;
  return n.reshape(x, resolveReshape(x.tensor.shape, asked));
};

/** Between the two orders of the axes of images a transpose does nothing: the value is known in both. */
const transpose: Lowering = (n) => {
  const rank = n.rank(0);
  const perm = n.has(1) ? n.numbers(1, "the order of axes") : Array.from({ length: rank }, (_, d) => rank - 1 - d);
  if (rank === 4 && samePerm(perm, toLast)) return second(n.input(0));
  if (samePerm(perm, toSecond) && !n.isConstant(0)) return n.input(0, "second");
  return n.create(Transpose, { x: n.input(0) }, { perm });
};

const concat: Lowering = (n) => {
  const { layout } = n;
  const xs = n.inputs(layout);
  const [first] = xs;
  if (!first) throw new OpError("there are no tensors to join", "bad-operand");
  return {
    layout,
    value: n.create(Concat, { xs: xs.map((x) => n.cast(x, first.tensor.dtype)) }, { axis: axisIn(layout, n.int("axis"), first) }),
  };
};

const split: Lowering = (n) => {
  const layout = n.isImage(0) ? "second" : "last";
  const x = n.input(0, layout);
  const axis = axisIn(layout, n.int("axis"), x);
  const extent = x.tensor.shape[axis]!;
  const given = n.ints("size_splits");
  const known = given.filter((s) => s >= 0).reduce((a, b) => a + b, 0);
  const count = n.int("output_num") || n.operation.outputs.length;
  const sizes = given.length > 0 ? given.map((s) => (s < 0 ? dim.sub(extent, known) : s)) : evenSizes(extent, count);
  return n.createAll(Split, { x }, { axis, sizes }).map((value) => ({ layout, value }));
};

const stack: Lowering = (n) => {
  const xs = n.inputs();
  const [first] = xs;
  if (!first) throw new OpError("there are no tensors to join", "bad-operand");
  return n.create(Stack, { xs }, { axis: normalizeAxis(n.int("axis"), first.tensor.shape.length, true) });
};

const unstack: Lowering = (n) => {
  const x = n.input(0);
  return n.createAll(Unstack, { x }, { axis: normalizeAxis(n.int("axis"), x.tensor.shape.length) });
};

const squeeze: Lowering = (n) => {
  const x = n.input(0);
  const axes = n.has(1) ? n.numbers(1, "the axes") : n.ints("axis");
  return n.reshape(x, squeezeShape(x.tensor.shape, axes.length > 0 ? axes : undefined));
};

const unsqueeze: Lowering = (n) => {
  const x = n.input(0);
  return n.reshape(x, unsqueezeShape(x.tensor.shape, n.has(1) ? n.numbers(1, "the axes") : n.ints("axis")));
};

/** All axes from `axis` on as one, those before as one. */
const flatten: Lowering = (n) => {
  const x = n.input(0);
  const { shape } = x.tensor;
  const axis = normalizeAxis(n.int("axis", 1), shape.length, true);
  return n.reshape(x, [dim.product(shape.slice(0, axis)), dim.product(shape.slice(axis))]);
};

/** -1 and 0 keep an extent. */
const broadcastTo: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.has(1) ? n.dims(1, "the shape") : n.ints("shape");
  const lead = asked.length - x.tensor.shape.length;
  const shape = asked.map((d, axis) => (d === -1 ? (x.tensor.shape[axis - lead] ?? 1) : d));
  return n.create(Expand, { x }, { shape: broadcastShapes(shape, x.tensor.shape) });
};

const tile: Lowering = (n) => {
  const x = n.input(0);
  const repeats = n.has(1) ? n.dims(1, "the repeats") : n.ints("dims");
  const lead = Math.max(0, repeats.length - x.tensor.shape.length);
  const raised = n.reshape(x, [...new Array<1>(lead).fill(1), ...x.tensor.shape]);
  const missing = raised.tensor.shape.length - repeats.length;
  return n.create(Tile, { x: raised }, { shape: raised.tensor.shape.map((d, axis) => dim.mul(d, repeats[axis - missing] ?? 1)) });
};

/** Quantised tables are looked up as integers, and what was found is made real. */
const gather: Lowering = (n) => {
  const axisOf = (rank: number): number => normalizeAxis(n.has(2) ? n.number(2, "the axis") : n.int("axis"), rank);
  const axis = axisOf(n.rank(0));
  const x = n.weight(0, { axis });
  const batch_dims = n.int("batchDims");
  const quantised = x.op?.definition === DequantizeLinear && x.op.operand(1)?.tensor.shape.length === 0 ? x.op : undefined;
  if (!quantised) return n.create(Gather, { x, indices: n.input(1) }, { axis, batch_dims });
  const found = n.create(Gather, { x: quantised.operand(0)!, indices: n.input(1) }, { axis, batch_dims });
  return n.create(DequantizeLinear, { x: found, scale: quantised.operand(1)!, zero_point: quantised.operand(2) }, { axis: 0 });
};

const filled = (n: NodeContext, value: Value, shape: readonly Dim[]): Value =>
  shape.length === 0 ? n.reshape(value, []) : n.create(Expand, { x: n.reshape(value, []) }, { shape });

const constantOfShape: Lowering = (n) => {
  const dtype = dtypeOfId(n.int("data_type", 43)) ?? n.unsupported("the element type is unknown", "unsupported-type");
  const [value] = n.floats("value");
  return filled(n, n.scalar(dtype, value ?? 0), n.dims(0, "the shape"));
};

const like =
  (value: number): Lowering =>
  (n) => {
    const { dtype, shape } = n.input(0).tensor;
    return filled(n, n.scalar(dtype, value), shape);
  };

/** indices, depth, and the values on and off: two inputs, or one of both with the off value first. */
const oneHot: Lowering = (n) => {
  const indices = n.input(0);
  const [depth] = n.dims(1, "the depth");
  const both = n.has(3) ? undefined : n.createAll(Split, { x: n.input(2) }, { axis: 0, sizes: [1, 1] });
  const [on, off] = both ? [both[1]!, both[0]!] : [n.input(2), n.input(3)];
  const flat = (v: Value): Value => n.reshape(v, []);
  return n.create(OneHot, { indices, on: flat(on), off: n.cast(flat(off), on.tensor.dtype) }, { depth: depth!, axis: n.int("axis") });
};

/** From start up to, not including, the limit. */
const range: Lowering = (n) => {
  const given = n.has(2);
  const [start, delta] = given
    ? [n.input(0), n.input(2)].map((v) => n.reshape(v, []))
    : [n.int("start"), n.int("delta", 1)].map((v) => n.scalar("i32", v));
  const bounds = given
    ? ([n.numbers(0, "the start"), n.numbers(1, "the limit"), n.numbers(2, "the step")].map(([v]) => v ?? 0) as [number, number, number])
    : ([n.int("start"), n.int("limit"), n.int("delta", 1)] as [number, number, number]);
  return n.create(Range, { start: start!, delta: delta! }, { length: rangeLength(...bounds) });
};

export const shapeLowerings: Lowerings = {
  Reshape: reshape,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Stack: stack,
  Unstack: unstack,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  ExpandDims: unsqueeze,
  Flatten: flatten,
  BroadcastTo: broadcastTo,
  TileFusion: tile,
  Gather: gather,
  GatherNd: (n) => n.create(GatherNd, { x: n.input(0), indices: n.input(1) }, { batch_dims: n.int("batchDims") }),
  GatherD: (n) =>
    n.create(GatherElements, { x: n.input(0), indices: n.input(n.count - 1) }, { axis: n.count > 2 ? n.number(1, "the axis") : 0 }),
  Fill: (n) => filled(n, n.input(0), n.dims(1, "the shape")),
  FillV2: (n) => filled(n, n.input(1), n.dims(0, "the shape")),
  ConstantOfShape: constantOfShape,
  ZerosLike: like(0),
  OnesLike: like(1),
  OneHot: oneHot,
  Range: range,
  Shape: (n) => n.cast(n.create(Shape, { x: n.input(0) }), "i32"),
  Size: (n) => n.cast(n.create(Size, { x: n.input(0) }), "i32"),
  Rank: (n) => n.scalar("i32", n.rank(0)),
  Dropout: (n) => n.input(0),
  Depend: (n) => n.input(0),
  Identity: (n) => n.input(0),
};
