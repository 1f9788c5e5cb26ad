/** Operators that change a tensor's shape or put tensors together and apart. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Col2im, Im2col } from "../../../ir/ops/conv-transpose.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import { Expand, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { intOf, isKind, isValue, type Item, tupleOf } from "../values.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { commonType } from "./promote.ts";
import { spatialEntries } from "./nn.ts";

const reshape: Lowering = (n) => {
  const x = n.input(0);
  return n.reshape(x, resolveReshape(x.tensor.shape, n.dims([1, "shape"]), true));
};

/** Axes from `start` to `end` become one; a scalar becomes a vector of one. */
const flatten: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  if (rank === 0) return n.reshape(x, [1]);
  const isOld = n.operator.name === "Flatten";
  const start = normalizeAxis(n.int([isOld ? -1 : 1, "start_dim", "axis"], isOld ? 1 : 0), rank, true);
  const end = normalizeAxis(n.int([isOld ? -1 : 2, "end_dim"], -1), rank);
  const shape = x.tensor.shape;
  // `Flatten` gives a matrix, of a vector too.
  if (isOld) return n.reshape(x, [dim.product(shape.slice(0, start)), dim.product(shape.slice(start))]);
  return n.reshape(x, [...shape.slice(0, start), dim.product(shape.slice(start, end + 1)), ...shape.slice(end + 1)]);
};

const transpose: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const perm = n.ints([1, "perm"]).map((p) => normalizeAxis(p, rank));
  return n.create(Transpose, { x }, { perm });
};

/** Two axes change places: input, dim0, dim1. */
const swapAxes: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const [a, b] = [normalizeAxis(n.int([1, "dim0"]), rank), normalizeAxis(n.int([2, "dim1"]), rank)];
  return n.create(Transpose, { x }, { perm: x.tensor.shape.map((_, d) => (d === a ? b : d === b ? a : d)) });
};

const transposeLast: Lowering = (n) => {
  const x = n.input(0);
  const perm = x.tensor.shape.map((_, d) => d).reverse();
  return n.create(Transpose, { x }, { perm });
};

const expandDims: Lowering = (n) => {
  const x = n.input(0);
  let { shape } = x.tensor;
  for (const axis of n.ints([1, "axis", "dim"])) shape = [...shape].toSpliced(normalizeAxis(axis, shape.length, true), 0, 1);
  return n.reshape(x, shape);
};

const squeeze: Lowering = (n) => {
  const x = n.input(0);
  const axes = n.ints([1, "axis", "dim"], []);
  return n.reshape(x, squeezeShape(x.tensor.shape, axes.length === 0 ? undefined : axes));
};

/** All of one element type, the common one. */
function alike(n: NodeContext, tensors: readonly Value[]): Value[] {
  if (tensors.length === 0) return n.unsupported("there are no tensors to join", undefined, "bad-operand");
  const type = tensors.map((t) => t.tensor.dtype).reduce(commonType);
  return tensors.map((t) => n.cast(t, type));
}

/** The tensors of a tuple, or of all inputs but the one that is the axis. */
const concat: Lowering = (n) => {
  const first = n.items[0];
  if (isKind(first, "tuple") && !first.elements.some(isValue)) return tupleOf(n.items.flatMap((item) => (isKind(item, "tuple") ? item.elements : [])));
  const tensors = alike(n, n.tensors(0));
  const axis = n.int([isKind(first, "tuple") ? 1 : -1, "axis"], 0);
  const rank = tensors[0]?.tensor.shape.length ?? 0;
  return n.create(Concat, { xs: tensors }, { axis: normalizeAxis(axis, rank) });
};

const stack: Lowering = (n) => {
  const tensors = alike(n, n.tensors(0));
  const rank = tensors[0]?.tensor.shape.length ?? 0;
  return n.create(Stack, { xs: tensors }, { axis: normalizeAxis(n.int([isKind(n.items[0], "tuple") ? 1 : -1, "axis", "dim"], 0), rank, true) });
};

const unstack: Lowering = (n) => {
  const x = n.input(0);
  return n.createAll(Unstack, { x }, { axis: normalizeAxis(n.int([1, "axis"], 0), x.tensor.shape.length) });
};

function splitInto(n: NodeContext, x: Value, axis: number, sizes: readonly Dim[]): readonly Value[] {
  return n.createAll(Split, { x }, { axis, sizes });
}

/** Equal parts: x, axis, output_num. */
const split: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "axis"], 0), x.tensor.shape.length);
  const sizes = n.ints([-1, "size_splits"], []);
  const count = n.int([2, "output_num", "num_split"], 1);
  if (sizes.length > 0 && sizes.every((s) => s >= 0)) return splitInto(n, x, axis, sizes);
  const extent = x.tensor.shape[axis]!;
  if (typeof extent === "number" && extent % count !== 0) return n.unsupported(`${extent} elements do not make ${count} equal parts`, undefined, "bad-attribute");
  return splitInto(n, x, axis, evenSizes(extent, count));
};

/** Given sizes, one of which may be -1. */
function sizedSplit(n: NodeContext, x: Value, axis: number, asked: readonly number[]): readonly Value[] {
  const rest = dim.sub(x.tensor.shape[axis]!, asked.filter((s) => s >= 0).reduce((a, b) => a + b, 0));
  return splitInto(n, x, axis, asked.map((s) => (s < 0 ? rest : s)));
}

const splitV: Lowering = (n) => {
  const x = n.input(0);
  return sizedSplit(n, x, normalizeAxis(n.int([-1, "split_dim"], 0), x.tensor.shape.length), n.ints([-1, "size_splits"]));
};

/** x, sizes, dim. */
const splitWithSize: Lowering = (n) => {
  const x = n.input(0);
  return sizedSplit(n, x, normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length), n.ints([1, "split_size"]));
};

function fixedExtent(n: NodeContext, x: Value, axis: number): number {
  const extent = x.tensor.shape[axis]!;
  return typeof extent === "number" ? extent : n.unsupported("how many parts there are depends on an extent that is not fixed");
}

/** Parts of `size`, the last one smaller. */
function partsOf(n: NodeContext, x: Value, axis: number, size: number): readonly Value[] {
  const extent = fixedExtent(n, x, axis);
  if (size < 1) return n.unsupported("parts must have elements", undefined, "bad-attribute");
  const count = Math.max(1, Math.ceil(extent / size));
  if (count > 4096) return n.unsupported(`${count} parts are too many`, undefined, "limit");
  return splitInto(n, x, axis, Array.from({ length: count }, (_, k) => Math.min(size, extent - k * size)));
}

/** x, size, dim. */
const splitTensor: Lowering = (n) => {
  const x = n.input(0);
  return partsOf(n, x, normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length), n.int([1, "split_size"]));
};

/** x, chunks, dim. */
const chunk: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length);
  return partsOf(n, x, axis, Math.max(1, Math.ceil(fixedExtent(n, x, axis) / n.int([1, "chunks"]))));
};

/** More multiples than axes add axes in front, fewer are ones in front. */
const tile: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.dims([1, "multiples", "dims", "repeats"]);
  const rank = Math.max(asked.length, x.tensor.shape.length);
  const shape = [...new Array<Dim>(rank - x.tensor.shape.length).fill(1), ...x.tensor.shape];
  const multiples = [...new Array<Dim>(rank - asked.length).fill(1), ...asked];
  const wide = n.reshape(x, shape);
  return multiples.every((m) => m === 1) ? wide : n.create(Tile, { x: wide }, { shape: shape.map((d, i) => dim.mul(d, multiples[i]!)) });
};

/** Every element `repeats` times in a row: x, repeats, dim. */
const repeatInterleave: Lowering = (n) => {
  const given = n.input(0);
  const hasAxis = n.has([2, "dim", "axis"]);
  const x = hasAxis ? given : n.reshape(given, [dim.product(given.tensor.shape)]);
  const axis = hasAxis ? normalizeAxis(n.int([2, "dim", "axis"]), x.tensor.shape.length) : 0;
  const repeats = n.int([1, "repeats", "rep"]);
  const { shape } = x.tensor;
  const apart = n.reshape(x, [...shape].toSpliced(axis + 1, 0, 1));
  const wide = n.create(Expand, { x: apart }, { shape: [...shape].toSpliced(axis + 1, 0, repeats) });
  return n.reshape(wide, [...shape].with(axis, dim.mul(shape[axis]!, repeats)));
};

/** -1 keeps the extent of the input. */
const broadcastTo: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.dims([1, "shape"]);
  const lead = asked.length - x.tensor.shape.length;
  const shape = asked.map((d, i) => (d === -1 ? (x.tensor.shape[i - lead] ?? 1) : d));
  return n.create(Expand, { x: onesFixed(n, x, shape) }, { shape });
};

/** Extents that can only be one, as they must be stretched, as ones. */
function onesFixed(n: NodeContext, x: Value, shape: readonly Dim[]): Value {
  const lead = shape.length - x.tensor.shape.length;
  const sizes = x.tensor.shape.map((d, i) => (typeof d !== "number" && d !== shape[lead + i] && dim.range(d)[1] <= 1 ? 1 : d));
  const isSame = sizes.every((d, i) => d === x.tensor.shape[i]);
  return isSame ? x : n.create(Slice, { x }, { starts: sizes.map(() => 0), sizes, steps: sizes.map(() => 1) });
}

const expandAs: Lowering = (n) => n.create(Expand, { x: n.input(0) }, { shape: n.type(1).shape });

const broadcastAll: Lowering = (n) => {
  const tensors = n.tensors(0);
  const shape = broadcastShapes(...tensors.map((t) => t.tensor.shape));
  return tensors.map((x) => n.create(Expand, { x }, { shape }));
};

/** The extents as a tuple of numbers, which need no data. */
const shapeOf: Lowering = (n) => {
  const [item] = n.items;
  if (isKind(item, "tuple")) return tupleOf([intOf(item.elements.length)]);
  return isValue(item) ? tupleOf(item.tensor.shape.map((d) => intOf(d))) : tupleOf([]);
};

const shapeTensor: Lowering = (n) => n.create(Shape, { x: n.input(0) });
const rank: Lowering = (n) => intOf(isValue(n.items[0]) ? n.rank(0) : 0);
const size: Lowering = (n) => intOf(dim.product(n.type(0).shape));
const sizeTensor: Lowering = (n) => n.create(Size, { x: n.input(0) });

/** Blocks of channels become pixels: channel `(i * block + j) * depth + c` goes to row i, column j of the block. */
const depthToSpace: Lowering = (n) => {
  const x = n.input(0);
  const block = n.int([-1, "block_size"]);
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const depth = dim.floordiv(channels, block * block);
  const apart = n.reshape(x, [images, block, block, depth, height, width]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 3, 4, 1, 5, 2] });
  return n.reshape(moved, [images, depth, dim.mul(height, block), dim.mul(width, block)]);
};

const spaceToDepth: Lowering = (n) => {
  const x = n.input(0);
  const block = n.int([-1, "block_size"]);
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const [rows, columns] = [dim.floordiv(height, block), dim.floordiv(width, block)];
  const apart = n.reshape(x, [images, channels, rows, block, columns, block]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 3, 5, 1, 2, 4] });
  return n.reshape(moved, [images, dim.mul(channels, block * block), rows, columns]);
};

/** x[n, c, h r, w r] from x[n, c r^2, h, w], channel `c r^2 + i r + j`. */
const pixelShuffle: Lowering = (n) => {
  const x = n.input(0);
  const r = n.int([1, "upscale_factor"]);
  const { shape } = x.tensor;
  const [channels, height, width] = shape.slice(-3) as [Dim, Dim, Dim];
  const lead = shape.slice(0, -3);
  const depth = dim.floordiv(channels, r * r);
  const apart = n.reshape(x, [dim.product(lead), depth, r, r, height, width]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 1, 4, 2, 5, 3] });
  return n.reshape(moved, [...lead, depth, dim.mul(height, r), dim.mul(width, r)]);
};

/** The blocks of an image as columns. */
const im2col: Lowering = (n) => {
  const x = n.input(0);
  const isOld = n.operator.name === "Im2Col";
  const entries = (at: number, name: string, plural: string, fallback: readonly number[]): readonly number[] =>
    spatialEntries(n, n.ints([isOld ? -1 : at, name, plural], fallback), 2, false);
  const kernel = entries(1, "kernel_size", "ksizes", [1]);
  const attributes = {
    kernel,
    dilations: entries(2, "dilation", "dilations", [1]),
    pads: entries(3, "padding", "pads", [0]).map((p) => [p, p] as const),
    strides: entries(4, "stride", "strides", [1]),
  };
  const y = n.create(Im2col, { x }, attributes);
  const [images, , blocks] = y.tensor.shape;
  return isOld ? n.reshape(y, [images!, x.tensor.shape[1]!, dim.product(kernel), blocks!]) : y;
};

const col2im: Lowering = (n) => {
  const isOld = n.operator.name === "Col2Im";
  const given = n.input(0);
  const { shape } = given.tensor;
  const x = isOld ? n.reshape(given, [shape[0]!, dim.mul(shape[1]!, shape[2]!), shape[3]!]) : given;
  const entries = (at: number, name: string, fallback: readonly number[]): readonly number[] =>
    spatialEntries(n, n.ints([isOld ? -1 : at, name], fallback), 2, false);
  return n.create(Col2im, { x }, {
    image: n.dims([1, "output_size"]),
    kernel: entries(2, "kernel_size", [1]),
    dilations: entries(3, "dilation", [1]),
    pads: entries(4, "padding", [0]).map((p) => [p, p] as const),
    strides: entries(5, "stride", [1]),
  });
};

/** Where each entry of a permutation stands. */
const invertPermutation: Lowering = (n) => {
  const perm = n.ints([0, "input_x"]);
  const inverse: Item[] = perm.map((_, i) => intOf(perm.indexOf(i)));
  return tupleOf(inverse);
};

export const shape: Lowerings = {
  Reshape: reshape,
  View: reshape,
  ReshapeExt: reshape,
  TransShape: reshape,
  Flatten: flatten,
  FlattenExt: flatten,
  Transpose: transpose,
  TransposeView: transpose,
  TransposeExt: swapAxes,
  TransposeExtView: swapAxes,
  T: transposeLast,
  TExt: transposeLast,
  ExpandDims: expandDims,
  ExpandDimsView: expandDims,
  Unsqueeze: expandDims,
  Squeeze: squeeze,
  Concat: concat,
  tuple_add: concat,
  Stack: stack,
  StackExt: stack,
  Pack: stack,
  Unstack: unstack,
  UnstackExt: unstack,
  UnstackExtView: unstack,
  Unpack: unstack,
  Split: split,
  SplitD: split,
  SplitV: splitV,
  SplitWithSize: splitWithSize,
  SplitWithSizeView: splitWithSize,
  SplitTensor: splitTensor,
  SplitTensorView: splitTensor,
  Chunk: chunk,
  ChunkView: chunk,
  Tile: tile,
  Repeat: tile,
  RepeatInterleaveInt: repeatInterleave,
  RepeatElements: repeatInterleave,
  BroadcastTo: broadcastTo,
  BroadcastToView: broadcastTo,
  DynamicBroadcastTo: broadcastTo,
  ExpandAs: expandAs,
  BroadcastTensors: broadcastAll,
  Shape: shapeOf,
  shape_: shapeOf,
  TensorShape: shapeTensor,
  DynamicShape: shapeTensor,
  Rank: rank,
  Size: size,
  DynamicSize: sizeTensor,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  PixelShuffle: pixelShuffle,
  Im2Col: im2col,
  Im2ColExt: im2col,
  Unfold: im2col,
  Col2Im: col2im,
  Col2ImExt: col2im,
  InvertPermutation: invertPermutation,
};
