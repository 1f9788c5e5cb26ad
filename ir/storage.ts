/** Elements in memory: bytes to scalars and back, for every dtype. */
import { decodeFloat, encoderOf, floatFormats, isMinifloat, type MinifloatType } from "./minifloat.ts";
import { roundScalar, type Scalar } from "./scalar.ts";
import { type DType, isFloat } from "./type.ts";

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

interface ArrayType {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** The typed array that lies over memory of a dtype; minifloats appear as their bits. */
export const arrayTypes = {
  f16: Uint16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  f8e4m3fn: Uint8Array,
  f8e4m3fnuz: Uint8Array,
  f8e5m2: Uint8Array,
  f8e5m2fnuz: Uint8Array,
  f8e8m0: Uint8Array,
  f4e2m1: Uint8Array,
  i2: Int8Array,
  i4: Int8Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u2: Uint8Array,
  u4: Uint8Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<DType, "string">, ArrayType>;

/** A view of the bytes as elements of `dtype`; the bytes must be aligned to the element. */
export function viewBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  if (dtype === "string") throw new Error("strings have no fixed layout");
  const type: ArrayType = arrayTypes[dtype];
  return new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT);
}

const decoded = new Map<string, Float32Array>();

/** The values of all bit patterns of a minifloat type. */
export function floatTable(dtype: MinifloatType): Float32Array {
  const cached = decoded.get(dtype);
  if (cached) return cached;
  const f = floatFormats[dtype];
  const count = 2 ** (f.exponentBits + f.mantissaBits + (f.signed ? 1 : 0));
  const made = Float32Array.from({ length: count }, (_, bits) => decodeFloat(f, bits));
  decoded.set(dtype, made);
  return made;
}

/** Every element as a value of `computeType(dtype)`. */
export function readElements(dtype: DType, bytes: Uint8Array): Scalar[] {
  const view = viewBytes(dtype, bytes);
  if (isMinifloat(dtype)) {
    const table = floatTable(dtype);
    return Array.from(view as Uint8Array, (bits) => table[bits]!);
  }
  const values = Array.from(view as ArrayLike<number | bigint>);
  return dtype === "u32" ? values.map((x) => BigInt(x)) : values;
}

/** From a value of `computeType(dtype)` to what an array over the memory holds. */
function elementWriter(dtype: DType): (value: Scalar) => number | bigint {
  if (isMinifloat(dtype)) {
    const encode = encoderOf(floatFormats[dtype]);
    return (v) => encode(Number(v));
  }
  if (dtype === "i64" || dtype === "u64") return (v) => BigInt(v);
  return isFloat(dtype) ? Number : (v) => Number(roundScalar(dtype, v));
}

/** Values of `computeType(dtype)` as bytes. */
export function writeElements(dtype: DType, values: readonly Scalar[]): Uint8Array<ArrayBuffer> {
  if (dtype === "string") throw new Error("strings have no fixed layout");
  const bytes = new Uint8Array(values.length * arrayTypes[dtype].BYTES_PER_ELEMENT);
  const view = viewBytes(dtype, bytes);
  const elementOf = elementWriter(dtype);
  // A loop of its own: `forEach` on long lists is several times slower.
  for (let i = 0; i < values.length; i++) view[i] = elementOf(values[i]!);
  return bytes;
}
