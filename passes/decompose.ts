/** decompose: ops whose meaning is other ops become those, until only ops with stages, loops or a structural meaning are left. */
import type { Graph, Op } from "../ir/graph.ts";
import { ownDecompose, replaceBy } from "../ir/replace-by.ts";
import type { Pass } from "./pass.ts";

export const decompose: Pass = {
  name: "decompose",
  summary: "ops whose meaning is other ops become those",
  run: decomposeGraph,
};

/** Replaces every op that has a `decompose`, in inner graphs too. */
function decomposeGraph(graph: Graph): void {
  for (const op of graph.ops()) {
    op.regions.forEach(decomposeGraph);
    decomposeOp(op);
  }
}

function decomposeOp(op: Op): void {
  const own = ownDecompose(op);
  if (own) for (const made of replaceBy(op, own) ?? []) if (made.graph) decomposeOp(made);
}
