/** Branches that give tensors of different shapes. */
import { Builder } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import type { Dim } from "../ir/dim.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { differingExtents, If } from "../ir/ops/control.ts";
import { Extents, Reshape } from "../ir/ops/shape.ts";

const mostBranches = 256;

/** Throws an `OpError` where one of more graphs is picked than can stand inside each other, each the else of the one before. */
export function checkBranches(count: number): void {
  if (count > mostBranches) throw new OpError(`a switch picks among ${count} graphs, more than ${mostBranches}`, "limit");
}

/**
 * The outputs of one of two graphs, as the condition (bool scalar) decides. Extents that differ get names, and the graphs
 * give their sizes. Throws an `OpError` where the types differ in more than extents.
 */
export function createIf(builder: Builder, condition: Value, then: Graph, otherwise: Graph, freshExtent: () => string): readonly Value[] {
  const count = then.outputs.length;
  const [a, b] = [then, otherwise].map((g) => g.outputs.map((v) => v.type));
  const differing = differingExtents(a!, b!);
  giveSizes(
    builder,
    then,
    differing.map((d) => d.then),
  );
  giveSizes(
    builder,
    otherwise,
    differing.map((d) => d.else),
  );
  const extents = differing.map(freshExtent);
  return builder.createAll(If, { condition }, { then, else: otherwise, extents }).slice(0, count);
}

/** Further outputs: the sizes as scalars of i64. */
function giveSizes(around: Builder, graph: Graph, sizes: readonly Dim[]): void {
  const b = new Builder(graph, around.location);
  const scalars = sizes.map((d) => b.create(Reshape, { x: b.create(Extents, {}, { values: [d] }) }, { shape: [] }));
  graph.setOutputs([...graph.outputs, ...scalars]);
}
