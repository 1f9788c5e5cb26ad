/** How far two tensors are apart. */
import type { Scalar } from "../ir/scalar.ts";
import { readElements, viewBytes } from "../ir/storage.ts";
import { type DType, isFloat } from "../ir/type.ts";
import type { NpyArray } from "./npy.ts";

/** `a` agrees with `b` where |a - b| <= absolute + relative * |b|; NaN agrees with NaN. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

const tolerances: Partial<Record<DType, Tolerance>> = {
  f64: { relative: 1e-9, absolute: 1e-12 },
  f32: { relative: 1e-4, absolute: 1e-5 },
  f16: { relative: 1e-2, absolute: 1e-3 },
  bf16: { relative: 5e-2, absolute: 1e-2 },
};

/** What is allowed when nothing is said: integers and bools must be equal. */
export const defaultTolerance = (dtype: string): Tolerance =>
  tolerances[dtype as DType] ?? (isFloat(dtype as DType) ? { relative: 0.25, absolute: 1e-2 } : { relative: 0, absolute: 0 });

export const toleranceText = "f64 1e-9 and 1e-12, f32 1e-4 and 1e-5, f16 1e-2 and 1e-3, bf16 5e-2 and 1e-2, integers and bools 0";

export interface Difference {
  /** Why elements cannot be compared at all: types or shapes are not the same. */
  readonly misfit?: string;
  /** Elements outside the tolerance, and the first of them in row-major order. */
  readonly count: number;
  readonly first?: { readonly at: readonly number[]; readonly a: Scalar; readonly b: Scalar };
  readonly maxAbsolute: number;
  readonly maxRelative: number;
  /** Units in the last place of the stored type; of integers, the difference. */
  readonly maxUlp: number;
}

const typeText = (t: NpyArray): string => `${t.dtype}[${t.dims.join(",")}]`;

/** Compares every element of `a` with the one of `b`. */
export function differenceOf(a: NpyArray, b: NpyArray, tolerance: Tolerance): Difference {
  if (typeText(a) !== typeText(b)) {
    return { misfit: `${typeText(a)} and ${typeText(b)}`, count: 1, maxAbsolute: 0, maxRelative: 0, maxUlp: 0 };
  }
  const dtype = a.dtype as DType;
  const [x, y] = [readElements(dtype, a.bytes), readElements(dtype, b.bytes)];
  const [orderedX, orderedY] = [orderedBits(dtype, a.bytes), orderedBits(dtype, b.bytes)];
  let [count, at, maxAbsolute, maxRelative, maxUlp] = [0, -1, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const { absolute, relative } = distance(x[i]!, y[i]!);
    maxAbsolute = Math.max(maxAbsolute, absolute);
    maxRelative = Math.max(maxRelative, relative);
    if (absolute === 0) continue;
    maxUlp = Math.max(maxUlp, Math.abs(Number(BigInt(orderedX[i]!) - BigInt(orderedY[i]!))));
    if (absolute < Infinity && absolute <= tolerance.absolute + tolerance.relative * Math.abs(Number(y[i]))) continue;
    count++;
    if (at < 0) at = i;
  }
  const first = at < 0 ? undefined : { at: indexOf(at, a.dims), a: x[at]!, b: y[at]! };
  return { count, ...(first && { first }), maxAbsolute, maxRelative, maxUlp };
}

/** Infinite where one of two values is NaN or infinite and the other is not the same. */
function distance(a: Scalar, b: Scalar): { absolute: number; relative: number } {
  if (a === b || (a !== a && b !== b)) return { absolute: 0, relative: 0 };
  const apart = typeof a === "bigint" && typeof b === "bigint" ? Math.abs(Number(a - b)) : Math.abs(Number(a) - Number(b));
  const absolute = Number.isFinite(apart) ? apart : Infinity;
  return { absolute, relative: b === 0 || b === 0n ? Infinity : absolute / Math.abs(Number(b)) };
}

/** Integers in the order of the values, neighbours one apart: how ulp are counted. */
function orderedBits(dtype: DType, bytes: Uint8Array): readonly Scalar[] | ArrayLike<number | bigint> {
  if (!isFloat(dtype)) return viewBytes(dtype, bytes);
  const { buffer, byteOffset, byteLength } = bytes;
  if (dtype === "f64")
    return Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), (v) => (v < 0n ? -(v & 0x7fff_ffff_ffff_ffffn) : v));
  if (dtype === "f32") return Array.from(new Int32Array(buffer, byteOffset, byteLength / 4), (v) => (v < 0 ? -(v & 0x7fff_ffff) : v));
  const sign = 2 ** (bytes.length === 0 ? 7 : 8 * viewBytes(dtype, bytes).BYTES_PER_ELEMENT - 1);
  return Array.from(viewBytes(dtype, bytes) as ArrayLike<number>, (v) => (v >= sign ? -(v - sign) : v));
}

function indexOf(flat: number, dims: readonly number[]): number[] {
  const at: number[] = [];
  dims.reduceRight<number>((rest, extent, d) => {
    at[d] = rest % extent;
    return Math.floor(rest / extent);
  }, flat);
  return at;
}
