/** The ops of a graph as nodes. */
import type { Constant } from "../../../ir/attribute.ts";
import type { Graph, Op, Value } from "../../../ir/graph.ts";
import { ConstantOp } from "../../../ir/ops/constant.ts";
import type { TensorType } from "../../../ir/type.ts";
import { writeControl } from "./control.ts";
import { GraphWriter, literal, type Ref } from "./graph-writer.ts";
import { tensorMessage } from "./literals.ts";
import type { ModelWriter } from "./model.ts";
import { RowContext, type RowResult } from "./row.ts";
import { rowOf } from "./rows/index.ts";

/** Weights of inner graphs become the main graph's, where MindIR has its parameters. */
export function hoistWeights(graph: Graph): void {
  const [first] = graph.ops();
  const visit = (inner: Graph): void => {
    for (const op of inner.ops()) {
      if (op.definition === ConstantOp && op.result.name !== "" && inner !== graph) graph.adopt(op, first);
      for (const region of op.regions) visit(region);
    }
  };
  visit(graph);
}

/** The main graph, first of the model's. */
export function writeMain(graph: Graph, model: ModelWriter): void {
  const writer = new GraphWriter(model, "main");
  for (const input of graph.inputs) writeInput(writer, input);
  writeOps(graph, writer);
  writeOutputs(writer, graph.outputs);
  model.prune();
}

function writeInput(writer: GraphWriter, input: Value): void {
  const name = writer.model.unique(`${writer.name}:${input.name === "" ? "x" : input.name}`);
  writer.message.input.push({ name, tensor: [tensorMessage(input.tensor)] });
  writer.define(input, { ref: name });
}

function writeOps(graph: Graph, writer: GraphWriter): void {
  for (const op of graph.ops()) {
    if (op.definition === ConstantOp) writeConstant(op, writer);
    else if (op.regions.length > 0) writeControl(op, writer, writeOps);
    else writeOp(op, writer);
  }
}

function writeConstant(op: Op, writer: GraphWriter): void {
  const value = op.result;
  const constant = op.attributes["data"] as Constant;
  if (value.uses.size === 0) return;
  writer.define(
    value,
    value.name === "" ? writer.dataConstant(constant) : { ref: writer.model.parameter(writer.name, value.name, constant) },
  );
}

function writeOp(op: Op, writer: GraphWriter): void {
  writer.location = op.location;
  writer.wanted = op.results[0]?.name ?? "";
  const written = rowOf(op.definition)!(new RowContext(op, writer));
  const results = (Array.isArray(written) ? written : [written]) as readonly RowResult[];
  op.results.forEach((value, i) => {
    const result = results[i];
    if (result) writer.define(value, "ref" in result ? result : writer.raw(result));
  });
}

/** One output; several are a tuple. It is the last node's result, as readers of 1.1 take that. */
function writeOutputs(writer: GraphWriter, outputs: readonly Value[]): void {
  writer.location = undefined;
  const types = outputs.map((v) => v.tensor);
  const [only] = outputs;
  if (only && outputs.length === 1) {
    const result = lastResult(writer, { ref: writer.valueName(only) }, types[0]!);
    writer.message.output.push({ name: result.ref, tensor: [tensorMessage(types[0]!)] });
    return;
  }
  const tuple = writer.tuple(outputs, types);
  const { dialect } = writer.model;
  writer.message.output.push(
    dialect.name === "1.1"
      ? { name: tuple.ref, denotation: `Tuple:${outputs.length}` }
      : { name: tuple.ref, denotation: "Tuple", attrInfo: { ...dialect.result(types), name: "" } },
  );
}

/** The value as the result of the last node. */
function lastResult(writer: GraphWriter, result: Ref, type: TensorType): Ref {
  if (writer.message.node.at(-1)?.output[0] === result.ref) return result;
  if (writer.model.dialect.name !== "1.1" && writer.message.node.some((n) => n.output[0] === result.ref && n.opType !== "Constant"))
    return result;
  return writer.node("Reshape", [result, literal(type.shape.map((d) => (typeof d === "number" ? d : -1)))], {}, type);
}
