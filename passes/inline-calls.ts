/**
 * inline-calls: control flow that is known at compile time becomes a straight line. Calls are replaced by their bodies, an
 * `if` on a known condition by the branch it takes, loops that run never or once by their initial values or their body.
 */
import { Builder } from "../ir/define.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Reshape } from "../ir/ops/shape.ts";
import { sameType, staticShape } from "../ir/type.ts";
import { elementsOf } from "./canonicalize/known.ts";
import type { Pass } from "./pass.ts";
import { replaceValue } from "./rewrite.ts";

export const inlineCalls: Pass = {
  name: "inline-calls",
  summary: "calls, branches and short loops that are known become a straight line",
  run: inlineInGraph,
};

/** Bodies that were inlined are visited too: they stand before the op they came from. */
function inlineInGraph(graph: Graph): void {
  for (const op of [...graph.ops()]) inlineOp(graph, op);
}

function inlineOp(graph: Graph, op: Op): void {
  const values = replacement(graph, op);
  if (!values) return op.regions.forEach(inlineInGraph);
  op.results.forEach((v, i) => {
    replaceValue(v, values[i]!);
  });
  graph.remove(op);
}

function replacement(graph: Graph, op: Op): readonly Value[] | undefined {
  switch (op.name) {
    case "call":
      return inlineBody(graph, op, op.attributes["body"] as Graph, op.operands as readonly Value[]);
    case "if":
      return inlineBranch(graph, op);
    case "loop":
      return inlineLoop(graph, op);
    default:
      return undefined;
  }
}

/** Moves the body's ops before the op, its inputs replaced by values; gives the body's outputs. */
function inlineBody(graph: Graph, op: Op, body: Graph, inputs: readonly Value[]): readonly Value[] {
  body.inputs.forEach((v, i) => {
    body.replaceUses(v, inputs[i]!);
  });
  const moved = [...body.ops()];
  for (const o of moved) graph.adopt(o, op);
  for (const o of moved) inlineOp(graph, o);
  return body.outputs;
}

/** The only element of a constant scalar. */
const known = (v: Value | undefined): number | undefined => {
  const elements = elementsOf(v, 1);
  return elements?.length === 1 ? Number(elements[0]) : undefined;
};

function inlineBranch(graph: Graph, op: Op): readonly Value[] | undefined {
  const condition = known(op.operand(0));
  if (condition === undefined || (op.attributes["extents"] as readonly string[]).length > 0) return undefined;
  return inlineBody(graph, op, op.attributes[condition === 0 ? "else" : "then"] as Graph, []);
}

/** How often the loop runs, where that is 0 or 1. */
function trips(op: Op): 0 | 1 | undefined {
  const [count, condition] = op.operands;
  const [most, start] = [count ? known(count) : Infinity, condition ? known(condition) : 1];
  if ((most !== undefined && most <= 0) || start === 0) return 0;
  if (start === undefined || most === undefined) return undefined;
  const body = op.attributes["body"] as Graph;
  return most === 1 || known(body.outputs[0]) === 0 ? 1 : undefined;
}

function inlineLoop(graph: Graph, op: Op): readonly Value[] | undefined {
  const times = op.attributes["extent"] === undefined ? trips(op) : undefined;
  if (times === undefined) return undefined;
  const carried = op.operands.slice(2) as readonly Value[];
  const stacked = op.results.slice(carried.length);
  const builder = new Builder(graph, op.location, op);
  if (times === 0) {
    if (!stacked.every((v) => v.type.kind === "tensor" && staticShape(v.type.shape)?.[0] === 0)) return undefined;
    return [...carried, ...stacked.map((v) => constantValue(builder, v.tensor.dtype, staticShape(v.tensor.shape)!, []))];
  }
  if (!stacked.every((v) => v.type.kind === "tensor" && v.type.shape[0] === 1)) return undefined;
  const first = [constantValue(builder, "i64", [], [0n]), constantValue(builder, "bool", [], [1])];
  const outputs = inlineBody(graph, op, op.attributes["body"] as Graph, [...first, ...carried]).slice(1);
  return op.results.map((v, i) => {
    const given = outputs[i]!;
    return sameType(given.type, v.type) ? given : builder.create(Reshape, { x: given }, { shape: v.tensor.shape });
  });
}
