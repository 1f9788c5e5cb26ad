/** One call of a graph of the model: its names, and where the ops of its nodes go. */
import type { Builder } from "../../ir/define.ts";
import type { MindirGraph, MindirNode } from "./messages.ts";
import type { Item } from "./values.ts";

const nodesOf = new WeakMap<MindirGraph, ReadonlyMap<string, MindirNode>>();

/** The nodes of a graph by the name of their output. */
export function nodesByOutput(graph: MindirGraph): ReadonlyMap<string, MindirNode> {
  const known = nodesOf.get(graph);
  if (known) return known;
  const nodes = new Map(graph.node.flatMap((n) => (n.output[0] === undefined ? [] : [[n.output[0], n] as const])));
  // Since 1.3 the name of a node says the same, and until 1.4 that of the last one only its output.
  for (const n of graph.node) if (n.name !== "" && !nodes.has(n.name)) nodes.set(n.name, n);
  nodesOf.set(graph, nodes);
  return nodes;
}

export class Frame {
  private readonly items = new Map<string, Item>();
  private readonly makers = new Map<string, () => Item>();
  /** Nodes that are being evaluated: meeting one again is a cycle. */
  readonly open = new Set<MindirNode>();

  /** `parent`: the call in which the graph was named, whose names it may use. */
  constructor(
    readonly graph: MindirGraph,
    readonly builder: Builder,
    readonly parent?: Frame,
  ) {}

  define(name: string, item: Item): void {
    this.items.set(name, item);
  }

  /** The name stands for what `make` gives when it is first asked for. */
  defineLazily(name: string, make: () => Item): void {
    this.makers.set(name, make);
  }

  /** What the frame itself holds under a name. */
  own(name: string): Item | undefined {
    const item = this.items.get(name);
    const make = item === undefined ? this.makers.get(name) : undefined;
    if (!make) return item;
    const made = make();
    this.items.set(name, made);
    return made;
  }

  node(name: string): MindirNode | undefined {
    return nodesByOutput(this.graph).get(name);
  }
}

/** Where a graph that is named in a frame was named first: a graph that calls itself sees the names around it, not its last call's. */
export function definingFrame(frame: Frame, graph: MindirGraph): Frame {
  for (let f: Frame | undefined = frame; f; f = f.parent) if (f.graph === graph) return f.parent ?? f;
  return frame;
}
