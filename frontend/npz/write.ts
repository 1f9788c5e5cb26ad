/** Writes `.npz` files that NumPy loads; nothing in them is compressed. */
import { memoryData, pieces, type TensorData } from "../../ir/data.ts";
import { concatenated } from "../bytes.ts";
import { npyHeader, npyTypeName } from "../npy.ts";
import { Problems } from "../problems.ts";
import type { TensorValue } from "../tensor-data.ts";
import { charactersOf, encodeUtf32 } from "../utf32.ts";
import type { WrittenWeights } from "../weights-file.ts";
import { type StoredFile, writeZip } from "./write-zip.ts";

export interface NpzWriteOptions {
  /** The file's name. */
  readonly name: string;
}

/**
 * The file that holds the tensors; those of bf16 are elements of two bytes without a meaning to NumPy alone. Throws a
 * `CompileError` that names all whose type NumPy lacks.
 */
export function writeNpz(tensors: Iterable<TensorValue>, options: NpzWriteOptions): WrittenWeights {
  const all = [...tensors];
  const problems = new Problems();
  for (const { name, dtype } of all) {
    if (dtype !== "string" && typeName(dtype) === undefined) {
      problems.error(
        "unsupported-type",
        { source: options.name, path: name },
        `NumPy has no elements of the type ${dtype}, as '${name}' has`,
      );
    }
  }
  problems.throwIfErrors();
  return { files: [{ name: options.name, content: writeZip(all.map(npyFile)) }], diagnostics: [] };
}

const typeName = (dtype: TensorValue["dtype"]): string | undefined => npyTypeName(dtype) ?? (dtype === "bf16" ? "V2" : undefined);

function npyFile({ name, dtype, dims, data, strings }: TensorValue): StoredFile {
  const [type, elements] = dtype === "string" ? textsOf(strings ?? []) : [typeName(dtype)!, data];
  const header = npyHeader(type, dims);
  const content = function* (): Generator<Uint8Array, void, undefined> {
    yield header;
    yield* pieces(elements);
  };
  return { name: `${name}.npy`, size: header.length + elements.byteLength, content };
}

function textsOf(strings: readonly string[]): readonly [string, TensorData] {
  const length = Math.max(1, ...strings.map(charactersOf));
  return [`U${length}`, concatenated([memoryData(new Uint8Array(0)), ...strings.map((s) => memoryData(encodeUtf32(s, length)))])];
}
