/**
 * The way back: objects such as `FlatReader` gives become a FlatBuffer. Fields that have their default are left out, so
 * that equal messages give equal bytes; vectors of bytes are copied in pieces.
 */
import { Builder } from "flatbuffers";
import { pieces, type TensorData } from "../ir/data.ts";
import type { FlatMessage, UnionValue } from "./flatbuffers-reader.ts";
import { type Field, type FieldType, type FlatSchema, type Scalar, scalarSizes, type Table } from "./flatbuffers-schema.ts";

/** Vectors of bytes start at multiples of this, so that a runtime may use elements where they are. */
const bytesAlignment = 16;

/** The bytes of a message of the schema's root; `room` is about how many there will be. */
export function writeFlatBuffer(schema: FlatSchema, message: FlatMessage, room = 1024): Uint8Array {
  const writer = new FlatWriter(schema, room);
  const root = writer.table(schema.table(schema.root), message);
  writer.builder.finish(root, schema.identifier);
  return writer.builder.asUint8Array();
}

type Scalars = Extract<FieldType, { kind: "scalar" }>;

class FlatWriter {
  readonly builder: Builder;
  private readonly strings = new Map<string, number>();

  constructor(
    private readonly schema: FlatSchema,
    room: number,
  ) {
    this.builder = new Builder(room);
  }

  /** Writes a table after what it refers to; gives its place. */
  table(table: Table, message: FlatMessage): number {
    const places = new Map(table.fields.map((f) => [f, this.referred(f.type, message[f.name])]));
    this.builder.startObject(table.ids);
    for (const f of table.fields) this.field(f, message[f.name], places.get(f) ?? 0);
    return this.builder.endObject();
  }

  private field(f: Field, value: unknown, place: number): void {
    const b = this.builder;
    if (f.type.kind === "scalar") {
      if (value !== undefined) this.scalarField(f.id, f.type, numberOf(f.type, value), f.fallback);
      return;
    }
    if (f.type.kind === "union" && place !== 0) b.addFieldInt8(f.id - 1, this.memberOf(f.type.union, value as UnionValue), 0);
    b.addFieldOffset(f.id, place, 0);
  }

  private memberOf(union: string, { type }: UnionValue): number {
    return typeof type === "number" ? type : this.schema.enumeration(union).numbers.get(type)!;
  }

  private scalarField(id: number, { scalar }: Scalars, value: number, fallback: number): void {
    const b = this.builder;
    switch (scalarSizes[scalar]) {
      case 1:
        return b.addFieldInt8(id, value, fallback);
      case 8:
        return scalar === "double" ? b.addFieldFloat64(id, value, fallback) : b.addFieldInt64(id, BigInt(value), BigInt(fallback));
      default:
        return scalar === "float" ? b.addFieldFloat32(id, value, Math.fround(fallback)) : b.addFieldInt32(id, value, fallback);
    }
  }

  /** The place of what a field refers to, 0 for scalars and what is absent. */
  private referred(type: FieldType, value: unknown): number {
    if (value === undefined || type.kind === "scalar") return 0;
    switch (type.kind) {
      case "string":
        return value === "" ? 0 : this.string(value as string);
      case "table":
        return this.table(this.schema.table(type.table), value as FlatMessage);
      case "union": {
        const { type: member, fields } = value as UnionValue;
        return this.table(this.schema.table(String(member)), fields);
      }
      case "vector":
        return this.vector(type.element, value);
    }
  }

  private string(text: string): number {
    const known = this.strings.get(text) ?? this.builder.createString(text);
    this.strings.set(text, known);
    return known;
  }

  private vector(element: FieldType, value: unknown): number {
    if (element.kind === "scalar" && element.scalar === "ubyte") return this.bytes(value as TensorData);
    const list = value as readonly unknown[];
    if (list.length === 0) return 0;
    if (element.kind === "scalar") return this.scalars(element, list);
    const places = list.map((v) => this.referred(element, v));
    this.builder.startVector(4, places.length, 4);
    for (const place of places.reverse()) this.builder.addOffset(place);
    return this.builder.endVector();
  }

  private scalars(element: Scalars, list: readonly unknown[]): number {
    const size = scalarSizes[element.scalar];
    this.builder.startVector(size, list.length, size);
    for (let i = list.length - 1; i >= 0; i--) this.add(element.scalar, numberOf(element, list[i]));
    return this.builder.endVector();
  }

  private add(scalar: Scalar, value: number): void {
    const b = this.builder;
    if (scalar === "float") b.addFloat32(value);
    else if (scalar === "double") b.addFloat64(value);
    else if (scalar === "long") b.addInt64(BigInt(value));
    else if (scalarSizes[scalar] === 4) b.addInt32(value);
    else b.addInt8(value);
  }

  private bytes(data: TensorData): number {
    if (data.byteLength === 0) return 0;
    const b = this.builder;
    b.startVector(1, data.byteLength, bytesAlignment);
    // The builder grows downwards: the vector's place is known before its elements are there.
    b.pad(data.byteLength);
    let at = b.dataBuffer().capacity() - b.offset();
    for (const piece of pieces(data)) {
      b.dataBuffer().bytes().set(piece, at);
      at += piece.length;
    }
    return b.endVector();
  }
}

function numberOf({ enumeration }: Scalars, value: unknown): number {
  if (typeof value !== "string") return Number(value);
  const number = enumeration?.numbers.get(value);
  if (number === undefined) throw new Error(`'${value}' is no ${enumeration?.name ?? "number"}`);
  return number;
}
