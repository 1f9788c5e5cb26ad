/**
 * Types of values: tensors with an element type and a shape, and the containers that ONNX and MindIR need.
 *
 * Shapes are lists of `Dim`, so an extent may be a number or an expression in named extents.
 */
import type { Dim } from "./dim.ts";
import { formatDim } from "./dim-text.ts";

export const dtypes = [
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
  "string",
] as const;
export type DType = (typeof dtypes)[number];

/** The types arithmetic is done in; every other type is storage, converted at loads and stores. */
export type ComputeType = "f32" | "f64" | "i32" | "i64" | "u64" | "bool";

export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}
export interface SequenceType {
  readonly kind: "sequence";
  readonly element: Type;
}
export interface OptionalType {
  readonly kind: "optional";
  readonly element: Type;
}
export interface TupleType {
  readonly kind: "tuple";
  readonly elements: readonly Type[];
}
export type Type = TensorType | SequenceType | OptionalType | TupleType;

export const tensor = (dtype: DType, shape: readonly Dim[]): TensorType => ({ kind: "tensor", dtype, shape });
export const sequence = (element: Type): SequenceType => ({ kind: "sequence", element });
export const optional = (element: Type): OptionalType => ({ kind: "optional", element });
export const tuple = (elements: readonly Type[]): TupleType => ({ kind: "tuple", elements });

/** `f32[n,3,224,224]`, `sequence<f32[n]>`, `optional<f32[]>`, `tuple<f32[], i64[2]>`. */
export function formatType(t: Type): string {
  switch (t.kind) {
    case "tensor":
      return `${t.dtype}[${t.shape.map(formatDim).join(",")}]`;
    case "sequence":
    case "optional":
      return `${t.kind}<${formatType(t.element)}>`;
    case "tuple":
      return `tuple<${t.elements.map(formatType).join(", ")}>`;
  }
}

/** Extents are hash-consed, so equal types have equal text. */
export const sameType = (a: Type, b: Type): boolean => a === b || formatType(a) === formatType(b);

export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

const bytes: Record<DType, number> = {
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
  f8e4m3fn: 1,
  f8e4m3fnuz: 1,
  f8e5m2: 1,
  f8e5m2fnuz: 1,
  f8e8m0: 1,
  f4e2m1: 1,
  i2: 1,
  i4: 1,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u2: 1,
  u4: 1,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  bool: 1,
  string: 0,
};
/** Bytes of one element in memory; elements narrower than a byte take one (their low bits, sign-extended). */
export const byteSize = (dtype: DType): number => bytes[dtype];

const floats: ReadonlySet<DType> = new Set<DType>([
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
]);
export const isFloat = (dtype: DType): boolean => floats.has(dtype);
export const isInteger = (dtype: DType): boolean => /^[iu]\d/.test(dtype);
export const isUnsigned = (dtype: DType): boolean => /^u\d/.test(dtype);
/** The 8-bit integers, which quantised values are. */
export const isByte = (dtype: DType): boolean => dtype === "i8" || dtype === "u8";
/** What products in groups take (see `ir/ops/layout-integer.ts`). */
export const isSmallInteger = (dtype: DType): boolean => isByte(dtype) || dtype === "i16";
/** Bits of an integer type: 4 for `i4`, 64 for `u64`. */
export const integerBits = (dtype: DType): number => Number(dtype.slice(1));

/** The type in which values stored as `dtype` are computed. */
export function computeType(dtype: DType): ComputeType {
  if (dtype === "f64" || dtype === "i64" || dtype === "u64" || dtype === "bool") return dtype;
  if (dtype === "u32") return "i64";
  if (dtype === "string") throw new Error("strings have no arithmetic");
  return floats.has(dtype) ? "f32" : "i32";
}

/** The shape as numbers, or undefined when an extent is symbolic. */
export function staticShape(shape: readonly Dim[]): number[] | undefined {
  return shape.every((d) => typeof d === "number") ? [...shape] : undefined;
}
