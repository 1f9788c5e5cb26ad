/**
 * Writes Protocol Buffers messages from plain objects, driven by the same `.proto` files as the reader (`protobuf.ts`) and
 * with the same field names. Payloads given as `TensorData` are not held: they are read piece by piece as the file is
 * written. Equal objects give equal bytes: fields are in the order of their numbers, repeated scalars packed where the
 * schema says so.
 */
import protobuf from "protobufjs";
import { pieces, type TensorData } from "../ir/data.ts";
import { loadSchema } from "./protobuf.ts";

/** Encoded bytes, or payload that is still where it came from. */
type Part = Uint8Array | TensorData;
type Fields = Readonly<Record<string, unknown>>;

export class MessageWriter {
  private readonly root: protobuf.Root;

  constructor(
    file: string,
    private readonly packageName: string,
  ) {
    this.root = loadSchema(file);
  }

  /** The bytes of one message, in pieces. Absent and undefined fields are left out, proto3's defaults too. */
  *write(type: string, message: object): Generator<Uint8Array, void, undefined> {
    const plan = this.root.lookupType(this.packageName === "" ? type : `${this.packageName}.${type}`);
    const parts: Part[] = [];
    encode(plan, message as Fields, parts);
    for (const part of parts) {
      if (isData(part)) yield* pieces(part);
      else yield part;
    }
  }
}

const isData = (value: unknown): value is TensorData => typeof value === "object" && value !== null && "source" in value;
const sizeOf = (parts: readonly Part[]): number => parts.reduce((sum, p) => sum + p.byteLength, 0);

/** Appends the message's fields to `parts`; neighbouring small fields share one part. */
function encode(type: protobuf.Type, message: Fields, parts: Part[]): void {
  let writer = protobuf.Writer.create();
  const flush = (): void => {
    if (writer.pos > 0) parts.push(writer.finish());
    writer = protobuf.Writer.create();
  };
  const nest = (field: protobuf.Field, content: readonly Part[]): void => {
    writer.uint32(field.id * 8 + 2);
    writeLength(writer, sizeOf(content));
    flush();
    for (const part of content) parts.push(part);
  };
  for (const field of byNumber(type)) {
    const value = message[field.name];
    for (const one of field.repeated && !isPacked(field) ? ((value ?? []) as readonly unknown[]) : [value]) {
      if (one === undefined) continue;
      if (field.resolvedType instanceof protobuf.Type) nest(field, encoded(field.resolvedType, one as Fields));
      else if (isData(one)) nest(field, [one]);
      else if (field.repeated && isPacked(field)) writePacked(writer, field, one as readonly unknown[]);
      else if (field.repeated || isWritten(field, one)) writeScalar(writer.uint32(field.id * 8 + wireOf(field)), field, one);
    }
  }
  flush();
}

function encoded(type: protobuf.Type, message: Fields): Part[] {
  const parts: Part[] = [];
  encode(type, message, parts);
  return parts.length > 1 && !parts.some(isData) ? [Buffer.concat(parts as Uint8Array[])] : parts;
}

const orders = new WeakMap<protobuf.Type, readonly protobuf.Field[]>();
function byNumber(type: protobuf.Type): readonly protobuf.Field[] {
  let order = orders.get(type);
  if (!order) orders.set(type, (order = type.fieldsArray.toSorted((a, b) => a.id - b.id)));
  return order;
}

/** Lengths may be over 32 bits, which protobufjs writes as 64-bit numbers. */
function writeLength(writer: protobuf.Writer, length: number): void {
  if (length < 2 ** 32) writer.uint32(length);
  else writer.uint64(length);
}

const isPacked = (field: protobuf.Field): boolean => field.repeated && field.packed && field.resolvedType === null && wireOf(field) !== 2;

/** Proto3 leaves out scalars that have their default, unless they belong to a oneof. */
function isWritten(field: protobuf.Field, value: unknown): boolean {
  if (field.hasPresence) return true;
  if (value instanceof Uint8Array) return value.length > 0;
  return value !== "" && value !== false && value !== 0 && value !== 0n;
}

function writePacked(writer: protobuf.Writer, field: protobuf.Field, values: readonly unknown[]): void {
  if (values.length === 0) return;
  writer.uint32(field.id * 8 + 2).fork();
  for (const value of values) writeScalar(writer, field, value);
  writer.ldelim();
}

function wireOf(field: protobuf.Field): number {
  const { type } = field;
  if (type === "string" || type === "bytes") return 2;
  if (type === "float" || type === "fixed32") return 5;
  return type === "double" || type === "fixed64" ? 1 : 0;
}

function writeScalar(writer: protobuf.Writer, field: protobuf.Field, value: unknown): void {
  switch (field.type) {
    case "string":
      return void writer.string(value as string);
    case "bytes":
      return void writer.bytes(value as Uint8Array);
    case "bool":
      return void writer.bool(value as boolean);
    case "float":
      return void writer.float(value as number);
    case "double":
      return void writer.double(value as number);
    case "int32":
      return void writer.int32(value as number);
    case "uint32":
      return void writer.uint32(value as number);
    case "int64":
    case "uint64":
      return writeVarint(writer, BigInt(value as bigint | number));
    default:
      throw new Error(`the type '${field.type}' of '${field.name}' is not written`);
  }
}

/** A 64-bit integer in two's complement. */
function writeVarint(writer: protobuf.Writer, value: bigint): void {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  writer.uint64({ low, high, unsigned: true });
}
