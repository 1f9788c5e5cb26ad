/** Numpy's broadcasting: trailing axes are aligned, an extent of one stretches. */
import { OpError } from "./diagnostic.ts";
import type { Dim } from "./dim.ts";
import { formatDim } from "./dim-text.ts";
import { type Buffer, type Expr, load } from "./expr.ts";

/** The common shape; of a number and a symbolic extent, a number other than one wins. Throws an `OpError`. */
export function broadcastShapes(...shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, d) =>
    shapes.map((s) => s[s.length - rank + d] ?? 1).reduce((a, b) => broadcastExtents(a, b, shapes)),
  );
}

function broadcastExtents(a: Dim, b: Dim, shapes: readonly (readonly Dim[])[]): Dim {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === "number" && typeof b === "number") {
    throw new OpError(`shapes ${shapes.map((s) => `[${s.map(formatDim).join(",")}]`).join(" and ")} do not broadcast`);
  }
  return typeof a === "number" ? a : b;
}

/** Indices into a tensor of shape `shape` for the point `at` of a shape it broadcasts to. */
export function broadcastIndices(shape: readonly Dim[], at: readonly Dim[]): Dim[] {
  return shape.map((extent, d) => (extent === 1 ? 0 : at[at.length - shape.length + d]!));
}

/** The element of `b` at the point `at` of a shape that `b` broadcasts to. */
export const broadcastLoad = (b: Buffer, at: readonly Dim[]): Expr => load(b, broadcastIndices(b.shape, at));

/** The extent that two axes share where nothing stretches, a number before a symbolic one; undefined when they differ. */
export function commonExtent(a: Dim, b: Dim): Dim | undefined {
  if (a === b || typeof b !== "number") return a;
  return typeof a === "number" ? undefined : b;
}

/** Whether a tensor of shape `shape` stretches to the shape `to`, none of whose axes grows. */
export function stretchesTo(shape: readonly Dim[], to: readonly Dim[]): boolean {
  const skipped = to.length - shape.length;
  return skipped >= 0 && shape.every((e, d) => e === 1 || commonExtent(e, to[skipped + d]!) !== undefined);
}
