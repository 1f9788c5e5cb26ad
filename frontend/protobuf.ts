/**
 * Protocol Buffers messages as plain objects, driven by a `.proto` of ours that protobufjs parses at run time.
 *
 * protobufjs reads whole buffers of less than 2 GiB; this reader walks a `ByteSource` of any size and leaves the payloads
 * that the schema's user calls lazy where they are. Repeated scalars may be packed or not, unknown fields are skipped,
 * a message that comes twice is merged, everything malformed throws a `CompileError`.
 */
import { existsSync, readFileSync } from "node:fs";
import protobuf from "protobufjs";
import type { ByteSource, TensorData } from "../ir/data.ts";
import { Cursor, Wire } from "./wire.ts";

/** As deep as messages may nest; the limit of Google's readers. */
const maxDepth = 100;

/**
 * Consecutive elements of a repeated scalar, not decoded: a packed field's content, or when not `packed` a series of
 * (tag, value) pairs.
 */
export interface ScalarRun extends TensorData {
  readonly packed: boolean;
}

type Message = Record<string, unknown>;

interface Field {
  readonly name: string;
  readonly wire: number;
  readonly repeated: boolean;
  /** How one value is read; of messages undefined. */
  readonly read: ((cursor: Cursor) => unknown) | undefined;
  readonly message: Plan | undefined;
  /** Scalars that stay in the file as `ScalarRun`s. */
  readonly runs: boolean;
  /** The other fields of its oneof, which it clears. */
  readonly rivals: readonly string[];
}

interface Plan {
  readonly name: string;
  /** By field number. */
  readonly fields: (Field | undefined)[];
  /** A message in which nothing was set. */
  readonly blank: Message;
}

/** Fields whose payload stays in the file. `bytes` become a `TensorData`, repeated scalars a list of `ScalarRun`s. */
export type LazyFields = ReadonlySet<string>;

/** The messages of one `.proto` file of the folder `proto`. Lazy fields are written "Message.field_name". */
export class Schema {
  private readonly plans = new Map<protobuf.Type, Plan>();
  private root: protobuf.Root | undefined;

  constructor(
    private readonly file: string,
    private readonly packageName: string,
    private readonly lazy: LazyFields,
  ) {}

  /**
   * The message `type`, which is all of `source` or `length` bytes from `start`. The result has the fields of the schema
   * in camel case; the caller names its type.
   */
  read<T>(type: string, source: ByteSource, start = 0, length: number = source.size - start): T {
    const cursor = new Cursor(source, start, start + length);
    const plan = this.plan(this.load().lookupType(this.packageName === "" ? type : `${this.packageName}.${type}`));
    return readMessage(cursor, plan, { ...plan.blank }, 0) as T;
  }

  private load(): protobuf.Root {
    this.root ??= loadSchema(this.file);
    return this.root;
  }

  private plan(type: protobuf.Type): Plan {
    const known = this.plans.get(type);
    if (known !== undefined) return known;
    const plan: Plan = { name: type.name, fields: [], blank: {} };
    this.plans.set(type, plan);
    for (const f of type.fieldsArray) {
      const field = this.field(type, f);
      plan.fields[f.id] = field;
      if (field.repeated) plan.blank[field.name] = nothing;
      else if (f.partOf === null && field.message === undefined) plan.blank[field.name] = defaultOf(f);
    }
    return plan;
  }

  private field(type: protobuf.Type, f: protobuf.Field): Field {
    const isMessage = f.resolvedType instanceof protobuf.Type;
    const kind = isMessage ? undefined : kindOf(f);
    const lazy = this.lazy.has(`${type.name}.${snakeCase(f.name)}`);
    return {
      name: f.name,
      wire: kind?.wire ?? Wire.bytes,
      repeated: f.repeated,
      read: lazy && kind?.wire === Wire.bytes ? range : kind?.read,
      message: isMessage ? this.plan(f.resolvedType as protobuf.Type) : undefined,
      runs: lazy && f.repeated,
      rivals: f.partOf?.oneof.filter((name) => name !== f.name) ?? [],
    };
  }
}

const nothing: readonly unknown[] = Object.freeze([]);

interface Kind {
  readonly wire: number;
  readonly read: (cursor: Cursor) => unknown;
}

const varint = (value: (cursor: Cursor) => unknown): Kind => ({
  wire: Wire.varint,
  read: (c) => {
    c.varint();
    return value(c);
  },
});

const kinds: Readonly<Record<string, Kind>> = {
  int32: varint((c) => c.low),
  bool: varint((c) => (c.low | c.high) !== 0),
  int64: varint((c) => c.bigint()),
  uint64: varint((c) => BigInt.asUintN(64, c.bigint())),
  size: varint((c) => c.safeInteger()),
  float: { wire: Wire.fixed32, read: (c) => c.float() },
  double: { wire: Wire.fixed64, read: (c) => c.double() },
  string: { wire: Wire.bytes, read: (c) => c.string() },
  bytes: { wire: Wire.bytes, read: (c) => c.bytes() },
};

function kindOf(f: protobuf.Field): Kind {
  const kind = kinds[isSize(f) ? "size" : f.type];
  if (kind === undefined) throw new Error(`the type '${f.type}' of '${f.name}' is not read`);
  return kind;
}

const isSize = (f: protobuf.Field): boolean => f.options?.["jstype"] === "JS_NUMBER";

function defaultOf(f: protobuf.Field): unknown {
  if (f.type === "string") return "";
  if (f.type === "bool") return false;
  return (f.type === "int64" || f.type === "uint64") && !isSize(f) ? 0n : 0;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** The messages that a file of the folder `proto` declares. */
export function loadSchema(file: string): protobuf.Root {
  const { root } = protobuf.parse(readFileSync(schemaUrl(file), "utf8"), new protobuf.Root());
  root.resolveAll();
  return root;
}

/** `proto` is beside `frontend` in the source tree and in a package, one folder higher seen from `build`. */
function schemaUrl(file: string): URL {
  const places = ["..", "../.."].map((up) => new URL(`${up}/proto/${file}`, import.meta.url));
  const found = places.find((url) => existsSync(url));
  if (found === undefined) throw new Error(`the schema '${file}' is missing from the installation`);
  return found;
}

function readMessage(cursor: Cursor, plan: Plan, target: Message, depth: number): Message {
  if (depth > maxDepth) cursor.fail("limit", `messages are nested deeper than ${maxDepth}`);
  while (cursor.position < cursor.limit) {
    const start = cursor.position;
    const tag = cursor.tag();
    const field = plan.fields[tag >>> 3];
    if (field === undefined) cursor.skip(tag & 7);
    else readField(cursor, plan, field, target, start, tag & 7, depth);
  }
  return target;
}

function readField(cursor: Cursor, plan: Plan, field: Field, target: Message, start: number, wire: number, depth: number): void {
  const packed = field.repeated && wire === Wire.bytes && field.wire !== Wire.bytes;
  if (wire !== field.wire && !packed)
    cursor.fail("syntax", `the field '${field.name}' of '${plan.name}' has the wire type ${wire}, not ${field.wire}`, start);
  if (field.runs) return addRun(cursor, listOf(target, field), start, wire, packed);
  if (packed) return readPacked(cursor, field, listOf(target, field));
  const value = field.read === undefined ? readNested(cursor, field, target, depth) : field.read(cursor);
  if (field.repeated) listOf(target, field).push(value);
  else {
    target[field.name] = value;
    for (const rival of field.rivals) if (rival in target) Reflect.deleteProperty(target, rival);
  }
}

function readNested(cursor: Cursor, field: Field, target: Message, depth: number): Message {
  const plan = field.message as Plan;
  const length = cursor.length();
  const limit = cursor.limit;
  cursor.limit = cursor.position + length;
  const before = field.repeated ? undefined : (target[field.name] as Message | undefined);
  const value = readMessage(cursor, plan, before ?? { ...plan.blank }, depth + 1);
  cursor.limit = limit;
  return value;
}

function readPacked(cursor: Cursor, field: Field, list: unknown[]): void {
  const end = cursor.length() + cursor.position;
  const limit = cursor.limit;
  cursor.limit = end;
  while (cursor.position < end) list.push((field.read as (c: Cursor) => unknown)(cursor));
  cursor.limit = limit;
}

/** The list that `target` has for `field`; blank messages share an empty one. */
function listOf(target: Message, field: Field): unknown[] {
  if (target[field.name] === nothing) target[field.name] = [];
  return target[field.name] as unknown[];
}

function addRun(cursor: Cursor, list: unknown[], start: number, wire: number, packed: boolean): void {
  if (packed) {
    const byteLength = cursor.length();
    if (byteLength > 0) list.push({ source: cursor.source, offset: cursor.position, byteLength, packed });
    cursor.position += byteLength;
    return;
  }
  cursor.skip(wire);
  const last = list.at(-1) as { offset: number; byteLength: number; packed: boolean } | undefined;
  if (last !== undefined && !last.packed && last.offset + last.byteLength === start) last.byteLength = cursor.position - last.offset;
  else list.push({ source: cursor.source, offset: start, byteLength: cursor.position - start, packed });
}

function range(cursor: Cursor): TensorData {
  const byteLength = cursor.length();
  const data = { source: cursor.source, offset: cursor.position, byteLength };
  cursor.position += byteLength;
  return data;
}
