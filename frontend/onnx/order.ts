/** The order of nodes: ONNX wants them sorted, and most files are. */
import type { OnnxGraph, OnnxNode } from "./messages.ts";

/** The graphs among a node's attributes. */
export const graphsOf = (node: OnnxNode): OnnxGraph[] => node.attribute.flatMap((a) => [...(a.g ? [a.g] : []), ...a.graphs]);

/** Every name that the node uses, those captured by its regions among them. */
export function usedNames(node: OnnxNode): Set<string> {
  const used = new Set(node.input.filter((name) => name !== ""));
  for (const g of graphsOf(node)) for (const name of freeNames(g)) used.add(name);
  return used;
}

function freeNames(graph: OnnxGraph): Set<string> {
  const own = new Set<string>();
  for (const v of graph.input) own.add(v.name);
  for (const t of graph.initializer) own.add(t.name);
  for (const t of graph.sparseInitializer) own.add(t.values?.name ?? "");
  for (const n of graph.node) for (const name of n.output) own.add(name);
  const free = new Set<string>();
  for (const n of graph.node) for (const name of usedNames(n)) if (!own.has(name)) free.add(name);
  for (const v of graph.output) if (!own.has(v.name)) free.add(v.name);
  return free;
}

export interface Order {
  readonly nodes: readonly OnnxNode[];
  readonly isSorted: boolean;
  /** Nodes that need each other's results. */
  readonly cyclic: readonly OnnxNode[];
}

/** The nodes so that each stands after those it uses; as they are where that is so already. `isDefined`: names that no node need define. */
export function sortNodes(nodes: readonly OnnxNode[], isDefined: (name: string) => boolean): Order {
  const producers = new Map<string, number>();
  nodes.forEach((n, i) => {
    for (const name of n.output) if (name !== "" && !producers.has(name) && !isDefined(name)) producers.set(name, i);
  });
  const needs = nodes.map((n) => [...usedNames(n)].map((name) => producers.get(name)).filter((p) => p !== undefined));
  if (needs.every((list, i) => list.every((p) => p < i))) return { nodes, isSorted: true, cyclic: [] };
  const users = nodes.map((): number[] => []);
  needs.forEach((list, i) => {
    for (const p of list) users[p]!.push(i);
  });
  const open = needs.map((list) => list.length);
  const ready = open.flatMap((count, i) => (count === 0 ? [i] : []));
  for (const i of ready) for (const u of users[i]!) if (--open[u]! === 0) ready.push(u);
  return { nodes: ready.map((i) => nodes[i]!), isSorted: false, cyclic: nodes.filter((_, i) => open[i]! > 0) };
}
