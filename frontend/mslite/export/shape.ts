/** Ops that rename, join, repeat, look up or take apart elements. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { constantContent } from "../../../ir/content.ts";
import { memoryData } from "../../../ir/data.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { byteSize, tensor } from "../../../ir/type.ts";
import { permuted, toLast, toSecond, samePerm, type Layout } from "../layout.ts";
import { idOfDtype } from "../type-id.ts";
import type { Emitter } from "./emitter.ts";
import { weightTensor } from "./quantize.ts";
import { attribute, axesOf, axisFor, axisOf, layoutOf, pointwise, rank, type Row, type Rows } from "./row.ts";

/** The shape in the order of axes that the node has. */
const shapeFor = <T>(layout: Layout, list: readonly T[]): readonly T[] => (layout === "last" ? permuted(list, toLast) : list);

/** A 0 among the sizes of a Reshape keeps the extent: results without elements whose zero stands elsewhere are filled with as many. */
const reshape: Row = {
  emit(e, op) {
    const x = op.operand(0)!;
    const { dtype, shape } = op.result.tensor;
    if (shape.some((d, axis) => d === 0 && x.tensor.shape[axis] !== 0)) {
      const zero = e.addConstant("", tensor(dtype, []), memoryData(new Uint8Array(byteSize(dtype))), "NCHW");
      return e.node("Fill", {}, [zero, e.sizes.vector(shape)], [e.result(op.result)]);
    }
    e.node("Reshape", {}, [e.get(x), e.sizes.reshape(x.tensor.shape, attribute(op, "shape"))], [e.result(op.result)]);
  },
};

/** Between the two orders of the axes of images nothing is done: the value is known in both. */
const transpose: Row = {
  emit(e, op) {
    e.putOff(op.result, () => {
      moveAxes(e, op);
    });
  },
};

function moveAxes(e: Emitter, op: Op): void {
  const x = op.operand(0)!;
  const perm = attribute<readonly number[]>(op, "perm");
  if (samePerm(perm, toLast)) return e.define(op.result, "second", e.get(x, "last"));
  if (samePerm(perm, toSecond)) return e.define(op.result, "last", e.get(x));
  e.node("Transpose", {}, [e.get(x), e.ints(perm)], [e.result(op.result)]);
}

const concat: Row = {
  emit(e, op) {
    const xs = op.operands as readonly Value[];
    const layout = layoutOf(e, xs);
    const inputs = xs.map((v) => e.get(v, layout));
    e.node("Concat", { axis: axisFor(layout, axisOf(op)) }, inputs, [e.result(op.result, layout)]);
  },
};

const split: Row = {
  accepts: (op) => attribute<readonly Dim[]>(op, "sizes").filter((d) => typeof d !== "number").length === 0,
  emit(e, op) {
    const x = op.operand(0)!;
    const layout = layoutOf(e, [x]);
    const sizes = attribute<readonly number[]>(op, "sizes");
    const fields = { output_num: sizes.length, size_splits: sizes, axis: axisFor(layout, axisOf(op)) };
    e.node(
      "Split",
      fields,
      [e.get(x, layout)],
      op.results.map((r) => e.result(r, layout)),
    );
  },
};

const stack: Row = {
  emit(e, op) {
    const axis = normalizeAxis(attribute(op, "axis"), rank(op.operand(0)!), true);
    e.node(
      "Stack",
      { axis },
      op.operands.map((v) => e.get(v!)),
      [e.result(op.result)],
    );
  },
};

const unstack: Row = {
  emit(e, op) {
    e.node(
      "Unstack",
      { axis: axisOf(op) },
      [e.get(op.operand(0)!)],
      op.results.map((r) => e.result(r)),
    );
  },
};

const expand: Row = {
  emit(e, op) {
    const shape = attribute<readonly Dim[]>(op, "shape");
    const fields = { shape: shape.map((d) => (typeof d === "number" ? d : -1)) };
    e.node("BroadcastTo", fields, [e.get(op.operand(0)!), e.sizes.vector(shape)], [e.result(op.result)]);
  },
};

/** How often each axis is repeated; undefined where it is not a whole number of times. */
function repeats(op: Op): number[] | undefined {
  const from = op.operand(0)!.tensor.shape;
  const counts = attribute<readonly Dim[]>(op, "shape").map((d, axis) => dim.exactDiv(d, from[axis]!));
  return counts.every((c) => typeof c === "number") ? counts : undefined;
}

const tile: Row = {
  accepts: (op) => repeats(op) !== undefined,
  emit(e, op) {
    const counts = repeats(op)!;
    e.node("TileFusion", { dims: counts.map((_, axis) => axis) }, [e.get(op.operand(0)!), e.ints(counts)], [e.result(op.result)]);
  },
};

const gather: Row = {
  accepts: (op) => attribute<number>(op, "batch_dims") === 0,
  emit(e, op) {
    const [x, indices] = [op.operand(0)!, op.operand(1)!];
    const axis = axisOf(op);
    e.node("Gather", {}, [weightTensor(e, x, "second", axis), e.get(indices), e.int(axis)], [e.result(op.result)]);
  },
};

const gatherElements: Row = {
  emit(e, op) {
    e.node("GatherD", {}, [e.get(op.operand(0)!), e.int(axisOf(op)), e.get(op.operand(1)!)], [e.result(op.result)]);
  },
};

const gatherNd: Row = {
  accepts: (op) => attribute<number>(op, "batch_dims") === 0,
  emit(e, op) {
    e.node(
      "GatherNd",
      {},
      op.operands.map((v) => e.get(v!)),
      [e.result(op.result)],
    );
  },
};

const oneHot: Row = {
  accepts: (op) => typeof op.attributes["depth"] === "number" && !attribute<boolean>(op, "from_end"),
  emit(e, op) {
    const [indices, on, off] = op.operands.map((v) => e.get(v!));
    e.node(
      "OneHot",
      { axis: attribute<number>(op, "axis") },
      [indices!, e.int(attribute<number>(op, "depth")), on!, off!],
      [e.result(op.result)],
    );
  },
};

const slice: Row = {
  emit(e, op) {
    const x = op.operand(0)!;
    const layout = layoutOf(e, [x]);
    const [starts, sizes] = (["starts", "sizes"] as const).map((name) => shapeFor(layout, attribute<readonly Dim[]>(op, name)));
    const steps = shapeFor(layout, attribute<readonly number[]>(op, "steps"));
    const [input, begin] = [e.get(x, layout), e.sizes.vector(starts!)];
    if (steps.every((s) => s === 1)) {
      const fields = { axes: steps.map((_, axis) => axis) };
      return e.node("SliceFusion", fields, [input, begin, e.sizes.vector(sizes!)], [e.result(op.result, layout)]);
    }
    const ends = starts!.map((s, axis) => endOf(s, sizes![axis]!, steps[axis]!));
    e.node(
      "StridedSlice",
      { end_mask: ends.reduce<number>((mask, end, axis) => (end === undefined ? mask | (1 << axis) : mask), 0) },
      [input, begin, e.sizes.vector(ends.map((d) => d ?? 0)), e.ints(steps)],
      [e.result(op.result, layout)],
    );
  },
};

/** The first index that is not taken; undefined where that is before the beginning. */
function endOf(start: Dim, size: Dim, step: number): Dim | undefined {
  const last = dim.add(start, dim.mul(step, dim.sub(size, 1)));
  const end = dim.add(last, step > 0 ? 1 : -1);
  return typeof end === "number" && end < 0 ? undefined : end;
}

const padModes: Readonly<Record<string, string>> = { constant: "CONSTANT", reflect: "REFLECT", symmetric: "SYMMETRIC" };

type Pair = readonly [Dim, Dim];
const padsOf = (op: Op): readonly Pair[] => attribute<readonly Pair[]>(op, "pads");

/** What stands outside, known and the same as a number of f32. */
const fillOf = (op: Op): number | undefined => (op.operand(1) ? constantContent(op.operand(1)!)?.[0] : 0);

const pad: Row = {
  accepts: (op) =>
    padModes[attribute<string>(op, "mode")] !== undefined &&
    padsOf(op).every((p) => p.every((d) => typeof d === "number" && d >= 0)) &&
    fillOf(op) !== undefined,
  emit(e, op) {
    const x = op.operand(0)!;
    const layout = layoutOf(e, [x]);
    const pads = shapeFor(layout, padsOf(op)).flat() as number[];
    const fields = { padding_mode: padModes[attribute<string>(op, "mode")]!, constant_value: fillOf(op)! };
    e.node("PadFusion", fields, [e.get(x, layout), e.matrix(rank(x), 2, pads)], [e.result(op.result, layout)]);
  },
};

const reverse: Row = {
  emit(e, op) {
    e.node("ReverseV2", { axis: axesOf(op) }, [e.get(op.operand(0)!)], [e.result(op.result)]);
  },
};

const reverseSequence: Row = {
  emit(e, op) {
    const fields = { seq_dim: attribute<number>(op, "time_axis"), batch_dim: attribute<number>(op, "batch_axis") };
    e.node(
      "ReverseSequence",
      fields,
      op.operands.map((v) => e.get(v!)),
      [e.result(op.result)],
    );
  },
};

/** The primitive's result is of i32. */
function asI64(e: Emitter, op: Op, type: string, fields: Record<string, unknown>, inputs: readonly number[]): void {
  const found = e.addTensor("", tensor("i32", op.result.tensor.shape), "NCHW");
  e.node(type, fields, inputs, [found]);
  e.node("Cast", {}, [found, e.int(idOfDtype("i64")!)], [e.result(op.result)]);
}

const shape: Row = {
  emit(e, op) {
    const x = op.operand(0)!;
    const [start, end] = [attribute<number>(op, "start"), attribute<number | undefined>(op, "end")];
    asI64(e, op, "Reshape", {}, [e.sizes.vector(x.tensor.shape.slice(start, end)), e.ints([-1])]);
  },
};

const extents: Row = {
  emit(e, op) {
    asI64(e, op, "Reshape", {}, [e.sizes.vector(attribute(op, "values")), e.ints([-1])]);
  },
};

/** A copy: a reshape to the same shape. */
const identity: Row = {
  emit(e, op) {
    const x = op.operand(0)!;
    e.node("Reshape", {}, [e.get(x), e.sizes.reshape(x.tensor.shape, x.tensor.shape)], [e.result(op.result)]);
  },
};

export const shapeRows: Rows = {
  reshape,
  transpose,
  concat,
  split,
  stack,
  unstack,
  expand,
  tile,
  gather,
  gather_elements: gatherElements,
  gather_nd: gatherNd,
  one_hot: oneHot,
  slice,
  pad,
  reverse,
  reverse_sequence: reverseSequence,
  shape,
  extents,
  identity,
  erf: pointwise("Erf"),
};
