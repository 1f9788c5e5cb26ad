/** Weights as numbers of their unique values, all of them or those between runs of zero points. */
import { OpError } from "../../ir/diagnostic.ts";
import { BitReader, bitsFor } from "./bit-reader.ts";

/** The unique values: their count (0 for as many as the bits can tell apart), and each moved by half the range. */
function uniqueValues(reader: BitReader, bits: number): number[] {
  if (bits < 1 || bits > 16) throw new OpError(`values of ${bits} bits are not supported`, "unsupported-type");
  const count = reader.take(bits) || 2 ** bits;
  return Array.from({ length: count }, () => reader.take(bits) - 2 ** (bits - 1));
}

const valueAt = (values: readonly number[], index: number): number => {
  const value = values[index];
  if (value === undefined) throw new OpError("an element is the number of no value", "invalid-graph");
  return value;
};

/** The unique values, then for each element the number of its value. */
export function decodeIndexed(bytes: Uint8Array, bits: number, count: number): Int16Array {
  const reader = new BitReader(bytes);
  const values = uniqueValues(reader, bits);
  const width = bitsFor(values.length);
  return Int16Array.from({ length: count }, () => valueAt(values, reader.take(width)));
}

/**
 * Bits of a run's length, how many elements are no zero points, the unique values, the numbers of those elements' values,
 * and for each the run of zero points before it. `zeroPoints`: one for all, or one per channel, the slowest axis.
 */
export function decodeSparse(bytes: Uint8Array, bits: number, count: number, zeroPoints: readonly number[]): Int16Array {
  const reader = new BitReader(bytes);
  const runBits = reader.take(8);
  const solid = reader.take(32);
  const values = uniqueValues(reader, bits);
  if (runBits > 32 || solid > count) throw new OpError("more elements than the tensor has", "invalid-graph");
  const width = bitsFor(values.length);
  const numbers = Uint16Array.from({ length: solid }, () => reader.take(width));
  const perChannel = count / Math.max(1, zeroPoints.length);
  const result = Int16Array.from({ length: count }, (_, i) => zeroPoints[Math.floor(i / perChannel)] ?? 0);
  let at = 0;
  for (const number of numbers) {
    at += reader.take(runBits);
    if (at >= count) throw new OpError("more elements than the tensor has", "invalid-graph");
    result[at++] = valueAt(values, number);
  }
  return result;
}
