/**
 * The wire format of Protocol Buffers, read by position through a window, so that files of any size can be walked.
 *
 * Every malformation throws a `CompileError` that names the byte.
 */
import type { ByteSource } from "../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../ir/diagnostic.ts";

const windowBytes = 256 * 1024;
const none = new Uint8Array(0);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Wire types: how a field's value is laid out. */
export const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The most bytes that a string or an attribute's `bytes` may have; payloads of tensors are ranges and have no limit. */
const eagerBytes = 256 * 1024 * 1024;

export class Cursor {
  /** The value that `varint` read last: its lower and upper 32 bits, signed. */
  low = 0;
  high = 0;
  private window: Uint8Array = none;
  private base = 0;

  /** Reads `source` from `position`; nothing at or after `limit` is touched. */
  constructor(
    readonly source: ByteSource,
    public position: number,
    public limit: number,
  ) {}

  fail(code: DiagnosticCode, message: string, at: number = this.position): never {
    throw CompileError.of(code, { source: this.source.name, path: `byte ${at}` }, message);
  }

  /** Makes `count` bytes at `position` available and returns where in the window they begin. */
  private need(count: number): number {
    const at = this.position - this.base;
    if (at >= 0 && at + count <= this.window.length && this.position + count <= this.limit) return at;
    if (this.position + count > this.limit) this.fail("truncated", `${count} bytes are needed, ${this.limit - this.position} are left`);
    this.base = this.position;
    const length = Math.max(count, Math.min(windowBytes, this.source.size - this.position));
    this.window = this.source.read(this.position, length);
    return 0;
  }

  private byte(): number {
    const at = this.need(1);
    this.position++;
    return this.window[at] as number;
  }

  /** Reads up to 64 bits into `low` and `high`. */
  varint(): void {
    const start = this.position;
    let b = this.byte();
    this.low = b & 127;
    this.high = 0;
    for (let shift = 7; b > 127; shift += 7) {
      if (shift > 63) this.fail("syntax", "an integer has more than ten bytes", start);
      b = this.byte();
      if (shift < 32) this.low |= (b & 127) << shift;
      if (shift > 25) this.high |= shift < 32 ? (b & 127) >> (32 - shift) : (b & 127) << (shift - 32);
    }
  }

  /** Field number times 8 plus wire type. */
  tag(): number {
    const start = this.position;
    this.varint();
    const tag = this.low >>> 0;
    if (this.high !== 0 || tag < 8) this.fail("syntax", "a field number is out of range", start);
    return tag;
  }

  /** The last varint as a signed 64-bit number; an error where a number cannot hold it. */
  safeInteger(): number {
    const value = this.high * 4294967296 + (this.low >>> 0);
    if (!Number.isSafeInteger(value)) this.fail("limit", `${this.bigint()} is too large for a size`);
    return value;
  }

  /** The last varint as a signed 64-bit integer. */
  bigint(): bigint {
    if (this.high === 0) return BigInt(this.low >>> 0);
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  float(): number {
    const at = this.need(4);
    this.position += 4;
    return view(this.window, at, 4).getFloat32(0, true);
  }

  double(): number {
    const at = this.need(8);
    this.position += 8;
    return view(this.window, at, 8).getFloat64(0, true);
  }

  /** The length of a length-delimited value, which lies before `limit` as a whole. */
  length(): number {
    const start = this.position;
    this.varint();
    const length = this.high * 4294967296 + (this.low >>> 0);
    const left = this.limit - this.position;
    if (length < 0 || length > left) this.fail("truncated", `a field says it has ${this.bigint()} bytes, ${left} are left`, start);
    return length;
  }

  /** Length-delimited bytes, copied. */
  bytes(): Uint8Array {
    const length = this.length();
    return length === 0 ? none : new Uint8Array(this.view(length));
  }

  string(): string {
    const start = this.position;
    const length = this.length();
    if (length === 0) return "";
    try {
      return decodeUtf8(this.view(length));
    } catch {
      return this.fail("syntax", "a string is not UTF-8", start);
    }
  }

  private view(length: number): Uint8Array {
    if (length > eagerBytes) this.fail("limit", `a string of ${length} bytes is too long`);
    const at = this.need(length);
    this.position += length;
    return this.window.subarray(at, at + length);
  }

  skip(wire: number): void {
    switch (wire) {
      case Wire.varint:
        return this.varint();
      case Wire.fixed64:
        return this.pass(8);
      case Wire.bytes:
        return this.pass(this.length());
      case Wire.fixed32:
        return this.pass(4);
      default:
        this.fail("syntax", `wire type ${wire} is not used in this format`);
    }
  }

  private pass(count: number): void {
    if (this.position + count > this.limit) this.fail("truncated", `${count} bytes are needed, ${this.limit - this.position} are left`);
    this.position += count;
  }
}

const view = (bytes: Uint8Array, at: number, length: number): DataView => new DataView(bytes.buffer, bytes.byteOffset + at, length);

/** Throws a `TypeError` where the bytes are not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => utf8.decode(bytes);
