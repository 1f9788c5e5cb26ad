/**
 * Calls of graphs: a Call takes the function that a PartialFusion makes of a graph and its first inputs, or that a Switch
 * or a SwitchLayer picks among several. A graph that ends by calling another that ends by calling it again is a loop.
 */
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { checkBranches } from "../if.ts";
import { type Branch, choose, pick, type Place, whileLoop } from "./branches.ts";
import type { LiteSubGraph } from "./messages.ts";
import type { Operation } from "./operation.ts";
import type { BranchFlow, LoopFlow, Part } from "./switch-merge.ts";

/** A graph with the tensors that are its inputs, in the graph around. */
interface Partial {
  readonly graph: number;
  readonly captures: readonly number[];
}
interface Choice {
  /** A condition, where the first of two is called if it holds; or the number of the option. */
  readonly selector: number;
  readonly isNumber: boolean;
  readonly options: readonly Partial[];
}
export type LiteFunction = Partial | Choice;

/** A graph of the file while its nodes are lowered, as far as calls need it. */
export interface ControlScope extends Place<ControlScope> {
  subGraph(index: number): LiteSubGraph;
  operationsOf(index: number): readonly Operation[];
  functionOf(tensor: number): LiteFunction;
  bindFunction(tensor: number, f: LiteFunction): void;
  /** The elements of a tensor as they are stored. */
  stored(tensor: number): Value;
  /** Whether a tensor is a constant of the file. */
  isConstant(tensor: number): boolean;
  /** Another graph of the file, on values; its nodes go where this one's do. */
  open(index: number, inputs: readonly Value[]): ControlScope;
  /** Some nodes of a graph, with the values that tensors have there. */
  part(operations: readonly Operation[], values: ReadonlyMap<number, Value>): ControlScope;
  /** Lowers what the tensors of the opened graph need. */
  compute(tensors: readonly number[]): void;
}

export type ControlLowering = (s: ControlScope, op: Operation) => readonly Value[];

const tensorAt = (op: Operation, i: number): number => {
  const t = op.inputs[i];
  if (typeof t !== "number") throw new OpError(`input ${i} is missing`, "bad-operand");
  return t;
};

/** Whether the node gives a function. */
export const isFunction = (op: Operation): boolean => ["PartialFusion", "Switch", "SwitchLayer"].includes(String(op.type));

/** Functions are no tensors: they are bound, and nothing is given. */
export function bindFunction(s: ControlScope, op: Operation): void {
  const [output] = op.outputs;
  if (output === undefined) throw new OpError("the node has no output", "invalid-graph");
  s.bindFunction(output, op.type === "PartialFusion" ? partialOf(op) : choiceOf(s, op));
}

const partialOf = (op: Operation): Partial => ({
  graph: Number(op.fields["sub_graph_index"]),
  captures: op.inputs.map((_, i) => tensorAt(op, i)),
});

function choiceOf(s: ControlScope, op: Operation): Choice {
  const isNumber = op.type === "SwitchLayer";
  const count = op.inputs.length - 1;
  checkBranches(count);
  const options = op.inputs.slice(1).map((_, i) => s.functionOf(tensorAt(op, i + 1)));
  const graphs = options.flatMap((f) => ("options" in f ? [] : [f]));
  if (graphs.length < options.length || (isNumber ? options.length === 0 : options.length !== 2))
    throw new OpError(isNumber ? "a switch picks among graphs" : "a switch picks between two graphs", "unsupported-attribute");
  return { selector: tensorAt(op, 0), isNumber, options: graphs };
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
    const { inputIndices, outputIndices } = s.subGraph(body!);
    return whileLoop(
      s,
      args,
      (at, values) => callGraph(at, condition!, values)[0],
      (at, values) => callGraph(at, body!, values),
      new Set(inputIndices.flatMap((t, k) => (outputIndices[k] === t ? [k] : []))),
    );
  },
  Partial: callAtOnce,
  Merge: (s, { flow }) => {
    if (!flow) throw new OpError("a Merge without its Switch is not supported", "unsupported-op");
    return flow.kind === "branch" ? runBranch(s, flow) : runDataLoop(s, flow);
  },
};

/** Tensors of the called graph may be those of the calling one; the others stand in its order. */
function callAtOnce(s: ControlScope, op: Operation): readonly Value[] {
  const index = Number(op.fields["sub_graph_index"]);
  const { inputIndices, outputIndices } = s.subGraph(index);
  const values = inputIndices.map((t, k) => s.stored(op.inputs.includes(t) ? t : tensorAt(op, k)));
  const results = callGraph(s, index, values);
  return op.outputs.flatMap((o, k) => results[outputIndices.includes(o) ? outputIndices.indexOf(o) : k] ?? []);
}

/** The outputs of a part of a graph, made at a place on values; what it takes from around is what `s` has. */
function runPart(s: ControlScope, at: ControlScope, part: Part, values: readonly Value[]): readonly Value[] {
  const captured = part.captures.filter((t) => !s.isConstant(t)).map((t) => [t, s.stored(t)] as const);
  const given = [...part.inputs].map(([t, k]) => [t, values[k]!] as const);
  const inner = at.part(part.operations, new Map([...captured, ...given]));
  inner.compute(part.outputs);
  return part.outputs.map((t) => inner.stored(t));
}

function runBranch(s: ControlScope, { condition, values, sides }: BranchFlow): readonly Value[] {
  const given = values.map((t) => s.stored(t));
  return choose(
    s,
    s.stored(condition),
    (at) => runPart(s, at, sides[0], given),
    (at) => runPart(s, at, sides[1], given),
  );
}

function runDataLoop(s: ControlScope, { initial, condition, body, results }: LoopFlow): readonly Value[] {
  const fixed = new Set(initial.flatMap((t, k) => (body.outputs[k] === t ? [k] : [])));
  const last = whileLoop(
    s,
    initial.map((t) => s.stored(t)),
    (at, values) => runPart(s, at, condition, values)[0],
    (at, values) => runPart(s, at, body, values),
    fixed,
  );
  return results.map((k) => last[k]!);
}

function callFunction(s: ControlScope, f: LiteFunction, more: readonly Value[]): readonly Value[] {
  const valuesOf = (p: Partial): Value[] => [...p.captures.map((t) => s.stored(t)), ...more];
  if (!("options" in f)) return callGraph(s, f.graph, valuesOf(f));
  const branches = f.options.map((p): Branch<ControlScope> => {
    const values = valuesOf(p);
    return (at) => callGraph(at, p.graph, values);
  });
  const selector = s.stored(f.selector);
  return f.isNumber ? pick(s, selector, branches) : choose(s, selector, branches[0]!, branches[1]!);
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
  const last = whileLoop(
    s,
    inputs,
    (at, values) => {
      const head = at.open(index, values);
      head.compute([loop.condition]);
      return head.stored(loop.condition);
    },
    (at, values) => {
      const head = at.open(index, values);
      head.compute(loop.body.captures);
      const body = head.open(
        loop.body.graph,
        loop.body.captures.map((t) => head.stored(t)),
      );
      body.compute(loop.again);
      return loop.again.map((t) => body.stored(t));
    },
    constantInputs(s, index, loop),
  );
  const head = s.open(index, last);
  head.compute(loop.exit.captures);
  return callGraph(
    head,
    loop.exit.graph,
    loop.exit.captures.map((t) => head.stored(t)),
  );
}
