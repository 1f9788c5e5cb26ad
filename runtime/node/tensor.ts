/** Tensors outside a model: typed arrays with a dtype and dimensions. */
import { arrayType, type TypedArray } from "../walk.ts";

export type { TypedArray };

/** Dtypes of tensors; f16, bf16 and narrower floats are given as their bits, i4 and the like one element per byte. */
export const tensorDtypes = [
  "f16",
  "bf16",
  "f32",
  "f64",
  "f8e4m3fn",
  "f8e4m3fnuz",
  "f8e5m2",
  "f8e5m2fnuz",
  "f8e8m0",
  "f4e2m1",
  "i2",
  "i4",
  "i8",
  "i16",
  "i32",
  "i64",
  "u2",
  "u4",
  "u8",
  "u16",
  "u32",
  "u64",
  "bool",
] as const;

/**
 * A tensor: `data` in row-major order, of the typed array of `dtype` (f32 Float32Array, i64 BigInt64Array, f16 and bf16
 * Uint16Array, bool and f8 Uint8Array, i4 Int8Array, ...). Throws a `TypeError` for another array type or an unknown
 * dtype, a `RangeError` where the length is not the product of `dims`.
 */
export class Tensor {
  readonly dims: readonly number[];

  constructor(
    readonly dtype: string,
    readonly data: TypedArray,
    dims?: readonly number[],
  ) {
    this.dims = dims ?? [data.length];
    if (!(tensorDtypes as readonly string[]).includes(dtype)) throw new TypeError(`'${dtype}' is no dtype`);
    const type = arrayType(dtype);
    if (!(data instanceof type)) throw new TypeError(`a tensor of ${dtype} takes a ${type.name}`);
    if (!this.dims.every((d) => Number.isSafeInteger(d) && d >= 0)) throw new RangeError(`[${this.dims.join(", ")}] is no shape`);
    if (this.dims.reduce((a, b) => a * b, 1) !== data.length) {
      throw new RangeError(`shape [${this.dims.join(", ")}] does not hold ${data.length} elements`);
    }
  }

  /** Elements. */
  get size(): number {
    return this.data.length;
  }
}
