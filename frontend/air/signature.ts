/** What an operator of GE takes and gives: names of its slots in order, attributes with types and defaults. */
import { signatureTable } from "./signatures.ts";

export interface Slot {
  readonly name: string;
  readonly arity: "one" | "optional" | "many";
}

/** Types of attributes, as GE declares them. */
export type AttributeType = "Int" | "Float" | "Bool" | "String" | "Type" | "Tensor" | "ListInt" | "ListFloat" | "ListListInt";
export type AttributeValue = number | boolean | string | readonly number[] | readonly (readonly number[])[];

export interface AttributeSignature {
  readonly name: string;
  readonly type: AttributeType;
  /** Undefined where a value must be given. */
  readonly fallback: AttributeValue | undefined;
}

export interface Signature {
  readonly type: string;
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  readonly attributes: readonly AttributeSignature[];
}

const types: Readonly<Record<string, AttributeType>> = {
  i: "Int",
  f: "Float",
  b: "Bool",
  s: "String",
  t: "Type",
  T: "Tensor",
  is: "ListInt",
  fs: "ListFloat",
  iis: "ListListInt",
};

function slot(text: string): Slot {
  const mark = text.at(-1);
  if (mark === "?") return { name: text.slice(0, -1), arity: "optional" };
  return mark === "*" ? { name: text.slice(0, -1), arity: "many" } : { name: text, arity: "one" };
}

function defaultOf(type: AttributeType, text: string): AttributeValue {
  if (type === "String") return text;
  if (type === "Bool") return text === "true";
  if (type.startsWith("List")) return text === "" ? [] : text.split(",").map(Number);
  return Number(text);
}

function attribute(text: string): AttributeSignature {
  const [, name = "", letter = "", fallback] = /^(\w+):(\w+)(?:=(.*)|!)?$/.exec(text) ?? [];
  const type = types[letter];
  if (!type) throw new Error(`'${text}' is no attribute of a signature`);
  return { name, type, fallback: fallback === undefined ? undefined : defaultOf(type, fallback) };
}

const words = (text: string): string[] => text.split(" ").filter((w) => w !== "");

/** `Type a b? c* -> y | attribute:type=default ...`. */
function parse(line: string): Signature {
  const [slots = "", attributes = ""] = line.split("|");
  const [left = "", right = ""] = slots.split("->");
  const [type = "", ...inputs] = words(left);
  return { type, inputs: inputs.map(slot), outputs: words(right).map(slot), attributes: words(attributes).map(attribute) };
}

const known = new Map(
  signatureTable
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => parse(line))
    .map((s) => [s.type, s]),
);

/** The signature of an operator; undefined for one that is not known. */
export const signatureOf = (type: string): Signature | undefined => known.get(type);
