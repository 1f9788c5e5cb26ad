/** Numbers for reading. */
import type { Scalar } from "../ir/scalar.ts";

/** Six significant digits, without trailing zeros; integers whole. */
export const formatValue = (v: Scalar): string =>
  typeof v === "bigint" || Number.isInteger(v) ? String(v) : String(Number(v.toPrecision(6)));
