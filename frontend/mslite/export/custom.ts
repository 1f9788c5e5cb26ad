/** Ops that no primitive says are Custom nodes that hold the op as a graph in the text form. */
import { createOp, namedOperands } from "../../../ir/define.ts";
import { memoryData } from "../../../ir/data.ts";
import { Graph, type Op } from "../../../ir/graph.ts";
import { printGraph } from "../../../ir/text/print.ts";
import type { Emitter } from "./emitter.ts";
import { customGraphKey, customType } from "../custom.ts";

/** The op as a graph of its own: one input for each operand, one output for each result. */
function graphOf(op: Op): Graph {
  const graph = new Graph("op");
  const operands = namedOperands(op, (v, i) => graph.addInput(`x${i}`, v.type));
  const copy = createOp(op.definition, operands, op.attributes, op.location);
  graph.insert(copy);
  graph.setOutputs(copy.results);
  return graph;
}

export function emitCustom(e: Emitter, op: Op): void {
  const data = memoryData(new TextEncoder().encode(printGraph(graphOf(op))));
  const inputs = op.operands.filter((v) => v !== undefined).map((v) => e.get(v));
  const fields = { type: customType, attr: [{ name: customGraphKey, data }] };
  e.node(
    "Custom",
    fields,
    inputs,
    op.results.map((r) => e.result(r)),
  );
}
