/** ONNX operators that cut tensors and pad them. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { DynamicPad, Pad, padModes, type PadMode } from "../../../ir/ops/pad.ts";
import { AxisValues, DynamicSlice, Slice, sliceRange } from "../../../ir/ops/slice.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { asScalar } from "./shape.ts";

const countUp = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** The number of elements of operand `i`, a vector. */
function vectorLength(n: NodeContext, i: number): number {
  const [length] = n.type(i).shape;
  if (n.rank(i) !== 1 || typeof length !== "number")
    throw new OpError(`input ${i} must be a vector with a known number of elements`, "bad-operand");
  return length;
}

/** `values`, one per axis that `axes` (default: the first ones) names, spread over all axes of a tensor of `rank`. */
function spread(n: NodeContext, values: Value, axes: Value | undefined, rank: number, fallback: number): Value {
  const count = values.tensor.shape[0]!;
  if (!axes && count === rank) return values;
  const named = axes ?? n.constant("i64", [Number(count)], countUp(Number(count)));
  return n.create(AxisValues, { values, axes: named }, { rank, fallback });
}

interface Bounds {
  readonly starts: readonly Dim[];
  /** Undefined where they are data; the result's shape is then `shape`. */
  readonly ends: readonly Dim[] | undefined;
  readonly axes: readonly number[];
  readonly steps: readonly number[];
  readonly shape?: readonly Dim[] | undefined;
}

function staticSlice(n: NodeContext, { starts, ends, axes, steps, shape }: Bounds): Value {
  const x = n.input(0);
  const from = x.tensor.shape;
  if ([starts, ends ?? starts, steps].some((list) => list.length !== axes.length))
    throw new OpError("starts, ends, axes and steps differ in number", "bad-operand");
  const all = { starts: from.map((): Dim => 0), sizes: [...from], steps: from.map(() => 1) };
  axes.forEach((axis, k) => {
    const d = normalizeAxis(axis, from.length);
    const range = sliceRange(from[d]!, starts[k]!, ends ? ends[k]! : from[d]!, steps[k]!);
    all.starts[d] = range.start;
    all.sizes[d] = shape ? shape[d]! : range.size;
    all.steps[d] = steps[k]!;
  });
  return n.create(Slice, { x }, all);
}

/** A slice with operands (version 10 and later); where they are data, the declared shape says how much is taken. */
function slice(n: NodeContext): Value {
  const axes = n.optional(3) ? n.knownNumbers(3) : countUp(vectorLength(n, 1));
  const steps = n.optional(4) ? n.knownNumbers(4) : axes?.map(() => 1);
  const [starts, ends] = [n.knownDims(1), n.knownDims(2)];
  const shape = n.declaredShape(0);
  if (axes && steps && starts && (ends ?? shape)) return staticSlice(n, { axes, steps, starts, ends, shape: ends ? undefined : shape });
  if (!shape) return refuseData(n);
  const rank = n.rank(0);
  const given = n.optional(4);
  return n.create(
    DynamicSlice,
    {
      x: n.input(0),
      starts: spread(n, n.input(1), n.optional(3), rank, 0),
      ...(given && { steps: spread(n, given, n.optional(3), rank, 1) }),
    },
    { shape },
  );
}

function refuseData(n: NodeContext): never {
  n.dims(1, "the starts");
  n.dims(2, "the ends");
  if (n.optional(3)) n.numbers(3, "the axes");
  n.numbers(4, "the steps");
  throw new Error("a slice with known bounds was refused");
}

function padMode(n: NodeContext): PadMode {
  const mode = n.string("mode", "constant");
  const known = padModes.find((m) => m === mode && m !== "symmetric");
  return known ?? n.unsupported(`there is no pad mode '${mode}'`, "bad-attribute");
}

/** Pads `b0, b1, ..., e0, e1, ...` of the given axes as one pair per axis. */
function padPairs(pads: readonly Dim[], axes: readonly number[], rank: number): (readonly [Dim, Dim])[] {
  if (pads.length !== 2 * axes.length) throw new OpError(`${pads.length} pads for ${axes.length} axes`, "bad-operand");
  const all = Array.from({ length: rank }, (): readonly [Dim, Dim] => [0, 0]);
  axes.forEach((axis, k) => (all[normalizeAxis(axis, rank)] = [pads[k]!, pads[axes.length + k]!]));
  return all;
}

/** The value to pad with: an attribute before version 11, operand 2 since; undefined for zero. */
function padValue(n: NodeContext): Value | undefined {
  if (n.opset >= 11) {
    const given = n.optional(2);
    return given && asScalar(n, given);
  }
  const value = n.float("value", 0);
  return value === 0 ? undefined : n.scalar(n.type(0).dtype, value);
}

function pad(n: NodeContext): Value {
  const rank = n.rank(0);
  const mode = padMode(n);
  const given = mode === "constant" ? padValue(n) : undefined;
  const value = given && { value: given };
  const axes = n.optional(3) ? n.knownNumbers(3) : countUp(rank);
  const pads = n.opset < 11 ? n.ints("pads") : n.knownDims(1);
  if (axes && pads) return n.create(Pad, { x: n.input(0), ...value }, { pads: padPairs(pads, axes, rank), mode });
  const shape = n.declaredShape(0) ?? refusePads(n);
  const count = vectorLength(n, 1) / 2;
  const begins = n.create(Slice, { x: n.input(1) }, { starts: [0], sizes: [count], steps: [1] });
  return n.create(DynamicPad, { x: n.input(0), begins: spread(n, begins, n.optional(3), rank, 0), ...value }, { shape, mode });
}

function refusePads(n: NodeContext): never {
  n.dims(1, "the pads");
  n.numbers(3, "the axes");
  throw new Error("known pads were refused");
}

/** Half of the difference at the begin, rounded down, the rest at the end; positive pads, negative crops. */
function centered(from: Dim, to: Dim): readonly [Dim, Dim] {
  const half = (d: Dim): Dim => dim.floordiv(dim.max(0, d), 2);
  const begin = dim.sub(half(dim.sub(to, from)), half(dim.sub(from, to)));
  return [begin, dim.sub(dim.sub(to, from), begin)];
}

export const sliceLowerings: Lowerings = {
  Slice(n) {
    if (n.opset >= 10) return slice(n);
    const starts = n.ints("starts");
    return staticSlice(n, { starts, ends: n.ints("ends"), axes: n.ints("axes", countUp(starts.length)), steps: starts.map(() => 1) });
  },

  Pad: pad,

  CenterCropPad(n) {
    const from = n.type(0).shape;
    const axes = n.ints("axes", countUp(from.length)).map((a) => normalizeAxis(a, from.length));
    const target = n.knownDims(1) ?? n.declaredShape(0)?.filter((_, d) => axes.includes(d)) ?? n.dims(1, "the shape");
    if (target.length !== axes.length) throw new OpError(`${target.length} extents for ${axes.length} axes`, "bad-operand");
    // A declared shape lists its extents in the order of the axes of `from`.
    const order = n.knownDims(1) ? axes : [...axes].sort((a, b) => a - b);
    const pads = from.map((extent, d) => (order.includes(d) ? centered(extent, target[order.indexOf(d)]!) : ([0, 0] as const)));
    return n.create(Pad, { x: n.input(0) }, { pads });
  },
};
