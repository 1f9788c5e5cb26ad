/** Views: how a tensor lies in memory. Everything that is addressed is addressed by one. */
import { add, type Dim, mul } from "./dim.ts";
import type { Buffer } from "./expr.ts";

/** How a buffer lies in the memory of a root: `offset + sum of index * stride` elements. */
export interface View {
  readonly root: Buffer;
  readonly strides: readonly Dim[];
  readonly offset: Dim;
}

/** Row-major strides, in elements. */
export function rowMajor(shape: readonly Dim[]): Dim[] {
  const strides: Dim[] = [];
  shape.reduceRight<Dim>((size, extent, d) => {
    strides[d] = size;
    return mul(size, extent);
  }, 1);
  return strides;
}

export const viewOf = (b: Buffer): View => ({ root: b, strides: rowMajor(b.shape), offset: 0 });

/** The offset of an element in its root; one index for a tensor of another rank is its offset in the dense tensor already. */
export const flattenOffset = (v: View, at: readonly Dim[]): Dim =>
  at.length === 1 && v.strides.length !== 1 ? add(v.offset, at[0]!) : add(v.offset, ...at.map((i, d) => mul(i, v.strides[d]!)));
