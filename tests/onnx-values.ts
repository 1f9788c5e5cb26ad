/**
 * ONNX's node tests with inputs and outputs of any kind, tensors, sequences or optionals, on the graph evaluator; the
 * inputs stay inputs of the graph, or those that are tensors become constants.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importOnnx } from "../frontend/onnx/import.ts";
import type { OnnxModel, OnnxOptional, OnnxSequence, OnnxTensor, OnnxType } from "../frontend/onnx/messages.ts";
import { readOnnx, readOnnxOptional, readOnnxSequence, readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import type { Constant } from "../ir/attribute.ts";
import { alignedBytes, MemorySource } from "../ir/data.ts";
import { readElements } from "../ir/storage.ts";
import { tensor } from "../ir/type.ts";
import { type Evaluated, evaluateGraph, tensorResult } from "./evaluate-graph.ts";

const source = (path: string): MemorySource => new MemorySource(path, readFileSync(path));

function constantOf(t: OnnxTensor): Constant {
  const value = onnxTensorValue(t, { source: t.name });
  return { type: tensor(value.dtype, value.dims), data: value.data };
}

function fromTensor(t: OnnxTensor): Evaluated {
  const { type, data } = constantOf(t);
  return tensorResult(type.shape as readonly number[], readElements(type.dtype, alignedBytes(data)));
}

const fromSequence = (s: OnnxSequence): Evaluated => ({
  kind: "sequence",
  elements: [...s.tensorValues.map(fromTensor), ...s.sequenceValues.map(fromSequence), ...s.optionalValues.map(fromOptional)],
});

function fromOptional(o: OnnxOptional): Evaluated {
  const value = o.tensorValue ? fromTensor(o.tensorValue) : o.sequenceValue && fromSequence(o.sequenceValue);
  return { kind: "optional", value };
}

function readValue(path: string, type: OnnxType | undefined): Evaluated {
  if (type?.sequenceType) return fromSequence(readOnnxSequence(source(path)));
  if (type?.optionalType) return fromOptional(readOnnxOptional(source(path)));
  return fromTensor(readOnnxTensor(source(path)));
}

interface Case {
  readonly model: OnnxModel;
  readonly data: string;
}

const inputsOf = ({ model, data }: Case) =>
  model.graph.input
    .slice(0, readdirSync(data).filter((f) => f.startsWith("input_")).length)
    .map((v, i) => ({ ...v, path: join(data, `input_${i}.pb`) }));

/** The outputs that the graph computes and those the test expects. Throws what the importer throws. */
export function runNodeTest(
  folder: string,
  inputsAreConstants: boolean,
): { readonly results: readonly Evaluated[]; readonly expected: readonly Evaluated[] } {
  const test = { model: readOnnx(source(join(folder, "model.onnx"))), data: join(folder, "test_data_set_0") };
  const inputs = inputsOf(test);
  const isFixed = (type: OnnxType | undefined): boolean => inputsAreConstants && type?.tensorType !== undefined;
  const inputValues = new Map(inputs.filter((v) => isFixed(v.type)).map((v) => [v.name, constantOf(readOnnxTensor(source(v.path)))]));
  const { graph } = importOnnx(test.model, { inputValues });
  const given = new Map(inputs.map((v) => [v.name, v]));
  const results = evaluateGraph(
    graph,
    graph.inputs.map((v) => readValue(given.get(v.name)!.path, given.get(v.name)!.type)),
  );
  return { results, expected: test.model.graph.output.map((v, i) => readValue(join(test.data, `output_${i}.pb`), v.type)) };
}

const isClose = (x: number, y: number, rtol: number, atol: number): boolean =>
  x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + rtol * Math.abs(y);

/** In words where the first differs from the second; undefined where it does not. */
export function difference(a: Evaluated | undefined, b: Evaluated | undefined, rtol = 1e-3, atol = 1e-7): string | undefined {
  if (!a || !b) return a === b ? undefined : "one is empty";
  if (a.kind === "tensor" && b.kind === "tensor") {
    if (a.shape.join() !== b.shape.join()) return `shape [${a.shape.join()}], not [${b.shape.join()}]`;
    const at = b.elements.findIndex((y, i) => !isClose(Number(a.elements[i]), Number(y), rtol, atol));
    return at < 0 ? undefined : `element ${at} is ${a.elements[at]}, not ${b.elements[at]}`;
  }
  if (a.kind === "optional" && b.kind === "optional") return difference(a.value, b.value, rtol, atol);
  if (a.kind !== "sequence" || b.kind !== "sequence") return `a ${a.kind}, not a ${b.kind}`;
  if (a.elements.length !== b.elements.length) return `${a.elements.length} elements, not ${b.elements.length}`;
  return a.elements.map((x, i) => difference(x, b.elements[i], rtol, atol)).find((d) => d !== undefined);
}
