/**
 * Real MindIR and ONNX models against the outputs that MindSpore gave: compiled to JavaScript and to C, from the file
 * and from the graph's own text.
 */
import { expect } from "chai";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseNpy } from "../cli/npy.ts";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { importModel } from "../frontend/import.ts";
import { writeSir } from "../frontend/sir.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements, viewBytes } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

/** Relative and absolute, as the models' README states them; other types must be equal. */
const tolerances: Readonly<Record<string, readonly [number, number]>> = { f32: [1e-4, 1e-5], f64: [1e-10, 1e-10], f16: [2e-3, 2e-3] };

const keys: Readonly<Record<string, string>> = { "add_encrpty_key_0123456789ABCDEF.mindir": "0123456789ABCDEF" };

/** The inputs and outputs of one run: `input_0.npy`, or `input_0.K.npy` for run K. */
interface Run {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

function readTensor(path: string): Tensor {
  const { dtype, dims, bytes } = parseNpy(readFileSync(path), path);
  return new Tensor(dtype, viewBytes(dtype as DType, bytes), dims);
}

function readRuns(folder: string): Run[] {
  const names = readdirSync(folder);
  const suffixes = names.includes("input_0.npy") || !names.some((n) => /^input_0\.\d/.test(n)) ? [""] : names.flatMap((n) => /^input_0(\.\d+)\.npy$/.exec(n)?.slice(1) ?? []);
  const all = (kind: string, suffix: string): Tensor[] => {
    const tensors: Tensor[] = [];
    for (let i = 0; existsSync(join(folder, `${kind}_${i}${suffix}.npy`)); i++) tensors.push(readTensor(join(folder, `${kind}_${i}${suffix}.npy`)));
    return tensors;
  };
  return suffixes.map((suffix) => ({ inputs: all("input", suffix), outputs: all("output", suffix) }));
}

function expectClose(actual: Tensor, wanted: Tensor, what: string): void {
  expect(actual.dtype, what).to.equal(wanted.dtype);
  expect(actual.dims, what).to.deep.equal(wanted.dims);
  const [rtol, atol] = tolerances[wanted.dtype] ?? [0, 0];
  const [got, want] = [actual, wanted].map((t) => readElements(t.dtype as DType, new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength)).map(Number));
  const bad = want!.findIndex((w, i) => !(Object.is(got![i], w) || got![i] === w || Math.abs(got![i]! - w) <= atol + rtol * Math.abs(w)));
  expect(bad, `${what}: element ${bad} is ${got![bad]}, not ${want![bad]}`).to.equal(-1);
}

async function check(graph: Graph, targetName: string, runs: readonly Run[]): Promise<void> {
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, findTarget(targetName)!, { name: "model", verifyEach: true }, diagnostics);
  diagnostics.throwIfErrors();
  const folder = mkdtempSync(join(tmpdir(), "sinter-model-"));
  try {
    for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
    const session = await Session.create(folder);
    for (const [k, run] of runs.entries()) {
      const results = await session.run(Object.fromEntries(session.inputs.map((info, i) => [info.name, run.inputs[i]!])));
      session.outputs.forEach(({ name }, i) => {
        expectClose(results[name]!, run.outputs[i]!, `run ${k}, output ${i}`);
      });
    }
    await session.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function suite(model: string, runs: readonly Run[]): void {
  const key = keys[basename(model)];
  const options = key === undefined ? {} : { key: new TextEncoder().encode(key) };
  for (const target of ["js", "c"]) {
    it(`${basename(model)} on ${target}`, async () => {
      await check((await importModel(model, options)).graph, target, runs);
    });
    it(`${basename(model)} on ${target}, by way of its text`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "sinter-text-"));
      try {
        const text = join(folder, "model.sir");
        writeSir((await importModel(model, options)).graph, text);
        await check((await importModel(text)).graph, target, runs);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

withSharedModels("real models with MindSpore's outputs", (folder) => {
  describe("models", function () {
    this.timeout(120000);
    for (const extension of [".mindir", ".onnx"]) {
      for (const model of filesIn(join(folder, "mindir"), extension)) {
        const recorded = model.replace(/\.\w+$/, ".case");
        if (existsSync(recorded)) suite(model, readRuns(recorded));
      }
    }
  });
});
