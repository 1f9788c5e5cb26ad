/** Before an export: ops that the format does not have become ops that it has. */
import { Builder, namedOperands } from "../ir/define.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Problems } from "./problems.ts";

/** An op as other ops: one value per result; undefined where it cannot. */
export type Decompose = (operands: unknown, attributes: unknown, builder: Builder) => Value | readonly Value[] | undefined;
/** Further ways than the ops' own to make ops of smaller ones. */
export type Expansions = (op: Op) => Decompose | undefined;

/**
 * Replaces every op that is not carried by the ops it is made of, in inner graphs too, until all are carried. Those that
 * are made of nothing smaller are reported, each kind once; the graph must not be exported then.
 */
export function legalize(graph: Graph, isCarried: (op: Op) => boolean, problems: Problems, expansions?: Expansions): void {
  for (const op of graph.ops()) {
    for (const region of op.regions) legalize(region, isCarried, problems, expansions);
    legalizeOp(graph, op, isCarried, problems, expansions);
  }
}

function legalizeOp(graph: Graph, op: Op, isCarried: (op: Op) => boolean, problems: Problems, expansions?: Expansions): void {
  if (isCarried(op)) return;
  const made: Op[] = [];
  const builder = new Builder(graph, op.location, op, (o) => made.push(o));
  const operands = namedOperands(op, (v) => v);
  const ways = [expansions?.(op), op.definition.decompose as Decompose | undefined];
  const values = ways[0]?.(operands, op.attributes, builder) ?? ways[1]?.(operands, op.attributes, builder);
  if (values === undefined) {
    problems.error("unsupported-op", op.location, `the format has no operator for '${op.name}'`, { op: op.name });
    return;
  }
  const results = Array.isArray(values) ? (values as readonly Value[]) : [values as Value];
  op.results.forEach((r, i) => {
    graph.replaceUses(r, results[i]!);
  });
  graph.remove(op);
  for (const o of made) if (o.graph) legalizeOp(graph, o, isCarried, problems, expansions);
}
