/** Slices, pads, reversals, rotations. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { Reverse, ReverseSequence, Roll, Slice } from "../../../ir/ops/slice.ts";
import { tensor } from "../../../ir/type.ts";
import { type AxisSlice, sliceEntries } from "../../strided-slice.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";
import type { Pair } from "./window.ts";

/** The slices of all axes. */
export function take(n: NodeContext, x: Value, slices: readonly AxisSlice[]): Value {
  const isWhole = slices.every((s, d) => s.start === 0 && s.step === 1 && s.size === x.tensor.shape[d]);
  if (isWhole) return x;
  return n.create(Slice, { x }, { starts: slices.map((s) => s.start), sizes: slices.map((s) => s.size), steps: slices.map((s) => s.step) });
}

/** A size of -1 means to the end. */
const slice: Lowering = (n) => {
  const x = n.input("x");
  const [offsets, size] = [n.dims("offsets"), n.dims("size")];
  if (offsets.length !== x.tensor.shape.length || size.length !== offsets.length)
    return n.unsupported("the slice does not fit the axes", "bad-attribute");
  const slices = x.tensor.shape.map((extent, d) => ({
    start: offsets[d]!,
    size: size[d] === -1 ? dim.sub(extent, offsets[d]!) : size[d]!,
    step: 1,
  }));
  return take(n, x, slices);
};

const stridedSlice: Lowering = (n) => {
  const x = n.input("x");
  const masks = {
    begin: n.int("begin_mask"),
    end: n.int("end_mask"),
    ellipsis: n.int("ellipsis_mask"),
    newAxis: n.int("new_axis_mask"),
    shrink: n.int("shrink_axis_mask"),
  };
  const entries = sliceEntries(x.tensor.shape, n.dims("begin"), n.dims("end"), n.ints("strides"), masks);
  const slices = entries.flatMap((e) => (e.kind === "new" ? [] : [e.slice]));
  const shape = entries.flatMap((e) => (e.kind === "new" ? [1] : e.kind === "kept" ? [e.slice.size] : []));
  return n.reshape(take(n, x, slices), shape);
};

/** A begin and an end per axis, flat or in pairs. */
function pairsOf(n: NodeContext, name: string): Pair[] {
  const flat = n.dims(name);
  return Array.from({ length: flat.length >> 1 }, (_, d) => [flat[2 * d]!, flat[2 * d + 1]!]);
}

const padModes: Readonly<Record<string, "constant" | "edge" | "reflect" | "symmetric">> = {
  constant: "constant",
  edge: "edge",
  reflect: "reflect",
  symmetric: "symmetric",
};

const pad =
  (mode: (n: NodeContext) => string): Lowering =>
  (n) => {
    const x = n.input("x");
    const pads = pairsOf(n, "paddings");
    const kind = padModes[mode(n)] ?? n.unsupported(`the mode '${mode(n)}' is not supported`);
    if (n.has("paddings_contiguous") && !n.bool("paddings_contiguous")) return n.unsupported("paddings that are not in pairs");
    const given = n.optional("constant_values");
    const value = kind === "constant" && given ? n.reshape(n.cast(given, x.tensor.dtype), []) : undefined;
    return pads.every((p) => p[0] === 0 && p[1] === 0) ? x : n.create(Pad, { x, value }, { pads, mode: kind });
  };

const reverse: Lowering = (n) => {
  const x = n.input("x");
  return n.create(Reverse, { x }, { axes: normalizeAxes(n.ints("axis"), x.tensor.shape.length) });
};

const reverseSequence: Lowering = (n) => {
  const x = n.input("x");
  const rank = x.tensor.shape.length;
  const attributes = { time_axis: normalizeAxis(n.int("seq_dim"), rank), batch_axis: normalizeAxis(n.int("batch_dim"), rank) };
  return n.create(ReverseSequence, { x, lengths: n.input("seq_lengths") }, attributes);
};

const isFixed = (values: readonly Dim[]): values is readonly number[] => values.every((d) => typeof d === "number");

/** With steps other than one: from each start to one before the first index that is not taken. */
function writeStrided(e: ExportNode, starts: readonly number[], sizes: readonly number[], steps: readonly number[]): Written {
  const ends = starts.map((start, d) => start + sizes[d]! * steps[d]!);
  // An end before the first element would count from the back: then it is masked.
  const endMask = ends.reduce((mask, end, d) => (end < 0 && sizes[d]! > 0 ? mask | (1 << d) : mask), 0);
  const inputs = { x: e.in(0), begin: e.ints(starts), end: e.ints(ends.map((end) => Math.max(0, end))), strides: e.ints(steps) };
  return e.emit("StridedSlice", inputs, { end_mask: endMask });
}

export const sliceFamily: Family = {
  imports: {
    MirrorPad: pad((n) => n.string("mode")),
    Pad: pad(() => "constant"),
    PadD: pad(() => "constant"),
    PadV3: pad((n) => n.string("mode")),
    ReverseSequence: reverseSequence,
    ReverseV2: reverse,
    ReverseV2D: reverse,
    Roll: (n) => {
      const rank = n.type("x").shape.length;
      return n.create(Roll, { x: n.input("x") }, { shifts: n.ints("shifts"), axes: n.ints("dims").map((d) => normalizeAxis(d, rank)) });
    },
    Slice: slice,
    SliceD: slice,
    StridedSlice: stridedSlice,
    StridedSliceD: stridedSlice,
  },
  exports: [
    row(Pad, (e, { pads, mode }) => {
      const [x, value] = [e.in(0), e.optional(1)];
      const fixed = e.fixed(pads.flat(), "the padding");
      if (fixed.some((p) => p < 0)) return e.refuse("pads that take away elements");
      if (mode === "constant" && !value) return e.emit("PadD", { x }, { paddings: pads as readonly (readonly number[])[] });
      if (mode === "wrap") return e.refuse("the mode 'wrap'");
      const paddings = e.scope.writer.numbers("i64", [pads.length, 2], fixed);
      if (mode === "reflect" || mode === "symmetric") return e.emit("MirrorPad", { x, paddings }, { mode: mode.toUpperCase() });
      return e.emit("PadV3", { x, paddings, constant_values: value }, { mode });
    }),
    row(Reverse, (e, { axes }) => e.emit("ReverseV2D", { x: e.in(0) }, { axis: axes })),
    row(ReverseSequence, (e, { time_axis, batch_axis }) =>
      e.emit("ReverseSequence", { x: e.in(0), seq_lengths: e.in(1) }, { seq_dim: time_axis, batch_dim: batch_axis }),
    ),
    row(Roll, (e, { shifts, axes }) => e.emit("Roll", { x: e.in(0) }, { shifts, dims: axes })),
    row(Slice, (e, { starts, sizes, steps }) => {
      const x = e.in(0);
      if (steps.every((s) => s === 1)) {
        if (isFixed(starts) && isFixed(sizes)) return e.emit("SliceD", { x }, { offsets: starts, size: sizes });
        return e.emit("Slice", { x, offsets: e.sizes(starts), size: e.sizes(sizes) });
      }
      if (isFixed(starts) && isFixed(sizes)) return writeStrided(e, starts, sizes, steps);
      const ends = starts.map((start, d) => dim.add(start, dim.mul(sizes[d]!, steps[d]!)));
      if (ends.some((end) => dim.range(end)[0] < 0)) return e.refuse("it goes backwards over an extent that is not fixed");
      return e.emit("StridedSlice", { x, begin: e.sizes(starts), end: e.sizes(ends), strides: e.ints(steps) }, {}, [
        tensor(x.type.dtype, e.types[0]!.shape),
      ]);
    }),
  ],
};
