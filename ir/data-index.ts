/** Indices that data gives: brought inside, so that no load or store leaves its buffer whatever the data. */
import * as dim from "./dim.ts";
import type { Dim } from "./dim.ts";
import { add, and, type Buffer, constantLike, convert, type Expr, i64, index, load, lt, select, toDim } from "./expr.ts";
import { isUnsigned } from "./type.ts";

/** The element of an index tensor as i64; negative ones count from the end of an axis of `extent`. */
export function indexFromEnd(indices: Buffer, at: readonly Dim[], extent: Dim): Expr {
  const i = convert(load(indices, at), "i64");
  return isUnsigned(indices.dtype) ? i : select(lt(i, i64(0)), add(i, index(extent)), i);
}

/** `d` moved into 0 .. extent-1; 0 where `extent` is zero. */
export const clampIndex = (d: Dim, extent: Dim): Dim => dim.max(0, dim.min(dim.sub(extent, 1), d));

/** The element of an index tensor as an index into an axis of `extent`: negative from the end, then clamped. */
export const dataIndex = (indices: Buffer, at: readonly Dim[], extent: Dim): Dim =>
  clampIndex(toDim(indexFromEnd(indices, at, extent)), extent);

/** A load at clamped indices; zero where an axis of the buffer has no element to clamp to. */
export function clampedLoad(b: Buffer, at: readonly Dim[]): Expr {
  const value = load(b, at);
  const hasElements = and(...b.shape.map((extent) => lt(i64(0), index(extent))));
  return select(hasElements, value, constantLike(value, 0));
}
