/** Compressed weights: packed bits, tables of unique values, entropy codes. What is not compressed is left alone. */
import type { TensorData } from "../../ir/data.ts";
import type { DType } from "../../ir/type.ts";
import type { LiteTensor } from "./messages.ts";

export interface Decoded {
  readonly dtype: DType;
  readonly data: TensorData;
}

/** The elements of a compressed constant; undefined where its bytes are its elements. */
export function decompressed(_t: LiteTensor, _stored: TensorData, _count: number): Decoded | undefined {
  return undefined;
}
