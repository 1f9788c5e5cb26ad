/** What the conformance tests run on: for each target, a graph becomes a function from inputs to outputs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileGraph } from "../../codegen/compile.ts";
import type { Artifact } from "../../codegen/target.ts";
import { findTarget } from "../../codegen/targets.ts";
import { CompileError, Diagnostics } from "../../ir/diagnostic.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { readElements, viewBytes, writeElements } from "../../ir/storage.ts";
import type { DType, Type } from "../../ir/type.ts";
import { buildC } from "../../runtime/node/build-c.ts";
import { Session, Tensor } from "../../runtime/node/session.ts";
import { type Evaluated, evaluateGraph, tensorResult } from "../evaluate-graph.ts";
import { exported } from "./export.ts";
import { airTrip, liteTrip, mindirTrip, throughFile } from "./file.ts";
import { asHostTensor, type HostTensor, type HostValue } from "./values.ts";

/** Inputs and outputs in the graph's order. */
export type Runnable = (inputs: readonly HostValue[]) => readonly HostValue[] | Promise<readonly HostValue[]>;
/** Compiles the graph of a test; throws a `CompileError` where the target does not carry the graph. */
export type ConformanceTarget = (graph: Graph, test?: string) => Runnable | Promise<Runnable>;

/** Strings are no values of the interpreters and of compiled code. */
function refuseStrings(values: readonly Value[]): void {
  const hasStrings = (t: Type): boolean =>
    t.kind === "tensor" ? t.dtype === "string" : t.kind === "tuple" ? t.elements.some(hasStrings) : hasStrings(t.element);
  if (values.some((v) => hasStrings(v.type))) throw CompileError.of("unsupported-type", { source: "graph" }, "strings are not supported");
}

function refuseContainers(values: readonly Value[]): void {
  const container = values.find((v) => v.type.kind !== "tensor");
  if (container)
    throw CompileError.of(
      "unsupported-by-target",
      { source: "graph" },
      `inputs and outputs of the kind '${container.type.kind}' are not supported`,
    );
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
  if (e.kind === "sequence" && type.kind === "sequence")
    return { kind: "sequence", elements: e.elements.map((x) => toHost(x, type.element)) };
  if (e.kind === "optional" && type.kind === "optional") return { kind: "optional", value: e.value && toHost(e.value, type.element) };
  throw new Error(`the interpreter gave a ${e.kind} for a ${type.kind}`);
}

const interpret: ConformanceTarget = (graph) => {
  refuseStrings([...graph.inputs, ...graph.outputs]);
  return (inputs) => evaluateGraph(graph, inputs.map(toEvaluated)).map((e, i) => toHost(e, graph.outputs[i]!.type));
};

/** A compiled target: the artifact is written to a folder, built where it must be, and run by the runtime for Node. */
const compiled =
  (name: string): ConformanceTarget =>
  async (graph) => {
    refuseStrings([...graph.inputs, ...graph.outputs]);
    refuseContainers([...graph.inputs, ...graph.outputs]);
    const artifact = compile(graph, name);
    const folder = mkdtempSync(join(tmpdir(), "sinter-conformance-"));
    try {
      for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
      // Whole tests are over in milliseconds: compiling them matters more than running them.
      if (name === "c") await buildC(folder, artifact.manifest, { flags: ["-O1"] });
      const session = await Session.create(folder);
      return (inputs) => runSession(session, graph, inputs.map(asHostTensor));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

const isPlain = ({ type }: Value): boolean => type.kind === "tensor" && type.dtype !== "string";
const isOfTensors = (graph: Graph): boolean =>
  graph.inputs.every(isPlain) && [...graph.ops()].every((op) => op.results.every(isPlain) && op.regions.every(isOfTensors));

/** Graphs of tensors alone are compiled, which is much faster than being interpreted. */
const run: ConformanceTarget = (graph) => (isOfTensors(graph) ? compiled("js") : interpret)(graph);

function compile(graph: Graph, name: string): Artifact {
  const target = findTarget(name);
  if (!target) throw new Error(`there is no target '${name}'`);
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, target, { name: "test", verifyEach: true }, diagnostics);
  diagnostics.throwIfErrors();
  return artifact;
}

async function runSession(session: Session, graph: Graph, inputs: readonly HostTensor[]): Promise<HostTensor[]> {
  const given = inputs.map((t, i) => [graph.inputs[i]!.name, new Tensor(t.dtype, viewBytes(t.dtype, t.bytes), t.shape)] as const);
  const results = await session.run(Object.fromEntries(given));
  return session.outputs.map(({ name, dtype }): HostTensor => {
    const { data, dims } = results[name]!;
    const bytes = new Uint8Array(data.byteLength);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { kind: "tensor", dtype: dtype as DType, shape: dims, bytes };
  });
}

export const conformanceTargets: Readonly<Record<string, ConformanceTarget>> = {
  interpret,
  js: compiled("js"),
  c: compiled("c"),
  onnx: exported(run),
  "onnx-13": exported(run, 13),
  "onnx-22": exported(run, 22),
  air: throughFile(airTrip, run),
  mindir: throughFile(mindirTrip("2"), run),
  ms: throughFile(liteTrip, run),
  "mindir-1.1": throughFile(mindirTrip("1.1"), run),
};
