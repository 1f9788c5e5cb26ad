/** An op replaced by the ops that it is made of. */
import { Builder, namedOperands } from "./define.ts";
import type { Op, Value } from "./graph.ts";

/** An op as other ops: one value per result; undefined where it cannot. */
export type Decompose = (operands: unknown, attributes: unknown, builder: Builder) => Value | readonly Value[] | undefined;

/** The op's own way to be made of others, where its meaning is that. */
export const ownDecompose = (op: Op): Decompose | undefined => op.definition.decompose as Decompose | undefined;

/** Puts what `decompose` makes in the place of the op. The new ops; undefined where it makes nothing, and the op stays. */
export function replaceBy(op: Op, decompose: Decompose): Op[] | undefined {
  const graph = op.graph!;
  const made: Op[] = [];
  const builder = new Builder(graph, op.location, op, (o) => made.push(o));
  const values = decompose(
    namedOperands(op, (v) => v),
    op.attributes,
    builder,
  );
  if (values === undefined) return undefined;
  const results = Array.isArray(values) ? (values as readonly Value[]) : [values as Value];
  op.results.forEach((r, i) => {
    graph.replaceUses(r, results[i]!);
  });
  graph.remove(op);
  return made;
}
