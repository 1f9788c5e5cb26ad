/**
 * One GE op while it is lowered: typed access to its slots and attributes by name, and the builder of our graph.
 *
 * What older operators have as an attribute, newer ones of nearly the same name have as an input: `ints("axes")` and its
 * kin take the input where there is one, so that one lowering serves both.
 */
import { constantContent, dimContent } from "../../ir/content.ts";
import type { Builder } from "../../ir/define.ts";
import { type DiagnosticCode, OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import type { DType, TensorType } from "../../ir/type.ts";
import { type ImportScope, NodeOps } from "../node-ops.ts";
import { numbersOf, textOf } from "./attributes.ts";
import { dtypeOfAttribute, dtypeOfFile } from "./data-types.ts";
import { formatOf } from "./layout.ts";
import type { GeAttribute, GeOp } from "./messages.ts";
import type { Signature } from "./signature.ts";

/** One value per output; outputs at the end that nobody uses may be left out, others be undefined. */
export type Lowering = (n: NodeContext) => Value | readonly (Value | undefined)[];
/** Lowerings by type of op. */
export type Lowerings = Readonly<Record<string, Lowering>>;

export interface NodeScope extends ImportScope {
  /** The outputs of the op's graph number `i`, built by `builder` on `inputs`. */
  subgraph(i: number, inputs: readonly Value[], builder?: Builder): readonly Value[];
  /** A builder at the end of another graph. */
  builderOf(graph: Graph): Builder;
}

export class NodeContext extends NodeOps<NodeScope> {
  private readonly attributes: ReadonlyMap<string, GeAttribute>;

  constructor(
    readonly op: GeOp,
    readonly signature: Signature,
    /** By name of the slot, those of many inputs with a number behind it. */
    private readonly slots: ReadonlyMap<string, Value>,
    /** Where each slot stands. */
    private readonly places: ReadonlyMap<string, number>,
    readonly scope: NodeScope,
  ) {
    super();
    this.attributes = new Map(op.attr.flatMap(({ key, value }) => (value ? [[key, value] as const] : [])));
  }

  input(name: string): Value {
    return this.optional(name) ?? this.missing(`input '${name}'`, "bad-operand");
  }

  optional(name: string): Value | undefined {
    return this.slots.get(name);
  }

  /** The first input, whatever its name. */
  get first(): Value {
    const [slot] = this.signature.inputs;
    return this.input(slot?.name ?? "x");
  }

  /** All inputs of a slot that takes many. */
  inputs(name: string): Value[] {
    const found: Value[] = [];
    for (let k = 0; this.slots.has(`${name}${k}`); k++) found.push(this.input(`${name}${k}`));
    return found;
  }

  /** The order of an input's axes, by its descriptor. */
  format(name: string): string {
    return formatOf(this.op.inputDesc[this.places.get(name) ?? -1]);
  }

  has(name: string): boolean {
    return this.slots.has(name) || this.attributes.has(name);
  }

  /** The element type that the file declares for output `i`. */
  declared(i = 0): DType | undefined {
    return dtypeOfFile(this.op.outputDesc[i]?.dtype ?? 0);
  }

  get outputCount(): number {
    return this.op.outputDesc.length;
  }

  type(name: string): TensorType {
    return this.input(name).tensor;
  }

  /** The numbers of an input or attribute, or the default of the attribute. */
  ints(name: string, fallback?: readonly number[]): readonly number[] {
    const value = this.slots.get(name);
    if (value) return constantContent(value) ?? this.needsConstant(`'${name}'`);
    const given = this.attributes.get(name);
    if (given) return numbersOf(given) ?? this.wrong(name);
    const usual = this.signature.attributes.find((a) => a.name === name)?.fallback;
    if (typeof usual === "number" || typeof usual === "boolean") return [Number(usual)];
    return (usual as readonly number[] | undefined) ?? fallback ?? this.missing(`'${name}'`, "bad-attribute");
  }

  int(name: string, fallback?: number): number {
    const [value, ...more] = this.ints(name, fallback === undefined ? undefined : [fallback]);
    if (value === undefined || more.length > 0) throw new OpError(`'${name}' is not one number`, "bad-attribute");
    return value;
  }

  float(name: string, fallback?: number): number {
    return this.int(name, fallback);
  }

  bool(name: string): boolean {
    return this.int(name) !== 0;
  }

  /** In lower case. */
  string(name: string): string {
    return this.text(name).toLowerCase();
  }

  /** As it is written. */
  text(name: string): string {
    const given = this.attributes.get(name);
    if (given) return textOf(given) ?? this.wrong(name);
    const usual = this.signature.attributes.find((a) => a.name === name)?.fallback;
    return typeof usual === "string" ? usual : this.missing(`'${name}'`, "bad-attribute");
  }

  /** An element type that an attribute names by number. */
  dtype(name: string): DType {
    return dtypeOfAttribute(this.int(name)) ?? this.unsupported(`'${name}' names an element type that is not carried`, "unsupported-type");
  }

  attribute(name: string): GeAttribute | undefined {
    return this.attributes.get(name);
  }

  /** Sizes: an attribute, or an input whose elements need no data. */
  dims(name: string): readonly Dim[] {
    const value = this.slots.get(name);
    return value ? (dimContent(value) ?? this.needsConstant(`'${name}'`)) : this.ints(name);
  }

  dim(name: string): Dim {
    const [value, ...more] = this.dims(name);
    if (value === undefined || more.length > 0) throw new OpError(`'${name}' is not one number`, "bad-attribute");
    return value;
  }

  private missing(what: string, code: DiagnosticCode): never {
    throw new OpError(`${what} is missing`, code);
  }

  private wrong(name: string): never {
    throw new OpError(`'${name}' has the wrong kind of value`, "bad-attribute");
  }
}
