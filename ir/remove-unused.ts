/** Ops whose results nobody uses go. Those that give a size to an extent stay while a shape anywhere names it. */
import type { Attribute } from "./attribute.ts";
import { type AttributeSpecs, producedExtents } from "./define.ts";
import type { Dim } from "./dim.ts";
import { atomsIn } from "./dim-atoms.ts";
import type { Graph, Op, Value } from "./graph.ts";
import type { Type } from "./type.ts";

/** Removes them from the graph and the graphs inside. */
export function removeUnused(graph: Graph): void {
  removeUnmentioned(graph, undefined);
  removeUnmentioned(graph, mentionedExtents(graph));
}

/** Removes unused ops from the last one on; with `mentioned`, also producers of extents that are not among them. */
function removeUnmentioned(graph: Graph, mentioned: ReadonlySet<string> | undefined): void {
  for (const op of graph.opsReversed()) {
    if (isUnused(op, mentioned)) graph.remove(op);
    else for (const region of op.regions) removeUnmentioned(region, mentioned);
  }
}

function isUnused(op: Op, mentioned: ReadonlySet<string> | undefined): boolean {
  if (op.definition.impure || op.results.some((v) => v.uses.size > 0)) return false;
  return producedExtents(op).every((e) => mentioned && !mentioned.has(e.name));
}

/** Names of extents in the types and attributes of ops, but for results of ops that nobody uses. */
function mentionedExtents(graph: Graph): Set<string> {
  const names = new Set<string>();
  const seen = new Set<Dim>();
  const dim = (d: Dim): void => {
    if (typeof d === "number" || seen.has(d)) return;
    seen.add(d);
    for (const a of atomsIn(d)) if (a.kind === "extent") names.add(a.name);
  };
  const value = (v: Value): void => {
    if (v.uses.size > 0) dimsOfType(v.type).forEach(dim);
  };
  const visit = (g: Graph): void => {
    g.inputs.forEach(value);
    for (const op of g.ops()) {
      op.results.forEach(value);
      attributeDims(op).forEach(dim);
      op.regions.forEach(visit);
    }
  };
  visit(graph);
  return names;
}

function dimsOfType(t: Type): readonly Dim[] {
  switch (t.kind) {
    case "tensor":
      return t.shape;
    case "tuple":
      return t.elements.flatMap(dimsOfType);
    default:
      return dimsOfType(t.element);
  }
}

function attributeDims(op: Op): readonly Dim[] {
  const specs = Object.entries(op.definition.attributes as AttributeSpecs) as [string, Attribute<unknown>][];
  return specs.flatMap(([name, spec]): readonly Dim[] => {
    const value = op.attributes[name];
    if (value === undefined) return [];
    if (spec.kind === "dim") return [value as Dim];
    if (spec.kind === "dims") return value as readonly Dim[];
    if (spec.kind === "pairs") return (value as readonly (readonly Dim[])[]).flat();
    return spec.kind === "type" ? dimsOfType(value as Type) : [];
  });
}
