/** Inputs that models can be run on when only time counts. */
import { viewBytes, writeElements } from "../ir/storage.ts";
import { type DType, isFloat } from "../ir/type.ts";
import { Tensor } from "../runtime/node/session.ts";

/** Floats in [-1, 1), masks that hide nothing, else zero, which every table has; or what is given, again and again. */
export function sampleInput(name: string, dtype: DType, dims: readonly number[], given?: readonly number[]): Tensor {
  const whole = name.includes("mask") ? 1 : 0;
  const element = (i: number): number => given?.[i % given.length] ?? (isFloat(dtype) ? ((i * 7919) % 2001) / 1000 - 1 : whole);
  const values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => element(i));
  return new Tensor(dtype, viewBytes(dtype, writeElements(dtype, values)), dims);
}
