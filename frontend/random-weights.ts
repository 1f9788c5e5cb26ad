/**
 * Seeded weights for models without any: every parameter's numbers follow from the seed, its name and the place alone, so
 * they are made when they are read, in any order, and are never held.
 */
import type { ByteSource, TensorData } from "../ir/data.ts";
import { writeElements } from "../ir/storage.ts";
import { byteSize, isFloat, type TensorType } from "../ir/type.ts";
import { ComputedSource } from "./bytes.ts";

/**
 * What a parameter starts as: `weight`: uniform with the variance 1 / fan-in, so that signals keep their size through
 * layers; `one`: near 1, as scales; `zero`: near 0, as biases; `positive`: between 0.5 and 1.5, as variances.
 */
export type Init = "weight" | "one" | "zero" | "positive";

/** The elements of a parameter of `type`, which must have fixed extents and be of floats; integers are all zero. */
export function randomWeights(seed: number, name: string, type: TensorType, init: Init): TensorData {
  const shape = type.shape as readonly number[];
  const count = shape.reduce((a, b) => a * b, 1);
  const width = byteSize(type.dtype);
  const elements = isFloat(type.dtype) ? floats(hashText(`${seed} ${name}`), distribution(init, shape)) : undefined;
  const source: ByteSource = new ComputedSource(`<random:${seed}:${name}>`, count * width, (offset, length) => {
    if (!elements) return new Uint8Array(length);
    const first = Math.floor(offset / width);
    const made = elements(first, Math.ceil((offset + length) / width) - first);
    const bytes = type.dtype === "f32" ? new Uint8Array(made.buffer) : writeElements(type.dtype, Array.from(made));
    return bytes.subarray(offset - first * width).subarray(0, length);
  });
  return { source, offset: 0, byteLength: count * width };
}

/** What a parameter of a graph that says no more than its name and shape starts as. */
export function initOf(name: string, type: TensorType): Init {
  if (/var(iance)?$/.test(name)) return "positive";
  if (/(gamma|scale)$/.test(name)) return "one";
  return type.shape.length > 1 ? "weight" : "zero";
}

/** The least element and the width of the range. */
type Range = readonly [low: number, width: number];

function distribution(init: Init, shape: readonly number[]): Range {
  if (init === "zero") return [-0.1, 0.2];
  if (init === "one") return [0.9, 0.2];
  if (init === "positive") return [0.5, 1];
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const bound = Math.sqrt(3 / Math.max(1, fanIn));
  return [-bound, 2 * bound];
}

/** Any `count` elements from the one at `first` on. */
const floats =
  (key: number, [low, width]: Range) =>
  (first: number, count: number): Float32Array => {
    const made = new Float32Array(count);
    for (let i = 0; i < count; i++) made[i] = low + width * uniform(key, first + i);
    return made;
  };

/** FNV-1a, 32 bits. */
function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Number `index` of the sequence `key`, in [0, 1): the finalizer of MurmurHash3 over a Weyl sequence. */
function uniform(key: number, index: number): number {
  let h = (key + Math.imul(index + 1, 0x9e3779b9)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}
