/** Numbers of element types in MindSpore Lite files: `TypeId`, kNumberTypeBool = 30 and so on. */
import type { DType } from "../../ir/type.ts";

const byNumber: ReadonlyMap<number, DType> = new Map([
  [30, "bool"],
  [32, "i8"],
  [33, "i16"],
  [34, "i32"],
  [35, "i64"],
  [37, "u8"],
  [38, "u16"],
  [39, "u32"],
  [40, "u64"],
  [42, "f16"],
  [43, "f32"],
  [44, "f64"],
  [45, "bf16"],
  // Without a width: int, uint, float, double.
  [31, "i32"],
  [36, "u32"],
  [41, "f32"],
  [46, "f64"],
  [50, "i4"],
]);

const numbers = new Map([...byNumber].reverse().map(([number, dtype]) => [dtype, number]));

export const dtypeOfId = (id: number): DType | undefined => byNumber.get(id);
export const idOfDtype = (dtype: DType): number | undefined => numbers.get(dtype);

/** Kinds of values that are no tensors of numbers, for diagnostics. */
export const specialTypes: ReadonlyMap<number, string> = new Map([
  [12, "strings"],
  [17, "a list of tensors"],
  [23, "a function"],
]);
