/**
 * One MindIR node while it is lowered: typed access to its inputs and attributes, and the builder of our graph.
 *
 * What was an attribute until MindSpore 2.2 is a trailing input since, a constant as a rule: an `Argument` names both
 * places, and the input counts where there is one.
 */
import { constantContent, dimContent } from "../../ir/content.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Extents, Reshape } from "../../ir/ops/shape.ts";
import type { DType, TensorType } from "../../ir/type.ts";
import { NodeOps } from "../node-ops.ts";
import type { Operator } from "./operator.ts";
import type { NodeScope } from "./scope.ts";
import { dtypeOfNumber } from "./type-id.ts";
import { describe, isKind, isValue, type Item } from "./values.ts";

/** What a lowering gives: one item, as a tuple for operators with several results. */
export type Lowering = (n: NodeContext) => Item | readonly Value[];
/** Lowerings by operator name, without the prefix `S-Prim-`. */
export type Lowerings = Readonly<Record<string, Lowering>>;

/** An input's position (-1: it is never an input), and the names it has as an attribute. */
export type Argument = readonly [at: number, ...names: string[]];

export class NodeContext extends NodeOps<NodeScope> {
  constructor(
    readonly operator: Operator,
    /** The inputs, monads left out. */
    readonly items: readonly Item[],
    readonly scope: NodeScope,
  ) {
    super();
  }

  /** The type that the file declares for the first result. */
  get declared(): TensorType | undefined {
    return this.scope.declared(0);
  }

  declaredAt(i: number): TensorType | undefined {
    return this.scope.declared(i);
  }

  /** Input `i` as a tensor, which the node must have; numbers become scalars. */
  input(i: number): Value {
    const v = this.optional(i);
    if (!v) throw new OpError(`input ${i} is missing`, "bad-operand");
    return v;
  }

  /** Undefined where the input is missing or None. */
  optional(i: number): Value | undefined {
    const item = this.items[i];
    return item === undefined || isKind(item, "none") ? undefined : this.tensorOf(item);
  }

  type(i: number): TensorType {
    return this.input(i).tensor;
  }

  rank(i: number): number {
    return this.type(i).shape.length;
  }

  /** All tensors from input `i` on: the elements of a tuple, or the inputs themselves. */
  tensors(i: number): Value[] {
    const item = this.items[i];
    const list = isKind(item, "tuple") ? item.elements : this.items.slice(i);
    return list.map((e) => this.tensorOf(e));
  }

  /** An item as a tensor; numbers become scalars (of `like` where given), tuples of numbers vectors. */
  tensorOf(item: Item, like?: DType): Value {
    if (isValue(item)) return item;
    switch (item.kind) {
      case "int":
        return this.intTensor(item.exact ?? item.value, like ?? item.dtype);
      case "float":
        return this.scalar(like ?? item.dtype, item.value);
      case "bool":
        return this.scalar(like ?? "bool", item.value ? 1 : 0);
      case "tuple":
        return this.vector(item.elements);
      case "constant":
        return this.tensorOf(this.scope.materialize(item), like);
      default:
        throw new OpError(`${describe(item)} stands where a tensor is expected`, "bad-operand");
    }
  }

  private intTensor(value: Dim | bigint, dtype: DType): Value {
    if (typeof value === "number" || typeof value === "bigint") return this.scalar(dtype, value);
    const vector = this.create(Extents, {}, { values: [value] });
    return this.cast(this.create(Reshape, { x: vector }, { shape: [] }), dtype);
  }

  private vector(elements: readonly Item[]): Value {
    const dims = elements.map((e) => this.dimOf(e, "an element of a tuple"));
    if (dims.every((d) => typeof d === "number")) return this.constant("i64", [dims.length], dims);
    return this.create(Extents, {}, { values: dims });
  }

  /** The input or attribute of an argument; undefined where neither is given. */
  argument([at, ...names]: Argument): Item | undefined {
    const item = this.items[at];
    if (item !== undefined) return item;
    for (const name of names) {
      const found = this.operator.attributes.get(name);
      if (found !== undefined) return this.scope.materialize(found);
    }
    return undefined;
  }

  /** Whether the argument is given and not None. */
  has(argument: Argument): boolean {
    const item = this.argument(argument);
    return item !== undefined && !isKind(item, "none");
  }

  private given(argument: Argument): Item | undefined {
    const item = this.argument(argument);
    return isKind(item, "none") ? undefined : item;
  }

  private required<T>(value: T | undefined, fallback: T | undefined, argument: Argument): T {
    const result = value ?? fallback;
    if (result === undefined) throw new OpError(`the argument '${nameOf(argument)}' is missing`, "bad-attribute");
    return result;
  }

  int(argument: Argument, fallback?: number): number {
    const item = this.given(argument);
    return this.required(item && this.number(item, argument), fallback, argument);
  }

  float(argument: Argument, fallback?: number): number {
    const item = this.given(argument);
    return this.required(item && this.number(item, argument), fallback, argument);
  }

  bool(argument: Argument, fallback?: boolean): boolean {
    const item = this.given(argument);
    return this.required(item && this.number(item, argument) !== 0, fallback, argument);
  }

  /** A string, or an integer that stands for one of `numbered`, in lower case. */
  string(argument: Argument, fallback?: string, numbered: readonly string[] = []): string {
    const item = this.given(argument);
    if (item === undefined) return this.required(undefined, fallback, argument);
    if (isKind(item, "string")) return item.value.toLowerCase();
    const name = numbered[this.number(item, argument)];
    return name ?? this.unsupported(`the argument '${nameOf(argument)}' has a value without meaning`);
  }

  /** A string as it is written. */
  text(argument: Argument, fallback?: string): string {
    const item = this.given(argument);
    return this.required(isKind(item, "string") ? item.value : undefined, fallback, argument);
  }

  /** A tuple of integers; an integer alone is a tuple of one. */
  ints(argument: Argument, fallback?: readonly number[]): readonly number[] {
    const item = this.given(argument);
    return this.required(item && this.numbers(item, argument), fallback, argument);
  }

  floats(argument: Argument, fallback?: readonly number[]): readonly number[] {
    return this.ints(argument, fallback);
  }

  dtype(argument: Argument, fallback?: DType): DType {
    const item = this.given(argument);
    if (item === undefined) return this.required(undefined, fallback, argument);
    if (isKind(item, "dtype")) return item.dtype;
    const found = dtypeOfNumber(this.number(item, argument));
    return found ?? this.unsupported(`the argument '${nameOf(argument)}' names an element type that is not carried`, "unsupported-type");
  }

  /** Sizes: a tuple of integers, or an integer vector whose elements need no data. */
  dims(argument: Argument, fallback?: readonly Dim[]): readonly Dim[] {
    const item = this.given(argument);
    return this.required(item && this.dimsOf(item, nameOf(argument)), fallback, argument);
  }

  dim(argument: Argument, fallback?: Dim): Dim {
    const item = this.given(argument);
    return this.required(item && this.dimOf(item, nameOf(argument)), fallback, argument);
  }

  dimsOf(item: Item, what: string): Dim[] {
    if (isKind(item, "tuple")) return item.elements.map((e) => this.dimOf(e, what));
    if (isKind(item, "constant")) return this.dimsOf(this.scope.materialize(item), what);
    if (!isValue(item)) return [this.dimOf(item, what)];
    return dimContent(item) ?? this.needsConstant(`'${what}'`);
  }

  dimOf(item: Item, what: string): Dim {
    if (isKind(item, "int")) return item.value;
    if (isValue(item)) {
      const [d, ...more] = dimContent(item) ?? this.needsConstant(`'${what}'`);
      if (d !== undefined && more.length === 0) return d;
      throw new OpError(`${what} is not one number`, "bad-attribute");
    }
    return this.number(item, [-1, what]);
  }

  private number(item: Item, argument: Argument): number {
    if (isKind(item, "int") && typeof item.value === "number") return item.value;
    if (isKind(item, "float")) return item.value;
    if (isKind(item, "bool")) return item.value ? 1 : 0;
    const [value, ...more] = this.numbers(item, argument);
    if (value === undefined || more.length > 0) throw new OpError(`the argument '${nameOf(argument)}' is not one number`, "bad-attribute");
    return value;
  }

  private numbers(item: Item, argument: Argument): number[] {
    if (isKind(item, "tuple")) return item.elements.flatMap((e) => this.numbers(e, argument));
    if (isKind(item, "int")) return [typeof item.value === "number" ? item.value : this.needsConstant(`'${nameOf(argument)}'`)];
    if (isKind(item, "float")) return [item.value];
    if (isKind(item, "bool")) return [item.value ? 1 : 0];
    const made = this.scope.materialize(item);
    if (isValue(made)) return constantContent(made) ?? this.needsConstant(`'${nameOf(argument)}'`);
    throw new OpError(`${describe(item)} is no value for the argument '${nameOf(argument)}'`, "bad-attribute");
  }

  /** Whether the argument's numbers are known now. */
  isKnown(argument: Argument): boolean {
    const item = this.argument(argument);
    return item !== undefined && (!isValue(item) || constantContent(item) !== undefined);
  }
}

const nameOf = ([at, name]: Argument): string => name ?? `input ${at}`;
