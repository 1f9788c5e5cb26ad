/** The meaning of what stands in attributes and types: dims, types, numbers, constants. */
import type { IToken } from "chevrotain";
import type { Attribute, Constant } from "../attribute.ts";
import { memoryData, type TensorData } from "../data.ts";
import type { Diagnostic, DiagnosticCode } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import type { Graph } from "../graph.ts";
import {
  byteSize,
  type DType,
  dtypes,
  formatType,
  optional,
  sequence,
  staticShape,
  tensor,
  type TensorType,
  tuple,
  type Type,
} from "../type.ts";
import { parseElement, parseFloatText } from "./elements.ts";
import { readString } from "./name.ts";
import { didYouMean } from "./suggest.ts";
import type { GraphSyntax, Syntax } from "./syntax.ts";

/** A mistake in the text, at a token; whoever builds the graph reports it and goes on with the next thing. */
export class Mistake extends Error {
  constructor(
    readonly at: IToken,
    readonly code: DiagnosticCode,
    message: string,
    readonly more: Partial<Diagnostic> = {},
  ) {
    super(message);
  }
}

/** `length` bytes from `offset` of the file beside the text; `hash` is the start of their SHA-256, where the text gives it. */
export type WeightReader = (file: string, offset: number, length: number, hash: string | undefined) => TensorData;

/** Extents by name that are to be numbers. */
export type FixedExtents = ReadonlyMap<string, number>;

/** What attributes need of the graph around them. */
export interface ValueContext {
  readonly dims: FixedExtents;
  readonly readWeights: WeightReader | undefined;
  region(graph: GraphSyntax): Graph;
  /** The type of a constant that does not say its own: that of the op's first result. */
  resultType(): Type | undefined;
}

const kinds: Record<Syntax["kind"], string> = {
  number: "a number",
  word: "a name",
  string: "a string",
  apply: "a type or an expression",
  negative: "a number",
  sum: "an expression",
  product: "an expression",
  list: "a list",
  dense: "a constant",
  weight: "a constant",
  graph: "a graph",
};

const unexpected = (s: Syntax, expected: string, code: DiagnosticCode = "bad-attribute"): Mistake =>
  new Mistake(s.at, code, "this is not the kind of value that stands here", { expected, received: scalarText(s) ?? kinds[s.kind] });

/** The text of a scalar: `5`, `-0.5`, `nan`, `true`; undefined for anything else. */
function scalarText(s: Syntax): string | undefined {
  if (s.kind === "number" || s.kind === "word") return s.at.image;
  const inner = s.kind === "negative" && s.of.kind !== "negative" ? scalarText(s.of) : undefined;
  return inner === undefined ? undefined : `-${inner}`;
}

function toInt(s: Syntax): number {
  const text = scalarText(s) ?? "";
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw unexpected(s, "a whole number");
  return value;
}

function toFloat(s: Syntax): number {
  const value = parseFloatText(scalarText(s) ?? "");
  if (value === undefined) throw unexpected(s, "a number");
  return value;
}

function toBool(s: Syntax): boolean {
  const text = s.kind === "word" ? s.at.image : "";
  if (text !== "true" && text !== "false") throw unexpected(s, "true or false");
  return text === "true";
}

/** The text that a string token stands for. */
export function stringOf(at: IToken): string {
  const text = readString(at.image);
  if (text === undefined) throw new Mistake(at, "syntax", "the string has an unknown escape", { remedy: "escapes are those of JSON" });
  return text;
}

function toText(s: Syntax): string {
  if (s.kind !== "string") throw unexpected(s, "a string");
  return stringOf(s.at);
}

function toDType(s: Syntax): DType {
  const name = s.kind === "word" ? s.at.image : undefined;
  const found = dtypes.find((d) => d === name);
  if (!found) throw unexpected(s, "an element type");
  return found;
}

function listOf<T>(s: Syntax, item: (s: Syntax) => T): T[] {
  if (s.kind !== "list") throw unexpected(s, "a list");
  return s.items.map(item);
}

/** An expression in named extents: `3`, `n`, `2*n+1`, `floordiv(h-3,2)`, `"odd name"`. */
export function toDim(s: Syntax, fixed: FixedExtents): Dim {
  const value = evaluate(s, fixed);
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Mistake(s.at, "limit", "the number is too large");
  return value;
}

function evaluate(s: Syntax, fixed: FixedExtents): Dim {
  switch (s.kind) {
    case "number":
      return toInt(s);
    case "word":
      return toExtent(s.at.image, fixed);
    case "string":
      return toExtent(stringOf(s.at), fixed);
    case "negative":
      return dim.neg(toDim(s.of, fixed));
    case "product":
      return s.items.map((item) => toDim(item, fixed)).reduce(dim.mul);
    case "sum":
      return s.items
        .map((item) => toDim(item, fixed))
        .reduce((sum, item, i) => (s.signs[i - 1] === "-" ? dim.sub(sum, item) : dim.add(sum, item)));
    case "apply":
      return s.bracket === "(" ? applyFunction(s.at, s.items, fixed) : fail(unexpected(s, "an extent"));
    default:
      return fail(unexpected(s, "an extent"));
  }
}

function fail(error: Mistake): never {
  throw error;
}

const functions = { floordiv: dim.floordiv, mod: dim.mod, min: dim.min, max: dim.max } as const;

const toExtent = (name: string, fixed: FixedExtents): Dim => fixed.get(name) ?? dim.extent(name);

function applyFunction(at: IToken, items: readonly Syntax[], fixed: FixedExtents): Dim {
  const name = at.image;
  if (!Object.hasOwn(functions, name))
    throw new Mistake(at, "syntax", `there is no function '${name}' of extents`, {
      expected: "floordiv, mod, min or max",
      ...didYouMean(name, Object.keys(functions)),
    });
  const [a, b, ...rest] = items.map((item) => toDim(item, fixed));
  if (a === undefined || b === undefined || rest.length > 0) throw new Mistake(at, "syntax", `'${name}' takes two arguments`);
  if ((name === "floordiv" || name === "mod") && typeof b === "number" && b <= 0)
    throw new Mistake(at, "syntax", "a divisor must be positive");
  return functions[name as keyof typeof functions](a, b);
}

/** `f32[n,3]`, `sequence<f32[]>`, `optional<...>`, `tuple<f32[], i64[2]>`. */
export function toType(s: Syntax, fixed: FixedExtents): Type {
  if (s.kind !== "apply" || s.bracket === "(") throw unexpected(s, "a type", "syntax");
  return s.bracket === "[" ? toTensorType(s, fixed) : toContainer(s.at, s.items, fixed);
}

function toTensorType(s: Syntax, fixed: FixedExtents): TensorType {
  if (s.kind !== "apply" || s.bracket !== "[") throw unexpected(s, "a tensor type", "syntax");
  const found = dtypes.find((d) => d === s.at.image);
  if (!found) throw new Mistake(s.at, "unsupported-type", `there is no element type '${s.at.image}'`, didYouMean(s.at.image, dtypes));
  const shape = s.items.map((item) => toDim(item, fixed));
  shape.forEach((d, i) => {
    if (typeof d === "number" && d < 0) throw new Mistake(s.items[i]!.at, "syntax", "an extent is negative");
  });
  return tensor(found, shape);
}

function toContainer(at: IToken, items: readonly Syntax[], fixed: FixedExtents): Type {
  const elements = items.map((item) => toType(item, fixed));
  if (at.image === "tuple") return tuple(elements);
  const make = at.image === "sequence" ? sequence : at.image === "optional" ? optional : undefined;
  if (!make) throw new Mistake(at, "unsupported-type", `there is no type '${at.image}'`, { expected: "sequence, optional or tuple" });
  const [element] = elements;
  if (!element || elements.length > 1) throw new Mistake(at, "syntax", `'${at.image}' holds values of one type`);
  return make(element);
}

/** An attribute's value, by the kind that its op declares. Throws a `Mistake`. */
export function toAttribute(attribute: Attribute<unknown>, s: Syntax, context: ValueContext): unknown {
  switch (attribute.kind) {
    case "int":
      return toInt(s);
    case "float":
      return toFloat(s);
    case "bool":
      return toBool(s);
    case "string":
      return toText(s);
    case "ints":
      return listOf(s, toInt);
    case "floats":
      return listOf(s, toFloat);
    case "strings":
      return listOf(s, toText);
    case "dim":
      return toDim(s, context.dims);
    case "dims":
      return listOf(s, (item) => toDim(item, context.dims));
    case "pairs":
      return listOf(s, (item) => toPair(item, context.dims));
    case "dtype":
      return toDType(s);
    case "type":
      return toType(s, context.dims);
    case "data":
      return toConstant(s, context);
    case "graph":
      return s.kind === "graph" ? context.region(s) : fail(unexpected(s, "a graph"));
  }
}

function toPair(s: Syntax, fixed: FixedExtents): readonly [Dim, Dim] {
  const [a, b, ...rest] = listOf(s, (item) => toDim(item, fixed));
  if (a === undefined || b === undefined || rest.length > 0) throw unexpected(s, "a list of two extents");
  return [a, b];
}

function toConstant(s: Syntax, context: ValueContext): Constant {
  if (s.kind !== "dense" && s.kind !== "weight") throw unexpected(s, "dense<...> or weight(...)");
  const type = s.type ? toTensorType(s.type, context.dims) : context.resultType();
  if (type?.kind !== "tensor")
    throw new Mistake(s.at, "bad-attribute", "the constant's type is not known", { remedy: "write it behind the constant: 'as f32[2]'" });
  const shape = staticShape(type.shape);
  if (!shape)
    throw new Mistake(s.at, "bad-attribute", `a constant cannot have the type ${formatType(type)}`, {
      expected: "extents that are numbers",
    });
  const total = shape.reduce((a, b) => a * b, 1);
  if (total * byteSize(type.dtype) > Number.MAX_SAFE_INTEGER) throw new Mistake(s.at, "limit", "the constant is too large");
  return {
    type,
    data:
      s.kind === "dense" ? memoryData(toBytes(s.value, type.dtype, shape, total)) : toReference(s, total * byteSize(type.dtype), context),
  };
}

function toReference(s: Syntax & { kind: "weight" }, byteLength: number, { readWeights }: ValueContext): TensorData {
  const file = stringOf(s.file);
  if (!readWeights) throw new Mistake(s.at, "external-data", `the weights in '${file}' cannot be read here`);
  const offset = toInt({ kind: "number", at: s.offset });
  return readWeights(file, offset, byteLength, s.hash && stringOf(s.hash));
}

/** The most elements that `dense<x>` repeats `x` for. */
const splatLimit = 2 ** 26;

/** Nested by shape, or one flat list in row-major order, or one element for all. */
function toBytes(s: Syntax, dtype: DType, shape: readonly number[], total: number): Uint8Array {
  if (s.kind !== "list") {
    if (total > splatLimit) throw new Mistake(s.at, "limit", `a constant of ${total} elements cannot be written as one`);
    return repeat(toElement(s, dtype), total);
  }
  const isFlat = shape.length !== 1 && s.items.every((item) => item.kind !== "list");
  const items = isFlat || total === 0 ? countedItems(s, total) : nestedItems(s, shape);
  const size = byteSize(dtype);
  const bytes = new Uint8Array(total * size);
  items.forEach((item, i) => {
    bytes.set(toElement(item, dtype), i * size);
  });
  return bytes;
}

function repeat(element: Uint8Array, total: number): Uint8Array {
  const bytes = new Uint8Array(total * element.length);
  for (let i = 0; i < total; i++) bytes.set(element, i * element.length);
  return bytes;
}

function countedItems(s: Syntax, count: number): readonly Syntax[] {
  const items = listOf(s, (item) => item);
  if (items.length !== count)
    throw new Mistake(s.at, "bad-attribute", "the list has the wrong length", { expected: String(count), received: String(items.length) });
  return items;
}

function nestedItems(s: Syntax, shape: readonly number[]): readonly Syntax[] {
  const [count, ...rest] = shape;
  if (count === undefined) return [s];
  const items = countedItems(s, count);
  return rest.length === 0 ? items : items.flatMap((item) => nestedItems(item, rest));
}

function toElement(s: Syntax, dtype: DType): Uint8Array {
  const bytes = parseElement(dtype, scalarText(s) ?? "");
  if (!bytes)
    throw new Mistake(s.at, "bad-attribute", "the element does not fit the constant's type", {
      expected: dtype,
      received: scalarText(s) ?? kinds[s.kind],
    });
  return bytes;
}
