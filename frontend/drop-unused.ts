/** Before an export: what an import left behind that nothing needs, sizes that became attributes above all. */
import type { Graph } from "../ir/graph.ts";

/** Takes out ops without effect whose results have no use, in inner graphs too. */
export function dropUnused(graph: Graph): void {
  for (const op of graph.opsReversed()) {
    if (op.definition.impure !== true && op.results.every((r) => r.uses.size === 0)) graph.remove(op);
    else op.regions.forEach(dropUnused);
  }
}
