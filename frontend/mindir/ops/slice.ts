/** Slices, pads, reversals, rotations. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Reverse, ReverseSequence, Roll, Slice, sliceRange } from "../../../ir/ops/slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

/** Further than any axis reaches. */
const far = Number.MAX_SAFE_INTEGER;

/** What is left of an axis, and whether the axis stays. */
interface AxisSlice {
  readonly start: Dim;
  readonly size: Dim;
  readonly step: number;
}

/** One entry of a strided slice's specification: an axis of the input, a new axis, or one that goes. */
type Entry = { readonly kind: "new" } | { readonly kind: "kept" | "dropped"; readonly slice: AxisSlice };

interface Masks {
  readonly begin: number;
  readonly end: number;
  readonly ellipsis: number;
  readonly newAxis: number;
  readonly shrink: number;
}

const bit = (mask: number, i: number): boolean => i < 32 && ((mask >>> i) & 1) === 1;
const whole = (extent: Dim): Entry => ({ kind: "kept", slice: { start: 0, size: extent, step: 1 } });

/** The specification against a shape, as TensorFlow's strided_slice has it; bit `i` of a mask is about entry `i`. */
function entriesOf(
  n: NodeContext,
  shape: readonly Dim[],
  begin: readonly Dim[],
  end: readonly Dim[],
  steps: readonly number[],
  masks: Masks,
): Entry[] {
  const entries: Entry[] = [];
  const taken = begin.filter((_, i) => !bit(masks.ellipsis, i) && !bit(masks.newAxis, i)).length;
  let axis = 0;
  begin.forEach((from, i) => {
    if (bit(masks.ellipsis, i)) {
      const count = Math.max(0, shape.length - taken);
      for (let k = 0; k < count; k++) entries.push(whole(shape[axis++] ?? 1));
    } else if (bit(masks.newAxis, i)) {
      entries.push({ kind: "new" });
    } else {
      const extent = shape[axis++];
      if (extent === undefined) return n.unsupported("a slice has more entries than its input has axes", undefined, "bad-attribute");
      entries.push(axisEntry(extent, from, end[i] ?? far, steps[i] ?? 1, masks, i));
    }
  });
  return [...entries, ...shape.slice(axis).map(whole)];
}

function axisEntry(extent: Dim, from: Dim, to: Dim, step: number, masks: Masks, i: number): Entry {
  if (bit(masks.shrink, i)) {
    const index = typeof from === "number" && from < 0 ? dim.add(extent, from) : from;
    return { kind: "dropped", slice: { start: index, size: 1, step: 1 } };
  }
  const start = bit(masks.begin, i) ? (step > 0 ? 0 : far) : from;
  const stop = bit(masks.end, i) ? (step > 0 ? far : -far) : to;
  return { kind: "kept", slice: { ...sliceRange(extent, start, stop, step), step } };
}

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
  const entries = asDeclared(n, entriesOf(n, x.tensor.shape, begin, n.dims([2, "end"]), steps, masks));
  const slices = entries.flatMap((e) => (e.kind === "new" ? [] : [e.slice]));
  const shape = entries.flatMap((e) => (e.kind === "new" ? [1] : e.kind === "kept" ? [e.slice.size] : []));
  return n.reshape(take(n, x, slices), shape);
};

/** Entries whose size depends on extents that are not fixed, with the number that the file declares, where it does. */
function asDeclared(n: NodeContext, entries: readonly Entry[]): readonly Entry[] {
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
