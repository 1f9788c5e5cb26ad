/**
 * Stages: what an op means. One point of the results in terms of points of the inputs, with at most one fold.
 *
 * `out[at] = value` for every point of `axes`; with a fold, `value` sees the final state. Loop variables are named
 * canonically (`i0`, `i1`, ... for axes, `r0`, ... for fold axes), so that equal stages are equal.
 */
import type { Dim, Loop } from "./dim.ts";
import { asAtom, loop } from "./dim.ts";
import {
  add,
  and,
  binary,
  type Buffer,
  constant,
  type Expr,
  f32,
  index,
  le,
  load,
  lt,
  max,
  min,
  mul,
  or,
  eq,
  select,
  unary,
  variable,
} from "./expr.ts";
import type { ComputeType } from "./type.ts";

export interface State {
  readonly name: string;
  readonly dtype: ComputeType;
  readonly init: Expr;
}

/** A reduction with any state: `state = step(state, point)` over all points of `axes`, in row-major order. */
export interface Fold {
  readonly axes: readonly Loop[];
  readonly state: readonly State[];
  /** The next state, by the variables named in `state` and a point of axes and fold axes. */
  readonly step: readonly Expr[];
  /** Two states into one, by the variables `NAME` and `NAME_right`; both are states of disjoint sets of points. */
  readonly merge: readonly Expr[];
  /** `each`: the results are stored at every step and may use fold axes (running sums). Absent: once, at the end. */
  readonly emit?: "last" | "each";
}

export interface Result {
  readonly out: Buffer;
  readonly at: readonly Dim[];
  readonly value: Expr;
}

export interface Stage {
  readonly axes: readonly Loop[];
  readonly fold?: Fold;
  readonly results: readonly Result[];
}

const asLoop = (d: Dim): Loop => asAtom(d) as Loop;

/** Axes `i0`, `i1`, ... over a shape, as indices. */
export const axesOf = (shape: readonly Dim[]): Dim[] => shape.map((e, d) => loop(`i${d}`, e));
/** Fold axes `r0`, `r1`, ... over extents, as indices. */
export const foldAxesOf = (extents: readonly Dim[]): Dim[] => extents.map((e, d) => loop(`r${d}`, e));

/** `out[i0, i1, ...] = f(i0, i1, ...)` over the whole of `out`. */
export function pointwise(out: Buffer, f: (at: readonly Dim[]) => Expr): Stage {
  const at = axesOf(out.shape);
  return { axes: at.map(asLoop), results: [{ out, at, value: f(at) }] };
}

/** Several results computed from the same point, one per buffer of the same shape. */
export function pointwiseAll(outs: readonly Buffer[], f: (at: readonly Dim[]) => readonly Expr[]): Stage {
  const at = axesOf(outs[0]!.shape);
  const values = f(at);
  return { axes: at.map(asLoop), results: outs.map((out, k) => ({ out, at, value: values[k]! })) };
}

/** What a fold computes, before it knows its axes: made by `sum`, `maximum`, ... */
export interface Folding {
  readonly state: readonly State[];
  readonly step: readonly Expr[];
  readonly merge: readonly Expr[];
  /** The result, by the final state. */
  readonly value: Expr;
}

/**
 * `outs[k][at] = finish(fold over extents of point(at, r))[k]`.
 * `point` gives the folding for one point; `finish` maps its value to one expression per buffer (default: the value).
 */
export function reduction(
  outs: Buffer | readonly Buffer[],
  extents: readonly Dim[],
  point: (at: readonly Dim[], r: readonly Dim[]) => Folding,
  finish: (value: Expr, at: readonly Dim[], folding: Folding) => Expr | readonly Expr[] = (v) => v,
): Stage {
  const buffers = "id" in outs ? [outs] : outs;
  const at = axesOf(buffers[0]!.shape);
  const r = foldAxesOf(extents);
  const folding = point(at, r);
  const finished = finish(folding.value, at, folding);
  const values = "kind" in finished ? [finished] : finished;
  const { state, step, merge } = folding;
  return {
    axes: at.map(asLoop),
    fold: { axes: r.map(asLoop), state, step, merge },
    results: buffers.map((out, k) => ({ out, at, value: values[k]! })),
  };
}

const acc = (dtype: ComputeType): Expr => variable("acc", dtype);
const right = (name: string, dtype: ComputeType): Expr => variable(`${name}_right`, dtype);

function associative(x: Expr, init: Expr, f: (a: Expr, b: Expr) => Expr): Folding {
  const { dtype } = x;
  return {
    state: [{ name: "acc", dtype, init }],
    step: [f(acc(dtype), x)],
    merge: [f(acc(dtype), right("acc", dtype))],
    value: acc(dtype),
  };
}

/** The least and the greatest value of a compute type: the neutral elements of `max` and `min`. */
export function extremes(dtype: ComputeType): { readonly least: Expr; readonly greatest: Expr } {
  const ends: Record<ComputeType, readonly [number | bigint, number | bigint]> = {
    f32: [-Infinity, Infinity],
    f64: [-Infinity, Infinity],
    i32: [-(2 ** 31), 2 ** 31 - 1],
    i64: [-(2n ** 63n), 2n ** 63n - 1n],
    u64: [0n, 2n ** 64n - 1n],
    bool: [0, 1],
  };
  const [least, greatest] = ends[dtype];
  return { least: constant(dtype, least), greatest: constant(dtype, greatest) };
}

export const sum = (x: Expr): Folding => associative(x, constant(x.dtype, 0), add);
export const productOf = (x: Expr): Folding => associative(x, constant(x.dtype, 1), mul);
export const maximum = (x: Expr): Folding => associative(x, extremes(x.dtype).least, max);
export const minimum = (x: Expr): Folding => associative(x, extremes(x.dtype).greatest, min);
export const all = (x: Expr): Folding => associative(x, constant("bool", 1), (a, b) => and(a, b));
export const any = (x: Expr): Folding => associative(x, constant("bool", 0), (a, b) => or(a, b));

/**
 * The position (i64) of the greatest or least value; `position` is the point's own position. Of equal values the one
 * with the lowest position wins, or the highest with `last`; a NaN counts as extreme, the first one wins.
 */
export function argExtreme(x: Expr, position: Dim, of: "max" | "min", last = false): Folding {
  const best = variable("best", x.dtype);
  const at = variable("at", "i64");
  const other = right("best", x.dtype);
  const otherAt = right("at", "i64");
  const none = constant("i64", -1);
  const beats = (a: Expr, b: Expr): Expr => {
    const greater = of === "max" ? lt(b, a) : lt(a, b);
    return x.dtype === "f32" || x.dtype === "f64" ? or(greater, and(unary("isnan", a), unary("not", unary("isnan", b)))) : greater;
  };
  const here = index(position);
  const later = last ? le(at, here) : lt(here, at);
  const tie = (a: Expr, b: Expr): Expr =>
    x.dtype === "f32" || x.dtype === "f64" ? or(eq(a, b), and(unary("isnan", a), unary("isnan", b))) : eq(a, b);
  const take = or(eq(at, none), beats(x, best), and(tie(x, best), later));
  const otherLater = last ? le(at, otherAt) : lt(otherAt, at);
  const takeOther = and(unary("not", eq(otherAt, none)), or(eq(at, none), beats(other, best), and(tie(other, best), otherLater)));
  return {
    state: [
      { name: "best", dtype: x.dtype, init: constant(x.dtype, 0) },
      { name: "at", dtype: "i64", init: none },
    ],
    step: [select(take, x, best), select(take, here, at)],
    merge: [select(takeOther, other, best), select(takeOther, otherAt, at)],
    value: at,
  };
}

/**
 * Mean and sum of squared deviations by Welford's update (B. P. Welford, Technometrics 4, 1962); merged as Chan,
 * Golub and LeVeque give it (1979). The value is the mean; `m2` is the variable of the squared deviations.
 */
export function welford(x: Expr): Folding {
  const { dtype } = x;
  const [count, mean, m2] = ["count", "mean", "m2"].map((n) => variable(n, dtype)) as [Expr, Expr, Expr];
  const [countR, meanR, m2R] = ["count", "mean", "m2"].map((n) => right(n, dtype)) as [Expr, Expr, Expr];
  const zero = constant(dtype, 0);
  const grown = add(count, constant(dtype, 1));
  const delta = binary("sub", x, mean);
  const next = add(mean, binary("div", delta, grown));
  const total = add(count, countR);
  const share = select(eq(total, zero), zero, binary("div", countR, total));
  const apart = binary("sub", meanR, mean);
  return {
    state: ["count", "mean", "m2"].map((name) => ({ name, dtype, init: zero })),
    step: [grown, next, add(m2, mul(delta, binary("sub", x, next)))],
    merge: [total, add(mean, mul(apart, share)), add(add(m2, m2R), mul(mul(mul(apart, apart), count), share))],
    value: mean,
  };
}

/** Load of one element; shorter than `load` when all indices are known to be inside. */
export const at = (b: Buffer, ...indices: readonly Dim[]): Expr => load(b, indices);

/** `low <= d < high` as a condition; bounds that always hold fold away. */
export const isInside = (d: Dim, high: Dim, low: Dim = 0): Expr => and(le(index(low), index(d)), lt(index(d), index(high)));

/** A load where `inside` holds, `otherwise` (default zero) elsewhere: padding. */
export const paddedLoad = (b: Buffer, indices: readonly Dim[], inside: Expr, otherwise?: Expr): Expr => {
  const value = load(b, indices);
  return select(inside, value, otherwise ?? (value.dtype === "f32" ? f32(0) : constant(value.dtype, 0)));
};
