/**
 * FlatBuffers as plain objects, driven by a schema of ours. Nothing in the buffer is believed: every offset, table and
 * vector must lie inside it, and no more is read in total than a few times its size, however often parts are shared.
 *
 * Fields have the schema's names; absent ones their defaults, absent strings "", absent vectors none, absent tables
 * undefined. Enumerations are names, or the number where it has none; a union is `{ type, fields }`; vectors of bytes
 * stay where they are, as `TensorData`.
 */
import { ByteBuffer } from "flatbuffers";
import type { ByteSource, TensorData } from "../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../ir/diagnostic.ts";
import { type Field, type FieldType, type FlatSchema, type Scalar, scalarSizes, type Table } from "./flatbuffers-schema.ts";

export type FlatMessage = Readonly<Record<string, unknown>>;

/** The member of a union that is there. */
export interface UnionValue {
  /** Its name, or its number where the schema has none. */
  readonly type: string | number;
  readonly fields: FlatMessage;
}

/** Offsets are signed 32-bit numbers at some places. */
const mostBytes = 2 ** 31 - 1;
/** Bytes that may be read for each byte of the buffer, and in any case. */
const mostReadings = 8;
const freeReadings = 1 << 20;

export class FlatReader {
  private readonly buffer: ByteBuffer;
  private readonly size: number;
  private left: number;

  /** `rename` gives the name of a union's member by its number, where it is not the schema's. */
  constructor(
    private readonly schema: FlatSchema,
    private readonly source: ByteSource,
    private readonly rename: (member: number) => string | undefined = () => undefined,
  ) {
    this.size = source.size;
    if (this.size > mostBytes) this.fail("limit", 0, `the file has ${this.size} bytes, more than a FlatBuffer can have`);
    this.buffer = new ByteBuffer(source.read(0, this.size));
    this.left = this.size * mostReadings + freeReadings;
  }

  root(): FlatMessage {
    return this.table(this.schema.table(this.schema.root), this.follow(0));
  }

  private fail(code: DiagnosticCode, at: number, message: string): never {
    throw CompileError.of(code, { source: this.source.name, path: `byte ${at}` }, message);
  }

  /** Checks that `length` bytes from `at` are there, and charges for them. */
  private need(at: number, length: number): number {
    if (at < 0 || at + length > this.size) this.fail("truncated", Math.max(at, 0), "an offset leads out of the file");
    this.left -= length;
    if (this.left < 0) this.fail("limit", at, "parts of the file are used over and over again");
    return at;
  }

  /** Where the offset at `at` leads. */
  private follow(at: number): number {
    return at + this.buffer.readUint32(this.need(at, 4));
  }

  private table(table: Table, at: number): FlatMessage {
    const vtable = at - this.buffer.readInt32(this.need(at, 4));
    const end = this.buffer.readUint16(this.need(vtable, 4));
    const extent = this.buffer.readUint16(vtable + 2);
    if (end < 4 || end % 2 !== 0) this.fail("syntax", vtable, "a table of fields has a wrong length");
    this.need(vtable, end);
    this.need(at, extent);
    const place = (id: number, size: number): number => {
      const offset = 4 + 2 * id < end ? this.buffer.readUint16(vtable + 4 + 2 * id) : 0;
      if (offset !== 0 && (offset < 4 || offset + size > extent)) this.fail("syntax", vtable + 4 + 2 * id, "a field leaves its table");
      return offset === 0 ? -1 : at + offset;
    };
    return Object.fromEntries(table.fields.map((f) => [f.name, this.field(f, place)]));
  }

  private field(f: Field, place: (id: number, size: number) => number): unknown {
    const { type } = f;
    if (type.kind === "union") return this.union(type.union, place(f.id - 1, 1), place(f.id, 4));
    const at = place(f.id, type.kind === "scalar" ? scalarSizes[type.scalar] : 4);
    if (at >= 0) return this.value(type, at);
    if (type.kind === "scalar") return scalarValue(type, f.fallback);
    return type.kind === "string" ? "" : type.kind === "vector" ? (isBytes(type.element) ? this.bytes(0, 0) : []) : undefined;
  }

  private union(name: string, tag: number, at: number): UnionValue | undefined {
    const number = tag < 0 ? 0 : this.buffer.readUint8(tag);
    if (number === 0 || at < 0) return undefined;
    const type = this.rename(number) ?? this.schema.enumeration(name).names.get(number);
    const table = type === undefined ? undefined : this.schema.tables.get(type);
    return { type: type ?? number, fields: table ? this.table(table, this.follow(at)) : {} };
  }

  private value(type: FieldType, at: number): unknown {
    switch (type.kind) {
      case "scalar":
        return scalarValue(type, this.number(type.scalar, at));
      case "string":
        return this.string(this.follow(at));
      case "table":
        return this.table(this.schema.table(type.table), this.follow(at));
      case "vector":
        return this.vector(type.element, this.follow(at));
      case "union":
        throw new Error("vectors of unions are not read");
    }
  }

  private string(at: number): string {
    const length = this.buffer.readUint32(this.need(at, 4));
    const start = this.need(at + 4, length);
    return new TextDecoder().decode(this.buffer.bytes().subarray(start, start + length));
  }

  private vector(element: FieldType, at: number): unknown {
    const length = this.buffer.readUint32(this.need(at, 4));
    if (isBytes(element)) return this.bytes(at + 4, length);
    const width = element.kind === "scalar" ? scalarSizes[element.scalar] : 4;
    this.need(at + 4, length * width);
    return Array.from({ length }, (_, i) => this.value(element, at + 4 + i * width));
  }

  private bytes(offset: number, byteLength: number): TensorData {
    if (offset + byteLength > this.size) this.fail("truncated", offset, "a vector of bytes leads out of the file");
    return { source: this.source, offset, byteLength };
  }

  private number(scalar: Scalar, at: number): number {
    const b = this.buffer;
    switch (scalar) {
      case "bool":
      case "ubyte":
        return b.readUint8(at);
      case "byte":
        return b.readInt8(at);
      case "int":
        return b.readInt32(at);
      case "uint":
        return b.readUint32(at);
      case "long":
        return Number(b.readInt64(at));
      case "float":
        return b.readFloat32(at);
      case "double":
        return b.readFloat64(at);
    }
  }
}

const isBytes = (t: FieldType): boolean => t.kind === "scalar" && t.scalar === "ubyte";

const scalarValue = (type: Extract<FieldType, { kind: "scalar" }>, value: number): unknown =>
  type.enumeration ? (type.enumeration.names.get(value) ?? value) : type.scalar === "bool" ? value !== 0 : value;
