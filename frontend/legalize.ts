/** Before an export: ops that the format does not have become ops that it has. */
import type { Graph, Op } from "../ir/graph.ts";
import { type Decompose, ownDecompose, replaceBy } from "../ir/replace-by.ts";
import type { Problems } from "./problems.ts";

/** Further ways than the ops' own to make ops of smaller ones. */
export type Expansions = (op: Op) => Decompose | undefined;

/** Ops made of ops made of ops: deeper than any that end. */
const mostSteps = 32;

/** Whether an op can be written; a text says what stands in the way: "with negative pads". */
export type Carried = (op: Op) => boolean | string;

/**
 * Replaces every op that is not carried by the ops it is made of, in inner graphs too, until all are carried. Those that
 * are made of nothing smaller are reported, each kind once; the graph must not be exported then.
 */
export function legalize(graph: Graph, isCarried: Carried, problems: Problems, expansions?: Expansions): void {
  const legalizeOp = (op: Op, steps: number): void => {
    const carried = isCarried(op);
    if (carried === true) return;
    const ways = steps > 0 ? [expansions?.(op), ownDecompose(op)] : [];
    for (const way of ways) {
      const made = way && replaceBy(op, way);
      if (!made) continue;
      for (const o of made) if (o.graph) legalizeOp(o, steps - 1);
      return;
    }
    const why = typeof carried === "string" ? `: ${carried}` : "";
    problems.error("unsupported-op", op.location, `the format has no operator for '${op.name}'${why}`, { op: op.name });
  };
  for (const op of graph.ops()) {
    for (const region of op.regions) legalize(region, isCarried, problems, expansions);
    legalizeOp(op, mostSteps);
  }
}
