/**
 * The graphs of a model evaluated symbolically: every name stands for an item, operators create ops of ours, calls are
 * inlined, and what is known at import time is decided then. Control flow that depends on data is `functions.ts`.
 */
import type { Builder } from "../../ir/define.ts";
import { CompileError, type DiagnosticCode, OpError } from "../../ir/diagnostic.ts";
import { Graph, graphOf, type Value } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { tensor } from "../../ir/type.ts";
import { ExtentNames, identifierOf } from "../extent-names.ts";
import type { ExternalFiles } from "../external-files.ts";
import type { Problems } from "../problems.ts";
import { attributeItem } from "./attributes.ts";
import { CallGraph, referenceOf } from "./call-graph.ts";
import { declaredItem, declaredResult } from "./declared.ts";
import { changesParameter, Effects, hasEffects, stateOf } from "./effects.ts";
import { definingFrame, type Frame } from "./frame.ts";
import { Calls } from "./functions.ts";
import type { MindirModel, MindirNode, MindirTensor } from "./messages.ts";
import { NodeContext } from "./node.ts";
import { inlineOperator, type Operator, OperatorTable, plainName, plainOperator } from "./operator.ts";
import { findLowering } from "./ops/table.ts";
import type { NodeScope } from "./scope.ts";
import { structural } from "./structural.ts";
import { mindirTensorValue } from "./tensor-data.ts";
import { hasUnknown, isKind, isValue, type Item, none, tupleOf, unknown } from "./values.ts";

/** Thrown where the cause was reported already. */
export class ReportedError extends Error {}

/** More ops than any network has; a model that asks for more was made to exhaust memory. */
const mostOps = 200_000;
/** Calls inside calls, and lookups inside lookups, before the stack is in danger. */
const deepest = 400;

export class Evaluator {
  readonly graphs: CallGraph;
  readonly calls: Calls;
  private readonly operators: OperatorTable;
  /** Where placeholders of failed nodes belong. */
  private readonly scratch = new Graph("failed");
  private readonly extentNames = new ExtentNames();
  private readonly undefinedNames = new Set<string>();
  readonly effects = new Effects();
  private readonly hasEffects: boolean;
  private ops = 0;
  private depth = 0;

  constructor(
    model: MindirModel,
    readonly problems: Problems,
    private readonly files: ExternalFiles | undefined,
  ) {
    this.hasEffects = hasEffects(model);
    this.graphs = new CallGraph(model, this.hasEffects);
    this.operators = new OperatorTable(model);
    this.calls = new Calls(this);
    this.source = model.source.name;
  }

  readonly source: string;

  /** To be called with every op made, and every value that a loop carries. */
  readonly counted = (): void => {
    if (++this.ops > mostOps) throw CompileError.of("limit", { source: this.source }, `the model unrolls to more than ${mostOps} ops`);
  };

  /** Runs `f` one level deeper; too many levels are a `CompileError`. */
  nested<T>(f: () => T): T {
    if (this.depth >= deepest) throw CompileError.of("limit", { source: this.source }, `calls nest deeper than ${deepest}`);
    this.depth++;
    try {
      return f();
    } finally {
      this.depth--;
    }
  }

  /** What a name stands for in a frame; nodes are evaluated on the way. */
  lookup(frame: Frame, name: string): Item {
    for (let f: Frame | undefined = frame; f; f = f.parent) {
      const own = f.own(name);
      if (own !== undefined) return own;
      const node = f.node(name);
      if (node) return this.nodeItem(f, node);
    }
    const graph = this.graphs.find(name);
    if (graph) return { kind: "closure", graph, frame: definingFrame(frame, graph), bound: [] };
    const constant = this.graphs.constantNode(name);
    if (constant) return this.nodeItem(frame, constant);
    return this.undefinedName(frame, name);
  }

  /** The weights of a frame's graph, as constants that are made when asked for. */
  defineParameters(frame: Frame): void {
    for (const p of frame.graph.parameter) frame.defineLazily(p.name, () => this.parameter(p, frame.builder));
  }

  private parameter(p: MindirTensor, builder: Builder): Item {
    const item = this.constant(p, builder);
    if (isValue(item)) item.name = p.refKey || bareName(p.name);
    return item;
  }

  private undefinedName(frame: Frame, name: string): Item {
    if (!this.undefinedNames.has(name)) {
      this.undefinedNames.add(name);
      this.problems.error("invalid-graph", { source: this.source, path: frame.graph.name }, `nothing defines '${name}'`);
    }
    return unknown;
  }

  private nodeItem(frame: Frame, node: MindirNode): Item {
    if (frame.open.has(node)) {
      this.problems.error("invalid-graph", this.locationOf(node), "the node needs its own result");
      return unknown;
    }
    frame.open.add(node);
    const item = this.nested(() => this.evaluateNode(frame, node));
    frame.open.delete(node);
    frame.define(node.output[0] ?? node.name, item);
    // Of constants, those with a name are the model's parameters.
    const isNamed = isValue(item) && item.op !== undefined && item.op.definition !== ConstantOp;
    if (isNamed && graphOf(item) === frame.builder.graph) item.name ||= bareName(node.output[0] ?? node.name);
    if (node.name !== "" && node.name !== node.output[0]) frame.define(node.name, item);
    return item;
  }

  /** The items of all nodes that the graph's outputs need. Those of `but` are left for later. */
  evaluateNodes(frame: Frame, but?: ReadonlySet<MindirNode>): void {
    for (const node of this.graphs.neededNodes(frame.graph)) {
      if (!but?.has(node) && frame.own(node.output[0] ?? node.name) === undefined) this.nodeItem(frame, node);
    }
  }

  locationOf(node: MindirNode): Location {
    return { source: this.source, path: node.domain || node.name || (node.output[0] ?? node.opType) };
  }

  /** The item of a node; a failure is reported, and a placeholder of the declared type stands for the result. */
  private evaluateNode(frame: Frame, node: MindirNode): Item {
    const before = frame.builder.location;
    frame.builder.location = this.locationOf(node);
    try {
      return this.compute(frame, node);
    } catch (error) {
      this.reportFailure(node, error);
      return declaredItem(node, this.scratch);
    } finally {
      frame.builder.location = before;
    }
  }

  private reportFailure(node: MindirNode, error: unknown): void {
    if (error instanceof ReportedError) return;
    const op = plainName(this.operatorOf(node)?.name ?? "call");
    const at = this.locationOf(node);
    if (error instanceof OpError) {
      const more = { op, ...error.more };
      this.problems.error(error.code, at, `'${more.op}': ${error.message}`, more);
    } else if (error instanceof CompileError && !isLimit(error)) {
      for (const d of error.diagnostics) this.problems.report({ op, ...d });
    } else throw error;
  }

  /** The operator that a node applies; undefined where it calls a function. */
  operatorOf(node: MindirNode): Operator | undefined {
    const reference = referenceOf(node);
    if (reference === undefined) return inlineOperator(node);
    if (reference.startsWith("MetaFuncGraph::")) return plainOperator(reference.slice("MetaFuncGraph::".length));
    if (reference.startsWith("ClassType::")) return plainOperator(reference);
    return this.operators.find(reference);
  }

  private compute(frame: Frame, node: MindirNode): Item {
    if (node.opType === "Constant") return this.constantItem(frame, node);
    const operator = this.operatorOf(node);
    if (operator) return this.apply(frame.builder, operator, this.arguments(frame, node, operator), node);
    const called = this.lookup(frame, referenceOf(node) ?? "");
    return this.calls.call(called, this.items(frame, node.input), frame.builder);
  }

  private arguments(frame: Frame, node: MindirNode, { name }: Operator): Item[] {
    if (this.hasEffects) return this.items(frame, node.input);
    // What only orders effects is not evaluated where there are none.
    if (plainName(name) === "Depend" || plainName(name) === "Load") return this.items(frame, node.input.slice(0, 1));
    return plainName(name) === "UpdateState" ? [] : this.items(frame, node.input);
  }

  items(frame: Frame, names: readonly string[]): Item[] {
    return names.map((name) => this.lookup(frame, name));
  }

  private constantItem(frame: Frame, node: MindirNode): Item {
    const attribute = node.attribute.find((a) => a.name === "value");
    return attribute ? this.materialize(attributeItem(attribute), frame.builder) : none;
  }

  /** The item with its tensors as values. */
  materialize(item: Item, builder: Builder): Item {
    if (isKind(item, "constant")) return this.constant(item.tensor, builder);
    if (isKind(item, "tuple")) return tupleOf(item.elements.map((e) => this.materialize(e, builder)));
    return item;
  }

  /** A weight or a tensor constant as an op. */
  constant(message: MindirTensor, builder: Builder): Item {
    const { dtype, dims, data, strings } = mindirTensorValue(message, builder.location, this.files);
    if (strings) throw new OpError("tensors of strings are not carried", "unsupported-type");
    return builder.create(ConstantOp, {}, { data: { type: tensor(dtype, dims), data } });
  }

  /** The result of an operator. Throws an `OpError` that names it, or a `CompileError`, where it is not carried. */
  apply(builder: Builder, operator: Operator, given: readonly Item[], node?: MindirNode): Item {
    try {
      return this.lower(builder, operator, given, node);
    } catch (error) {
      // Lowerings rely on the ranks and tuples that their operators have in any valid file.
      const isUnfit = error instanceof TypeError || error instanceof RangeError;
      if (isUnfit) throw new OpError("the operands do not fit the operator", "bad-operand", { op: plainName(operator.name) });
      if (!(error instanceof OpError) || error.more.op !== undefined) throw error;
      throw new OpError(error.message, error.code, { ...error.more, op: plainName(operator.name) });
    }
  }

  private lower(builder: Builder, operator: Operator, given: readonly Item[], node?: MindirNode): Item {
    const name = plainName(operator.name);
    const items = given.filter((item) => !isKind(item, "monad"));
    const known = structural.get(name);
    if (known) return known(this, builder, operator, given);
    if (name.startsWith("ClassType::")) return this.makeOperator(name, items);
    const lower = findLowering(name);
    if (!lower) throw new OpError("this operator is not supported", "unsupported-op");
    if (items.some((item) => hasUnknown(item))) throw new ReportedError();
    const changes = changesParameter(name);
    const operands = changes ? this.currentOperands(given, items) : items;
    const made = lower(new NodeContext({ ...operator, name }, operands, this.scope(builder, node)));
    if (changes) return this.changed(made, items[0], builder);
    return Array.isArray(made) ? tupleOf(made as readonly Item[]) : (made as Item);
  }

  /** The operands of an operator that changes its first one: that as it is at the time of the monad. */
  private currentOperands(given: readonly Item[], items: readonly Item[]): readonly Item[] {
    const [target, ...rest] = items;
    const state = stateOf(given.findLast((item) => isKind(item, "monad")));
    return isValue(target) ? [state.get(target) ?? target, ...rest] : items;
  }

  /** The new value of a parameter, as a value that stands for the change. */
  private changed(made: Item | readonly Value[], target: Item | undefined, builder: Builder): Item {
    const [value] = Array.isArray(made) ? (made as readonly Value[]) : [made as Item];
    if (!isValue(value) || !isValue(target)) throw new OpError("this cannot be changed", "bad-operand");
    if (builder.graph.parent !== undefined || builder.graph !== graphOf(target)) {
      throw new OpError("a parameter that changes in a loop or a branch is not supported", "unsupported-attribute");
    }
    this.problems.warn("ignored", builder.location, "the new value of a parameter is lost when the run ends");
    const result = builder.create(IdentityOp, { x: value });
    this.effects.attach(result, new Map([[target, result]]));
    return result;
  }

  /** An operator's class called with the arguments of its constructor. */
  private makeOperator(path: string, constructorArguments: readonly Item[]): Item {
    const name = path.slice(path.lastIndexOf(".") + 1);
    return { kind: "operator", operator: { name, attributes: new Map(), constructorArguments }, bound: [] };
  }

  /** What a lowering that works in the builder's graph may ask for. */
  scope(builder: Builder, node?: MindirNode): NodeScope {
    return {
      builder,
      freshExtent: (hint) => this.freshExtent(hint),
      warn: (code: DiagnosticCode, message: string) => this.problems.warn(code, builder.location, message),
      materialize: (item) => this.materialize(item, builder),
      declared: (i) => (node ? declaredResult(node, i) : undefined),
      apply: (operator, items) => this.apply(builder, operator, items),
    };
  }

  /** `hint`, or with a number after it where the model has that name already. */
  freshExtent(hint: string): string {
    return this.extentNames.fresh(identifierOf(hint));
  }
}

/** A name without the graph's: what follows the first colon. */
export const bareName = (name: string): string => name.slice(name.indexOf(":") + 1) || name;

const isLimit = (error: CompileError): boolean => error.diagnostics.some((d) => d.code === "limit");
