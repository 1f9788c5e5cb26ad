/** Tensors that the command line names: `.npy` and ONNX `.pb` files, and pseudo-random ones. */
import { existsSync, readFileSync } from "node:fs";
import { FileSource } from "../frontend/bytes.ts";
import { readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import { alignedBytes } from "../ir/data.ts";
import { CompileError, formatDiagnostic } from "../ir/diagnostic.ts";
import { readElements, viewBytes, writeElements } from "../ir/storage.ts";
import { byteSize, type DType, isFloat, isInteger } from "../ir/type.ts";
import type { TensorInfo } from "../runtime/manifest.ts";
import { Tensor } from "../runtime/node/tensor.ts";
import { evaluateDim } from "../runtime/shape.ts";
import { InputError, UsageError } from "./failure.ts";
import { type NpyArray, parseNpy } from "./npy.ts";

/** What is at the path, as its dtype, shape and bytes; throws an `InputError`. */
export function readTensorFile(path: string): NpyArray {
  try {
    return path.endsWith(".pb") ? readPb(path) : parseNpy(readFileSync(path), path);
  } catch (e) {
    if (e instanceof InputError) throw e;
    if (e instanceof CompileError) throw new InputError(e.diagnostics.map((d) => formatDiagnostic(d)).join("\n"));
    throw new InputError(`'${path}' cannot be read: ${(e as Error).message}`);
  }
}

function readPb(path: string): NpyArray {
  const { dtype, dims, data } = onnxTensorValue(readOnnxTensor(new FileSource(path)), { source: path });
  return { dtype, dims, bytes: alignedBytes(data) };
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

/** Floats in [-1, 1), integers 0 to 7 (as far as the type holds them), bools; the same for a seed on every machine. */
function randomTensor(info: TensorInfo, seed: number, dims: ReadonlyMap<string, number>): Tensor {
  const shape = info.shape.map((d) => evaluateDim(d, dims));
  const unknown = info.shape.filter((_, i) => shape[i] === undefined);
  if (unknown.length > 0)
    throw new UsageError(`input '${info.name}' has the extents ${unknown.join(", ")}: give them with --dim, as in --dim n=1`);
  const next = generator(seed);
  const dtype = info.dtype as DType;
  const most = dtype === "bool" ? 2 : dtype === "i2" ? 2 : dtype === "u2" ? 4 : 8;
  const values = Array.from({ length: (shape as number[]).reduce((a, b) => a * b, 1) }, () => {
    if (isFloat(dtype)) return next() * 2 - 1;
    const whole = Math.floor(next() * most);
    return /^([iu]64|u32)$/.test(dtype) ? BigInt(whole) : whole;
  });
  return new Tensor(dtype, viewBytes(dtype, writeElements(dtype, values)), shape as number[]);
}

/** What is given for which input, or what is wrong with it. */
interface Assignment {
  readonly given: Map<TensorInfo, string>;
  readonly problems: readonly string[];
}

/** `NAME=...` where NAME is an input (or the rest is no file), else the next input that is not named. */
function assign(inputs: readonly TensorInfo[], specs: readonly string[]): Assignment {
  const given = new Map<TensorInfo, string>();
  const problems: string[] = [];
  const unnamed: string[] = [];
  for (const spec of specs) {
    const [, name, rest] = /^([^=]+)=(.+)$/s.exec(spec) ?? [];
    const info = inputs.find((i) => i.name === name);
    if (info && given.has(info)) problems.push(`input '${info.name}' is given twice`);
    else if (info) given.set(info, rest!);
    else if (name !== undefined && !existsSync(spec)) problems.push(`there is no input '${name}'; the model has ${listOf(inputs)}`);
    else unnamed.push(spec);
  }
  const open = inputs.filter((info) => !given.has(info));
  if (unnamed.length > open.length) problems.push(`${specs.length} inputs are given, the model has ${inputs.length}: ${listOf(inputs)}`);
  open.slice(0, unnamed.length).forEach((info, i) => given.set(info, unnamed[i]!));
  const missing = open.slice(unnamed.length);
  if (missing.length > 0) problems.push(`no value is given for ${listOf(missing)}: name a file with -i, or -i random:1`);
  return { given, problems };
}

const listOf = (inputs: readonly TensorInfo[]): string =>
  inputs.map((i) => `'${i.name}' ${i.dtype}[${i.shape.join(",")}]`).join(", ") || "none";

/**
 * `FILE`, `random:SEED` or `NAME=...` per input, in the graph's order where they are not named; one `random:SEED` does
 * for all. Throws a `UsageError` or an `InputError` with everything that is wrong.
 */
export function tensorsFor(
  inputs: readonly TensorInfo[],
  specs: readonly string[],
  dims: ReadonlyMap<string, number>,
): Record<string, Tensor> {
  const [only] = specs;
  const forAll = specs.length === 1 && only!.startsWith("random:");
  const { given, problems } = assign(inputs, forAll ? inputs.map((_, i) => `random:${seedOf(only!) + i}`) : specs);
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return Object.fromEntries(collect([...given], ([info, spec]) => [info.name, tensorOf(info, spec, dims)] as const));
}

/** `f` of every item, or one error of the first one's kind with the messages of all. */
function collect<T, R>(items: readonly T[], f: (item: T) => R): R[] {
  const errors: (InputError | UsageError)[] = [];
  const made = items.flatMap((item) => {
    try {
      return [f(item)];
    } catch (e) {
      if (!(e instanceof InputError || e instanceof UsageError)) throw e;
      errors.push(e);
      return [];
    }
  });
  const text = errors.map((e) => e.message).join("\n");
  if (errors.length > 0) throw errors[0] instanceof UsageError ? new UsageError(text) : new InputError(text);
  return made;
}

function seedOf(spec: string): number {
  const seed = Number(spec.slice("random:".length));
  if (spec.length === "random:".length || !Number.isSafeInteger(seed) || seed < 0)
    throw new UsageError(`'${spec}' has no seed: write random:1`);
  return seed;
}

function tensorOf(info: TensorInfo, spec: string, dims: ReadonlyMap<string, number>): Tensor {
  if (spec.startsWith("random:")) return randomTensor(info, seedOf(spec), dims);
  const file = readTensorFile(spec);
  const { dtype, bytes } = isForeign(info.dtype) ? asForeign(file, info.dtype as DType) : file;
  if (dtype === "string") throw new InputError(`'${spec}' holds strings, which are not supported`);
  return new Tensor(dtype, viewBytes(dtype as DType, bytes), file.dims);
}

/** Whether NumPy has no such type. */
const isForeign = (dtype: string): boolean => /^(bf16|f8|f4|[iu][24]$)/.test(dtype);

/** The file's elements as ones of a type that NumPy lacks: their bits as they are, or f32 values rounded. */
function asForeign(file: NpyArray, dtype: DType): NpyArray {
  const stored = file.dtype as DType;
  if (isInteger(stored) && byteSize(stored) === byteSize(dtype)) return { ...file, dtype };
  if (stored === "f32" && isFloat(dtype)) return { ...file, dtype, bytes: writeElements(dtype, readElements("f32", file.bytes)) };
  return file;
}
