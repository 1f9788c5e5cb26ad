/** MindSpore's numbers of element types, as `Cast` and others get them as integers since 2.3. */
import type { DType } from "../../ir/type.ts";

/** `TypeId` of mindspore/core/ir/dtype/type_id.h: kNumberTypeBool = 30 and so on. */
const byNumber: ReadonlyMap<number, DType> = new Map([
  [30, "bool"],
  [31, "i64"], // int
  [32, "i8"],
  [33, "i16"],
  [34, "i32"],
  [35, "i64"],
  [36, "u64"], // uint
  [37, "u8"],
  [38, "u16"],
  [39, "u32"],
  [40, "u64"],
  [41, "f32"], // float
  [42, "f16"],
  [43, "f32"],
  [44, "f64"],
  [45, "bf16"],
]);

const byType: ReadonlyMap<DType, number> = new Map([...byNumber].map(([id, dtype]) => [dtype, id]));

/** The number that names an element type. */
export const numberOfDType = (dtype: DType): number | undefined => byType.get(dtype);

export const dtypeOfNumber = (id: number): DType | undefined => byNumber.get(id);
