/** Single tensors in NumPy's `.npy` files, as commands take and give them. */
import { alignedBytes, MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { DType } from "../ir/type.ts";
import { npyElements, npyHeader, npyTypeName, readNpyHeader } from "../frontend/npy.ts";
import { InputError } from "./failure.ts";

export interface NpyArray {
  /** As in our text form. */
  readonly dtype: string;
  readonly dims: readonly number[];
  /** Little-endian, row-major, at the start of a buffer of their own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How NumPy writes types that other packages add to it (bfloat16, float8): as bits. */
const bits: Readonly<Record<string, string>> = { V1: "u8", V2: "u16" };

/** Reads a file's bytes; throws an `InputError` that names `path`. */
export function parseNpy(file: Uint8Array, path: string): NpyArray {
  const source = new MemorySource(path, file);
  try {
    const header = readNpyHeader(source);
    const dtype = header.dtype ?? bits[header.type];
    if (dtype === undefined) throw new InputError(`'${path}' has elements of a type that is not supported`);
    return { dtype, dims: header.dims, bytes: alignedBytes(npyElements(source, header)) };
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    throw new InputError(e.diagnostics.map((d) => `'${path}': ${d.message}`).join("\n"));
  }
}

/** NumPy's name of a dtype; those it does not know are written as their bits. */
const typeName = (dtype: string): string => npyTypeName(dtype as DType) ?? (dtype === "bf16" ? "u2" : dtype.startsWith("i") ? "i1" : "u1");

/** The bytes of a version 1 file. */
export function formatNpy({ dtype, dims, bytes }: NpyArray): Uint8Array {
  const header = npyHeader(typeName(dtype), dims);
  const file = new Uint8Array(header.length + bytes.length);
  file.set(header);
  file.set(bytes, header.length);
  return file;
}
