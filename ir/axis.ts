/** Axes as attributes give them: counted from the end when negative. */
import { OpError } from "./diagnostic.ts";

/** The axis in 0 .. rank-1 (`rank` itself with `inclusive`). Throws an `OpError` when it is out of range. */
export function normalizeAxis(axis: number, rank: number, inclusive = false): number {
  const count = inclusive ? rank + 1 : rank;
  const a = axis < 0 ? axis + count : axis;
  if (a < 0 || a >= count) throw new OpError(`axis ${axis} is out of range for rank ${rank}`, "bad-attribute");
  return a;
}

/** Normalised, in ascending order; an axis named twice is an `OpError`. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  const sorted = axes.map((a) => normalizeAxis(a, rank)).sort((a, b) => a - b);
  if (new Set(sorted).size !== sorted.length) throw new OpError(`an axis is named twice in [${axes.join(", ")}]`, "bad-attribute");
  return sorted;
}
