/** What the conformance tests run on: for each target, a graph becomes a function from inputs to outputs. */
import { CompileError, Diagnostics } from "../../ir/diagnostic.ts";
import { defaultNumerics } from "../../passes/pass.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { readElements, viewBytes, writeElements } from "../../ir/storage.ts";
import type { Type } from "../../ir/type.ts";
import { type Evaluated, evaluateGraph, tensorResult } from "../evaluate-graph.ts";
import { asHostTensor, type HostTensor, type HostValue } from "./values.ts";

/** Inputs and outputs in the graph's order. */
export type Runnable = (inputs: readonly HostValue[]) => readonly HostValue[] | Promise<readonly HostValue[]>;
/** Compiles; throws a `CompileError` where the target does not carry the graph. */
export type ConformanceTarget = (graph: Graph) => Runnable | Promise<Runnable>;

/** Strings are no values of the interpreters and of compiled code. */
function refuseStrings(values: readonly Value[]): void {
  const hasStrings = (t: Type): boolean =>
    t.kind === "tensor" ? t.dtype === "string" : t.kind === "tuple" ? t.elements.some(hasStrings) : hasStrings(t.element);
  if (values.some((v) => hasStrings(v.type))) throw CompileError.of("unsupported-type", { source: "graph" }, "strings are not supported");
}

function refuseContainers(values: readonly Value[]): void {
  const container = values.find((v) => v.type.kind !== "tensor");
  if (container)
    throw CompileError.of("unsupported-by-target", { source: "graph" }, `inputs and outputs that are a ${container.type.kind} are not supported`);
}

function toEvaluated(v: HostValue): Evaluated {
  switch (v.kind) {
    case "tensor":
      return tensorResult(v.shape, readElements(v.dtype, v.bytes));
    case "sequence":
      return { kind: "sequence", elements: v.elements.map(toEvaluated) };
    case "optional":
      return { kind: "optional", value: v.value && toEvaluated(v.value) };
  }
}

function toHost(e: Evaluated, type: Type): HostValue {
  if (e.kind === "tensor" && type.kind === "tensor") {
    return { kind: "tensor", dtype: type.dtype, shape: e.shape, bytes: writeElements(type.dtype, e.elements) };
  }
  if (e.kind === "sequence" && type.kind === "sequence") return { kind: "sequence", elements: e.elements.map((x) => toHost(x, type.element)) };
  if (e.kind === "optional" && type.kind === "optional") return { kind: "optional", value: e.value && toHost(e.value, type.element) };
  throw new Error(`the interpreter gave a ${e.kind} for a ${type.kind}`);
}

const interpret: ConformanceTarget = (graph) => {
  refuseStrings([...graph.inputs, ...graph.outputs]);
  return (inputs) => evaluateGraph(graph, inputs.map(toEvaluated)).map((e, i) => toHost(e, graph.outputs[i]!.type));
};

const js: ConformanceTarget = async (graph) => {
  refuseStrings([...graph.inputs, ...graph.outputs]);
  refuseContainers([...graph.inputs, ...graph.outputs]);
  const [{ programFor }, { jsTarget }, { loadProgram }, { decompose }] = await Promise.all([
    import("../../codegen/compile.ts"),
    import("../../codegen/js/target.ts"),
    import("../../codegen/js/execute.ts"),
    import("../../passes/decompose.ts"),
  ]);
  decompose.run(graph, { diagnostics: new Diagnostics(), numerics: defaultNumerics });
  const program = loadProgram(programFor(graph, jsTarget, { name: "test" }));
  return (inputs) => {
    const results = program.run(inputs.map(asHostTensor).map((t) => ({ data: viewBytes(t.dtype, t.bytes), dims: t.shape })));
    return results.map(({ data, dims }, i): HostTensor => {
      const bytes = new Uint8Array(data.byteLength);
      bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return { kind: "tensor", dtype: graph.outputs[i]!.tensor.dtype, shape: dims, bytes };
    });
  };
};

export const conformanceTargets: Readonly<Record<string, ConformanceTarget>> = { interpret, js };
