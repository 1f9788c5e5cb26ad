/** Ops that cut, turn and pad tensors as ONNX's operators. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { DynamicPad, Pad, type PadMode } from "../../../ir/ops/pad.ts";
import { AxisValues, DynamicSlice, Reverse, ReverseSequence, Roll, Slice } from "../../../ir/ops/slice.ts";
import type { Pads } from "../../../ir/window.ts";
import type { Body } from "./body.ts";
import { less, where } from "./elementwise.ts";
import { functionRow, row, type Row } from "./row.ts";
import { sliceOf, transposed } from "./shape.ts";
import type { Operand, Term } from "./term.ts";
import { beginsAndEnds } from "./window.ts";

/** Before every element: where a slice that runs backwards to the first one ends. */
const beforeAll = Number.MIN_SAFE_INTEGER;

interface SliceAttributes {
  readonly starts: readonly Dim[];
  readonly sizes: readonly Dim[];
  readonly steps: readonly number[];
}

function slice(n: Body, x: Operand, { starts, sizes, steps }: SliceAttributes): Term {
  const axes = x.shape.map((_, d) => d).filter((d) => starts[d] !== 0 || sizes[d] !== x.shape[d] || steps[d] !== 1);
  if (axes.length === 0) return n.op("Identity", [x]);
  // A slice of nothing may start before the first element.
  const begins = axes.map((d) => dim.max(0, starts[d]!));
  const ends = axes.map((d, k) => {
    const end = dim.add(begins[k]!, dim.mul(sizes[d]!, steps[d]!));
    if (steps[d]! > 0) return end;
    // Negative bounds count from the end in ONNX, this one may be before the first element.
    return typeof end === "number" && end < 0 ? beforeAll : dim.sub(end, x.shape[d]!);
  });
  const strides = axes.map((d) => steps[d]!);
  const operands = [n.dims(begins), n.dims(ends), n.ints(axes)];
  return n.op("Slice", [x, ...operands, strides.every((s) => s === 1) ? undefined : n.ints(strides)]);
}

/** 0, 1, ... up to `length`, i64. */
export const countUp = (n: Body, length: Dim): Term =>
  typeof length === "number" && length <= 1024
    ? n.ints(Array.from({ length }, (_, i) => i))
    : n.op("Range", [n.size(0), n.size(length), n.size(1)]);

/** The elements at `positions` (i64), which are brought inside the axis. */
function clampedGather(n: Body, x: Term, positions: Term, axis: number, extent: Dim): Term {
  return n.op("Gather", [x, n.op("Clip", [positions, n.size(0), n.size(dim.sub(extent, 1))])], { axis });
}

/** One axis after the other, by positions: what is outside reads the nearest element. */
function dynamicSlice(n: Body, x: Operand, starts: Operand, steps: Operand | undefined, shape: readonly Dim[]): Term {
  const [known, knownSteps] = [starts.content(), steps ? steps.content() : x.shape.map(() => 1)];
  const element = (vector: Term, axis: number): Term => n.op("Gather", [n.cast(vector, "i64"), n.size(axis)], { axis: 0 });
  return shape.reduce<Term>((t, extent, axis) => {
    const from = x.shape[axis]!;
    if (known?.[axis] === 0 && knownSteps?.[axis] === 1 && extent === from) return t;
    const given = element(starts, axis);
    const fromEnd = where(n, less(n, given, n.size(0)), n.op("Add", [given, n.size(from)]), given);
    const start = n.op("Clip", [fromEnd, n.size(0), n.size(dim.sub(from, 1))]);
    const places = countUp(n, extent);
    const apart = steps ? n.op("Mul", [places, element(steps, axis)]) : places;
    return clampedGather(n, t, n.op("Add", [apart, start]), axis, from);
  }, x);
}

function roll(n: Body, x: Operand, shifts: readonly number[], axes: readonly number[]): Term {
  const rank = x.shape.length;
  const totals = x.shape.map((_, d) => shifts.reduce((sum, s, k) => (normalizeAxis(axes[k]!, rank) === d ? sum + s : sum), 0));
  return totals.reduce<Term>((t, total, axis) => {
    const extent = x.shape[axis]!;
    const by = dim.mod(total, dim.max(1, extent));
    if (by === 0) return t;
    const border = dim.sub(extent, by);
    return n.op("Concat", [sliceOf(n, t, axis, border, extent), sliceOf(n, t, axis, 0, border)], { axis });
  }, x);
}

/** ONNX wants time and batch to be the first two axes. */
function reverseSequence(n: Body, x: Operand, lengths: Operand, time: number, batch: number): Term {
  const reverse = (t: Term, first: number, second: number): Term =>
    n.op("ReverseSequence", [t, n.cast(lengths, "i64")], { time_axis: first, batch_axis: second });
  if (time < 2 && batch < 2) return reverse(x, time, batch);
  const perm = [time, batch, ...x.shape.map((_, d) => d).filter((d) => d !== time && d !== batch)];
  return transposed(
    n,
    reverse(transposed(n, x, perm), 0, 1),
    perm.map((_, d) => perm.indexOf(d)),
  );
}

/** Where the element that stands at `i` of a padded axis of `extent` elements comes from, for modes that ONNX lacks. */
function sourceOf(n: Body, mode: PadMode, i: Term, extent: Term): Term {
  const one = n.size(1);
  if (mode === "edge") return n.op("Clip", [i, n.size(0), n.op("Sub", [extent, one])]);
  if (mode === "wrap") return n.op("Mod", [i, n.op("Max", [extent, one])]);
  const turn = mode === "symmetric" ? extent : n.op("Sub", [extent, one]);
  const period = n.op("Add", [turn, turn]);
  const phase = n.op("Mod", [i, n.op("Max", [period, one])]);
  const mirrored = n.op("Sub", [mode === "symmetric" ? n.op("Sub", [period, one]) : period, phase]);
  return n.op("Min", [phase, mirrored]);
}

/** Axis after axis by the positions of what stands there. */
function gatheredPad(n: Body, x: Operand, pads: Pads, mode: PadMode): Term {
  return pads.reduce<Term>((t, [begin, end], axis) => {
    if (begin === 0 && end === 0) return t;
    const extent = x.shape[axis]!;
    const i = n.op("Sub", [countUp(n, dim.add(extent, begin, end)), n.size(begin)]);
    return n.op("Gather", [t, sourceOf(n, mode, i, n.size(extent))], { axis });
  }, x);
}

/** Pads that are data, axis after axis: negative ones cut first, positions are those of what is left. */
function dynamicallyPadded(n: Body, x: Operand, begins: Term, ends: Term, shape: readonly Dim[], mode: PadMode): Term {
  const zero = n.size(0);
  const cutOf = (pad: Term): Term => n.op("Max", [n.op("Neg", [pad]), zero]);
  return shape.reduce<Term>((t, extent, axis) => {
    const [begin, end] = [begins, ends].map((v) => n.op("Gather", [v, n.size(axis)], { axis: 0 })) as [Term, Term];
    const cut = cutOf(begin);
    const left = n.op("Sub", [n.op("Sub", [n.size(x.shape[axis]!), cut]), cutOf(end)]);
    const i = n.op("Sub", [countUp(n, extent), n.op("Max", [begin, zero])]);
    return clampedGather(n, t, n.op("Add", [sourceOf(n, mode, i, left), cut]), axis, x.shape[axis]!);
  }, x);
}

/** ONNX mirrors once; what is padded by more than the axis holds needs positions. */
const isMirroredOnce = (x: Operand, pads: Pads): boolean =>
  pads.every((pair, d) => pair.every((p) => typeof p !== "number" || typeof x.shape[d] !== "number" || p < x.shape[d]));

function pad(n: Body, x: Operand, value: Operand | undefined, pads: Pads, mode: PadMode): Term {
  const crops = pads.map((pair) => pair.map((p) => dim.min(0, p)) as [Dim, Dim]);
  if (mode !== "constant" && crops.flat().some((p) => typeof p === "number" && p < 0)) return croppedPad(n, x, pads, crops, mode);
  if (mode === "symmetric" || (mode === "wrap" && n.opset < 19) || (mode !== "constant" && mode !== "edge" && !isMirroredOnce(x, pads)))
    return gatheredPad(n, x, pads, mode);
  const operands = [x, n.dims(beginsAndEnds(pads))];
  return n.op("Pad", mode === "constant" ? [...operands, value] : operands, mode === "constant" ? {} : { mode });
}

/** What is taken away goes first; the rest is padded. */
function croppedPad(n: Body, x: Operand, pads: Pads, crops: Pads, mode: PadMode): Term {
  const shape = x.shape.map((extent, d) => dim.add(extent, ...crops[d]!));
  const starts = crops.map(([begin]) => dim.neg(begin));
  const inner: Operand = { ...x, ...slice(n, x, { starts, sizes: shape, steps: shape.map(() => 1) }), shape };
  return pad(
    n,
    inner,
    undefined,
    pads.map(([b, e]) => [dim.max(0, b), dim.max(0, e)]),
    mode,
  );
}

export const sliceRows: readonly Row[] = [
  row(Slice, (n, { x }, a) => slice(n, x, a)),
  functionRow(DynamicSlice, (n, { x, starts, steps }, { shape }) => dynamicSlice(n, x, starts, steps, shape)),
  functionRow(AxisValues, (n, { values, axes }, { rank, fallback }) => {
    const blank = n.ints(new Array<number>(rank).fill(fallback));
    return n.op("ScatterElements", [blank, n.cast(axes, "i64"), n.cast(values, "i64")], { axis: 0 });
  }),
  row(Reverse, (n, { x }, { axes }) => {
    const reversed = normalizeAxes(axes, x.shape.length);
    if (reversed.length === 0) return n.op("Identity", [x]);
    const [starts, ends] = [-1, beforeAll].map((v) => n.ints(reversed.map(() => v)));
    return n.op("Slice", [x, starts, ends, n.ints(reversed), starts]);
  }),
  functionRow(Roll, (n, { x }, { shifts, axes }) => roll(n, x, shifts, axes)),
  row(ReverseSequence, (n, { x, lengths }, { time_axis, batch_axis }) => {
    const [time, batch] = [time_axis, batch_axis].map((a) => normalizeAxis(a, x.shape.length)) as [number, number];
    return reverseSequence(n, x, lengths, time, batch);
  }),
  functionRow(Pad, (n, { x, value }, { pads, mode }) => pad(n, x, value, pads, mode)),
  row(DynamicPad, (n, { x, begins, value }, { shape, mode }) => {
    const before = n.cast(begins, "i64");
    const after = n.op("Sub", [n.op("Sub", [n.dims(shape), n.dims(x.shape)]), before]);
    if (mode !== "constant") return dynamicallyPadded(n, x, before, after, shape, mode);
    return n.op("Pad", [x, n.op("Concat", [before, after], { axis: 0 }), value]);
  }),
];
