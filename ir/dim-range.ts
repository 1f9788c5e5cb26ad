/** What values a dim can have, as far as the ranges of its atoms tell: a bound, which need not be the closest. */
import type { Atom, Dim } from "./dim-types.ts";

/** d >= 0, provably from the ranges of its atoms. */
export const isNonNegative = (d: Dim): boolean => range(d)[0] >= 0;

/** The least and the greatest value `d` can have, inclusive; infinite where nothing is known. */
export function range(d: Dim): readonly [number, number] {
  if (typeof d === "number") return [d, d];
  return d.terms.reduce<readonly [number, number]>(
    ([low, high], t) => {
      const [a, b] = t.atoms.map(atomRange).reduce(multiplyRanges, [t.coefficient, t.coefficient]);
      return [low + a, high + b];
    },
    [0, 0],
  );
}

const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function multiplyRanges([a, b]: readonly [number, number], [c, d]: readonly [number, number]): readonly [number, number] {
  const products = [times(a, c), times(a, d), times(b, c), times(b, d)];
  return [Math.min(...products), Math.max(...products)];
}

function atomRange(a: Atom): readonly [number, number] {
  switch (a.kind) {
    case "extent":
      return [0, Infinity];
    case "loop":
      return [0, Math.max(0, range(a.extent)[1] - 1)];
    case "opaque":
      return [a.low, a.high];
    case "mod":
      return [0, Math.max(0, Math.min(range(a.b)[1] - 1, range(a.a)[0] >= 0 ? range(a.a)[1] : Infinity))];
    case "floordiv":
      return divideRange(range(a.a), range(a.b));
    case "min":
    case "max": {
      const f = (p: number, q: number): number => (a.kind === "min" ? Math.min(p, q) : Math.max(p, q));
      const [x, y] = [range(a.a), range(a.b)];
      return [f(x[0], y[0]), f(x[1], y[1])];
    }
  }
}

function divideRange([low, high]: readonly [number, number], [least, most]: readonly [number, number]): readonly [number, number] {
  const [small, large] = [Math.max(1, least), Math.max(1, most)];
  const floor = (x: number, y: number): number => (Number.isFinite(x) ? (Number.isFinite(y) ? Math.floor(x / y) : x < 0 ? -1 : 0) : x);
  return [floor(low, low < 0 ? small : large), floor(high, high < 0 ? large : small)];
}
