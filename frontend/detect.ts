/** Which format a file has, by its content. */
import type { ByteSource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { isEncrypted } from "./decrypt.ts";
import { Cursor, decodeUtf8, Wire } from "./wire.ts";

export type ModelFormat = "onnx" | "mindir" | "checkpoint" | "mslite" | "air" | "sir" | "safetensors" | "npz";

/**
 * The format of `source`, undefined where it is none of ours. Damaged files count as what they began as. Encrypted MindIR
 * files and checkpoints look alike: the name decides.
 */
export function detectFormat(source: ByteSource): ModelFormat | undefined {
  const head = source.read(0, Math.min(source.size, 4096));
  const magic = String.fromCharCode(...head.subarray(0, 4));
  if (magic === "IMOD") return "air";
  if (magic.startsWith("PK")) return "npz";
  if (isSafetensors(source, head)) return "safetensors";
  if (isLite(source, head)) return "mslite";
  if (isEncrypted(source)) return source.name.endsWith(".ckpt") ? "checkpoint" : "mindir";
  if (isSir(head)) return "sir";
  return detectProtobuf(source);
}

/** A FlatBuffer with the identifier MSL0, MSL1, MSL2, or of before there was one: a table where the root is. */
function isLite(source: ByteSource, head: Uint8Array): boolean {
  if (/^MSL\d$/.test(String.fromCharCode(...head.subarray(4, 8)))) return true;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length < 24) return false;
  const root = view.getUint32(0, true);
  if (root < 8 || root % 4 !== 0 || root + 4 > head.length) return false;
  const vtable = root - view.getInt32(root, true);
  if (vtable < 4 || vtable + 4 > head.length) return false;
  const size = view.getUint16(vtable, true);
  const tableSize = view.getUint16(vtable + 2, true);
  return size >= 4 && size % 2 === 0 && size <= 64 && tableSize >= 4 && root + tableSize <= source.size && vtable + size <= root;
}

/** A length of less than 4 GiB in eight bytes, then that much JSON. */
function isSafetensors(source: ByteSource, head: Uint8Array): boolean {
  if (head.length < 10 || head[8] !== 0x7b) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return view.getUint32(4, true) === 0 && view.getUint32(0, true) <= source.size - 8;
}

/** Text that starts with a graph, after comments. */
function isSir(head: Uint8Array): boolean {
  try {
    return /^(\s|\/\/[^\n]*\n)*graph\s+@/.test(decodeUtf8(head.subarray(0, head.lastIndexOf(10) + 1)));
  } catch {
    return false;
  }
}

/** What the top level of a message says: of each field number its wire type and where its first value is. */
type Fields = ReadonlyMap<number, { readonly wire: number; readonly start: number; readonly length: number }>;

function detectProtobuf(source: ByteSource): ModelFormat | undefined {
  const fields = topLevel(source);
  const wire = (field: number): number | undefined => fields.get(field)?.wire;
  const first = (field: number): string => textAt(source, fields.get(field));
  if (wire(1) === Wire.varint) {
    // MindSpore 1.0 wrote MindIR in ONNX's schema, without operator sets.
    if (wire(7) === Wire.bytes && wire(8) === undefined && first(2) === "MindSpore") return "mindir";
    if (wire(7) === Wire.bytes || wire(8) === Wire.bytes) return "onnx";
    // A strategy of parallel training: not a checkpoint of tensors, which is for that importer to say.
    if (wire(2) === Wire.bytes) return first(2).startsWith("\n") ? "checkpoint" : "onnx";
    return undefined;
  }
  if (wire(2) === Wire.varint || wire(11) === Wire.bytes) return "air";
  if (wire(1) === Wire.bytes && /^\d+\.\d+/.test(first(1))) return "mindir";
  if (wire(1) === Wire.bytes && first(1).startsWith("\n")) return "checkpoint";
  if (wire(7) !== Wire.bytes) return undefined;
  return wire(8) === Wire.bytes || wire(14) === Wire.bytes ? "onnx" : "mindir";
}

/** As far as it can be read, a hundred fields at most. */
function topLevel(source: ByteSource): Fields {
  const fields = new Map<number, { wire: number; start: number; length: number }>();
  const cursor = new Cursor(source, 0, source.size);
  try {
    for (let i = 0; i < 100 && cursor.position < cursor.limit; i++) {
      const tag = cursor.tag();
      if ((tag & 7) === Wire.bytes) {
        cursor.varint();
        remember(fields, tag, cursor.position, cursor.low >>> 0);
        cursor.position += cursor.high * 4294967296 + (cursor.low >>> 0);
      } else {
        remember(fields, tag, cursor.position, 0);
        cursor.skip(tag & 7);
      }
    }
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
  }
  return fields;
}

function remember(fields: Map<number, { wire: number; start: number; length: number }>, tag: number, start: number, length: number): void {
  if (!fields.has(tag >>> 3)) fields.set(tag >>> 3, { wire: tag & 7, start, length });
}

/** The first bytes of a field as Latin-1; empty where they are not there. */
function textAt(source: ByteSource, field: { start: number; length: number } | undefined): string {
  if (field === undefined || field.start >= source.size) return "";
  return String.fromCharCode(...source.read(field.start, Math.min(field.length, 32, source.size - field.start)));
}
