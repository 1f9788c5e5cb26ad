/**
 * ONNX's node tests on the reference interpreter: a folder with `model.onnx` and `test_data_set_0` becomes a graph of
 * ours, whose ops are computed one after the other and compared with the expected outputs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { importOnnx } from "../frontend/onnx/import.ts";
import type { OnnxTensor } from "../frontend/onnx/messages.ts";
import { readOnnx, readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import type { Constant } from "../ir/attribute.ts";
import { alignedBytes, MemorySource } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import type { Scalar } from "../ir/scalar.ts";
import { readElements } from "../ir/storage.ts";
import { formatType, isFloat, sameType, tensor } from "../ir/type.ts";
import { evaluateGraph } from "./evaluate-graph.ts";

/** A node test, read. */
interface NodeTest {
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

const isClose = (a: Scalar, b: Scalar, rtol: number, atol: number): boolean => {
  const [x, y] = [Number(a), Number(b)];
  return x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + rtol * Math.abs(y);
};

/**
 * What is wrong with the results of a test, or undefined. Of random numbers only the types are compared. The tolerances
 * are those of ONNX's own test runner, but that zero may be as far as f32's rounding of sums of ones from it.
 */
export function compareNodeTest({ graph, expected }: NodeTest, rtol = 1e-3, atol = 1e-6): string | undefined {
  const results = evaluateGraph(graph, []);
  const isRandom = [...graph.ops()].some((op) => op.definition.impure);
  for (const [i, want] of expected.entries()) {
    const { dtype } = graph.outputs[i]!.tensor;
    const result = results[i]!;
    if (result.kind !== "tensor") return `output ${i} is a ${result.kind}`;
    const type = tensor(dtype, result.shape);
    if (!sameType(type, want.type)) return `output ${i} is ${formatType(type)}, not ${formatType(want.type)}`;
    if (isRandom) continue;
    const wanted = readElements(dtype, alignedBytes(want.data));
    const fits = (a: Scalar, b: Scalar): boolean => (isFloat(dtype) ? isClose(a, b, rtol, atol) : a === b);
    const bad = wanted.findIndex((w, k) => !fits(result.elements[k]!, w));
    if (bad >= 0) return `output ${i}, element ${bad} is ${result.elements[bad]}, not ${wanted[bad]}`;
  }
  return undefined;
}
