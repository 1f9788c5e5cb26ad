/**
 * The elements of a tensor message as `TensorData`: little-endian, one element per `byteSize(dtype)` bytes.
 *
 * ONNX and MindIR name their fields alike, so this is shared; which field holds which type is the caller's `Encoding`.
 * What is already in that form stays where it is in the file.
 */
import { memoryData, type TensorData } from "../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../ir/diagnostic.ts";
import type { Location } from "../ir/location.ts";
import { byteSize, type DType } from "../ir/type.ts";
import { ComputedSource } from "./bytes.ts";
import type { ScalarRun } from "./protobuf.ts";
import { Cursor, decodeUtf8, Wire } from "./wire.ts";

/** A constant as its file gives it. Of dtype "string" the elements are in `strings` and `data` is empty. */
export interface TensorValue {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  readonly strings?: readonly string[];
}

/** The fields that tensor messages of both formats have. */
export interface TensorFields {
  readonly name: string;
  readonly dims: readonly number[];
  readonly rawData?: TensorData;
  readonly floatData: readonly ScalarRun[];
  readonly int32Data: readonly ScalarRun[];
  readonly int64Data: readonly ScalarRun[];
  readonly doubleData: readonly ScalarRun[];
  readonly uint64Data: readonly ScalarRun[];
  readonly stringData: readonly Uint8Array[];
}

export type TypedField = "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data" | "stringData";

/** How elements of one data type are stored: `bits` each in raw data, else in the field `field`. */
export interface Encoding {
  readonly dtype: DType;
  readonly bits: number;
  readonly field: TypedField;
}

const typedFields: readonly TypedField[] = ["floatData", "int32Data", "int64Data", "doubleData", "uint64Data", "stringData"];

/**
 * The tensor's value, with `external` in place of raw data where its bytes are in another file. Throws a `CompileError`
 * at `where` for negative extents, for data in several places or in the wrong field, and where the number of elements and
 * that of bytes differ.
 */
export function tensorValue(tensor: TensorFields, encoding: Encoding, where: Location, external?: TensorData): TensorValue {
  const { name, dims } = tensor;
  const what = `the tensor '${name}' of ${encoding.dtype}[${dims.join(",")}]`;
  const fail: Fail = (code, message) => {
    throw CompileError.of(code, where, `${what} ${message}`);
  };
  const count = countElements(dims, fail);
  checkPlaces(tensor, encoding, external !== undefined, fail);
  const base = { name, dims, dtype: encoding.dtype };
  const raw = external ?? tensor.rawData;
  if (encoding.field === "stringData") return { ...base, data: memoryData(new Uint8Array(0)), strings: decodeStrings(tensor, count, fail) };
  if (raw !== undefined && (raw.byteLength > 0 || tensor[encoding.field].length === 0))
    return { ...base, data: fromRaw(raw, encoding, count, fail) };
  return { ...base, data: fromRuns(tensor[encoding.field], encoding, count, fail) };
}

/** More than any framework has. */
const mostAxes = 64;

/**
 * The value of a tensor whose elements are at `data`, `bits` each, by default as many as in memory. Throws a `CompileError`
 * at `where` for negative extents and too many of them, and where the number of elements and that of bytes differ.
 */
export function rawTensorValue(
  name: string,
  dtype: DType,
  dims: readonly number[],
  data: TensorData,
  where: Location,
  bits: number = byteSize(dtype) * 8,
): TensorValue {
  if (dims.length > mostAxes) throw CompileError.of("limit", where, `the tensor '${name}' has ${dims.length} axes, more than ${mostAxes}`);
  return tensorValue({ name, dims, rawData: data, ...noFields }, { dtype, bits, field: "int32Data" }, where);
}

const noFields = { floatData: [], int32Data: [], int64Data: [], doubleData: [], uint64Data: [], stringData: [] };

type Fail = (code: DiagnosticCode, message: string) => never;

/** The product of the extents; without any, 1. */
function countElements(dims: readonly number[], fail: Fail): number {
  if (dims.some((d) => d < 0)) fail("syntax", "has a negative extent");
  if (dims.includes(0)) return 0;
  const count = dims.reduce((a, b) => a * b, 1);
  if (count > 2 ** 48) fail("limit", "has more elements than any file can hold");
  return count;
}

function checkPlaces(tensor: TensorFields, encoding: Encoding, external: boolean, fail: Fail): void {
  const places = typedFields.filter((f) => tensor[f].length > 0);
  const wrong = places.find((f) => f !== encoding.field);
  if (wrong !== undefined) fail("syntax", `has its data in '${wrong}', where this type is not kept`);
  const raw = (tensor.rawData?.byteLength ?? 0) > 0;
  if (places.length + Number(raw) + Number(external) > 1) fail("syntax", "has data in more than one place");
  if (encoding.field === "stringData" && (raw || external)) fail("syntax", "has raw data, which strings cannot have");
}

function decodeStrings(tensor: TensorFields, count: number, fail: Fail): string[] {
  checkCount(count, tensor.stringData.length, "elements", fail);
  try {
    return tensor.stringData.map((s) => decodeUtf8(s));
  } catch {
    return fail("syntax", "has an element that is not UTF-8");
  }
}

function checkCount(expected: number, received: number, unit: string, fail: Fail): void {
  if (received !== expected) fail("truncated", `needs ${expected} ${unit}, its data has ${received}`);
}

function fromRaw(raw: TensorData, encoding: Encoding, count: number, fail: Fail): TensorData {
  checkCount(Math.ceil((count * encoding.bits) / 8), raw.byteLength, "bytes", fail);
  if (encoding.bits < 8) return unpacked(raw, encoding, count);
  return encoding.dtype === "bool" ? normalized(raw) : raw;
}

/** Every byte other than 0 is true; nothing downstream need care. */
function normalized(raw: TensorData): TensorData {
  const read = (offset: number, length: number): Uint8Array => raw.source.read(raw.offset + offset, length).map((b) => (b === 0 ? 0 : 1));
  return { source: new ComputedSource(raw.source.name, raw.byteLength, read), offset: 0, byteLength: raw.byteLength };
}

/** Elements narrower than a byte, the first in the lowest bits, one byte each; signed ones with their sign extended. */
function unpacked(raw: TensorData, { bits, dtype }: Encoding, count: number): TensorData {
  const perByte = 8 / bits;
  const shift = 32 - bits;
  const isSigned = dtype.startsWith("i");
  const read = (offset: number, length: number): Uint8Array => {
    const first = Math.floor(offset / perByte);
    const packed = raw.source.read(raw.offset + first, Math.ceil((offset + length) / perByte) - first);
    return Uint8Array.from({ length }, (_, i) => {
      const element = offset + i;
      const high = (packed[Math.floor(element / perByte) - first] as number) << (shift - (element % perByte) * bits);
      return isSigned ? high >> shift : high >>> shift;
    });
  };
  return { source: new ComputedSource(raw.source.name, count, read), offset: 0, byteLength: count };
}

function fromRuns(runs: readonly ScalarRun[], encoding: Encoding, count: number, fail: Fail): TensorData {
  const entries = encoding.bits < 8 ? Math.ceil((count * encoding.bits) / 8) : count;
  const size = encoding.bits < 8 ? 1 : byteSize(encoding.dtype);
  const wire = encoding.field === "floatData" ? Wire.fixed32 : encoding.field === "doubleData" ? Wire.fixed64 : Wire.varint;
  const [run] = runs;
  const inPlace = runs.length === 1 && run?.packed === true && wire !== Wire.varint;
  if (inPlace) checkCount(entries * size, run.byteLength, "bytes", fail);
  const data = inPlace ? run : memoryData(decodeRuns(runs, wire, size, entries, fail), sourceName(runs));
  return encoding.bits < 8 ? unpacked(data, encoding, count) : encoding.dtype === "bool" ? normalized(data) : data;
}

const sourceName = (runs: readonly ScalarRun[]): string => runs[0]?.source.name ?? "<memory>";

/** Exactly `count` elements, the low `size` bytes of each. No more is allocated than eight times what the file has. */
function decodeRuns(runs: readonly ScalarRun[], wire: number, size: number, count: number, fail: Fail): Uint8Array {
  const available = runs.reduce((sum, run) => sum + run.byteLength, 0);
  if (count > available) fail("truncated", available === 0 ? "has no data" : `needs ${count} elements, its data has at most ${available}`);
  const bytes = new Uint8Array(count * size);
  const put = writer(new DataView(bytes.buffer), size, wire);
  let index = 0;
  for (const run of runs) {
    const cursor = new Cursor(run.source, run.offset, run.offset + run.byteLength);
    while (cursor.position < cursor.limit) {
      if (index === count) fail("truncated", `needs ${count} elements, its data has more`);
      if (!run.packed) cursor.tag();
      put(cursor, index++);
    }
  }
  checkCount(count, index, "elements", fail);
  return bytes;
}

function writer(view: DataView, size: number, wire: number): (cursor: Cursor, index: number) => void {
  if (wire === Wire.fixed32) return (c, i) => view.setFloat32(i * 4, c.float(), true);
  if (wire === Wire.fixed64) return (c, i) => view.setFloat64(i * 8, c.double(), true);
  return (cursor, index) => {
    cursor.varint();
    if (size === 1) view.setInt8(index, cursor.low);
    else if (size === 2) view.setInt16(index * 2, cursor.low, true);
    else view.setInt32(index * size, cursor.low, true);
    if (size === 8) view.setInt32(index * 8 + 4, cursor.high, true);
  };
}

/** A dense tensor of zeros but for `values` at the linear `indices`, as bytes; both checked by the caller. */
export function scatter(values: Uint8Array, indices: readonly number[], size: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * size);
  indices.forEach((at, i) => bytes.set(values.subarray(i * size, (i + 1) * size), at * size));
  return bytes;
}
