/** AIR models written in TypeScript: messages with the fields that nobody gave left out. */
import { MessageWriter } from "../frontend/protobuf-writer.ts";
import { memoryData } from "../ir/data.ts";
import { writeElements } from "../ir/storage.ts";
import { fileNumber } from "../frontend/air/data-types.ts";
import type { DType } from "../ir/type.ts";

type Fields = Readonly<Record<string, unknown>>;
/** Numbers are integers; floats are wrapped, and so are element types. */
export type Plain =
  | number
  | boolean
  | string
  | readonly number[]
  | readonly (readonly number[])[]
  | { readonly f: number }
  | { readonly fs: readonly number[] };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const isMatrix = (v: readonly unknown[]): boolean => Array.isArray(v[0]);

function attribute(value: Plain): Fields {
  if (typeof value === "number") return { i: BigInt(value) };
  if (typeof value === "boolean") return { b: value };
  if (typeof value === "string") return { s: bytes(value) };
  if ("f" in value) return { f: value.f };
  if ("fs" in value) return { list: { f: value.fs, valType: 3 } };
  if (isMatrix(value)) return { listListInt: { listListI: (value as number[][]).map((l) => ({ listI: l.map(BigInt) })) } };
  return { list: { i: (value as number[]).map(BigInt), valType: 2 } };
}

export const attributes = (given: Readonly<Record<string, Plain>>): Fields[] =>
  Object.entries(given).map(([key, value]) => ({ key, value: attribute(value) }));

export const names = (key: string, values: readonly string[]): Fields => ({ key, value: { list: { s: values.map(bytes) } } });
export const places = (key: string, values: readonly number[]): Fields => ({ key, value: { list: { i: values.map(BigInt) } } });

export interface Layout {
  readonly layout?: string;
  readonly origin?: readonly [format: string, shape: readonly number[]];
}

export function descriptor(dtype: DType, dim: readonly number[], { layout = "ND", origin }: Layout = {}): Fields {
  const attr = origin ? attributes({ origin_format: origin[0], origin_shape: origin[1] }) : [];
  return { dtype: fileNumber(dtype), shape: { dim }, layout, attr };
}

export const data = (name: string, index: number, dim: readonly number[], dtype: DType = "f32", layout: Layout = {}): Fields => ({
  name,
  type: "Data",
  input: [""],
  attr: attributes({ index }),
  inputDesc: [descriptor(dtype, dim, layout)],
  outputDesc: [descriptor(dtype, dim, layout)],
});

export function constant(
  name: string,
  dim: readonly number[],
  values: readonly number[],
  dtype: DType = "f32",
  layout: Layout = {},
): Fields {
  const scalars = dtype === "i64" ? values.map(BigInt) : values;
  const desc = descriptor(dtype, dim, layout);
  const value = { t: { desc, data: memoryData(writeElements(dtype, scalars)) } };
  return { name, type: "Const", attr: [{ key: "value", value }], outputDesc: [desc] };
}

/** An op; `results` are types, by default one f32 of unknown shape. */
export function op(
  name: string,
  type: string,
  input: readonly string[],
  given: Readonly<Record<string, Plain>> = {},
  results: readonly Fields[] = [descriptor("f32", [-2])],
  more: Fields = {},
): Fields {
  return { name, type, input, attr: attributes(given), outputDesc: results, ...more };
}

export interface GraphMessage {
  readonly op: readonly Fields[];
  readonly output?: readonly string[];
  readonly name?: string;
}

/** The bytes of a model: the main graph, then the graphs that its ops name. */
export function modelBytes(...graphs: readonly GraphMessage[]): Uint8Array<ArrayBuffer> {
  const message = { graph: graphs.map((g, i) => ({ name: i === 0 ? "main" : "", ...g })), attr: attributes({ target_type: "MINI" }) };
  return Uint8Array.from(Buffer.concat([...new MessageWriter("ge_ir.proto", "ge.proto").write("ModelDef", message)]));
}
