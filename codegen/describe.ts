/** What manifests say of programs, whatever the target: interfaces, buffers, sizes, weights. */
import { readData } from "../ir/data.ts";
import { add, type Dim } from "../ir/dim.ts";
import { formatDim } from "../ir/dim-text.ts";
import type { ManifestBuffer, TensorInfo } from "../runtime/manifest.ts";
import type { Interface, Program } from "./program.ts";

/** Extents as numbers, or as text where they are expressions. */
export const shapeText = (shape: readonly Dim[]): (number | string)[] => shape.map((d) => (typeof d === "number" ? d : formatDim(d)));
/** An input or output as users of the artifact see it. */
export const tensorInfo = ({ name, type }: Interface): TensorInfo => ({ name, dtype: type.dtype, shape: shapeText(type.shape) });

/** All constants of a program, each at its offset. */
export function packWeights(program: Program): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(program.weightBytes / 64) * 64);
  for (const { storage } of program.buffers) {
    if (storage.kind === "constant") bytes.set(readData(storage.data.data), storage.offset);
  }
  return bytes;
}

/** Every buffer of the program, in order. */
export const manifestBuffers = (program: Program): ManifestBuffer[] =>
  program.buffers.map(({ name, dtype, shape, storage }) => ({
    name,
    dtype,
    shape: shapeText(shape),
    storage: storage.kind === "constant" ? { kind: storage.kind, offset: storage.offset } : storage,
  }));

/** The arena's bytes, or null when extents decide. */
export function arenaBytes(program: Program): number | null {
  const bytes = add(...program.slots);
  return typeof bytes === "number" ? bytes : null;
}
