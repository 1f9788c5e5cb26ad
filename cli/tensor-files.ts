/** Tensors that the command line names: `.npy` and ONNX `.pb` files, and pseudo-random ones. */
import { readFileSync } from "node:fs";
import { FileSource } from "../frontend/bytes.ts";
import { readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import { alignedBytes } from "../ir/data.ts";
import { viewBytes, writeElements } from "../ir/storage.ts";
import { type DType, isFloat } from "../ir/type.ts";
import type { TensorInfo } from "../runtime/manifest.ts";
import { Tensor } from "../runtime/node/tensor.ts";
import { InputError, UsageError } from "./failure.ts";
import { parseNpy } from "./npy.ts";

/** What is at the path, as its dtype, shape and bytes. */
export interface TensorFile {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function readTensorFile(path: string): TensorFile {
  if (path.endsWith(".pb")) {
    const value = onnxTensorValue(readOnnxTensor(new FileSource(path)), { source: path });
    return { dtype: value.dtype, dims: value.dims, bytes: alignedBytes(value.data) };
  }
  try {
    return parseNpy(readFileSync(path), path);
  } catch (e) {
    if (e instanceof InputError) throw e;
    throw new InputError(`'${path}' cannot be read: ${(e as Error).message}`);
  }
}

/** Numbers in [0, 1) from a seed (mulberry32, T. Ettinger, public domain description). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Floats in [-1, 1), integers 0 to 7, bools; the same for a seed on every machine. */
function randomTensor(info: TensorInfo, seed: number, dims: ReadonlyMap<string, number>): Tensor {
  const shape = info.shape.map((d) => {
    const extent = typeof d === "number" ? d : dims.get(d);
    if (extent === undefined) throw new UsageError(`input '${info.name}' has the extent '${d}': give it with --dim ${d}=N`);
    return extent;
  });
  const next = generator(seed);
  const dtype = info.dtype as DType;
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    if (isFloat(dtype)) return next() * 2 - 1;
    const whole = Math.floor(next() * (dtype === "bool" ? 2 : 8));
    return /^([iu]64|u32)$/.test(dtype) ? BigInt(whole) : whole;
  });
  return new Tensor(dtype, viewBytes(dtype, writeElements(dtype, values)), shape);
}

/** `FILE`, `random:SEED` or `NAME=...` per input, in the graph's order where they are not named; one `random:SEED` does for all. */
export function tensorsFor(inputs: readonly TensorInfo[], specs: readonly string[], dims: ReadonlyMap<string, number>): Record<string, Tensor> {
  const [only] = specs;
  const all = specs.length === 1 && only?.startsWith("random:") ? inputs.map((_, i) => `random:${Number(only.slice(7)) + i}`) : specs;
  const given = new Map<TensorInfo, string>();
  let next = 0;
  for (const spec of all) {
    const [, name, rest] = /^([^=]+)=(.+)$/s.exec(spec) ?? [];
    const named = inputs.find((info) => info.name === name);
    const info = named ?? inputs[next++];
    if (!info) throw new UsageError(name === undefined ? `there are ${inputs.length} inputs, but ${all.length} were given` : `there is no input '${name}'`);
    given.set(info, named ? rest! : spec);
  }
  const missing = inputs.filter((info) => !given.has(info));
  if (missing.length > 0) throw new UsageError(`no value is given for ${missing.map((info) => `'${info.name}'`).join(", ")}; name a file with -i, or -i random:1`);
  return Object.fromEntries([...given].map(([info, spec]) => [info.name, tensorOf(info, spec, dims)]));
}

function tensorOf(info: TensorInfo, spec: string, dims: ReadonlyMap<string, number>): Tensor {
  if (spec.startsWith("random:")) return randomTensor(info, Number(spec.slice(7)), dims);
  const file = readTensorFile(spec);
  // Types that NumPy lacks are stored as their bits.
  const dtype = file.dtype !== info.dtype && /^(bf16|f8|f4|[iu][24]$)/.test(info.dtype) ? info.dtype : file.dtype;
  return new Tensor(dtype, viewBytes(dtype as DType, file.bytes), file.dims);
}
