/** What graphs inside ops take from around them; formats whose inner graphs see nothing else get it as inputs. */
import type { Graph, Value } from "../ir/graph.ts";

/** The values that ops of `graph` and of its inner graphs use and that are not its own, each once, in order of first use. */
export function capturedBy(graph: Graph): Value[] {
  const own = new Set<Value>();
  const captured = new Set<Value>();
  const visit = (g: Graph): void => {
    for (const v of g.inputs) own.add(v);
    for (const op of g.ops()) {
      for (const v of op.operands) if (v && !own.has(v)) captured.add(v);
      op.regions.forEach(visit);
      for (const v of op.results) own.add(v);
    }
    for (const v of g.outputs) if (!own.has(v)) captured.add(v);
  };
  visit(graph);
  return [...captured];
}
