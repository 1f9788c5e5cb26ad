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
  const to = new Uint8Array(count * size);
  const at = indicesOf(first, extents);
  let source = at.reduce((sum, i, axis) => sum + i * steps[axis]!, 0);
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < size; b++) to[k * size + b] = from[source * size + b]!;
    source += advance(at, extents, steps);
  }
  return to;
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

/** Moves `at` to the next element in row-major order; gives how far that is in the source. */
function advance(at: number[], extents: readonly number[], steps: readonly number[]): number {
  let moved = 0;
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    moved += steps[axis]!;
    if (++at[axis]! < extents[axis]!) return moved;
    moved -= extents[axis]! * steps[axis]!;
    at[axis] = 0;
  }
  return moved;
}
