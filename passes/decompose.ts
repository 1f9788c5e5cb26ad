/** decompose: ops whose meaning is other ops become those, until only ops with stages, loops or a structural meaning are left. */
import { Builder, namedOperands } from "../ir/define.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";

type Decompose = (operands: unknown, attributes: unknown, builder: Builder) => Value | readonly Value[];

export const decompose: Pass = {
  name: "decompose",
  summary: "ops whose meaning is other ops become those",
  run: decomposeGraph,
};

/** Replaces every op that has a `decompose`, in inner graphs too. */
function decomposeGraph(graph: Graph): void {
  for (const op of graph.ops()) {
    op.regions.forEach(decomposeGraph);
    const f = op.definition.decompose as Decompose | undefined;
    if (f) decomposeOp(graph, op, f);
  }
}

function decomposeOp(graph: Graph, op: Op, f: Decompose): void {
  const made: Op[] = [];
  const builder = new Builder(graph, op.location, op, (o) => made.push(o));
  const values = f(
    namedOperands(op, (v) => v),
    op.attributes,
    builder,
  );
  const results = Array.isArray(values) ? (values as readonly Value[]) : [values as Value];
  op.results.forEach((r, i) => {
    graph.replaceUses(r, results[i]!);
  });
  graph.remove(op);
  for (const o of made) {
    const inner = o.definition.decompose as Decompose | undefined;
    if (inner && o.graph) decomposeOp(graph, o, inner);
  }
}
