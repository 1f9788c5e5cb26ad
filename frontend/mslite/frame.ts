/**
 * The nodes of one graph of a file, lowered one after the other into one graph of ours. A node that fails is reported,
 * and what only follows from that is not, so that one run finds all problems.
 */
import type { Builder } from "../../ir/define.ts";
import { CompileError, type DiagnosticCode, OpError } from "../../ir/diagnostic.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { alignedBytes } from "../../ir/data.ts";
import { readElements } from "../../ir/storage.ts";
import { isInteger } from "../../ir/type.ts";
import type { Location } from "../../ir/location.ts";
import type { Layout } from "./layout.ts";
import { bindFunction, controlLowerings, type ControlScope, isFunction, type LiteFunction } from "./control.ts";
import type { LiteSubGraph, LiteTensor } from "./messages.ts";
import { type Arrangement, type Lowered, type Lowering, NodeContext, type NodeScope } from "./node.ts";
import { type Operation, operationOf } from "./operation.ts";
import { lowerings } from "./ops/index.ts";
import { neededOperations } from "./order.ts";
import { constantIn, quantisationOf } from "./quantised.ts";
import { isModelError, type Session, SilencedError } from "./session.ts";
import { isConstantTensor } from "./tensor-data.ts";
import { joinMerges } from "./switch-merge.ts";
import { upgraded } from "./upgrade.ts";
import { LiteValue } from "./value.ts";

/** Larger constants are no sizes. */
const mostElementBytes = 1 << 16;
/** As deep as graphs may call each other. */
const mostCalls = 32;

/** The operations of nodes given by index. Before 1.3 there were no functions: a Partial calls its graph at once. */
export function operationsOf(session: Session, nodes: readonly number[]): readonly Operation[] {
  const { graph, schema, release } = session.model;
  const hasFunctions = schema === 2 && (release === 0 || release >= 103);
  const operations = nodes.map((i) => {
    const node = graph.nodes[i];
    if (!node) throw new OpError(`there is no node ${i}`, "invalid-graph");
    const op = schema === 2 ? operationOf(node) : upgraded(node);
    return op.type === "PartialFusion" && !hasFunctions ? { ...op, type: "Partial" } : op;
  });
  return hasFunctions ? operations : joinMerges(operations);
}

export class Frame implements ControlScope {
  /** By tensor; undefined where what computes it failed. */
  private readonly values = new Map<number, LiteValue | undefined>();
  private readonly functions = new Map<number, LiteFunction>();
  private readonly constants = new Map<string, Value>();

  constructor(
    readonly session: Session,
    readonly builder: Builder,
    private readonly depth = 0,
    /** Of a graph that was opened: what computes its tensors. */
    private readonly operations: readonly Operation[] = [],
  ) {}

  bind(tensor: number, value: LiteValue | undefined): void {
    this.values.set(tensor, value);
  }

  /** Binds a value as the tensor's stored elements, in the file's order of axes. */
  bindStored(tensor: number, value: Value): void {
    this.bind(tensor, new LiteValue(this.builder, quantisationOf(this.session.tensor(tensor))).with("last", value));
  }

  /** Lowers what the outputs need; failures are reported. */
  run(all: readonly Operation[], outputs: readonly number[]): void {
    const { operations, cyclic } = neededOperations(all, outputs);
    if (cyclic) {
      const { problems } = this.session;
      return problems.error("invalid-graph", this.locate(cyclic), `${describe(cyclic)}: the node needs its own result`);
    }
    for (const op of operations) if (!op.outputs.every((o) => this.values.has(o) || this.functions.has(o))) this.node(op);
  }

  value(tensor: number): LiteValue {
    if (this.values.has(tensor)) {
      const known = this.values.get(tensor);
      if (!known) throw new SilencedError();
      return known;
    }
    const t = this.session.tensor(tensor);
    if (!isConstantTensor(t) && !t.dims.includes(0))
      throw new OpError(`nothing computes the tensor ${tensor} ('${t.name}')`, "invalid-graph");
    const made = new ConstantLite(this.builder, t.dims.length, (layout) => this.constantForm(tensor, layout));
    this.values.set(tensor, made);
    return made;
  }

  private constantForm(index: number, layout: Layout): Value {
    const isImage = this.session.tensor(index).dims.length === 4;
    return this.constant(index, layout === "second" && isImage ? { perm: [0, 3, 1, 2] } : {});
  }

  /** A constant of the file; the same arrangement is made once. */
  constant(index: number, arrangement: Arrangement): Value {
    const key = `${index} ${arrangement.perm?.join() ?? ""} ${arrangement.axis ?? ""}`;
    const known = this.constants.get(key) ?? constantIn(this.session, this.builder, this.session.tensor(index), arrangement);
    this.constants.set(key, known);
    return known;
  }

  private elements(index: number): number[] | undefined {
    const { type, data } = this.session.constant(this.session.tensor(index));
    if (!isInteger(type.dtype) || data.byteLength > mostElementBytes) return undefined;
    return readElements(type.dtype, alignedBytes(data)).map(Number);
  }

  isConstant(tensor: number): boolean {
    return !this.values.has(tensor) || this.values.get(tensor) instanceof ConstantLite;
  }

  private lower(op: Operation): readonly Lowered[] {
    const control = typeof op.type === "string" && Object.hasOwn(controlLowerings, op.type) ? controlLowerings[op.type] : undefined;
    if (control) return control(this, op);
    const lowered = loweringOf(op)(new NodeContext(op, this.scopeOf(op)));
    return Array.isArray(lowered) ? (lowered as readonly Lowered[]) : [lowered as Lowered];
  }

  private locate(op: Operation): Location {
    return this.session.locate(op.name || describe(op));
  }

  private node(op: Operation): void {
    const { builder, session } = this;
    const around = builder.location;
    builder.location = this.locate(op);
    try {
      session.countNode();
      this.checkInputs(op);
      if (isFunction(op)) return bindFunction(this, op);
      this.bindOutputs(op, this.lower(op));
    } catch (e) {
      if (!isModelError(e)) throw new Error(`importing ${describe(op)} failed`, { cause: e });
      this.report(op, e);
      for (const o of op.outputs) this.bind(o, undefined);
    } finally {
      builder.location = around;
    }
  }

  /** What follows from a failed node fails silently. */
  private checkInputs(op: Operation): void {
    for (const i of op.inputs) if (typeof i === "number" && this.values.has(i) && !this.values.get(i)) throw new SilencedError();
  }

  private scopeOf(op: Operation): NodeScope {
    const { session, builder } = this;
    return {
      builder,
      release: session.model.release,
      value: (i) => this.value(i),
      tensor: (i): LiteTensor => session.tensor(i),
      isConstant: (i) => this.isConstant(i),
      elements: (i) => this.elements(i),
      constant: (i, arrangement) => this.constant(i, arrangement),
      freshExtent: (hint) => session.extentNames.fresh(hint),
      warn: (code: DiagnosticCode, message: string) => {
        session.problems.warn(code, this.locate(op), `${describe(op)}: ${message}`, { op: describe(op) });
      },
    };
  }

  subGraph(index: number): LiteSubGraph {
    const graph = this.session.model.graph.subGraph[index];
    if (!graph) throw new OpError(`there is no graph ${index}`, "invalid-graph");
    return graph;
  }

  operationsOf(index: number): readonly Operation[] {
    return operationsOf(this.session, this.subGraph(index).nodeIndices);
  }

  functionOf(tensor: number): LiteFunction {
    const found = this.functions.get(tensor);
    if (!found) throw new OpError(`the tensor ${tensor} is no function`, "bad-operand");
    return found;
  }

  bindFunction(tensor: number, f: LiteFunction): void {
    this.functions.set(tensor, f);
  }

  stored(tensor: number): Value {
    return this.value(tensor).stored("last");
  }

  open(index: number, inputs: readonly Value[]): Frame {
    const { name, inputIndices } = this.subGraph(index);
    if (inputIndices.length !== inputs.length)
      throw new OpError(`the graph '${name}' has ${inputIndices.length} inputs`, "bad-operand", { expected: String(inputs.length) });
    if (this.depth >= mostCalls) throw new OpError(`graphs call each other deeper than ${mostCalls}`, "limit");
    this.session.countNode();
    return this.part(this.operationsOf(index), new Map(inputIndices.map((t, k) => [t, inputs[k]!])), this.depth + 1);
  }

  part(operations: readonly Operation[], values: ReadonlyMap<number, Value>, depth = this.depth): Frame {
    const inner = new Frame(this.session, this.builder, depth, operations);
    for (const [t, v] of values) inner.bindStored(t, v);
    return inner;
  }

  within(graph: Graph): Frame {
    return new Frame(this.session, this.session.builder(graph), this.depth);
  }

  compute(tensors: readonly number[]): void {
    const { errors } = this.session.problems;
    this.run(this.operations, tensors);
    if (this.session.problems.errors > errors) throw new SilencedError();
  }

  freshExtent(hint: string): string {
    return this.session.extentNames.fresh(hint);
  }

  private bindOutputs(op: Operation, results: readonly Lowered[]): void {
    op.outputs.forEach((o, k) => {
      const t = this.session.tensor(o);
      const result = results[k];
      if (!result) return this.bind(o, undefined);
      if ("make" in result) return this.bind(o, new EitherLite(this.builder, t.dims.length, result.make));
      const { layout, value } = "layout" in result ? result : { layout: "last" as const, value: result };
      if (value.op && value.name === "" && layout === "last") value.name = t.name;
      this.bind(o, LiteValue.computed(this.builder, value.type.kind === "tensor" ? quantisationOf(t) : undefined, layout, value));
    });
  }

  private report(op: Operation, e: OpError | CompileError | SilencedError): void {
    if (e instanceof SilencedError) return;
    const { problems } = this.session;
    const name = describe(op);
    if (e instanceof CompileError) problems.take(e, { op: name });
    else problems.error(e.code, this.locate(op), `${name}: ${e.message}`, { op: name, ...e.more });
  }
}

/** What is computed from constants alone, in either order of axes. */
class EitherLite extends LiteValue {
  private readonly made = new Map<Layout, Value>();

  constructor(
    builder: Builder,
    private readonly axes: number,
    private readonly form: (layout: Layout) => Value,
  ) {
    super(builder, undefined);
  }

  override get rank(): number {
    return this.axes;
  }

  override has(): boolean {
    return true;
  }

  override get(layout: Layout): Value {
    const v = this.made.get(layout) ?? this.form(layout);
    this.made.set(layout, v);
    return layout === "last" || v.tensor.shape.length === 4 ? v : this.raised(v);
  }

  override stored(layout: Layout): Value {
    return this.get(layout);
  }
}

/** A constant of the file. */
class ConstantLite extends EitherLite {}

const describe = (op: Operation): string => (typeof op.type === "number" ? `primitive ${op.type}` : op.type);

function loweringOf(op: Operation): Lowering {
  const found = typeof op.type === "string" && Object.hasOwn(lowerings, op.type) ? lowerings[op.type] : undefined;
  if (found) return found;
  throw new OpError("the primitive is not supported", "unsupported-op");
}
