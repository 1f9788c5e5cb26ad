/** Determinants of small matrices. */
import type { Value } from "../../ir/graph.ts";
import { Det } from "../../ir/ops/determinant.ts";
import { expansion, type NamedExpansion } from "./expander.ts";

/** Larger matrices would make graphs that nobody wants. */
const mostRows = 4;

/** By the first rows: minors of the rows below them, each made once. */
const det = expansion(Det, ({ x }, _attributes, e) => {
  const { f } = e;
  const { shape } = x.tensor;
  const [rank, size] = [shape.length, shape.at(-1)];
  if (typeof size !== "number" || size === 0 || size > mostRows) return undefined;
  const element = (i: number, j: number): Value => e.reshape(e.part(e.part(x, rank - 2, i, 1), rank - 1, j, 1), shape.slice(0, -2));
  const minors = new Map<string, Value>();
  const minor = (columns: readonly number[]): Value => {
    const key = columns.join();
    const row = size - columns.length;
    const terms = (): Value[] =>
      columns.map((j, k) => {
        const own = element(row, j);
        const below = columns.length === 1 ? own : f.mul(own, minor(columns.filter((c) => c !== j)));
        return k % 2 === 0 ? below : f.neg(below);
      });
    const made = minors.get(key) ?? terms().reduce((a, b) => f.add(a, b));
    minors.set(key, made);
    return made;
  };
  return minor(Array.from({ length: size }, (_, j) => j));
});

export const determinantExpansions: readonly NamedExpansion[] = [det];
