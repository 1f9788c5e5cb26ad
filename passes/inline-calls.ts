/**
 * inline-calls: control flow that is known at compile time becomes a straight line. Calls are replaced by their bodies, an
 * `if` on a known condition by the branch it takes, loops that run never or once by their initial values or their body.
 */
import { Builder } from "../ir/define.ts";
import { asAtom, type Atom, type Dim, extent } from "../ir/dim.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { differingExtents } from "../ir/ops/control.ts";
import { Reshape } from "../ir/ops/shape.ts";
import { sameType, staticShape } from "../ir/type.ts";
import { bindExtents } from "./bind-extents.ts";
import { elementsOf } from "./canonicalize/known.ts";
import type { Pass } from "./pass.ts";
import { allGraphs, replaceValue } from "./rewrite.ts";

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
  const taken = op.name === "if" ? sideTaken(op) : undefined;
  const bound = taken && branchExtents(op, taken);
  const values = replacement(graph, op);
  if (!values) return op.regions.forEach(inlineInGraph);
  op.results.forEach((v, i) => {
    replaceValue(v, values[i]!);
  });
  graph.remove(op);
  if (bound && bound.size > 0) bindExtents(outermost(graph), bound);
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

/** The branch that a known condition takes. */
function sideTaken(op: Op): "then" | "else" | undefined {
  const condition = known(op.operand(0));
  if (condition === undefined || (hasExtents(op) && isAnotherWithExtents(op))) return undefined;
  return condition === 0 ? "else" : "then";
}

const hasExtents = (op: Op): boolean => op.name === "if" && (op.attributes["extents"] as readonly string[]).length > 0;

/** Another choice between shapes might be none once this one's extents are known. */
const isAnotherWithExtents = (op: Op): boolean =>
  allGraphs(outermost(op.graph!)).some((g) => [...g.ops()].some((other) => other !== op && hasExtents(other)));

function inlineBranch(graph: Graph, op: Op): readonly Value[] | undefined {
  const side = sideTaken(op);
  return side && inlineBody(graph, op, op.attributes[side] as Graph, []);
}

const outermost = (graph: Graph): Graph => (graph.parent?.graph ? outermost(graph.parent.graph) : graph);

/** The extents of the results that the branches do not share, as they are when that side is taken. */
function branchExtents(op: Op, side: "then" | "else"): Map<Atom, Dim> {
  const names = op.attributes["extents"] as readonly string[];
  const [then, otherwise] = ["then", "else"].map((s) => {
    const { outputs } = op.attributes[s] as Graph;
    return outputs.slice(0, outputs.length - names.length).map((v) => v.type);
  });
  return new Map(differingExtents(then!, otherwise!).map((d, k) => [asAtom(extent(names[k]!))!, d[side]]));
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
