/**
 * One ONNX node while it is lowered: typed access to its operands and attributes, and the builder of our graph.
 *
 * A lowering is `(n: NodeContext) => Value | Value[]`, one value per output; `frontend/onnx/ops/<family>.ts` hold them.
 */
import { contentOf, constantContent, dimContent } from "../../ir/content.ts";
import type { Constant } from "../../ir/attribute.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import type { TensorType, Type } from "../../ir/type.ts";
import { type ImportScope, NodeOps } from "../node-ops.ts";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxSparseTensor, OnnxTensor } from "./messages.ts";

/** One value per output of the node; outputs at the end that nobody names may be left out. */
export type Lowering = (n: NodeContext) => Value | readonly Value[];
/** Lowerings by `op_type`; every version that differs is told apart by `n.opset`. */
export type Lowerings = Readonly<Record<string, Lowering>>;

/** A body that was lowered, or why it was not. */
export interface TriedRegion {
  readonly graph?: Graph;
  /** Whether all that stood in the way is that values are not known at compile time. */
  readonly lacksConstants: boolean;
}

/** What a node needs of the importer around it. */
export interface NodeScope extends ImportScope {
  /** The version of the node's operator set. */
  readonly opset: number;
  /** Undefined for names that are "" or unknown. */
  value(name: string): Value | undefined;
  /** The type that the file declares for a value, where it does. */
  declared(name: string): Type | undefined;
  constant(tensor: OnnxTensor): Constant;
  sparseConstant(tensor: OnnxSparseTensor): Constant;
  /** A body or branch as a graph of ours; its free names are values around the node. `inputs`: types of its formal inputs. */
  region(graph: OnnxGraph, inputs: readonly Type[]): Graph;
  /** The same where lowering the body may fail; nothing is reported then. */
  tryRegion(graph: OnnxGraph, inputs: readonly Type[]): TriedRegion;
  /** The outputs of a body whose nodes are lowered in place, at the end of `into` (default: the graph of the node); `inputs`: values for its formal inputs. */
  inlined(graph: OnnxGraph, inputs: readonly Value[], into?: Graph): readonly Value[];
}

export class NodeContext extends NodeOps<NodeScope> {
  private readonly attributes: ReadonlyMap<string, OnnxAttribute>;

  constructor(
    readonly node: OnnxNode,
    readonly scope: NodeScope,
  ) {
    super();
    this.attributes = new Map(node.attribute.map((a) => [a.name, a]));
  }

  get opset(): number {
    return this.scope.opset;
  }

  /** Number of outputs written in the node, "" ones included. */
  get outputCount(): number {
    return this.node.output.length;
  }

  /** Whether somebody may use output `i`. */
  hasOutput(i: number): boolean {
    return !!this.node.output[i];
  }

  /** Operand `i`, which the node must have. */
  input(i: number): Value {
    const v = this.optional(i);
    if (!v) throw new OpError(`input ${i} is missing`, "bad-operand");
    return v;
  }

  optional(i: number): Value | undefined {
    const name = this.node.input[i];
    return name ? this.scope.value(name) : undefined;
  }

  /** All operands from number `from`; none may be missing, and from 0 on there must be one. */
  inputs(from = 0): Value[] {
    if (from === 0 && this.inputCount === 0) throw new OpError("there are no inputs", "bad-operand");
    return this.node.input.slice(from).map((_, k) => this.input(from + k));
  }

  get inputCount(): number {
    return this.node.input.length;
  }

  type(i: number): TensorType {
    return this.input(i).tensor;
  }

  rank(i: number): number {
    return this.type(i).shape.length;
  }

  has(name: string): boolean {
    return this.attributes.has(name);
  }

  int(name: string, fallback?: number): number {
    const value = this.attributes.get(name)?.i;
    return value === undefined ? this.required(name, fallback) : Number(value);
  }

  float(name: string, fallback?: number): number {
    return this.attributes.get(name)?.f ?? this.required(name, fallback);
  }

  string(name: string, fallback?: string): string {
    const bytes = this.attributes.get(name)?.s;
    return bytes ? new TextDecoder().decode(bytes) : this.required(name, fallback);
  }

  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attributes.get(name)?.ints.map(Number) ?? this.required(name, fallback);
  }

  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attributes.get(name)?.floats ?? this.required(name, fallback);
  }

  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.attributes.get(name)?.strings.map((s) => new TextDecoder().decode(s)) ?? this.required(name, fallback);
  }

  tensor(name: string): Constant | undefined {
    const t = this.attributes.get(name)?.t;
    return t && this.scope.constant(t);
  }

  sparseTensor(name: string): Constant | undefined {
    const t = this.attributes.get(name)?.sparseTensor;
    return t && this.scope.sparseConstant(t);
  }

  /** One or several integers as they are: 64 bits wide. */
  bigints(name: string): readonly bigint[] {
    const a = this.attributes.get(name);
    if (a?.i !== undefined) return [a.i];
    return a?.ints ?? this.required<readonly bigint[]>(name, undefined);
  }

  /** The attribute as the file has it, for what the accessors do not cover. */
  attribute(name: string): OnnxAttribute | undefined {
    return this.attributes.get(name);
  }

  /** A graph attribute lowered with formal inputs of the given types. */
  region(name: string, inputs: readonly Type[]): Graph {
    return this.scope.region(this.graph(name), inputs);
  }

  /** The same where lowering it may fail; nothing is reported then. */
  tryRegion(name: string, inputs: readonly Type[]): TriedRegion {
    return this.scope.tryRegion(this.graph(name), inputs);
  }

  /** A graph attribute lowered in place, at the end of `into` (default: the graph of the node). */
  inlined(name: string, inputs: readonly Value[], into?: Graph): readonly Value[] {
    return this.scope.inlined(this.graph(name), inputs, into);
  }

  private graph(name: string): OnnxGraph {
    return this.attributes.get(name)?.g ?? this.required<OnnxGraph>(name, undefined);
  }

  private required<T>(name: string, fallback: T | undefined): T {
    if (fallback === undefined) throw new OpError(`attribute '${name}' is missing`, "bad-attribute");
    return fallback;
  }

  /** A constant op holding `value`. */
  stored(value: Constant): Value {
    return this.create(ConstantOp, {}, { data: value });
  }

  /** Elements of operand `i` as numbers when they are known at compile time. */
  knownNumbers(i: number): readonly number[] | undefined {
    const v = this.optional(i);
    return v && constantContent(v);
  }

  /** Elements of operand `i` as numbers; unsupported unless known at compile time. */
  numbers(i: number, what: string): readonly number[] {
    return this.knownNumbers(i) ?? this.needsKnown(i, what);
  }

  /** Elements of operand `i` as extents when no data is needed for them. */
  knownDims(i: number): readonly Dim[] | undefined {
    const v = this.optional(i);
    return v && dimContent(v);
  }

  dims(i: number, what: string): readonly Dim[] {
    return this.knownDims(i) ?? this.needsKnown(i, what);
  }

  /** Whether the elements of operand `i` are known (floats as constants, integers also as extents). */
  isKnown(i: number): boolean {
    const v = this.optional(i);
    return v !== undefined && contentOf(v) !== undefined;
  }

  /** The shape that the file declares for output `i`, when it declares one without unknown extents. */
  declaredShape(i: number): readonly Dim[] | undefined {
    const t = this.scope.declared(this.node.output[i] ?? "");
    return t?.kind === "tensor" ? t.shape : undefined;
  }

  private needsKnown(i: number, what: string): never {
    throw new NeedsConstantError(what, this.input(i), this.node.input[i] ?? "");
  }
}

/** An operand had to be known at compile time; the importer knows which inputs of the model it comes from. */
export class NeedsConstantError extends OpError {
  constructor(
    what: string,
    readonly operand: Value,
    name: string,
  ) {
    super(`${what} (input '${name}') must be known at compile time`, "unsupported-attribute");
  }
}
