/** ONNX's test data: which tests there are, and the inputs and outputs of each. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MemorySource, memoryData } from "../../ir/data.ts";
import type { OnnxModel, OnnxType, OnnxValueInfo } from "../../frontend/onnx/messages.ts";
import { readOnnx } from "../../frontend/onnx/read.ts";
import { writeElements } from "../../ir/storage.ts";
import type { Type } from "../../ir/type.ts";
import { readFileSync } from "node:fs";
import { type HostValue, readHostValue } from "./values.ts";

export interface TestCase {
  readonly name: string;
  readonly suite: string;
  /** The operator it is about. */
  readonly subject: string;
  readonly model: string;
}

export interface DataSet {
  /** By name of the input. */
  readonly inputs: ReadonlyMap<string, HostValue>;
  readonly outputs: readonly HostValue[];
}

/** The folders of the wheel that hold tests. */
const suites = ["node", "simple", "pytorch-operator", "pytorch-converted", "light"];

/** All tests in the layout of `onnx/backend/test/data`, or in one folder of tests, in the order of their names. */
export function findTests(root: string): TestCase[] {
  const present = suites.filter((s) => existsSync(join(root, s)));
  return present.length > 0 ? present.flatMap((s) => testsIn(join(root, s))) : testsIn(root);
}

function testsIn(folder: string): TestCase[] {
  const suite = basename(folder);
  return readdirSync(folder)
    .sort()
    .flatMap((entry) => {
      const model = entry.endsWith(".onnx") ? join(folder, entry) : join(folder, entry, "model.onnx");
      if (!existsSync(model)) return [];
      const name = entry.replace(/\.onnx$/, "");
      return [{ name, suite, model, subject: subjectOf(suite, name, model) }];
    });
}

/** The only operator of the model; that of the test it was expanded from; else the suite. */
function subjectOf(suite: string, name: string, model: string): string {
  const original = join(dirname(dirname(model)), name.replace(/_expanded.*$/, ""), "model.onnx");
  const of = name.includes("_expanded") && existsSync(original) ? original : model;
  if (suite === "light" || suite === "simple") return `(${suite})`;
  const nodes = readOnnx(new MemorySource(of, readFileSync(of))).graph.node.filter((n) => n.opType !== "Constant");
  const [first] = nodes;
  if (!first || nodes.length > 1) return `(${suite}, several)`;
  return first.domain === "" ? first.opType : `${first.domain}.${first.opType}`;
}

/** The data sets beside the model; of the light networks, what ONNX's runner computes as input. */
export function dataSetsOf(model: string, message: OnnxModel): DataSet[] {
  const initializers = new Set(message.graph.initializer.map((t) => t.name));
  const inputs = message.graph.input.filter((v) => !initializers.has(v.name));
  const folder = dirname(model);
  if (basename(model) !== "model.onnx") return [lightData(model, inputs, message.graph.output)];
  return readdirSync(folder)
    .filter((f) => f.startsWith("test_data_set_"))
    .sort()
    .map((f) => readDataSet(join(folder, f), message.graph.input.length, inputs, message.graph.output));
}

function readDataSet(folder: string, all: number, inputs: readonly OnnxValueInfo[], outputs: readonly OnnxValueInfo[]): DataSet {
  const given = inputs.filter((_, i) => existsSync(join(folder, `input_${i}.pb`)));
  const values = given.map((v, i) => [v.name, readHostValue(join(folder, `input_${i}.pb`), kindOf(v.type))] as const);
  if (existsSync(join(folder, `input_${all}.pb`))) throw new Error(`'${folder}' has more inputs than the model`);
  return { inputs: new Map(values), outputs: readOutputs(outputs, (i) => join(folder, `output_${i}.pb`)) };
}

const readOutputs = (outputs: readonly OnnxValueInfo[], path: (i: number) => string): HostValue[] =>
  outputs.flatMap((v, i) => (existsSync(path(i)) ? [readHostValue(path(i), kindOf(v.type))] : []));

const kindOf = (t: OnnxType | undefined): Type["kind"] => (t?.sequenceType ? "sequence" : t?.optionalType ? "optional" : "tensor");

/** The i-th of n elements is i / n. */
function lightData(model: string, inputs: readonly OnnxValueInfo[], outputs: readonly OnnxValueInfo[]): DataSet {
  const values = inputs.map((v): [string, HostValue] => {
    const shape = (v.type?.tensorType?.shape?.dim ?? []).map((d) => d.dimValue ?? 1);
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = writeElements(
      "f32",
      Array.from({ length: count }, (_, i) => i / count),
    );
    return [v.name, { kind: "tensor", dtype: "f32", shape, bytes }];
  });
  return { inputs: new Map(values), outputs: readOutputs(outputs, (i) => model.replace(/\.onnx$/, `_output_${i}.pb`)) };
}

/** A tensor as a constant of the graph. */
export function constantOf(
  v: HostValue,
): { readonly type: Extract<Type, { kind: "tensor" }>; readonly data: ReturnType<typeof memoryData> } | undefined {
  if (v.kind !== "tensor" || v.strings) return undefined;
  return { type: { kind: "tensor", dtype: v.dtype, shape: v.shape }, data: memoryData(v.bytes) };
}
