/** Branches, loops and calls: graphs of the file, functions of them, and nodes that call these. */
import type { Graph, Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import { capturedBy } from "../../captures.ts";
import { constantView, type Emitter } from "./emitter.ts";
import { attribute, type Row, type Rows } from "./row.ts";

/** Values of the graphs around that a graph uses, constants left out: those are the file's. */
const captured = (graph: Graph): Value[] => capturedBy(graph).filter((v) => !constantView(v));

/** A graph as one of the file, its inputs those given; `finish` tells the outputs. */
function writeGraph(
  e: Emitter,
  index: number,
  name: string,
  inputs: readonly Value[],
  finish: (inner: Emitter, tensors: readonly number[]) => readonly number[],
): void {
  const inner = e.child();
  const tensors = inputs.map((v) => inner.result(v));
  const outputs = finish(inner, tensors);
  e.model.setGraph(index, { name, inputIndices: tensors, outputIndices: outputs, nodeIndices: inner.nodes });
}

function partial(e: Emitter, graph: number, inputs: readonly number[]): number {
  const f = e.functionTensor();
  e.node("PartialFusion", { sub_graph_index: graph }, inputs, [f]);
  return f;
}

function choice(e: Emitter, condition: number, whenTrue: number, whenFalse: number): number {
  const f = e.functionTensor();
  e.node("Switch", {}, [condition, whenTrue, whenFalse], [f]);
  return f;
}

/** A graph that gives its outputs, on values of the graph around. */
function wholeGraph(e: Emitter, graph: Graph, inputs: readonly Value[]): number {
  const index = e.model.reserveGraph();
  writeGraph(e, index, graph.name, inputs, (inner, tensors) => {
    inner.ops(graph);
    return inner.outputs(graph.outputs, tensors);
  });
  return index;
}

const branch: Row = {
  emit(e, op) {
    const [then, otherwise] = [attribute<Graph>(op, "then"), attribute<Graph>(op, "else")];
    const functions = [then, otherwise].map((graph) => {
      const values = captured(graph);
      const given = values.map((v) => e.get(v));
      return partial(e, wholeGraph(e, graph, values), given);
    });
    const f = choice(e, e.get(op.operand(0)!), functions[0]!, functions[1]!);
    e.node(
      "Call",
      {},
      [f],
      op.results.map((r) => e.result(r)),
    );
  },
};

const call: Row = {
  emit(e, op) {
    const body = attribute<Graph>(op, "body");
    const values = captured(body);
    const given = [...(op.operands as readonly Value[]), ...values].map((v) => e.get(v));
    const f = partial(e, wholeGraph(e, body, [...body.inputs, ...values]), given);
    e.node(
      "Call",
      {},
      [f],
      op.results.map((r) => e.result(r)),
    );
  },
};

/**
 * A loop is a graph that asks whether to go on, and calls one for another iteration, which calls it again, or one that
 * gives the results. Its inputs: the iteration, the condition, what is carried, what is captured.
 */
const loop: Row = {
  accepts: (op) => attribute<Graph>(op, "body").outputs.length === op.operands.length - 1 && op.attributes["extent"] === undefined,
  emit(e, op) {
    const body = attribute<Graph>(op, "body");
    const [count, condition, ...carried] = op.operands;
    const values = captured(body);
    const limit = count && !constantView(count) && !values.includes(count) ? [count] : [];
    const inputs = [...body.inputs, ...values, ...limit];
    const first = [e.literal("i64", [], [0]), condition ? e.get(condition) : e.literal("bool", [], [1])];
    const given = [...first, ...[...(carried as readonly Value[]), ...values, ...limit].map((v) => e.get(v))];
    const [head, again, exit] = [e.model.reserveGraph(), e.model.reserveGraph(), e.model.reserveGraph()];
    writeGraph(e, exit, "results", body.inputs.slice(2), (_, tensors) => tensors);
    writeGraph(e, again, "iteration", inputs, (inner) => iteration(inner, body, head, [...values, ...limit]));
    writeGraph(e, head, "loop", inputs, (inner, tensors) => {
      const goesOn = count ? withLimit(inner, tensors[0]!, tensors[1]!, inner.get(count)) : tensors[1]!;
      const f = choice(inner, goesOn, partial(inner, again, tensors), partial(inner, exit, tensors.slice(2, 2 + carried.length)));
      return called(inner, f, body.inputs.slice(2));
    });
    const f = partial(e, head, given);
    e.node(
      "Call",
      {},
      [f],
      op.results.map((r) => e.result(r)),
    );
  },
};

/** The tensors that a call gives, one like each of the values. */
function called(e: Emitter, f: number, like: readonly Value[]): readonly number[] {
  const results = like.map((v) => e.addTensor("", v.tensor, "NCHW"));
  e.node("Call", {}, [f], results);
  return results;
}

function iteration(e: Emitter, body: Graph, head: number, handedOn: readonly Value[]): readonly number[] {
  e.ops(body);
  const next = e.addTensor("", tensor("i64", []), "NCHW");
  e.node("AddFusion", {}, [e.get(body.inputs[0]!), e.literal("i64", [], [1])], [next]);
  const f = partial(e, head, [next, ...[...body.outputs, ...handedOn].map((v) => e.get(v))]);
  return called(e, f, body.inputs.slice(2));
}

function withLimit(e: Emitter, iterationTensor: number, condition: number, count: number): number {
  const [isBelow, both] = [0, 1].map(() => e.addTensor("", tensor("bool", []), "NCHW"));
  e.node("Less", {}, [iterationTensor, count], [isBelow!]);
  e.node("LogicalAnd", {}, [condition, isBelow!], [both!]);
  return both!;
}

export const controlRows: Rows = { if: branch, loop, call };
