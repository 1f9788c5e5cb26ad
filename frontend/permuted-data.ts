/** Constants with their axes in another order, put in order whenever they are read. */
import { readData, type TensorData } from "../ir/data.ts";
import { ComputedSource } from "./bytes.ts";

/**
 * The elements of a tensor of `shape`, `size` bytes each, with axis `k` of the result being axis `perm[k]`. Nothing is
 * held: reading a part reads the whole.
 */
export function permutedData(data: TensorData, shape: readonly number[], perm: readonly number[], size: number): TensorData {
  if (perm.every((p, k) => p === k)) return data;
  const read = (offset: number, length: number): Uint8Array => {
    const first = Math.floor(offset / size);
    const count = Math.ceil((offset + length) / size) - first;
    const bytes = permutedElements(readData(data), shape, perm, size, first, count);
    return bytes.subarray(offset - first * size, offset - first * size + length);
  };
  return { source: new ComputedSource(data.source.name, data.byteLength, read), offset: 0, byteLength: data.byteLength };
}

/** Elements `first` to `first + count` of the result, row by row along its last axis, in words as wide as `size` allows. */
function permutedElements(
  from: Uint8Array,
  shape: readonly number[],
  perm: readonly number[],
  size: number,
  first: number,
  count: number,
): Uint8Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const extents = perm.map((p) => shape[p]!);
  const steps = perm.map((p) => strides[p]!);
  const last = perm.length - 1;
  const words = wordsOf(from, size);
  const perElement = size / words.BYTES_PER_ELEMENT;
  const to = wordsOf(new Uint8Array(count * size), size);
  const at = indicesOf(first, extents);
  for (let k = 0; k < count;) {
    const run = Math.min(extents[last]! - at[last]!, count - k);
    const source = at.reduce((sum, i, axis) => sum + i * steps[axis]!, 0);
    copyElements(words, source * perElement, steps[last]! * perElement, to, k * perElement, run, perElement);
    k += run;
    at[last]! += run;
    carry(at, extents);
  }
  return new Uint8Array(to.buffer);
}

type Words = Uint8Array | Uint16Array | Uint32Array;

function wordsOf(bytes: Uint8Array, size: number): Words {
  const View = size % 4 === 0 ? Uint32Array : size % 2 === 0 ? Uint16Array : Uint8Array;
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT);
}

/** Copies `count` elements of `width` words that lie `step` words apart to one after the other. */
function copyElements(from: Words, source: number, step: number, to: Words, target: number, count: number, width: number): void {
  for (let i = 0; i < count; i++) for (let w = 0; w < width; w++) to[target + i * width + w] = from[source + i * step + w]!;
}

/** The indices of element number `linear` of a row-major tensor. */
function indicesOf(linear: number, extents: readonly number[]): number[] {
  const at = new Array<number>(extents.length);
  let rest = linear;
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    at[axis] = rest % extents[axis]!;
    rest = Math.floor(rest / extents[axis]!);
  }
  return at;
}

/** Where an index is past its axis, the next outer one goes on. */
function carry(at: number[], extents: readonly number[]): void {
  for (let axis = extents.length - 1; axis > 0 && at[axis] === extents[axis]; axis--) {
    at[axis] = 0;
    at[axis - 1]!++;
  }
}
