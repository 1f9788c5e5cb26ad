/**
 * GE's two numberings of element types: one in tensor descriptors, the other, that of the programming interface, in
 * attributes (`dst_type`, `dtype`).
 */
import type { DType } from "../../ir/type.ts";

const inFiles: ReadonlyMap<number, DType> = new Map([
  [1, "f32"],
  [2, "f16"],
  [3, "i8"],
  [4, "u8"],
  [5, "i16"],
  [6, "u16"],
  [7, "i32"],
  [8, "i64"],
  [9, "u32"],
  [10, "u64"],
  [11, "bool"],
  [12, "f64"],
  [27, "bf16"],
]);

const inAttributes: ReadonlyMap<number, DType> = new Map([
  [0, "f32"],
  [1, "f16"],
  [2, "i8"],
  [3, "i32"],
  [4, "u8"],
  [6, "i16"],
  [7, "u16"],
  [8, "u32"],
  [9, "i64"],
  [10, "u64"],
  [11, "f64"],
  [12, "bool"],
  [27, "bf16"],
]);

const inverse = (numbers: ReadonlyMap<number, DType>): ReadonlyMap<DType, number> => new Map([...numbers].map(([n, t]) => [t, n]));
const fileNumbers = inverse(inFiles);
const attributeNumbers = inverse(inAttributes);

/** The element type of a descriptor's number; undefined where it is not carried. */
export const dtypeOfFile = (number: number): DType | undefined => inFiles.get(number);
/** The element type of an attribute's number. */
export const dtypeOfAttribute = (number: number): DType | undefined => inAttributes.get(number);
/** The number in descriptors; undefined where GE has no such type. */
export const fileNumber = (dtype: DType): number | undefined => fileNumbers.get(dtype);
export const attributeNumber = (dtype: DType): number | undefined => attributeNumbers.get(dtype);
