/** MindSpore's checkpoints: their messages, and how their element types are named. */
import type { TensorData } from "../../ir/data.ts";
import { type DType, dtypes } from "../../ir/type.ts";

/** As the reader of `proto/checkpoint.proto` gives it. */
export interface CheckpointTensor {
  readonly dims: readonly number[];
  readonly tensorType: string;
  readonly tensorContent?: TensorData;
}

export interface CheckpointValue {
  readonly tag: string;
  readonly tensor?: CheckpointTensor;
  readonly maptensor?: { readonly tensor: readonly CheckpointTensor[] };
}

/** The names that MindSpore writes. `Int4` are pairs in a byte, the first in the low bits. */
const names: Partial<Record<DType, string>> = {
  i8: "Int8",
  u8: "UInt8",
  i16: "Int16",
  u16: "UInt16",
  i32: "Int32",
  u32: "UInt32",
  i64: "Int64",
  u64: "UInt64",
  f16: "Float16",
  f32: "Float32",
  f64: "Float64",
  bf16: "BFloat16",
  bool: "Bool",
  i4: "Int4",
  string: "str",
};

/** Undefined for types that checkpoints do not hold. */
export const checkpointTypeName = (dtype: DType): string | undefined => names[dtype];

/** MindSpore 1.1 writes `UInt8` and reads `Uint8`; entries of maps have NumPy's names, `float32`. */
export const checkpointDType = (name: string): DType | undefined =>
  dtypes.find((dtype) => names[dtype]?.toLowerCase() === name.toLowerCase());

/** The trailer of files with a checksum: these letters and the CRC-32 of all before them as a big-endian number of ten bytes. */
export const crcMark = "crc_num";
export const trailerBytes = crcMark.length + 10;
