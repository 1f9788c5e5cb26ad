/** Attribute kinds: each checks one compile-time value of an op and fills in its default. How they print is `ir/text`. */
import type { TensorData } from "./data.ts";
import { OpError } from "./diagnostic.ts";
import type { Dim } from "./dim.ts";
import type { Graph } from "./graph.ts";
import { type DType, dtypes, type TensorType, type Type } from "./type.ts";

export const attributeKinds = [
  "int",
  "float",
  "bool",
  "string",
  "ints",
  "floats",
  "strings",
  "dim",
  "dims",
  "dtype",
  "type",
  "data",
  "graph",
  "pairs",
] as const;
export type AttributeKind = (typeof attributeKinds)[number];

export interface Attribute<T> {
  readonly kind: AttributeKind;
  /** Set where the attribute may be left out. */
  readonly fallback?: T;
  /** For `string`: the values it may have. */
  readonly choices?: readonly string[];
  /** May be left out without a default; its value is then undefined and it is not printed. */
  readonly optional?: true;
  /** One clause for the manual. */
  readonly doc?: string;
  accepts(value: unknown): value is T;
}

/** A constant's type and bytes. */
export interface Constant {
  readonly type: TensorType;
  readonly data: TensorData;
}

const isList =
  <T>(is: (v: unknown) => v is T) =>
  (v: unknown): v is readonly T[] =>
    Array.isArray(v) && v.every(is);
const isNumber = (v: unknown): v is number => typeof v === "number";
const isInt = (v: unknown): v is number => Number.isSafeInteger(v);
const isString = (v: unknown): v is string => typeof v === "string";
const isDim = (v: unknown): v is Dim => isInt(v) || (typeof v === "object" && v !== null && "terms" in v);
const isDType = (v: unknown): v is DType => isString(v) && (dtypes as readonly string[]).includes(v);
const hasField = (v: unknown, field: string): boolean => typeof v === "object" && v !== null && field in v;

const attribute =
  <T>(kind: AttributeKind, accepts: (v: unknown) => v is T) =>
  (fallback?: T, doc?: string): Attribute<T> => ({
    kind,
    accepts,
    ...(fallback !== undefined && { fallback }),
    ...(doc !== undefined && { doc }),
  });

export const int = attribute<number>("int", isInt);
export const float = attribute<number>("float", isNumber);
export const flag = attribute<boolean>("bool", (v) => typeof v === "boolean");
export const text = attribute<string>("string", isString);
export const ints = attribute<readonly number[]>("ints", isList(isInt));
export const floats = attribute<readonly number[]>("floats", isList(isNumber));
export const strings = attribute<readonly string[]>("strings", isList(isString));
export const dim = attribute<Dim>("dim", isDim);
export const dims = attribute<readonly Dim[]>("dims", isList(isDim));
export const dtype = attribute<DType>("dtype", isDType);
export const type = attribute<Type>("type", (v): v is Type => hasField(v, "kind"));
export const data = attribute<Constant>("data", (v): v is Constant => hasField(v, "data"));
export const graph = attribute<Graph>("graph", (v): v is Graph => hasField(v, "inputs"));
/** Pairs of a begin and an end per axis, such as pads. */
export const pairs = attribute<readonly (readonly [Dim, Dim])[]>(
  "pairs",
  isList((v): v is readonly [Dim, Dim] => Array.isArray(v) && v.length === 2 && v.every(isDim)),
);

/** One of a few strings. */
export const choice = <const C extends readonly string[]>(choices: C, fallback?: C[number], doc?: string): Attribute<C[number]> => ({
  kind: "string",
  choices,
  accepts: (v): v is C[number] => isString(v) && choices.includes(v),
  ...(fallback !== undefined && { fallback }),
  ...(doc !== undefined && { doc }),
});

/** An attribute that may be absent. */
export const maybe = <T>(a: Attribute<T>): Attribute<T | undefined> => ({
  ...(a as Attribute<T | undefined>),
  optional: true,
  accepts: (v): v is T | undefined => v === undefined || a.accepts(v),
});

/** The value, or its default; throws an `OpError` that names the attribute. */
export function checkAttribute<T>(a: Attribute<T>, value: unknown, name: string): T {
  const v = value ?? a.fallback;
  if (a.accepts(v)) return v;
  const expected = a.choices ? a.choices.map((c) => `"${c}"`).join(" or ") : a.kind;
  throw new OpError(v === undefined ? `attribute '${name}' is missing` : `attribute '${name}' has the wrong value`, "bad-attribute", {
    expected,
    ...(v !== undefined && { received: typeof v === "object" ? "a value of another kind" : JSON.stringify(v) }),
  });
}
