/** Files that hold several `.npy` arrays one after the other, as `numpy.save` writes them to one open file. */
import { parseNpy } from "../cli/npy.ts";
import type { Scalar } from "../ir/scalar.ts";
import { readElements } from "../ir/storage.ts";
import { byteSize, type DType } from "../ir/type.ts";

export interface NpyElements {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: readonly Scalar[];
}

/** The bytes of the header of an array in version 1 or 2 of the format. */
const headerLength = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint8(6) === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
};

export function parseNpySeries(file: Uint8Array, path: string): NpyElements[] {
  const arrays: NpyElements[] = [];
  for (let at = 0; at < file.length;) {
    const rest = file.subarray(at);
    const { dims, dtype, bytes } = parseNpy(rest, path);
    const count = dims.reduce((a, b) => a * b, 1);
    const width = count * byteSize(dtype as DType);
    arrays.push({ dtype: dtype as DType, dims, values: readElements(dtype as DType, bytes.subarray(0, width)) });
    at += headerLength(rest) + width;
  }
  return arrays;
}
