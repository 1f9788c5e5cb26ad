/** What one sees of a tensor at a glance. */
import type { Scalar } from "../ir/scalar.ts";
import { readElements } from "../ir/storage.ts";
import { type DType, isFloat } from "../ir/type.ts";
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

/** Reads the tensor once. */
export function summarize(name: string, tensor: Tensor): TensorSummary {
  const dtype = tensor.dtype as DType;
  const values = readElements(dtype, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  const found = { name, dtype, shape: tensor.dims, first: values.slice(0, mostShown) };
  const numbers = isFloat(dtype) ? values.filter((v) => v === v) : values;
  const nan = values.length - numbers.length;
  if (numbers.length === 0) return { ...found, nan };
  const min = numbers.reduce((a, b) => (b < a ? b : a));
  const max = numbers.reduce((a, b) => (b > a ? b : a));
  const mean = numbers.reduce<number>((sum, v) => sum + Number(v), 0) / numbers.length;
  return { ...found, min, max, mean, nan };
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
