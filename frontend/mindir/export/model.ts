/** The model that is being written: its graphs, the table of primitives, weights, and names that are taken. */
import type { Constant } from "../../../ir/attribute.ts";
import type { TensorType } from "../../../ir/type.ts";
import { type Dialect, dialects, type DialectName } from "./dialect.ts";
import { type AttributeMessage, type Literals, tensorMessage, type TensorMessage } from "./literals.ts";

export interface NodeMessage {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly AttributeMessage[];
  readonly domain: string;
}
export interface ValueInfoMessage {
  readonly name: string;
  readonly tensor?: readonly TensorMessage[];
  readonly denotation?: string;
  readonly attrInfo?: AttributeMessage;
}
export interface GraphMessage {
  readonly name: string;
  readonly node: NodeMessage[];
  readonly parameter: TensorMessage[];
  readonly input: ValueInfoMessage[];
  readonly output: ValueInfoMessage[];
}
interface PrimitiveMessage {
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly AttributeMessage[];
}

export class ModelWriter {
  readonly dialect: Dialect;
  readonly graphs: GraphMessage[] = [];
  primitives: PrimitiveMessage[] = [];
  parameters: TensorMessage[] = [];
  private readonly primitiveNames = new Map<string, string>();
  private readonly names = new Set<string>();

  constructor(dialect: DialectName) {
    this.dialect = dialects[dialect];
  }

  /** `wanted`, or with a number after it where the model has that name already. */
  unique(wanted: string): string {
    let name = wanted;
    for (let k = 1; this.names.has(name); k++) name = `${wanted}_${k}`;
    this.names.add(name);
    return name;
  }

  graph(name: string): GraphMessage {
    const graph: GraphMessage = { name: this.unique(name), node: [], parameter: [], input: [], output: [] };
    this.graphs.push(graph);
    return graph;
  }

  /** A weight of the main graph; the name under which nodes use it. */
  parameter(main: string, bare: string, { type, data }: Constant): string {
    const name = this.unique(`${main}:${bare}`);
    const refKey = this.dialect.name === "1.1" ? {} : { refKey: name.slice(main.length + 1) };
    this.parameters.push(tensorMessage(type, { name, rawData: data, ...refKey }));
    return name;
  }

  /** The op type and the attributes of a node that applies an operator. */
  operator(name: string, literals: Literals): { readonly opType: string; readonly attribute: readonly AttributeMessage[] } {
    const { dialect } = this;
    const attribute = Object.entries(literals).flatMap(([key, value]) =>
      dialect.attributeNames(name, key).map((as) => dialect.attribute(as, value)),
    );
    if (dialect.name === "1.1") return { opType: dialect.operator(name), attribute };
    return { opType: `REF::${this.primitive(name, literals, attribute)}`, attribute: [] };
  }

  private primitive(opType: string, literals: Literals, attribute: readonly AttributeMessage[]): string {
    const key = `${opType} ${JSON.stringify(literals, (_, v: unknown) => (typeof v === "number" ? String(v) : v))}`;
    let name = this.primitiveNames.get(key);
    if (name === undefined) {
      name = this.unique(`${opType}:${this.primitives.length}`);
      this.primitiveNames.set(key, name);
      this.primitives.push({ name, opType, attribute });
    }
    return name;
  }

  /** Takes out what nobody needs: nodes that others say with them, and primitives and weights that no node uses. */
  prune(): void {
    const mentioned = new Set<string>();
    for (const graph of this.graphs) {
      for (const o of graph.output) mentioned.add(o.name);
      const needed = graph.node.toReversed().filter((node) => {
        if (!mentioned.has(node.output[0]!)) return false;
        for (const name of node.input) mentioned.add(name);
        mentioned.add(node.opType);
        mentioned.add(node.opType.replace(/^REF::/, ""));
        return true;
      });
      graph.node.splice(0, graph.node.length, ...needed.reverse());
    }
    this.primitives = this.primitives.filter((p) => mentioned.has(`REF::${p.name}`));
    this.parameters = this.parameters.filter((p) => mentioned.has(p.name ?? ""));
  }

  /** The attribute that tells the type of a node's result. */
  result(types: TensorType | readonly TensorType[]): AttributeMessage {
    return this.dialect.result(types);
  }
}
