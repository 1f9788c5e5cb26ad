/**
 * Export to ONNX as a target: the graph becomes a file, which ONNX's checker must accept. ONNX Runtime runs it, or, where
 * it lacks an operator or a type, what our importer reads back is run.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "../../frontend/onnx/export.ts";
import { importOnnx } from "../../frontend/onnx/import.ts";
import { readOnnx } from "../../frontend/onnx/read.ts";
import { FileSource } from "../../frontend/bytes.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Type } from "../../ir/type.ts";
import { OnnxWitness, type Testimony } from "../onnx-witness.ts";
import type { ConformanceTarget } from "./targets.ts";
import type { HostValue } from "./values.ts";

/** Models that may be read until the process ends. */
const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

let witness: OnnxWitness | undefined;

function startWitness(): OnnxWitness {
  witness ??= OnnxWitness.start();
  if (!witness) throw new Error("there is no Python with onnx and onnxruntime");
  return witness;
}

/** Writes the model's files into the folder and gives the model's path. */
export function writeExport(graph: Graph, folder: string, opset?: number): string {
  const { files } = exportOnnx(graph, { name: "model", opset });
  for (const { name, content } of files) writeFileSync(join(folder, name), Buffer.concat([...content]));
  return join(folder, files[0]!.name);
}

/** Refusals of ONNX Runtime that say nothing of the model. */
const isLacking = ({ run }: Testimony): boolean =>
  run !== null &&
  /NOT_IMPLEMENTED|NotImplemented|Unsupported|not supported|Opset \d+ is under development|Could not find an implementation/.test(run);

/** Tests whose results ONNX Runtime does not give for the original models either: transforms in f32, positions of its own. */
const deviations = /^test_(dft|stft|resize_downsample_scales_(cubic|linear)_align_corners)/;

const numpyTypes = /^(f16|f32|f64|bool|[iu](8|16|32|64))$/;

/** Whether Python has numbers for all elements that go in and come out. */
function isCarried(t: Type): boolean {
  return t.kind === "tensor" ? numpyTypes.test(t.dtype) : t.kind !== "tuple" && isCarried(t.element);
}

/** Python has no optionals: there is a value or none. */
const asOutput = (v: HostValue | undefined, type: Type): HostValue => (type.kind === "optional" ? { kind: "optional", value: v } : v!);

/** With a version of the operator set, or the default. `run` takes what was read back. */
export const exported =
  (run: ConformanceTarget, opset?: number): ConformanceTarget =>
  (graph, test = "") => {
    const folder = mkdtempSync(join(tmpdir(), "sinter-export-"));
    folders.push(folder);
    const path = writeExport(graph, folder, opset);
    const mayRun = [...graph.inputs, ...graph.outputs].every((v) => isCarried(v.type)) && !deviations.test(test);
    return async (inputs) => {
      const given = Object.fromEntries(graph.inputs.map((v, i) => [v.name, inputs[i]!]));
      const said = await startWitness().ask(path, mayRun ? given : undefined);
      if (said.check !== null) throw new Error(`the checker: ${oneLine(said.check)}`);
      if (mayRun && said.run === null) return graph.outputs.map((v, i) => asOutput(said.outputs[i], v.type));
      if (mayRun && !isLacking(said)) throw new Error(`ONNX Runtime: ${oneLine(said.run!)}`);
      return (await run(readBack(path)))(inputs);
    };
  };

const oneLine = (text: string): string => text.slice(0, 300).replaceAll("\n", " ");

function readBack(path: string): Graph {
  try {
    return importOnnx(readOnnx(new FileSource(path))).graph;
  } catch (e) {
    if (e instanceof CompileError) throw new Error(`read back: ${e.message}`, { cause: e });
    throw e;
  }
}
