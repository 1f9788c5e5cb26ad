/** Writes checkpoints that every MindSpore since 1.0 reads, as far as it knows the element types. */
import { crc32 } from "node:zlib";
import { memoryData, type TensorData } from "../../ir/data.ts";
import { byteSize } from "../../ir/type.ts";
import { isPairable, paired, pairedShape } from "../int4-pairs.ts";
import { MessageWriter } from "../protobuf-writer.ts";
import { Problems } from "../problems.ts";
import type { TensorValue } from "../tensor-data.ts";
import { encodeUtf32 } from "../utf32.ts";
import type { WrittenWeights } from "../weights-file.ts";
import { checkpointTypeName, crcMark, trailerBytes } from "./types.ts";

export interface CheckpointWriteOptions {
  /** The file's name. */
  readonly name: string;
  /** Tensors of more bytes are cut into pieces of at most so many; default: 512 MiB, as MindSpore does. */
  readonly sliceBytes?: number | undefined;
  /** A checksum at the end, which MindSpore reads since 2.3. */
  readonly crc?: boolean | undefined;
}

const defaultSliceBytes = 512 * 1024 * 1024;

/** The file that holds the tensors. Throws a `CompileError` that names all whose type a checkpoint cannot hold. */
export function writeCheckpoint(tensors: Iterable<TensorValue>, options: CheckpointWriteOptions): WrittenWeights {
  const all = [...tensors];
  const problems = new Problems();
  for (const value of all) {
    const reason = unfit(value);
    if (reason !== undefined) problems.error("unsupported-type", { source: options.name, path: value.name }, reason);
  }
  problems.throwIfErrors();
  const values = encoded(all, options.sliceBytes ?? defaultSliceBytes);
  return { files: [{ name: options.name, content: options.crc === true ? withTrailer(values) : values }], diagnostics: [] };
}

function unfit(value: TensorValue): string | undefined {
  const { name, dtype, dims } = value;
  if (checkpointTypeName(dtype) === undefined) return `checkpoints have no elements of the type ${dtype}, as '${name}' has`;
  if (dtype === "string" && dims.length > 0) return `checkpoints have single texts only, and '${name}' has several`;
  const isOdd = dtype === "i4" && !isPairable(value);
  return isOdd ? `'${name}' has an odd number of i4 in a row, and checkpoints keep them in pairs` : undefined;
}

/** Every piece is a whole message: put together, messages are one with the values of all. */
function* encoded(tensors: readonly TensorValue[], sliceBytes: number): Generator<Uint8Array, void, undefined> {
  const writer = new MessageWriter("checkpoint.proto", "");
  for (const value of tensors) {
    const { dims, content } = layoutOf(value);
    const width = byteSize(value.dtype) || 4;
    const size = Math.max(1, Math.floor(sliceBytes / width)) * width;
    for (let at = 0; at === 0 || at < content.byteLength; at += size) {
      const slice = { source: content.source, offset: content.offset + at, byteLength: Math.min(size, content.byteLength - at) };
      const tensor = { dims, tensorType: checkpointTypeName(value.dtype), tensorContent: slice };
      yield* writer.write("Checkpoint", { value: [{ tag: value.name, tensor }] });
    }
  }
}

/** The shape and the bytes as they are written; a scalar has the shape `[0]`. */
function layoutOf({ dtype, dims, data, strings }: TensorValue): { readonly dims: readonly number[]; readonly content: TensorData } {
  if (dtype === "string") return { dims: [0], content: memoryData(encodeUtf32(strings?.[0] ?? "")) };
  const shape = dtype === "i4" ? pairedShape(dims) : dims;
  return { dims: shape.length === 0 ? [0] : shape, content: dtype === "i4" ? paired(data) : data };
}

function* withTrailer(content: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  let crc = 0;
  for (const piece of content) {
    crc = crc32(piece, crc);
    yield piece;
  }
  const trailer = new Uint8Array(trailerBytes);
  trailer.set(new TextEncoder().encode(crcMark));
  new DataView(trailer.buffer).setUint32(trailerBytes - 4, crc);
  yield trailer;
}
