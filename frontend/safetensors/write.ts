/** Writes safetensors files. */
import { pieces } from "../../ir/data.ts";
import { isPairable, paired, pairedShape } from "../int4-pairs.ts";
import { Problems } from "../problems.ts";
import type { TensorValue } from "../tensor-data.ts";
import type { WrittenWeights } from "../weights-file.ts";
import { int4Mark, metadataKey, safetensorsTypeName } from "./types.ts";

export interface SafetensorsWriteOptions {
  /** The file's name. */
  readonly name: string;
}

/** Where the elements start is a multiple of so many bytes. */
const alignment = 8;

/**
 * The file that holds the tensors. Single texts become metadata, which readers of tensors pass over: there is a warning.
 * 4-bit integers are written as MindSpore does: in pairs, which the metadata names.
 * Throws a `CompileError` that names all whose type the format lacks.
 */
export function writeSafetensors(tensors: Iterable<TensorValue>, { name: file }: SafetensorsWriteOptions): WrittenWeights {
  const problems = new Problems();
  const all: TensorValue[] = [];
  const metadata: Record<string, string> = {};
  for (const value of tensors) {
    const { name, dtype, strings } = value;
    const where = { source: file, path: name };
    if (dtype === "string" && strings?.length === 1) {
      problems.warn("ignored", where, `the text '${name}' is kept among the metadata, not as a tensor`);
      metadata[name] = strings[0]!;
    } else if (dtype === "i4" && isPairable(value)) {
      metadata[name] = int4Mark;
      all.push({ name, dtype: "i8", dims: pairedShape(value.dims), data: paired(value.data) });
    } else if (safetensorsTypeName(dtype) === undefined) {
      problems.error("unsupported-type", where, `safetensors files have no elements of the type ${dtype}, as '${name}' has`);
    } else if (name === metadataKey) problems.error("syntax", where, `no tensor of a safetensors file can be called '${name}'`);
    else all.push(value);
  }
  problems.throwIfErrors();
  return { files: [{ name: file, content: encoded(all, metadata) }], diagnostics: problems.diagnostics };
}

function* encoded(tensors: readonly TensorValue[], metadata: Readonly<Record<string, string>>): Generator<Uint8Array, void, undefined> {
  const text = JSON.stringify(headerOf(tensors, metadata));
  const header = new TextEncoder().encode(text);
  const start = Math.ceil((8 + header.length) / alignment) * alignment;
  const bytes = new Uint8Array(start).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(header, 8);
  yield bytes;
  for (const { data } of tensors) yield* pieces(data);
}

function headerOf(tensors: readonly TensorValue[], metadata: Readonly<Record<string, string>>): object {
  let at = 0;
  const entries = tensors.map(({ name, dtype, dims, data }): [string, object] => {
    const from = at;
    at += data.byteLength;
    return [name, { dtype: safetensorsTypeName(dtype), shape: dims, data_offsets: [from, at] }];
  });
  return Object.fromEntries(Object.keys(metadata).length > 0 ? [[metadataKey, metadata], ...entries] : entries);
}
