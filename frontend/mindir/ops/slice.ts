/** Slices, pads, reversals, rotations. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Reverse, ReverseSequence, Roll, Slice, sliceRange } from "../../../ir/ops/slice.ts";
import { type AxisSlice, far, type SliceEntry, sliceEntries } from "../../strided-slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

const stridedSlice: Lowering = (n) => {
  const x = n.input(0);
  const mask = (at: number, name: string): number => n.int([at, name], 0);
  const masks = {
    begin: mask(4, "begin_mask"),
    end: mask(5, "end_mask"),
    ellipsis: mask(6, "ellipsis_mask"),
    newAxis: mask(7, "new_axis_mask"),
    shrink: mask(8, "shrink_axis_mask"),
  };
  const begin = n.dims([1, "begin"]);
  const steps = n.ints([3, "strides"], new Array<number>(begin.length).fill(1));
  const entries = asDeclared(n, sliceEntries(x.tensor.shape, begin, n.dims([2, "end"]), steps, masks));
  const slices = entries.flatMap((e) => (e.kind === "new" ? [] : [e.slice]));
  const shape = entries.flatMap((e) => (e.kind === "new" ? [1] : e.kind === "kept" ? [e.slice.size] : []));
  return n.reshape(take(n, x, slices), shape);
};

/** Entries whose size depends on extents that are not fixed, with the number that the file declares, where it does. */
function asDeclared(n: NodeContext, entries: readonly SliceEntry[]): readonly SliceEntry[] {
  const declared = n.declared?.shape ?? [];
  const stay = entries.filter((e) => e.kind !== "dropped");
  if (declared.length !== stay.length) return entries;
  return entries.map((e) => {
    const size = declared[stay.indexOf(e)];
    return e.kind === "kept" && typeof e.slice.size !== "number" && typeof size === "number" ? { ...e, slice: { ...e.slice, size } } : e;
  });
}

/** The slices of all axes. */
export function take(n: NodeContext, x: Value, slices: readonly AxisSlice[]): Value {
  const isWhole = slices.every((s, d) => s.start === 0 && s.step === 1 && s.size === x.tensor.shape[d]);
  if (isWhole) return x;
  return n.create(Slice, { x }, { starts: slices.map((s) => s.start), sizes: slices.map((s) => s.size), steps: slices.map((s) => s.step) });
}

/** The slice of one axis, all of the others. */
function takeAxis(n: NodeContext, x: Value, axis: number, slice: AxisSlice): Value {
  return take(
    n,
    x,
    x.tensor.shape.map((size, d) => (d === axis ? slice : { start: 0, size, step: 1 })),
  );
}

/** A size of -1 means to the end. */
const slice: Lowering = (n) => {
  const x = n.input(0);
  const [begin, size] = [n.dims([1, "begin"]), n.dims([2, "size"])];
  return take(
    n,
    x,
    x.tensor.shape.map((extent, d) => ({
      start: begin[d] ?? 0,
      size: size[d] === -1 || size[d] === undefined ? dim.sub(extent, begin[d] ?? 0) : size[d],
      step: 1,
    })),
  );
};

/** x, dim, start, end, step. */
const sliceExt: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "dim"], 0), x.tensor.shape.length);
  const step = n.int([4, "step"], 1);
  const range = sliceRange(x.tensor.shape[axis]!, n.dim([2, "start"], 0), n.dim([3, "end"], far), step);
  return takeAxis(n, x, axis, { ...range, step });
};

/** x, dim, start, length. */
const narrow: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "dim"]), x.tensor.shape.length);
  const start = n.dim([2, "start"]);
  const from = typeof start === "number" && start < 0 ? dim.add(x.tensor.shape[axis]!, start) : start;
  return takeAxis(n, x, axis, { start: from, size: n.dim([3, "length"]), step: 1 });
};

/** x, dim, index: the slice without the axis. */
const selectIndex: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "dim"]), x.tensor.shape.length);
  const index = n.dim([2, "index"]);
  const start = typeof index === "number" && index < 0 ? dim.add(x.tensor.shape[axis]!, index) : index;
  return n.reshape(
    takeAxis(n, x, axis, { start, size: 1, step: 1 }),
    x.tensor.shape.filter((_, d) => d !== axis),
  );
};

const reverse: Lowering = (n) => {
  const x = n.input(0);
  return n.create(Reverse, { x }, { axes: normalizeAxes(n.ints([1, "axis", "dims"]), x.tensor.shape.length) });
};

const reverseSequence: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  return n.create(
    ReverseSequence,
    { x, lengths: n.input(1) },
    { time_axis: normalizeAxis(n.int([-1, "seq_dim"]), rank), batch_axis: normalizeAxis(n.int([-1, "batch_dim"], 0), rank) },
  );
};

/** Without axes the tensor is rolled as one vector. */
const roll: Lowering = (n) => {
  const x = n.input(0);
  const shifts = n.ints([1, "shift", "shifts"]);
  const axes = n.ints([2, "axis", "dims"], []);
  if (axes.length > 0) return n.create(Roll, { x }, { shifts, axes: axes.map((a) => normalizeAxis(a, x.tensor.shape.length)) });
  const flat = n.reshape(x, [dim.product(x.tensor.shape)]);
  return n.reshape(n.create(Roll, { x: flat }, { shifts, axes: [0] }), x.tensor.shape);
};

export const slices: Lowerings = {
  StridedSlice: stridedSlice,
  StridedSliceV2: stridedSlice,
  Slice: slice,
  SliceExt: sliceExt,
  SliceExtView: sliceExt,
  Narrow: narrow,
  NarrowView: narrow,
  SelectExt: selectIndex,
  SelectExtView: selectIndex,
  ReverseV2: reverse,
  ReverseSequence: reverseSequence,
  Roll: roll,
};
