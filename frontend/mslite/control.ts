/**
 * Calls of graphs: a Call takes the function that a PartialFusion makes of a graph and its first inputs, or that a Switch
 * picks between two. A graph that ends by calling another that ends by calling it again is a loop.
 */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { differingExtents, If, Loop } from "../../ir/ops/control.ts";
import { Extents, Reshape } from "../../ir/ops/shape.ts";
import { formatType, sameType, tensor } from "../../ir/type.ts";
import type { LiteSubGraph } from "./messages.ts";
import type { Operation } from "./operation.ts";

/** A graph with the tensors that are its inputs, in the graph around. */
interface Partial {
  readonly graph: number;
  readonly captures: readonly number[];
}
interface Choice {
  readonly condition: number;
  readonly options: readonly [whenTrue: Partial, whenFalse: Partial];
}
export type LiteFunction = Partial | Choice;

/** A graph of the file while its nodes are lowered, as far as calls need it. */
export interface ControlScope {
  readonly builder: Builder;
  subGraph(index: number): LiteSubGraph;
  operationsOf(index: number): readonly Operation[];
  functionOf(tensor: number): LiteFunction;
  bindFunction(tensor: number, f: LiteFunction): void;
  /** The elements of a tensor as they are stored. */
  stored(tensor: number): Value;
  /** Another graph of the file, on values; its nodes go where this one's do. */
  open(index: number, inputs: readonly Value[]): ControlScope;
  /** The same place in another graph of ours, with nothing in it yet. */
  within(graph: Graph): ControlScope;
  /** Lowers what the tensors of the opened graph need. */
  compute(tensors: readonly number[]): void;
  freshExtent(hint: string): string;
}

export type ControlLowering = (s: ControlScope, op: Operation) => readonly Value[];

const tensorAt = (op: Operation, i: number): number => {
  const t = op.inputs[i];
  if (typeof t !== "number") throw new OpError(`input ${i} is missing`, "bad-operand");
  return t;
};

/** Functions are no tensors: they are bound, and nothing is given. */
export function bindFunction(s: ControlScope, op: Operation): void {
  const [output] = op.outputs;
  if (output === undefined) throw new OpError("the node has no output", "invalid-graph");
  s.bindFunction(output, op.type === "Switch" ? choiceOf(s, op) : partialOf(op));
}

const partialOf = (op: Operation): Partial => ({
  graph: Number(op.fields["sub_graph_index"]),
  captures: op.inputs.map((_, i) => tensorAt(op, i)),
});

function choiceOf(s: ControlScope, op: Operation): Choice {
  const options = [1, 2].map((i) => s.functionOf(tensorAt(op, i)));
  const [whenTrue, whenFalse] = options;
  if (!whenTrue || !whenFalse || "options" in whenTrue || "options" in whenFalse || op.inputs.length !== 3)
    throw new OpError("a switch picks between two graphs", "unsupported-attribute");
  return { condition: tensorAt(op, 0), options: [whenTrue, whenFalse] };
}

export const controlLowerings: Readonly<Record<string, ControlLowering>> = {
  Call: (s, op) =>
    callFunction(
      s,
      s.functionOf(tensorAt(op, 0)),
      op.inputs.slice(1).map((_, i) => s.stored(tensorAt(op, i + 1))),
    ),
  While: (s, op) => {
    const args = op.inputs.map((_, i) => s.stored(tensorAt(op, i)));
    const [condition, body] = ["cond_subgraph_index", "body_subgraph_index"].map((name) => Number(op.fields[name]));
    return whileLoop(
      s,
      args,
      (at, values) => callGraph(at, condition!, values)[0],
      (at, values) => callGraph(at, body!, values),
    );
  },
};

function callFunction(s: ControlScope, f: LiteFunction, more: readonly Value[]): readonly Value[] {
  const valuesOf = (p: Partial): Value[] => [...p.captures.map((t) => s.stored(t)), ...more];
  if (!("options" in f)) return callGraph(s, f.graph, valuesOf(f));
  const branches = f.options.map((p, i) => {
    const graph = new Graph(i === 0 ? "then" : "else");
    graph.setOutputs(callGraph(s.within(graph), p.graph, valuesOf(p)));
    return graph;
  });
  return choose(s, truth(s, s.stored(f.condition)), branches[0]!, branches[1]!);
}

/** A condition as a bool scalar. */
function truth(s: ControlScope, v: Value): Value {
  const x = v.tensor.dtype === "bool" ? v : s.builder.create(Cast, { x: v }, { to: "bool" });
  return x.tensor.shape.length === 0 ? x : s.builder.create(Reshape, { x }, { shape: [] });
}

/** An `if`; extents that differ between the branches get names, and the branches give their sizes. */
function choose(s: ControlScope, condition: Value, then: Graph, otherwise: Graph): readonly Value[] {
  const count = then.outputs.length;
  const differing = differingExtents(
    then.outputs.map((v) => v.type),
    otherwise.outputs.map((v) => v.type),
  );
  const extents = differing.map(() => s.freshExtent("size"));
  for (const [graph, side] of [
    [then, "then"],
    [otherwise, "else"],
  ] as const) {
    const { builder } = s.within(graph);
    const sizes = differing.map((d) => builder.create(Reshape, { x: builder.create(Extents, {}, { values: [d[side]] }) }, { shape: [] }));
    graph.setOutputs([...graph.outputs, ...sizes]);
  }
  return s.builder.createAll(If, { condition }, { then, else: otherwise, extents }).slice(0, count);
}

/** The outputs of a graph of the file for the values. */
function callGraph(s: ControlScope, index: number, inputs: readonly Value[]): readonly Value[] {
  const loop = loopOf(s, index);
  if (loop) return runLoop(s, index, loop, inputs);
  const inner = s.open(index, inputs);
  const { outputIndices } = s.subGraph(index);
  inner.compute(outputIndices);
  return outputIndices.map((t) => inner.stored(t));
}

interface LoopShape {
  readonly condition: number;
  /** Goes on where the condition is false. */
  readonly isNegated: boolean;
  readonly body: Partial;
  /** What the body calls the loop's graph with again, tensors of the body. */
  readonly again: readonly number[];
  readonly exit: Partial;
}

/** What a graph's outputs are the outputs of: a call of the function that a node makes. */
function tailOf(
  s: ControlScope,
  index: number,
): { readonly callee: Operation; readonly makers: ReadonlyMap<number, Operation> } | undefined {
  const makers = new Map(s.operationsOf(index).flatMap((op) => op.outputs.map((o) => [o, op] as const)));
  const { outputIndices } = s.subGraph(index);
  const call = makers.get(outputIndices[0] ?? -1);
  const isTail = call?.type === "Call" && call.inputs.length === 1 && outputIndices.every((o, i) => call.outputs[i] === o);
  const callee = isTail ? makers.get(tensorAt(call, 0)) : undefined;
  return callee && { callee, makers };
}

function loopOf(s: ControlScope, index: number): LoopShape | undefined {
  const tail = tailOf(s, index);
  if (tail?.callee.type !== "Switch" || tail.callee.inputs.length !== 3) return undefined;
  const options = [1, 2].map((i) => tail.makers.get(tensorAt(tail.callee, i)));
  for (const [k, option] of options.entries()) {
    const other = options[1 - k];
    if (option?.type !== "PartialFusion" || other?.type !== "PartialFusion") return undefined;
    const body = partialOf(option);
    const back = tailOf(s, body.graph);
    if (back?.callee.type !== "PartialFusion" || partialOf(back.callee).graph !== index) continue;
    return {
      condition: tensorAt(tail.callee, 0),
      isNegated: k === 1,
      body,
      again: partialOf(back.callee).captures,
      exit: partialOf(other),
    };
  }
  return undefined;
}

/** Inputs of the loop's graph that every iteration hands on as they are. */
function constantInputs(s: ControlScope, index: number, { body, again }: LoopShape): ReadonlySet<number> {
  const inputs = s.subGraph(index).inputIndices;
  const inner = s.subGraph(body.graph).inputIndices;
  return new Set(inputs.flatMap((t, k) => (body.captures[inner.indexOf(again[k] ?? -1)] === t ? [k] : [])));
}

function runLoop(s: ControlScope, index: number, loop: LoopShape, inputs: readonly Value[]): readonly Value[] {
  if (loop.isNegated) throw new OpError("a loop that goes on where its condition does not hold is not supported", "unsupported-attribute");
  const fixed = constantInputs(s, index, loop);
  const varying = inputs.flatMap((_, k) => (fixed.has(k) ? [] : [k]));
  const all = (values: readonly Value[]): Value[] => inputs.map((v, k) => (fixed.has(k) ? v : values[varying.indexOf(k)]!));
  const results = whileLoop(
    s,
    varying.map((k) => inputs[k]!),
    (at, values) => {
      const head = at.open(index, all(values));
      head.compute([loop.condition]);
      return head.stored(loop.condition);
    },
    (at, values) => {
      const head = at.open(index, all(values));
      head.compute(loop.body.captures);
      const body = head.open(
        loop.body.graph,
        loop.body.captures.map((t) => head.stored(t)),
      );
      const next = varying.map((k) => loop.again[k] ?? -1);
      body.compute(next);
      return next.map((t) => body.stored(t));
    },
  );
  const head = s.open(index, all(results));
  head.compute(loop.exit.captures);
  return callGraph(
    head,
    loop.exit.graph,
    loop.exit.captures.map((t) => head.stored(t)),
  );
}

type Step<T> = (at: ControlScope, values: readonly Value[]) => T;

/** Values that change while a condition on them holds. */
function whileLoop(
  s: ControlScope,
  initial: readonly Value[],
  condition: Step<Value | undefined>,
  step: Step<readonly Value[]>,
): readonly Value[] {
  const holds = (at: ControlScope, values: readonly Value[]): Value => {
    const c = condition(at, values);
    if (!c) throw new OpError("the condition of a loop is no tensor", "invalid-graph");
    return truth(at, c);
  };
  const body = new Graph("body");
  body.addInput("iteration", tensor("i64", []));
  body.addInput("condition", tensor("bool", []));
  const carried = initial.map((v) => body.addInput(v.name, v.type));
  const at = s.within(body);
  const next = step(at, carried);
  next.forEach((v, i) => {
    const { type } = initial[i]!;
    if (!sameType(v.type, type))
      throw new OpError("a value changes its type in the loop", "type-mismatch", {
        expected: formatType(type),
        received: formatType(v.type),
      });
  });
  body.setOutputs([holds(at, next), ...next]);
  return s.builder.createAll(Loop, { condition: holds(s, initial), carried: initial }, { body });
}
