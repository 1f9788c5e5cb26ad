/**
 * What a name of a MindIR model stands for while it is imported: tensors, which are values of our graph, and all that
 * exists at import time only (numbers, tuples, dtypes, functions).
 */
import type { Dim } from "../../ir/dim.ts";
import { Value } from "../../ir/graph.ts";
import type { DType } from "../../ir/type.ts";
import type { MindirGraph, MindirTensor } from "./messages.ts";
import type { State } from "./effects.ts";
import type { Operator } from "./operator.ts";
import type { Frame } from "./frame.ts";

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
export const isFunction = (item: Item | undefined): item is ClosureItem | OperatorItem | ChoiceItem =>
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

/** The tensors in an item, tuples and arguments of functions flattened, in order. */
export function tensorsIn(item: Item): Value[] {
  if (isValue(item)) return [item];
  if (item.kind === "tuple") return item.elements.flatMap(tensorsIn);
  if (item.kind === "closure" || item.kind === "operator") return item.bound.flatMap(tensorsIn);
  return [];
}

/** The item with its tensors replaced by `values`, in the order of `tensorsIn`. */
export function withTensors(item: Item, values: Iterator<Value>): Item {
  if (isValue(item)) {
    const next = values.next();
    if (next.done === true) throw new Error("too few tensors for an item");
    return next.value;
  }
  if (item.kind === "tuple") return { ...item, elements: item.elements.map((e) => withTensors(e, values)) };
  if (item.kind === "closure" || item.kind === "operator") return { ...item, bound: item.bound.map((e) => withTensors(e, values)) };
  return item;
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
