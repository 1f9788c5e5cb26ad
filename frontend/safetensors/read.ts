/**
 * Safetensors files: the length of the header in eight bytes, the header as JSON, the elements. Each tensor says where its
 * elements are; together they fill the rest of the file, without gaps and without overlaps.
 */
import type { ByteSource } from "../../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../../ir/diagnostic.ts";
import type { DType } from "../../ir/type.ts";
import { unpaired } from "../int4-pairs.ts";
import { Problems } from "../problems.ts";
import { rawTensorValue, type TensorValue } from "../tensor-data.ts";
import type { WeightsFile } from "../weights-file.ts";
import { decodeUtf8 } from "../wire.ts";
import { int4Mark, metadataKey, mostHeaderBytes, safetensorsDType } from "./types.ts";

const lengthBytes = 8;

/** What the header says of one tensor; places are counted from the header's end. */
interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly from: number;
  readonly to: number;
}

/**
 * The tensors of a file. Throws a `CompileError` with all that is wrong: "syntax" where the header is malformed,
 * "truncated" where tensors do not fill the file, "unsupported-type".
 */
export function readSafetensors(source: ByteSource): WeightsFile {
  const { header, start } = headerOf(source);
  const problems = new Problems();
  const entries = Object.keys(header)
    .filter((name) => name !== metadataKey)
    .flatMap((name) => attempt(problems, () => entryOf(source, name, header[name])) ?? []);
  problems.throwIfErrors();
  checkFilled(source, entries, source.size - start);
  const metadata = header[metadataKey];
  const isPaired = ({ name }: Entry): boolean => isObject(metadata) && metadata[name] === int4Mark;
  const values = entries.flatMap((entry) => attempt(problems, () => valueOf(source, entry, start, isPaired(entry))) ?? []);
  problems.throwIfErrors();
  return { format: "safetensors", tensors: new Map(values.map((v) => [v.name, v])), diagnostics: [] };
}

function attempt<T>(problems: Problems, action: () => T): T | undefined {
  try {
    return action();
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    problems.take(e);
    return undefined;
  }
}

type Header = Readonly<Record<string, unknown>>;

function headerOf(source: ByteSource): { readonly header: Header; readonly start: number } {
  const fail = (code: DiagnosticCode, message: string, at = 0): never => {
    throw CompileError.of(code, { source: source.name, path: `byte ${at}` }, message);
  };
  if (source.size < lengthBytes) return fail("truncated", "the file ends in the length of its header");
  const bytes = source.read(0, lengthBytes);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true));
  if (length > source.size - lengthBytes)
    return fail("truncated", `the header says it has ${length} bytes, ${source.size - lengthBytes} are left`);
  if (length > mostHeaderBytes) return fail("limit", `the header has ${length} bytes`);
  const header = parseHeader(source.read(lengthBytes, length));
  return header ? { header, start: lengthBytes + length } : fail("syntax", "the header is not a JSON object", lengthBytes);
}

function parseHeader(bytes: Uint8Array): Header | undefined {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Header => typeof value === "object" && value !== null && !Array.isArray(value);

function entryOf(source: ByteSource, name: string, entry: unknown): Entry {
  const fail = (code: DiagnosticCode, message: string): never => {
    throw CompileError.of(code, { source: source.name, path: name }, `the tensor '${name}' ${message}`);
  };
  if (!isObject(entry)) return fail("syntax", "is not described by an object");
  const { dtype: type, shape, data_offsets: offsets } = entry;
  if (typeof type !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    return fail("syntax", "needs a dtype, a shape and data_offsets");
  const dtype = safetensorsDType(type) ?? fail("unsupported-type", `has elements of the type '${type}', which is not carried`);
  const [from, to] = offsets as [number, number];
  return { name, dtype, dims: shape, from, to };
}

const isSizes = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);

/** Throws where the tensors do not fill `size` bytes. */
function checkFilled(source: ByteSource, entries: readonly Entry[], size: number): void {
  let end = 0;
  for (const { name, from, to } of entries.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const wrong = from < end ? "overlaps another" : from > end ? "leaves a gap before it" : to < from ? "ends before it starts" : undefined;
    if (wrong !== undefined) throw CompileError.of("syntax", { source: source.name, path: name }, `the tensor '${name}' ${wrong}`);
    end = to;
  }
  if (end !== size) {
    throw CompileError.of("truncated", { source: source.name }, `the tensors have ${end} bytes together, the file has ${size} for them`);
  }
}

function valueOf(source: ByteSource, { name, dtype, dims, from, to }: Entry, start: number, isPaired: boolean): TensorValue {
  const data = { source, offset: start + from, byteLength: to - from };
  const where = { source: source.name, path: name };
  return isPaired && dtype === "i8" ? unpaired(name, dims, data, where) : rawTensorValue(name, dtype, dims, data, where);
}
