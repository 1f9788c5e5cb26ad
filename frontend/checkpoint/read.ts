/**
 * MindSpore's checkpoints: a series of values, each a name with a tensor or a piece of one. Only what describes the
 * tensors is read; their elements stay in the file.
 */
import { crc32 } from "node:zlib";
import { type ByteSource, pieces } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { readDecrypted } from "../decrypt.ts";
import { Problems } from "../problems.ts";
import { Schema } from "../protobuf.ts";
import type { TensorValue } from "../tensor-data.ts";
import type { WeightsFile } from "../weights-file.ts";
import { Cursor, Wire } from "../wire.ts";
import { mapValues, tensorOf } from "./tensors.ts";
import { type CheckpointValue, crcMark, trailerBytes } from "./types.ts";

const schema = new Schema("checkpoint.proto", "", new Set(["TensorProto.tensor_content"]));

/** More than any model has; a file of as many empty values would take gigabytes of memory. */
const mostValues = 1 << 18;

export interface CheckpointReadOptions {
  /** Of encrypted files: 16, 24 or 32 bytes. */
  readonly key?: Uint8Array | undefined;
}

/**
 * The tensors of a checkpoint. Throws a `CompileError` with all that is wrong: "encrypted" where a key is missing or wrong,
 * "syntax" where the file is none, or one of another framework, "truncated" where it is damaged or a tensor's bytes do not
 * fill its shape, "unsupported-type".
 */
export const readCheckpoint = (source: ByteSource, options: CheckpointReadOptions = {}): WeightsFile =>
  readDecrypted(source, options.key, readPlain);

function readPlain(source: ByteSource): WeightsFile {
  refuseForeign(source);
  const end = checkedEnd(source);
  checkValues(source, end);
  const { value } = schema.read<{ readonly value: readonly CheckpointValue[] }>("Checkpoint", source, 0, end);
  const problems = new Problems();
  const tensors = new Map<string, TensorValue>();
  for (const group of consecutive(value)) addGroup(tensors, group, source, problems);
  problems.throwIfErrors();
  return { format: "checkpoint", tensors, diagnostics: problems.diagnostics };
}

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** What else is called `.ckpt`: the bytes it has at a place. */
const foreign: readonly { readonly at: number; readonly bytes: string; readonly what: string }[] = [
  { at: 0, bytes: "\b\x01\x12", what: "this is a strategy of parallel training, not a checkpoint of tensors" },
  { at: 0, bytes: "PK", what: "this is a checkpoint of PyTorch" },
  { at: 0, bytes: "\x80\x02", what: "this is a checkpoint of PyTorch" },
  { at: 0, bytes: "\x89HDF", what: "this is an HDF5 file, as Keras writes" },
  { at: 4, bytes: "ODTC", what: "this is a checkpoint of ONNX Runtime's training" },
];

function refuseForeign(source: ByteSource): void {
  const head = latin1(source.read(0, Math.min(source.size, 8)));
  if (head.startsWith("\n")) return;
  const known = foreign.find(({ at, bytes }) => head.startsWith(bytes, at))?.what;
  const reason = head === "" ? "the file is empty" : (known ?? "this is not a MindSpore checkpoint");
  throw CompileError.of("syntax", { source: source.name, path: "byte 0" }, reason);
}

/** Where the values end. The checksum behind them, where there is one, must be theirs. */
function checkedEnd(source: ByteSource): number {
  const end = source.size - trailerBytes;
  if (end <= 0) return source.size;
  const trailer = source.read(end, trailerBytes).slice();
  if (latin1(trailer.subarray(0, crcMark.length)) !== crcMark) return source.size;
  const stored = trailer.subarray(crcMark.length).reduce((n, byte) => n * 256n + BigInt(byte), 0n);
  let crc = 0;
  for (const piece of pieces({ source, offset: 0, byteLength: end })) crc = crc32(piece, crc);
  if (stored !== BigInt(crc)) {
    throw CompileError.of("truncated", { source: source.name, path: `byte ${end}` }, "the file is damaged: its checksum differs", {
      expected: String(stored),
      received: String(crc),
    });
  }
  return end;
}

/** Holds the outermost level to what a checkpoint is, before anything is kept of it. */
function checkValues(source: ByteSource, end: number): void {
  const cursor = new Cursor(source, 0, end);
  for (let count = 1; cursor.position < end; count++) {
    const start = cursor.position;
    if (cursor.tag() !== 8 + Wire.bytes) cursor.fail("syntax", "a value of a checkpoint does not start here", start);
    if (count > mostValues) cursor.fail("limit", `there are more than ${mostValues} values`, start);
    cursor.skip(Wire.bytes);
  }
}

/** Values of one name in a row: the pieces of one tensor. */
function* consecutive(values: readonly CheckpointValue[]): Generator<readonly CheckpointValue[], void, undefined> {
  let start = 0;
  for (const [i, { tag }] of values.entries()) {
    if (values[i + 1]?.tag === tag) continue;
    yield values.slice(start, i + 1);
    start = i + 1;
  }
}

/** The suffix of parameters that are kept in a cache is not part of their name. */
const nameOf = (tag: string): string => tag.replace(/\.__param_key__\d*$/, "");

function addGroup(tensors: Map<string, TensorValue>, group: readonly CheckpointValue[], source: ByteSource, problems: Problems): void {
  const name = nameOf(group[0]!.tag);
  const where = { source: source.name, path: name };
  try {
    if (name === "") throw CompileError.of("syntax", where, "a value has no name");
    const isMap = group[0]!.maptensor !== undefined;
    if (!isMap && group.at(-1)!.tensor?.tensorType === "random_op") {
      return problems.warn("ignored", where, `'${name}' is a state of random operators, which is left out`);
    }
    for (const value of isMap ? mapValues(name, group, where) : [tensorOf(name, group, where)]) {
      if (tensors.delete(value.name)) problems.warn("ignored", where, `'${value.name}' comes again later, which is what counts`);
      tensors.set(value.name, value);
    }
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    problems.take(e);
  }
}
