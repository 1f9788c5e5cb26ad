/** 4-bit integers as MindSpore keeps them: two in a byte, the first in the low bits, the last axis half as long. */
import type { TensorData } from "../ir/data.ts";
import type { Location } from "../ir/location.ts";
import { ComputedSource } from "./bytes.ts";
import { rawTensorValue, type TensorValue } from "./tensor-data.ts";

/** Whether every row has whole bytes; a scalar has one to itself. */
export const isPairable = ({ dims }: TensorValue): boolean => dims.length === 0 || dims.at(-1)! % 2 === 0;

/** The shape of the bytes. */
export const pairedShape = (dims: readonly number[]): readonly number[] =>
  dims.length === 0 ? dims : [...dims.slice(0, -1), dims.at(-1)! / 2];

/** The bytes of the elements, which take a byte each. */
export function paired({ source, offset, byteLength }: TensorData): TensorData {
  const size = Math.ceil(byteLength / 2);
  const read = (at: number, length: number): Uint8Array => {
    const elements = source.read(offset + at * 2, Math.min(length * 2, byteLength - at * 2));
    return Uint8Array.from({ length }, (_, i) => (elements[i * 2]! & 15) | (((elements[i * 2 + 1] ?? 0) & 15) << 4));
  };
  return { source: new ComputedSource(source.name, size, read), offset: 0, byteLength: size };
}

/** The elements in bytes of the shape `dims`. Errors as `rawTensorValue`. */
export function unpaired(name: string, dims: readonly number[], bytes: TensorData, where: Location): TensorValue {
  const shape = dims.length === 0 ? dims : [...dims.slice(0, -1), dims.at(-1)! * 2];
  return rawTensorValue(name, "i4", shape, bytes, where, 4);
}
