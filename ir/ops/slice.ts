/** Ops that read a tensor at shifted, strided or reversed indices. */
import { dims, int, ints } from "../attribute.ts";
import { normalizeAxes, normalizeAxis } from "../axis.ts";
import { clampedLoad, clampIndex, indexFromEnd } from "../data-index.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { mapAtoms } from "../dim-atoms.ts";
import { formatDim } from "../dim-text.ts";
import { convert, eq, i64, index, load, lt, select, sub, toDim, variable } from "../expr.ts";
import { pointwise, reduction } from "../stage.ts";
import { formatType, tensor } from "../type.ts";

/** Indices i with `start <= i*step + start` inside an extent; nothing is known of symbolic ones. */
function leaves(extent: Dim, start: Dim, size: Dim, step: number): boolean {
  const last = dim.add(start, dim.mul(step, dim.sub(size, 1)));
  const isOutside = (d: Dim): boolean => dim.range(d)[1] < 0 || dim.range(dim.sub(extent, d))[1] <= 0;
  return dim.range(size)[1] < 0 || (dim.range(size)[0] > 0 && (isOutside(start) || isOutside(last)));
}

export const Slice = defineOp({
  name: "slice",
  summary: "`y[i] = x[starts + i * steps]` per axis, `sizes` elements; a step may be negative, its start is then the last index.",
  operands: { x: operand },
  attributes: { starts: dims(), sizes: dims(), steps: ints() },
  infer({ x }, { starts, sizes, steps }) {
    const rank = x.shape.length;
    if (starts.length !== rank || sizes.length !== rank || steps.length !== rank) {
      throw new OpError(`a slice of ${formatType(x)} needs ${rank} starts, sizes and steps`, "bad-attribute");
    }
    x.shape.forEach((extent, d) => {
      if (leaves(extent, starts[d]!, sizes[d]!, steps[d]!)) {
        const [start, size] = [formatDim(starts[d]!), formatDim(sizes[d]!)];
        throw new OpError(`${size} elements from ${start} by ${steps[d]} leave axis ${d} of ${formatType(x)}`, "bad-attribute");
      }
    });
    return tensor(x.dtype, sizes);
  },
  compute: ({ operands: { x }, attributes: { starts, steps }, results: [y] }) => [
    pointwise(y!, (at) =>
      load(
        x,
        at.map((i, d) => dim.add(starts[d]!, dim.mul(steps[d]!, i))),
      ),
    ),
  ],
});

/** From here on a bound of a slice means "to the end"; exporters write the largest i32 or i64. */
const farAway = 2 ** 31 - 1;
/** What an extent is taken for when the sign of an expression such as `n-1` must be told. */
const typicalExtent = 2 ** 20;

function isNegative(d: Dim): boolean {
  const [low, high] = dim.range(d);
  if (low >= 0 || high < 0) return high < 0;
  const typical = mapAtoms(d, (a) => (a.kind === "extent" ? typicalExtent : undefined));
  return typeof typical === "number" && typical < 0;
}

/** A bound that counts from the end when negative, moved into `low` .. `high`. */
function clampBound(bound: Dim, extent: Dim, low: Dim, high: Dim): Dim {
  if (typeof bound === "number" && Math.abs(bound) >= farAway) return bound < 0 ? low : high;
  return dim.max(low, dim.min(isNegative(bound) ? dim.add(bound, extent) : bound, high));
}

/**
 * The start and the size of the slice `start : end : step` of an axis, with the clamping of ONNX's Slice. Symbolic
 * bounds count from the end where they are negative for large extents. Throws an `OpError` for a step of zero.
 */
export function sliceRange(extent: Dim, start: Dim, end: Dim, step: number): { readonly start: Dim; readonly size: Dim } {
  if (step === 0) throw new OpError("the step of a slice is zero", "bad-attribute");
  if (step > 0) {
    const [from, to] = [clampBound(start, extent, 0, extent), clampBound(end, extent, 0, extent)];
    return { start: from, size: dim.max(0, dim.ceildiv(dim.sub(to, from), step)) };
  }
  const last = dim.sub(extent, 1);
  const least = typeof extent === "number" && typeof start === "number" && extent > 0 ? 0 : -1;
  const [from, to] = [clampBound(start, extent, least, last), clampBound(end, extent, -1, last)];
  return { start: from, size: dim.max(0, dim.ceildiv(dim.sub(from, to), -step)) };
}

export const DynamicSlice = defineOp({
  name: "dynamic_slice",
  summary:
    "A slice whose starts, and steps where given, are data: vectors with one element per axis. Negative starts count from the end; " +
    "indices are clamped into `x`.",
  operands: { x: operand, starts: operand, steps: optionalOperand },
  attributes: { shape: dims() },
  infer({ x, starts, steps }, { shape }) {
    const rank = x.shape.length;
    const fits = [starts, steps].every((v) => v === undefined || (v.shape.length === 1 && v.shape[0] === rank));
    if (!fits || shape.length !== rank) throw new OpError(`a slice of ${formatType(x)} needs ${rank} starts, steps and extents`);
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x, starts, steps }, results: [y] }) => [
    pointwise(y!, (at) =>
      clampedLoad(
        x,
        at.map((i, d) => {
          const start = clampIndex(toDim(indexFromEnd(starts, [d], x.shape[d]!)), x.shape[d]!);
          const step = steps ? toDim(convert(load(steps, [d]), "i64")) : 1;
          return clampIndex(dim.add(start, dim.mul(step, i)), x.shape[d]!);
        }),
      ),
    ),
  ],
});

export const AxisValues = defineOp({
  name: "axis_values",
  summary: "An i64 vector with one element per axis: `values[j]` for axis `axes[j]`, the last one where several name it, else `fallback`.",
  operands: { values: operand, axes: operand },
  attributes: { rank: int(), fallback: int() },
  infer({ values, axes }, { rank }) {
    if (values.shape.length !== 1 || axes.shape.length !== 1 || values.shape[0] !== axes.shape[0]) {
      throw new OpError(`${formatType(values)} and ${formatType(axes)} are not a value for each of some axes`);
    }
    return tensor("i64", [rank]);
  },
  compute({ operands: { values, axes }, attributes: { rank, fallback }, results: [y] }) {
    const [acc, other, unset] = [variable("acc", "i64"), variable("acc_right", "i64"), i64(fallback)];
    return [
      reduction(y!, values.shape, ([d], [j]) => ({
        state: [{ name: "acc", dtype: "i64", init: unset }],
        step: [select(eq(indexFromEnd(axes, [j!], rank), index(d!)), convert(load(values, [j!]), "i64"), acc)],
        merge: [select(eq(other, unset), acc, other)],
        value: acc,
      })),
    ];
  },
});

export const Reverse = defineOp({
  name: "reverse",
  summary: "Elements in the opposite order along the given axes.",
  operands: { x: operand },
  attributes: { axes: ints() },
  infer({ x }, { axes }) {
    normalizeAxes(axes, x.shape.length);
    return x;
  },
  compute({ operands: { x }, attributes: { axes }, results: [y] }) {
    const reversed = normalizeAxes(axes, x.shape.length);
    return [
      pointwise(y!, (at) =>
        load(
          x,
          at.map((i, d) => (reversed.includes(d) ? dim.sub(dim.sub(x.shape[d]!, 1), i) : i)),
        ),
      ),
    ];
  },
});

export const Roll = defineOp({
  name: "roll",
  summary: "Elements moved forward by `shifts[k]` along `axes[k]`; those that leave the end come back at the beginning.",
  operands: { x: operand },
  attributes: { shifts: ints(), axes: ints() },
  infer({ x }, { shifts, axes }) {
    if (shifts.length !== axes.length) throw new OpError(`${shifts.length} shifts for ${axes.length} axes`, "bad-attribute");
    axes.forEach((a) => normalizeAxis(a, x.shape.length));
    return x;
  },
  compute({ operands: { x }, attributes: { shifts, axes }, results: [y] }) {
    const total = x.shape.map((_, d) => shifts.reduce((sum, s, k) => (normalizeAxis(axes[k]!, x.shape.length) === d ? sum + s : sum), 0));
    return [
      pointwise(y!, (at) =>
        load(
          x,
          at.map((i, d) => (total[d] === 0 ? i : dim.mod(dim.sub(i, total[d]!), x.shape[d]!))),
        ),
      ),
    ];
  },
});

export const ReverseSequence = defineOp({
  name: "reverse_sequence",
  summary: "The first `lengths[b]` elements along `time_axis` in the opposite order for each index `b` of `batch_axis`; the rest stays.",
  operands: { x: operand, lengths: operand },
  attributes: { time_axis: int(), batch_axis: int() },
  infer({ x, lengths }, { time_axis, batch_axis }) {
    const [time, batch] = [normalizeAxis(time_axis, x.shape.length), normalizeAxis(batch_axis, x.shape.length)];
    if (time === batch) throw new OpError("time and batch are the same axis", "bad-attribute");
    if (lengths.shape.length !== 1 || lengths.shape[0] !== x.shape[batch]) {
      throw new OpError(`${formatType(lengths)} is not a length for each sequence of ${formatType(x)}`);
    }
    return x;
  },
  compute({ operands: { x, lengths }, attributes: { time_axis, batch_axis }, results: [y] }) {
    const [time, batch] = [normalizeAxis(time_axis, x.shape.length), normalizeAxis(batch_axis, x.shape.length)];
    return [
      pointwise(y!, (at) => {
        const length = convert(load(lengths, [at[batch]!]), "i64");
        const t = index(at[time]!);
        const mirrored = clampIndex(toDim(sub(sub(length, i64(1)), t)), x.shape[time]!);
        return select(lt(t, length), load(x, at.with(time, mirrored)), load(x, at));
      }),
    ];
  },
});
