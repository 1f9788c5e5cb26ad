/** Values of attributes, both ways. */
import { OpError } from "../../ir/diagnostic.ts";
import { attributeNumber } from "./data-types.ts";
import type { GeAttribute, GeList } from "./messages.ts";
import type { AttributeType, AttributeValue } from "./signature.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Kinds of list elements by number. */
const listKind = { none: 0, string: 1, int: 2, float: 3, bool: 4 } as const;

const list = (valType: number, more: Partial<GeList> = {}): GeAttribute => ({
  list: { s: [], i: [], f: [], b: [], dt: [], ...more, valType },
});

export const stringAttribute = (value: string): GeAttribute => ({ s: encoder.encode(value) });
export const intAttribute = (value: number): GeAttribute => ({ i: BigInt(value) });
export const boolAttribute = (value: boolean): GeAttribute => ({ b: value });
export const boolsAttribute = (values: readonly boolean[]): GeAttribute => list(listKind.bool, { b: values });
export const intsAttribute = (values: readonly number[], valType: number = listKind.int): GeAttribute =>
  list(valType, { i: values.map(BigInt) });
/** The lists of slots' names carry no kind. */
export const namesAttribute = (values: readonly string[]): GeAttribute => list(listKind.none, { s: values.map((v) => encoder.encode(v)) });
export const placesAttribute = (count: number): GeAttribute =>
  intsAttribute(
    Array.from({ length: count }, (_, i) => i),
    listKind.none,
  );

/** The attribute that says `value` in the type that a signature asks for. */
export function encodeAttribute(type: AttributeType, value: AttributeValue): GeAttribute {
  switch (type) {
    case "Int":
      return intAttribute(value as number);
    case "Float":
      return { f: value as number };
    case "Bool":
      return boolAttribute(value as boolean);
    case "String":
      return stringAttribute(value as string);
    case "Type":
      return { dt: BigInt(value as number) };
    case "ListInt":
      return intsAttribute(value as readonly number[]);
    case "ListFloat":
      return list(listKind.float, { f: value as readonly number[] });
    case "ListListInt":
      return { listListInt: { listListI: (value as readonly (readonly number[])[]).map((l) => ({ listI: l.map(BigInt) })) } };
    case "Tensor":
      throw new Error("a tensor is no plain attribute");
  }
}

/** The numbers of an attribute, whatever it is: a number, a list, a list of lists in order. Undefined for other kinds. */
export function numbersOf(a: GeAttribute): readonly number[] | undefined {
  if (a.i !== undefined) return [Number(a.i)];
  if (a.f !== undefined) return [a.f];
  if (a.b !== undefined) return [a.b ? 1 : 0];
  if (a.dt !== undefined) return [Number(a.dt)];
  if (a.listListInt) return a.listListInt.listListI.flatMap((l) => l.listI.map(Number));
  if (!a.list) return undefined;
  const { i, f, b, dt } = a.list;
  return [...i.map(Number), ...f, ...b.map((x) => (x ? 1 : 0)), ...dt.map(Number)];
}

export const textOf = (a: GeAttribute): string | undefined => (a.s ? decoder.decode(a.s) : a.bt && decoder.decode(a.bt));

/** The strings of a list. */
export const textsOf = (a: GeAttribute | undefined): readonly string[] => (a?.list?.s ?? []).map((s) => decoder.decode(s));

/** An element type's number in attributes; those of types that GE lacks are none. */
export function typeNumber(dtype: Parameters<typeof attributeNumber>[0]): number {
  const number = attributeNumber(dtype);
  if (number === undefined) throw new OpError(`GE has no element type ${dtype}`, "unsupported-type");
  return number;
}
