/**
 * Nodes of a graph, a region or a function's body, lowered one after the other.
 *
 * A node that fails is reported, and what it should have computed becomes a stand-in of the type that the file declares,
 * or unknown, so that one run finds all problems; what only follows from an earlier failure is not reported.
 */
import type { Builder } from "../../ir/define.ts";
import type { Constant } from "../../ir/attribute.ts";
import { CompileError, type Diagnostic, type DiagnosticCode, OpError } from "../../ir/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import type { Type } from "../../ir/type.ts";
import { bindFailed, bindGraph, declareTypes, nameOf, pathOf } from "./bind.ts";
import { callAttributes, callKey, domainOf, resolveNode } from "./functions.ts";
import type { OnnxFunction, OnnxGraph, OnnxNode, OnnxSparseTensor, OnnxTensor } from "./messages.ts";
import { type Lowering, NeedsConstantError, NodeContext, type NodeScope, type TriedRegion } from "./node.ts";
import { lowerings } from "./ops/index.ts";
import { sortNodes } from "./order.ts";
import { isModelError, Scope, SilencedError } from "./scope.ts";
import type { Session } from "./session.ts";
import { onnxSparseTensorValue } from "./tensor-data.ts";

/** As deep as functions may call each other. */
const mostCalls = 64;

/** Errors that may follow from a stand-in's type. */
const followUps: ReadonlySet<DiagnosticCode> = new Set<DiagnosticCode>(["type-mismatch", "bad-operand", "limit"]);

/** Imports the nodes in order of their needs; `scope` then holds their outputs. */
export function importNodes(session: Session, scope: Scope, nodes: readonly OnnxNode[]): void {
  const numbers = new Map(nodes.map((n, i) => [n, i]));
  const { nodes: sorted, isSorted, cyclic } = sortNodes(nodes, (name) => scope.defines(name));
  const locate = (n: OnnxNode): Location => session.locate(pathOf(scope, n, numbers.get(n) ?? 0));
  if (!isSorted && cyclic.length === 0 && sorted[0])
    session.problems.warn("invalid-graph", session.locate(scope.context.path || "graph"), "the nodes are not in the order of their needs");
  const [first] = cyclic;
  if (first) session.problems.error("invalid-graph", locate(first), `${nameOf(first)}: the node needs its own result`);
  for (const n of cyclic) bindFailed(session, scope, n);
  for (const n of sorted) {
    if (!session.mayGoOn()) return;
    new NodeImport(session, scope, resolveNode(n, scope.context.attributes), locate(n)).run();
  }
}

class NodeImport implements NodeScope {
  readonly builder: Builder;
  private isTainted = false;
  private readonly op: string;

  constructor(
    private readonly session: Session,
    private readonly scope: Scope,
    private readonly node: OnnxNode,
    private readonly location: Location,
  ) {
    this.builder = scope.builder;
    this.op = nameOf(node);
  }

  run(): void {
    const around = this.builder.location;
    this.builder.location = this.location;
    try {
      this.bindOutputs(this.lower());
    } catch (e) {
      if (!isModelError(e)) throw new Error(`importing ${this.op} at ${this.location.path ?? ""} failed`, { cause: e });
      this.reportFailure(e);
      bindFailed(this.session, this.scope, this.node);
    } finally {
      this.builder.location = around;
    }
  }

  get opset(): number {
    return this.scope.context.opsets.get(domainOf(this.node.domain)) ?? 1;
  }

  value(name: string): Value | undefined {
    const binding = name === "" ? undefined : this.scope.lookup(name);
    if (binding?.kind === "unknown") throw new SilencedError();
    if (binding?.kind !== "value") return undefined;
    if (this.session.isTainted(binding.value)) this.isTainted = true;
    return binding.value;
  }

  declared(name: string): Type | undefined {
    const t = this.scope.declared(name);
    return t && this.session.boundType(t);
  }

  constant(tensor: OnnxTensor): Constant {
    return this.session.constant(tensor, this.location);
  }

  sparseConstant(tensor: OnnxSparseTensor): Constant {
    return this.session.toConstant(onnxSparseTensorValue(tensor, this.location, this.session.files));
  }

  freshExtent(hint: string): string {
    return this.session.freshExtent(hint);
  }

  warn(code: DiagnosticCode, message: string): void {
    this.session.problems.warn(code, this.location, `${this.op}: ${message}`, { op: this.op });
  }

  region(graph: OnnxGraph, inputs: readonly Type[]): Graph {
    const made = new Graph(graph.name);
    this.checkFormals(graph, inputs.length);
    try {
      made.setOutputs(
        this.inlined(
          graph,
          graph.input.map((v, i) => made.addInput(v.name, inputs[i]!)),
          made,
        ),
      );
    } catch (e) {
      made.dispose();
      throw e;
    }
    return made;
  }

  tryRegion(graph: OnnxGraph, inputs: readonly Type[]): TriedRegion {
    const { problems } = this.session;
    const [before, isTainted] = [problems.mark(), this.isTainted];
    try {
      const made = this.region(graph, inputs);
      if (problems.errors === before.errors) return { graph: made, lacksConstants: false };
      made.dispose();
    } catch (e) {
      if (!isModelError(e)) throw e;
    }
    const found = problems.restore(before);
    this.isTainted = isTainted;
    return { lacksConstants: found.length > 0 && found.every((d) => d.inputs !== undefined) };
  }

  inlined(graph: OnnxGraph, inputs: readonly Value[], into?: Graph): readonly Value[] {
    const { session, scope } = this;
    this.checkFormals(graph, inputs.length);
    const inner = new Scope(into ? session.builder(into) : scope.builder, { ...scope.context, path: this.location.path ?? "" }, scope);
    const errors = session.problems.errors;
    graph.input.forEach((v, i) => {
      if (inner.defines(v.name)) throw new OpError(`the body '${graph.name}' has two inputs named '${v.name}'`, "invalid-graph");
      inner.bindValue(v.name, inputs[i]!);
    });
    bindGraph(session, inner, graph);
    importNodes(session, inner, graph.node);
    const outputs = graph.output.map((v) => this.regionOutput(inner, v.name));
    if (session.problems.errors > errors) this.isTainted = true;
    return outputs;
  }

  private checkFormals(graph: OnnxGraph, count: number): void {
    if (graph.input.length !== count)
      throw new OpError(`the body '${graph.name}' has ${graph.input.length} inputs`, "bad-attribute", { expected: String(count) });
  }

  private regionOutput(inner: Scope, name: string): Value {
    const binding = inner.lookup(name);
    if (binding?.kind === "unknown") throw new SilencedError();
    if (binding?.kind !== "value") throw new OpError(`the output '${name}' of the body is not defined`, "invalid-graph");
    if (this.session.isTainted(binding.value)) this.isTainted = true;
    return binding.value;
  }

  private lower(): readonly Value[] {
    const { node, session } = this;
    const called = session.functions.get(callKey(node));
    const lowering = called ? undefined : this.findLowering();
    this.checkInputs();
    if (called) return this.inline(called);
    const values = lowering!(new NodeContext(node, this));
    return Array.isArray(values) ? (values as readonly Value[]) : [values as Value];
  }

  private findLowering(): Lowering {
    const { node } = this;
    const domain = domainOf(node.domain);
    const name = domain === "" ? node.opType : `${domain}.${node.opType}`;
    if (Object.hasOwn(lowerings, name)) return lowerings[name]!;
    if (domain === "") throw new OpError("the operator is not supported", "unsupported-op");
    throw new OpError(`operators of the domain '${domain}' are not supported`, "unsupported-op", {
      remedy: "export the model without custom operators, or with a model-local function for each",
    });
  }

  /** Every name must be defined; when one is the result of a failed node, this one fails too. */
  private checkInputs(): void {
    for (const name of this.node.input) {
      if (name !== "" && !this.scope.lookup(name)) throw new OpError(`the input '${name}' is not defined`, "invalid-graph");
    }
    for (const name of this.node.input) this.value(name);
  }

  private inline(f: OnnxFunction): readonly Value[] {
    const { session, scope, node } = this;
    const key = callKey(node);
    if (scope.context.calls.includes(key)) throw new OpError(`the function '${f.name}' calls itself`, "invalid-graph");
    if (scope.context.calls.length >= mostCalls) throw new OpError(`functions call each other deeper than ${mostCalls}`, "limit");
    if (node.input.length > f.input.length)
      throw new OpError(`the function '${f.name}' is called with too many inputs`, "bad-operand", {
        expected: String(f.input.length),
        received: String(node.input.length),
      });
    const opsets = new Map(f.opsetImport.map((o) => [domainOf(o.domain), o.version]));
    const inner = new Scope(this.builder, {
      path: this.location.path ?? "",
      opsets: opsets.size > 0 ? opsets : scope.context.opsets,
      attributes: callAttributes(f, node),
      calls: [...scope.context.calls, key],
    });
    f.input.forEach((name, i) => {
      const value = this.value(node.input[i] ?? "");
      inner.bind(name, value ? { kind: "value", value } : { kind: "absent" });
    });
    declareTypes(inner, f.valueInfo, () => undefined);
    importNodes(session, inner, f.node);
    const given = new Set(node.input.map((name) => this.value(name)));
    return node.output.map((_, i) => {
      const v = this.regionOutput(inner, f.output[i] ?? "");
      // The call's name for it says more than the body's.
      if (v.op && v.name === f.output[i] && !given.has(v)) v.name = "";
      return v;
    });
  }

  private bindOutputs(values: readonly Value[]): void {
    this.node.output.forEach((name, i) => {
      const v = values[i];
      if (v && this.isTainted) this.session.taint(v);
      if (name === "") return;
      if (!v) throw new OpError(`output ${i} ('${name}') is not supported`, "unsupported-attribute");
      if (this.scope.defines(name)) throw new OpError(`'${name}' is defined twice`, "invalid-graph");
      v.name ||= name;
      this.scope.bindValue(name, v);
    });
  }

  private reportFailure(e: OpError | CompileError | SilencedError): void {
    if (e instanceof SilencedError) return;
    const { problems } = this.session;
    if (e instanceof CompileError) return problems.take(e, { op: this.op });
    if (this.isTainted && (followUps.has(e.code) || e instanceof NeedsConstantError)) return;
    const more: Partial<Diagnostic> = { op: this.op, ...(e instanceof NeedsConstantError ? this.explainConstant(e) : {}), ...e.more };
    problems.error(e.code, this.location, `${this.op}: ${e.message}`, more);
  }

  private explainConstant({ operand }: NeedsConstantError): Partial<Diagnostic> {
    const inputs = this.session.originsOf(operand);
    if (inputs.length === 0) return { inputs, remedy: "change the model so that it is a constant" };
    return {
      inputs,
      remedy: `give ${inputs.map((name) => `--input-value ${name}=FILE.npy`).join(" ")}, or change the model so that it is a constant`,
    };
  }
}
