/** Values between the elements of a tensor: products of taps along each axis. */
import {
  add,
  and,
  type Buffer,
  constant,
  constantLike,
  convert,
  type Expr,
  i64,
  index,
  le,
  load,
  lt,
  max,
  min,
  mul,
  select,
  sub,
  toDim,
  unary,
} from "./expr.ts";
import type { Dim } from "./dim.ts";

/** One element that takes part, at index `at` of an axis. */
export interface Tap<I> {
  readonly at: I;
  /** Absent for a weight of one. */
  readonly weight?: Expr;
}

/** The sum over all choices of one tap per axis of the product of their weights times the element there. */
export function interpolate<I>(axes: readonly (readonly Tap<I>[])[], element: (at: readonly I[]) => Expr, chosen: readonly I[] = []): Expr {
  const [taps, ...rest] = axes;
  if (!taps) return element(chosen);
  return taps
    .map(({ at, weight }) => {
      const value = interpolate(rest, element, [...chosen, at]);
      return weight ? mul(weight, value) : value;
    })
    .reduce(add);
}

/** Weights of the two neighbours of a point a `fraction` behind the first one. */
export const linearWeights = (fraction: Expr): Expr[] => [sub(constantLike(fraction, 1), fraction), fraction];

/**
 * Weights of the neighbours at -1, 0, 1 and 2 of a point a `fraction` behind 0: R. G. Keys, Cubic convolution
 * interpolation for digital image processing (1981), with `a` the slope at distance one.
 */
export function cubicWeights(fraction: Expr, a: number): Expr[] {
  const one = constantLike(fraction, 1);
  const rest = sub(one, fraction);
  return [cubicFar(add(fraction, one), a), cubicNear(fraction, a), cubicNear(rest, a), cubicFar(add(rest, one), a)];
}

/** The cubic kernel at distances up to one, `(a + 2) d^3 - (a + 3) d^2 + 1`. */
export const cubicNear = (d: Expr, a: number): Expr => polynomial(d, [a + 2, -(a + 3), 0, 1]);
/** The cubic kernel at distances from one to two, `a d^3 - 5 a d^2 + 8 a d - 4 a`. */
export const cubicFar = (d: Expr, a: number): Expr => polynomial(d, [a, -5 * a, 8 * a, -4 * a]);

const polynomial = (x: Expr, coefficients: readonly number[]): Expr => {
  const [first, ...rest] = coefficients;
  return rest.reduce<Expr>((p, c) => (c === 0 ? mul(p, x) : add(mul(p, x), constantLike(x, c))), constantLike(x, first!));
};

/** The integer at or below a float, as i64, and what is left. */
export function splitFloor(x: Expr): { readonly base: Expr; readonly fraction: Expr } {
  const floor = unary("floor", x);
  return { base: convert(floor, "i64"), fraction: sub(x, floor) };
}

/** The taps at `base`, `base + 1`, ... (from `base - 1` for cubic) with their weights. */
export const tapsAt = (base: Expr, weights: readonly Expr[], first = 0): Tap<Expr>[] =>
  weights.map((weight, k) => ({ at: add(base, i64(first + k)), weight }));

/** `i` moved into 0 .. extent - 1. */
export const clampToAxis = (i: Expr, extent: Dim): Expr => max(i64(0), min(sub(index(extent), i64(1)), i));

/** The element at run-time indices of the trailing axes, zero where one is outside. */
export function elementOrZero(b: Buffer, before: readonly Dim[], at: readonly Expr[]): Expr {
  const extents = b.shape.slice(before.length);
  const inside = and(...at.map((i, d) => and(le(i64(0), i), lt(i, index(extents[d]!)))));
  const value = load(b, [...before, ...at.map(toDim)]);
  return select(inside, value, constant(value.dtype, 0));
}

/** The element at run-time indices of the trailing axes, the nearest one where an index is outside. */
export const nearestElement = (b: Buffer, before: readonly Dim[], at: readonly Expr[]): Expr =>
  load(b, [...before, ...at.map((i, d) => toDim(clampToAxis(i, b.shape[before.length + d]!)))]);
