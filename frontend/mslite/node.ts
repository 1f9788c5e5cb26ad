/** One node while it is lowered: typed access to its inputs and attributes, and the builder of our graph. */
import { constantContent, dimContent } from "../../ir/content.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Extents, Transpose } from "../../ir/ops/shape.ts";
import { type ImportScope, NodeOps } from "../node-ops.ts";
import { type Layout, samePerm, toSecond } from "./layout.ts";
import type { LiteTensor } from "./messages.ts";
import type { Operation } from "./operation.ts";
import type { LiteValue } from "./value.ts";

/** What a lowering gives for an output: a value in the file's order of axes, or one with channels second. */
export interface InLayout {
  readonly layout: Layout;
  readonly value: Value;
}
/** A value that can be made in either order of axes: what is computed from constants alone. */
export interface InEither {
  readonly make: (layout: Layout) => Value;
}
export type Lowered = Value | InLayout | InEither;
export type Lowering = (n: NodeContext) => Lowered | readonly Lowered[];
/** Lowerings by primitive. */
export type Lowerings = Readonly<Record<string, Lowering>>;

export const second = (value: Value): InLayout => ({ layout: "second", value });

/** How the axes of a constant are put in order, and which of them (in the file's order) has a scale each. */
export interface Arrangement {
  readonly perm?: readonly number[];
  readonly axis?: number;
}

/** What a node sees of the graph around it. */
export interface NodeScope extends ImportScope {
  value(input: number): LiteValue;
  tensor(index: number): LiteTensor;
  isConstant(index: number): boolean;
  /** The elements of a small constant of integers, as the file has them; undefined for others. */
  elements(index: number): number[] | undefined;
  /** A constant, arranged; quantised ones become real. */
  constant(index: number, arrangement: Arrangement): Value;
  /** The release that wrote the file, major * 100 + minor. */
  readonly release: number;
}

export class NodeContext extends NodeOps<NodeScope> {
  constructor(
    readonly operation: Operation,
    readonly scope: NodeScope,
  ) {
    super();
  }

  get count(): number {
    return this.operation.inputs.length;
  }

  has(i: number): boolean {
    return i < this.count;
  }

  /** Input `i` in the file's order of axes; integers that stand in for a tensor become one of i32. */
  input(i: number, layout: Layout = "last"): Value {
    const given = this.operation.inputs[i];
    if (given === undefined) throw new OpError(`input ${i} is missing`, "bad-operand");
    if (typeof given === "number") return this.scope.value(given).get(layout);
    return "real" in given ? this.scalar("f32", given.real) : this.constant("i32", [given.length], given);
  }

  /** All inputs in one order of axes. */
  inputs(layout: Layout = "last"): Value[] {
    return Array.from({ length: this.count }, (_, i) => this.input(i, layout));
  }

  optional(i: number, layout: Layout = "last"): Value | undefined {
    return this.has(i) ? this.input(i, layout) : undefined;
  }

  /** An image with its channels on axis 1. */
  image(i: number): Value {
    const given = this.operation.inputs[i];
    if (typeof given === "number" && !this.isConstant(i) && !this.scope.value(given).has("second")) this.expectImage(this.input(i));
    return this.input(i, "second");
  }

  private expectImage(v: Value): void {
    if (v.tensor.shape.length !== 4)
      throw new OpError("an image of four axes is needed", "bad-operand", { received: `${v.tensor.shape.length} axes` });
  }

  /** Whether an input is known with channels second only. */
  isImage(i: number): boolean {
    const given = this.operation.inputs[i];
    if (typeof given !== "number" || this.isConstant(i)) return false;
    const value = this.scope.value(given);
    return value.has("second") && !value.has("last");
  }

  /** The order of axes that the inputs have already: channels second where any is known in no other. */
  get layout(): Layout {
    const { inputs } = this.operation;
    const fits = inputs.every((given) => typeof given !== "number" || this.scope.value(given).rank <= 4);
    return fits && inputs.some((_, i) => this.isImage(i)) ? "second" : "last";
  }

  /** The number of axes of an input. */
  rank(i: number): number {
    const given = this.operation.inputs[i];
    if (typeof given === "number") return this.scope.value(given).rank;
    return given === undefined || "real" in given ? 0 : 1;
  }

  isConstant(i: number): boolean {
    const given = this.operation.inputs[i];
    return typeof given === "number" && this.scope.isConstant(given);
  }

  /** Weights: a constant with its axes put in order; anything else is transposed. */
  weight(i: number, arrangement: Arrangement): Value {
    const given = this.operation.inputs[i];
    if (typeof given === "number" && this.scope.isConstant(given)) return this.scope.constant(given, arrangement);
    if (arrangement.perm && samePerm(arrangement.perm, toSecond) && typeof given === "number") return this.input(i, "second");
    const x = this.input(i);
    return arrangement.perm ? this.create(Transpose, { x }, { perm: arrangement.perm }) : x;
  }

  /** The tensor of the file behind an input. */
  tensor(i: number): LiteTensor | undefined {
    const given = this.operation.inputs[i];
    return typeof given === "number" ? this.scope.tensor(given) : undefined;
  }

  result(k = 0): LiteTensor {
    return this.scope.tensor(this.operation.outputs[k] ?? -1);
  }

  /** The elements of an integer input as sizes. */
  dims(i: number, what: string): Dim[] {
    const given = this.operation.inputs[i];
    if (given !== undefined && typeof given !== "number" && !("real" in given)) return [...given];
    return this.elements(i) ?? dimContent(this.input(i)) ?? this.needsConstant(what);
  }

  /** The elements of an input that must be known. */
  numbers(i: number, what: string): number[] {
    const given = this.operation.inputs[i];
    if (given !== undefined && typeof given !== "number" && !("real" in given)) return [...given];
    return this.elements(i) ?? constantContent(this.input(i)) ?? this.needsConstant(what);
  }

  /** The elements of a constant input of integers. */
  private elements(i: number): number[] | undefined {
    const given = this.operation.inputs[i];
    return typeof given === "number" && this.isConstant(i) ? this.scope.elements(given) : undefined;
  }

  number(i: number, what: string): number {
    const [value, ...more] = this.numbers(i, what);
    if (value === undefined || more.length > 0) throw new OpError(`${what} is not one number`, "bad-attribute");
    return value;
  }

  int(name: string, fallback = 0): number {
    const v = this.operation.fields[name];
    if (v === undefined) return fallback;
    if (!Number.isSafeInteger(v)) throw new OpError(`'${name}' is no integer`, "bad-attribute");
    return v as number;
  }

  float(name: string, fallback = 0): number {
    const v = this.operation.fields[name];
    return typeof v === "number" ? v : fallback;
  }

  bool(name: string): boolean {
    const v = this.operation.fields[name];
    return v === true || (typeof v === "number" && v !== 0);
  }

  ints(name: string): readonly number[] {
    const v = (this.operation.fields[name] ?? []) as readonly number[];
    if (!v.every((e) => Number.isSafeInteger(e))) throw new OpError(`'${name}' has an element that is no integer`, "bad-attribute");
    return v;
  }

  floats(name: string): readonly number[] {
    return (this.operation.fields[name] ?? []) as readonly number[];
  }

  /** The name of an enumeration's value; numbers without a name are refused. */
  choice(name: string, fallback: string): string {
    const v = this.operation.fields[name] ?? fallback;
    return typeof v === "string" ? v : this.unsupported(`'${name}' has an unknown value`);
  }

  text(name: string): string {
    return (this.operation.fields[name] ?? "") as string;
  }

  /** Sizes as an i32 vector. */
  sizes(values: readonly Dim[]): Value {
    if (values.every((d) => typeof d === "number")) return this.constant("i32", [values.length], values);
    return this.cast(this.create(Extents, {}, { values }), "i32");
  }
}
