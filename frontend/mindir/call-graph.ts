/** Which graphs of a model mention which, and which nodes of a graph its result needs. */
import { nodesByOutput } from "./frame.ts";
import type { MindirGraph, MindirModel, MindirNode } from "./messages.ts";

/** What `REF::` op types name; undefined for op types that are names of operators. */
export const referenceOf = (node: MindirNode): string | undefined => (node.opType.startsWith("REF::") ? node.opType.slice(5) : undefined);

const namesIn = (node: MindirNode): string[] => {
  const reference = referenceOf(node);
  return reference === undefined ? [...node.input] : [...node.input, reference];
};

export class CallGraph {
  private readonly graphs: ReadonlyMap<string, MindirGraph>;
  private readonly mentions = new Map<MindirGraph, readonly MindirGraph[]>();
  private readonly needed = new Map<MindirGraph, readonly MindirNode[]>();

  private readonly constants = new Map<string, MindirNode>();

  /** Where nothing has effects, what only orders them is not needed. */
  constructor(
    model: MindirModel,
    private readonly hasEffects: boolean,
  ) {
    const all = [...model.functions, model.graph];
    this.graphs = new Map(all.map((g) => [g.name, g]));
    for (const node of all.flatMap((g) => g.node)) if (node.opType === "Constant") this.constants.set(node.output[0] ?? node.name, node);
  }

  /** A constant of any graph: graphs use each other's. */
  constantNode(name: string): MindirNode | undefined {
    return this.constants.get(name);
  }

  find(name: string): MindirGraph | undefined {
    return this.graphs.get(name);
  }

  /** Whether a call of `from` may come to call `to`, other than through a call of one of `avoided`. */
  reaches(from: MindirGraph, to: MindirGraph, avoided: { has(graph: MindirGraph): boolean }): boolean {
    const seen = new Set<MindirGraph>();
    const open = [from];
    for (let g = open.pop(); g; g = open.pop()) {
      for (const called of this.mentioned(g)) {
        if (called === to) return true;
        if (seen.has(called) || avoided.has(called)) continue;
        seen.add(called);
        open.push(called);
      }
    }
    return false;
  }

  private mentioned(graph: MindirGraph): readonly MindirGraph[] {
    let found = this.mentions.get(graph);
    if (!found) {
      const names = [...graph.node.flatMap(namesIn), ...graph.output.map((o) => o.name)];
      found = [...new Set(names)].flatMap((name) => this.graphs.get(name) ?? []);
      this.mentions.set(graph, found);
    }
    return found;
  }

  /** The nodes that the outputs need, in the file's order; those that only graphs named in it use count too. */
  neededNodes(graph: MindirGraph): readonly MindirNode[] {
    let nodes = this.needed.get(graph);
    if (!nodes) {
      const needed = this.needs(graph);
      nodes = graph.node.filter((n) => needed.has(n));
      this.needed.set(graph, nodes);
    }
    return nodes;
  }

  private needs(graph: MindirGraph): Set<MindirNode> {
    const nodes = nodesByOutput(graph);
    const needed = new Set<MindirNode>();
    const asked = new Set<MindirGraph>([graph]);
    const open = graph.output.map((o) => o.name);
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = nodes.get(name);
      const other = node ? undefined : this.graphs.get(name);
      if (node && !needed.has(node)) {
        needed.add(node);
        open.push(...this.used(node));
      } else if (other && !asked.has(other)) {
        asked.add(other);
        open.push(...other.node.flatMap(namesIn), ...other.output.map((o) => o.name));
      }
    }
    return needed;
  }

  /** Names whose values a node needs: `Depend` needs its first input only, `Load` no monad. */
  private used(node: MindirNode): string[] {
    const operator = /^(?:REF::)?(?:Depend|Load)(?::\d+)?$/.test(node.opType);
    return operator && !this.hasEffects ? node.input.slice(0, 1) : namesIn(node);
  }
}
