/** Named extents that turn out to be known: their names are replaced by their values in every type and attribute. */
import type { Attribute } from "../ir/attribute.ts";
import { type AttributeSpecs, inferTypes } from "../ir/define.ts";
import type { Atom, Dim } from "../ir/dim.ts";
import { substituteDim } from "../ir/dim-atoms.ts";
import type { Graph, Op } from "../ir/graph.ts";
import type { Type } from "../ir/type.ts";

/** Replaces the extents in the graph and its inner graphs. Throws an `OpError` where a value does not fit an op. */
export function bindExtents(graph: Graph, by: ReadonlyMap<Atom, Dim>): void {
  for (const v of graph.inputs) v.type = bindType(v.type, by);
  for (const op of graph.ops()) {
    op.regions.forEach((g) => {
      bindExtents(g, by);
    });
    op.attributes = bindAttributes(op, by);
    const types = inferTypes(op);
    op.results.forEach((v, i) => (v.type = types[i]!));
  }
}

function bindAttributes(op: Op, by: ReadonlyMap<Atom, Dim>): Record<string, unknown> {
  const specs = op.definition.attributes as AttributeSpecs;
  return Object.fromEntries(Object.entries(op.attributes).map(([name, value]) => [name, bindAttribute(specs[name]!, value, by)]));
}

function bindAttribute({ kind }: Attribute<unknown>, value: unknown, by: ReadonlyMap<Atom, Dim>): unknown {
  if (value === undefined) return undefined;
  switch (kind) {
    case "dim":
      return substituteDim(value as Dim, by);
    case "dims":
      return (value as readonly Dim[]).map((d) => substituteDim(d, by));
    case "pairs":
      return (value as readonly (readonly Dim[])[]).map((pair) => pair.map((d) => substituteDim(d, by)));
    case "type":
      return bindType(value as Type, by);
    default:
      return value;
  }
}

function bindType(t: Type, by: ReadonlyMap<Atom, Dim>): Type {
  switch (t.kind) {
    case "tensor":
      return { ...t, shape: t.shape.map((d) => substituteDim(d, by)) };
    case "tuple":
      return { ...t, elements: t.elements.map((e) => bindType(e, by)) };
    default:
      return { ...t, element: bindType(t.element, by) };
  }
}
