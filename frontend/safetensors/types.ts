/** How safetensors files name element types. */
import type { DType } from "../../ir/type.ts";

const names: Partial<Record<DType, string>> = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  f8e4m3fn: "F8_E4M3",
  f8e5m2: "F8_E5M2",
  f8e8m0: "F8_E8M0",
  i64: "I64",
  i32: "I32",
  i16: "I16",
  i8: "I8",
  u64: "U64",
  u32: "U32",
  u16: "U16",
  u8: "U8",
  bool: "BOOL",
};

/** Undefined for types that the format lacks. */
export const safetensorsTypeName = (dtype: DType): string | undefined => names[dtype];

export const safetensorsDType = (name: string): DType | undefined => (Object.keys(names) as DType[]).find((dtype) => names[dtype] === name);

/** The key of the header that holds texts about the file. */
export const metadataKey = "__metadata__";

/** Longer headers are refused: no model has as many tensors, and JSON takes many times its length in memory. */
export const mostHeaderBytes = 1 << 25;

/** What MindSpore's metadata says of a tensor's name where its bytes are pairs of 4-bit integers. */
export const int4Mark = "Int4";
