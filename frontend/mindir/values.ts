/**
 * What a name of a MindIR model stands for while it is imported: tensors, which are values of our graph, and all that
 * exists at import time only (numbers, tuples, dtypes, functions).
 */
import type { Dim } from "../../ir/dim.ts";
import { Value } from "../../ir/graph.ts";
import type { DType } from "../../ir/type.ts";
import type { State } from "./effects.ts";
import type { Frame } from "./frame.ts";
import type { MindirGraph, MindirTensor } from "./messages.ts";
import type { Operator } from "./operator.ts";

/** A Python number; integers may be sizes. `exact` where `value` is rounded. */
export interface IntItem {
  readonly kind: "int";
  readonly value: Dim;
  readonly exact?: bigint;
  /** The element type that it has as a tensor. */
  readonly dtype: DType;
}
export interface FloatItem {
  readonly kind: "float";
  readonly value: number;
  readonly dtype: DType;
}
export interface BoolItem {
  readonly kind: "bool";
  readonly value: boolean;
}
export interface StringItem {
  readonly kind: "string";
  readonly value: string;
}
export interface DTypeItem {
  readonly kind: "dtype";
  readonly dtype: DType;
}
/** A tensor of the file that nothing has made a value of yet. */
export interface ConstantItem {
  readonly kind: "constant";
  readonly tensor: MindirTensor;
}
export interface NoneItem {
  readonly kind: "none";
}
/** What only Python knows; `text` says what. */
export interface PythonItem {
  readonly kind: "python";
  readonly text: string;
}
/** A point in the order of effects, with what parameters hold then. */
export interface MonadItem {
  readonly kind: "monad";
  readonly state?: State;
}
export interface TupleItem {
  readonly kind: "tuple";
  readonly elements: readonly Item[];
}
export interface SliceItem {
  readonly kind: "slice";
  readonly bounds: readonly [Item, Item, Item];
}
export interface DictItem {
  readonly kind: "dict";
  readonly entries: ReadonlyMap<string, Item>;
}
/** A graph of the model with the frame in which it was named, and its first arguments. */
export interface ClosureItem {
  readonly kind: "closure";
  readonly graph: MindirGraph;
  readonly frame: Frame;
  readonly bound: readonly Item[];
}
/** An operator as a value, and its first arguments. */
export interface OperatorItem {
  readonly kind: "operator";
  readonly operator: Operator;
  readonly bound: readonly Item[];
}
/** One of several functions, chosen when the model runs: a bool scalar chooses the second one, an integer any. */
export interface ChoiceItem {
  readonly kind: "choice";
  readonly selector: Value;
  readonly options: readonly Item[];
  /** Arguments that whichever is chosen gets first. */
  readonly bound: readonly Item[];
}
export type FunctionItem = ClosureItem | OperatorItem | ChoiceItem;
/** The result of a node that failed; the failure was reported. */
export interface UnknownItem {
  readonly kind: "unknown";
}

export type Item =
  | Value
  | IntItem
  | FloatItem
  | BoolItem
  | StringItem
  | DTypeItem
  | ConstantItem
  | NoneItem
  | PythonItem
  | MonadItem
  | TupleItem
  | SliceItem
  | DictItem
  | ClosureItem
  | OperatorItem
  | ChoiceItem
  | UnknownItem;

export const isValue = (item: Item | undefined): item is Value => item instanceof Value;
export const isKind = <K extends Exclude<Item, Value>["kind"]>(item: Item | undefined, kind: K): item is Extract<Item, { kind: K }> =>
  item !== undefined && !isValue(item) && item.kind === kind;
/** Functions: what a call can call. */
export const isFunction = (item: Item | undefined): item is FunctionItem =>
  isKind(item, "closure") || isKind(item, "operator") || isKind(item, "choice");

export const none: NoneItem = { kind: "none" };
export const monad: MonadItem = { kind: "monad" };
export const unknown: UnknownItem = { kind: "unknown" };
export const tupleOf = (elements: readonly Item[]): TupleItem => ({ kind: "tuple", elements });
export const intOf = (value: Dim, dtype: DType = "i64"): IntItem => ({ kind: "int", value, dtype });
export const floatOf = (value: number, dtype: DType = "f32"): FloatItem => ({ kind: "float", value, dtype });
export const boolOf = (value: boolean): BoolItem => ({ kind: "bool", value });

const mostExact = BigInt(Number.MAX_SAFE_INTEGER);

/** An integer of the file; beyond what numbers hold exactly, its size is the nearest safe one. */
export function bigintItem(value: bigint, dtype: DType): IntItem {
  const kept = value > mostExact ? mostExact : value < -mostExact ? -mostExact : value;
  return kept === value ? intOf(Number(value), dtype) : { kind: "int", value: Number(kept), exact: value, dtype };
}

/** The items inside an item: elements, arguments of functions, and of choices the selector and options. */
export function partsOf(item: Item): readonly Item[] {
  if (isValue(item)) return [];
  if (item.kind === "tuple") return item.elements;
  if (item.kind === "choice") return [item.selector, ...item.options, ...item.bound];
  return item.kind === "closure" || item.kind === "operator" ? item.bound : [];
}

/** The item with other parts, in the order of `partsOf`. */
export function withParts(item: Item, parts: readonly Item[]): Item {
  if (isValue(item)) return item;
  if (item.kind === "tuple") return { ...item, elements: parts };
  if (item.kind === "closure" || item.kind === "operator") return { ...item, bound: parts };
  if (item.kind !== "choice") return item;
  const [selector, ...rest] = parts;
  const count = item.options.length;
  return { ...item, selector: selector as Value, options: rest.slice(0, count), bound: rest.slice(count) };
}

/** The tensors in an item, in order. */
export const tensorsIn = (item: Item): Value[] => (isValue(item) ? [item] : partsOf(item).flatMap(tensorsIn));

/** The item with its tensors replaced by `values`, in the order of `tensorsIn`. */
export function withTensors(item: Item, values: Iterator<Value>): Item {
  if (!isValue(item))
    return withParts(
      item,
      partsOf(item).map((part) => withTensors(part, values)),
    );
  const next = values.next();
  if (next.done === true) throw new Error("too few tensors for an item");
  return next.value;
}

/** Whether two items that are no tensors differ in their parts at most. */
export function isAlike(a: Exclude<Item, Value>, b: Exclude<Item, Value>): boolean {
  if (a.kind !== b.kind || partsOf(a).length !== partsOf(b).length) return false;
  if (a.kind === "closure") return b.kind === "closure" && a.graph === b.graph;
  return a.kind !== "operator" || (b.kind === "operator" && a.operator.name === b.operator.name);
}

/** What an item is, for messages. */
export function describe(item: Item | undefined): string {
  if (item === undefined) return "nothing";
  if (isValue(item)) return "a tensor";
  switch (item.kind) {
    case "int":
    case "float":
      return "a number";
    case "monad":
      return "a monad";
    case "none":
      return "None";
    case "python":
      return item.text;
    case "closure":
    case "operator":
    case "choice":
      return "a function";
    case "bool":
      return "a bool";
    default:
      return `a ${item.kind}`;
  }
}

/** Whether the result of a node that failed is in an item. */
export const hasUnknown = (item: Item): boolean => isKind(item, "unknown") || partsOf(item).some(hasUnknown);
