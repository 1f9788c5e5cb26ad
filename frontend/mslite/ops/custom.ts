/** Custom nodes: ours hold an op in the text form; others are told by their type and attributes, and not run. */
import { readData, type TensorData } from "../../../ir/data.ts";
import { completeAttributes, createOp, namedOperands } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Graph, Op, Value } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/text/parse.ts";
import { customGraphKey, customType } from "../custom.ts";
import type { Lowerings, NodeContext } from "../node.ts";

interface Attribute {
  readonly name?: string;
  readonly data?: TensorData;
}

const attributesOf = (n: NodeContext): readonly Attribute[] => (n.operation.fields["attr"] ?? []) as readonly Attribute[];

function custom(n: NodeContext): readonly Value[] {
  const type = n.text("type");
  const text = type === customType ? attributesOf(n).find((a) => a.name === customGraphKey)?.data : undefined;
  if (!text) return refuse(n, type);
  const graph = parseGraph(new TextDecoder().decode(readData(text)), "<custom node>");
  return inlined(n, graph);
}

/** The ops of the text, on the node's inputs. */
function inlined(n: NodeContext, graph: Graph): readonly Value[] {
  if (graph.inputs.length !== n.count)
    throw new OpError(`the op has ${graph.inputs.length} inputs`, "bad-operand", { expected: String(n.count) });
  const values = new Map<Value, Value>();
  graph.inputs.forEach((v, i) => values.set(v, n.input(i)));
  for (const op of graph.ops()) copy(n, op, values);
  return graph.outputs.map((v) => values.get(v)!);
}

function copy(n: NodeContext, op: Op, values: Map<Value, Value>): void {
  if (op.regions.length > 0) throw new OpError("a Custom node holds an op with graphs inside", "unsupported-op");
  const operands = namedOperands(op, (v) => values.get(v)!);
  const made = createOp(op.definition, operands, completeAttributes(op.definition, op.attributes), n.builder.location);
  n.builder.graph.insert(made);
  op.results.forEach((r, i) => values.set(r, made.results[i]!));
}

function refuse(n: NodeContext, type: string): never {
  const attributes = attributesOf(n).map((a) => `'${a.name ?? ""}' (${a.data?.byteLength ?? 0} bytes)`);
  const holds = attributes.length > 0 ? `, with the attributes ${attributes.slice(0, 8).join(", ")}` : "";
  throw new OpError(`the node of type '${type}'${holds} is an operator of another runtime, which only that can run`, "unsupported-op");
}

export const customLowerings: Lowerings = { Custom: custom };
