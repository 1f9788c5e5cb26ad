/** What one sees of a tensor at a glance. */
import type { Scalar } from "../ir/scalar.ts";
import { readElements } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import type { Tensor } from "../runtime/node/tensor.ts";
import { formatValue } from "./format-value.ts";

export interface TensorSummary {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Absent where no element is a number. */
  readonly min?: Scalar;
  readonly max?: Scalar;
  readonly mean?: number;
  /** Elements that are NaN. */
  readonly nan: number;
  /** The first elements. */
  readonly first: readonly Scalar[];
}

const mostShown = 8;

/** Bytes whose elements are looked at together, so that a large tensor never stands in an array as a whole. */
const pieceBytes = 1 << 20;

/** Reads the tensor once. */
export function summarize(name: string, { dtype, dims, data }: Tensor): TensorSummary {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const first: Scalar[] = [];
  let [count, nan, sum] = [0, 0, 0];
  let min: Scalar | undefined;
  let max: Scalar | undefined;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const v of readElements(dtype as DType, bytes.subarray(at, at + pieceBytes))) {
      if (first.length < mostShown) first.push(v);
      if (Number.isNaN(v)) {
        nan++;
        continue;
      }
      count++;
      sum += Number(v);
      if (min === undefined || v < min) min = v;
      if (max === undefined || v > max) max = v;
    }
  }
  const found = { name, dtype, shape: dims, first, nan };
  return min === undefined || max === undefined ? found : { ...found, min, max, mean: sum / count };
}

export const summaryHead = ["output", "type", "min", "max", "mean", "NaN", "first values"] as const;

/** A row under `summaryHead`. */
export const cellsOf = ({ name, dtype, shape, min, max, mean, nan, first }: TensorSummary): string[] => [
  name,
  `${dtype}[${shape.join(",")}]`,
  ...[min, max, mean].map((v) => (v === undefined ? "" : formatValue(v))),
  String(nan),
  `${first.map(formatValue).join(" ")}${shape.reduce((a, b) => a * b, 1) > first.length ? " ..." : ""}`,
];
