/**
 * ONNX's node tests on the reference interpreter: a folder with `model.onnx` and `test_data_set_0` becomes a graph of
 * ours, whose ops are computed one after the other and compared with the expected outputs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Interpreter, type Elements } from "../codegen/interpret.ts";
import { runLoops } from "../codegen/interpret-loops.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import type { OnnxTensor } from "../frontend/onnx/messages.ts";
import { readOnnx, readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import type { Constant } from "../ir/attribute.ts";
import { alignedBytes, MemorySource } from "../ir/data.ts";
import { namedOperands, type Routine } from "../ir/define.ts";
import { type Buffer, makeBuffer } from "../ir/expr.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { Stage } from "../ir/stage.ts";
import { readElements } from "../ir/storage.ts";
import { formatType, isFloat, sameType, tensor } from "../ir/type.ts";

/** A node test, read. */
export interface NodeTest {
  readonly name: string;
  readonly graph: Graph;
  readonly expected: readonly Constant[];
}

const readFile = (path: string): MemorySource => new MemorySource(path, readFileSync(path));

function constantOf(t: OnnxTensor): Constant {
  const value = onnxTensorValue(t, { source: t.name });
  return { type: tensor(value.dtype, value.dims), data: value.data };
}

function readTensors(folder: string, kind: "input" | "output"): Constant[] {
  const count = readdirSync(folder).filter((f) => f.startsWith(`${kind}_`)).length;
  return Array.from({ length: count }, (_, i) => constantOf(readOnnxTensor(readFile(join(folder, `${kind}_${i}.pb`)))));
}

/**
 * The graph of the model in `folder`, its inputs constants. Throws what the importer throws; sequences, maps and optionals
 * as inputs or outputs are refused by a plain `Error`.
 */
export function loadNodeTest(folder: string): NodeTest {
  const model = readOnnx(readFile(join(folder, "model.onnx")));
  for (const v of [...model.graph.input, ...model.graph.output]) {
    if (!v.type?.tensorType) throw new Error(`'${v.name}' is no tensor`);
  }
  const data = join(folder, "test_data_set_0");
  const given = readTensors(data, "input");
  const inputValues = new Map(model.graph.input.slice(0, given.length).map((v, i) => [v.name, given[i]!]));
  const { graph } = importOnnx(model, { inputValues });
  return { name: basename(folder), graph, expected: readTensors(data, "output") };
}

/** The elements of every output of a graph whose ops are constants and computations. */
export function interpretGraph(graph: Graph): Elements[] {
  const memory = new Map<Value, Elements>();
  for (const op of graph.ops()) interpretOp(op, memory);
  return graph.outputs.map((v) => memory.get(v)!);
}

function interpretOp(op: Op, memory: Map<Value, Elements>): void {
  if (op.name === "constant") {
    const { type, data } = op.attributes["data"] as Constant;
    memory.set(op.result, readElements(type.dtype, alignedBytes(data)));
    return;
  }
  const { compute, routine } = op.definition;
  const run = new Interpreter();
  const bufferOf = (v: Value, name: string): Buffer => makeBuffer(name, v.tensor.dtype, v.tensor.shape);
  const operands = namedOperands(op, (v, i) => {
    const b = bufferOf(v, `x${i}`);
    run.memory.set(b, memory.get(v)!);
    return b;
  });
  const results = op.results.map((v, i) => bufferOf(v, `y${i}`));
  const context = { operands, attributes: op.attributes, results };
  if (compute) run.run((compute as (c: unknown) => readonly Stage[])(context));
  else if (routine) runLoops(run, (routine as (c: unknown) => Routine)(context).body);
  else throw new Error(`'${op.name}' has neither stages nor loops`);
  op.results.forEach((v, i) => memory.set(v, run.elements(results[i]!)));
}

const isClose = (a: Scalar, b: Scalar, rtol: number, atol: number): boolean => {
  const [x, y] = [Number(a), Number(b)];
  return x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + rtol * Math.abs(y);
};

/** What is wrong with the results of a test, or undefined; the tolerances are those of ONNX's own test runner. */
export function compareNodeTest({ graph, expected }: NodeTest, rtol = 1e-3, atol = 1e-7): string | undefined {
  const results = interpretGraph(graph);
  for (const [i, want] of expected.entries()) {
    const type = graph.outputs[i]!.tensor;
    const { dtype } = type;
    if (!sameType(type, want.type)) return `output ${i} is ${formatType(type)}, not ${formatType(want.type)}`;
    const wanted = readElements(dtype, alignedBytes(want.data));
    const bad = wanted.findIndex((w, k) => !(isFloat(dtype) ? isClose(results[i]![k]!, w, rtol, atol) : results[i]![k] === w));
    if (bad >= 0) return `output ${i}, element ${bad} is ${String(results[i]![bad])}, not ${String(wanted[bad])}`;
  }
  return undefined;
}
