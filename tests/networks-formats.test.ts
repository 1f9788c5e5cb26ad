/**
 * Every network, with seeded random weights, written in every format and read again: the same graph, or where a format has
 * other forms the same results; and the same results on JavaScript, C and, from our ONNX file, ONNX Runtime.
 */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatNpy, parseNpy } from "../cli/npy.ts";
import { writeModel } from "../cli/write-model.ts";
import { compileGraph } from "../codegen/compile.ts";
import type { Artifact } from "../codegen/target.ts";
import { findTarget } from "../codegen/targets.ts";
import { exportGraph } from "../frontend/export.ts";
import { importModel } from "../frontend/import.ts";
import { networks } from "../frontend/networks/index.ts";
import { type AnyNetwork, buildNetwork, seededParameters } from "../frontend/networks/network.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { readElements, viewBytes, writeElements } from "../ir/storage.ts";
import { type DType, isFloat } from "../ir/type.ts";
import { buildC, findCompiler } from "../runtime/node/build-c.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { randomIntegers } from "./mutations.ts";
import { difference } from "./networks/equal.ts";
import { givenInputs, sameKernels, smallOptions } from "./networks/small.ts";
import { optimize, readPassRun } from "./optimize.ts";
import { witnessPython } from "./witness.ts";

const python = witnessPython();
const script = join("tests", "witness", "run_onnx_models.py");

const built = (definition: AnyNetwork): Graph => buildNetwork(definition, smallOptions[definition.name] ?? {}, seededParameters(1)).graph;

/** Floats in [-1, 1); of whole numbers masks of 0 and 1, else 0 to 3, which are valid everywhere networks look something up. */
function randomInput(v: Value, seed: number): Tensor {
  const random = randomIntegers(seed);
  const shape = v.tensor.shape as readonly number[];
  const { dtype } = v.tensor;
  const most = v.name.includes("mask") ? 2 : 4;
  const given = givenInputs[v.name];
  const next = (i: number): number => given?.[i % given.length] ?? (isFloat(dtype) ? random(2001) / 1000 - 1 : random(most));
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => next(i));
  return new Tensor(dtype, viewBytes(dtype, writeElements(dtype, values)), shape);
}
const inputsOf = (graph: Graph): Tensor[] => graph.inputs.map((v, i) => randomInput(v, i + 1));

function compile(graph: Graph, target: string): Artifact {
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, findTarget(target)!, { name: "network" }, diagnostics);
  diagnostics.throwIfErrors();
  return artifact;
}

async function run(artifact: Artifact, folder: string, inputs: readonly Tensor[]): Promise<Tensor[]> {
  mkdirSync(folder);
  for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
  if (artifact.manifest.target === "c") await buildC(folder, artifact.manifest, { flags: ["-O1"] });
  const session = await Session.create(folder, { threads: artifact.manifest.target === "c" ? 2 : 1 });
  try {
    const outputs = await session.run(Object.fromEntries(session.inputs.map((info, i) => [info.name, inputs[i]!])));
    return session.outputs.map((o) => outputs[o.name]!);
  } finally {
    await session.dispose();
  }
}

const bytesOf = ({ data }: Tensor): Uint8Array<ArrayBuffer> => new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
const numbersOf = (t: Tensor): number[] => readElements(t.dtype as DType, bytesOf(t)).map(Number);

/** Of each value, and of the largest one, where small ones are what is left of large ones. */
const tolerances: Readonly<Record<string, readonly [number, number]>> = { f32: [1e-4, 1e-5], f64: [1e-10, 1e-12], f16: [1e-2, 5e-3] };

function expectClose(actual: readonly Tensor[], wanted: readonly Tensor[], what: string, half = false): void {
  expect(
    actual.map((t) => [t.dtype, ...t.dims].join()),
    what,
  ).to.deep.equal(wanted.map((t) => [t.dtype, ...t.dims].join()));
  actual.forEach((t, k) => {
    const [got, want] = [numbersOf(t), numbersOf(wanted[k]!)];
    const [relative, share] = tolerances[half && t.dtype === "f32" ? "f16" : t.dtype] ?? [0, 0];
    const slack = share === 0 ? 0 : share * want.reduce((m, w) => (Number.isFinite(w) ? Math.max(m, Math.abs(w)) : m), 0);
    const bad = want.findIndex((w, i) => !(Object.is(got[i], w) || Math.abs(got[i]! - w) <= slack + relative * Math.abs(w)));
    expect(bad, `${what}: output ${k}, element ${bad} is ${got[bad]}, not ${want[bad]}`).to.equal(-1);
  });
}

/** The graph in its usual form, without the copies that some formats need for inputs that are outputs as well. */
function canonical(graph: Graph): Graph {
  optimize(graph, readPassRun(["canonicalize", "cse", "dce"]));
  graph.outputs.forEach((v, i) => {
    if (v.op?.name === "identity" && v.op.operand(0)!.def === graph) graph.setOutput(i, v.op.operand(0)!);
  });
  return graph;
}

/** Whether the graph computes in f16 somewhere, whatever its outputs are. */
const isHalf = (graph: Graph): boolean =>
  [...graph.ops()].some((op) => op.results.some((v) => v.type.kind === "tensor" && v.type.dtype === "f16"));

const extensions = { onnx: ".onnx", mindir: ".mindir", air: ".air", mslite: ".ms" } as const;

/** The network's file in `format`, in a folder of its own; written when it is first asked for. */
async function asFile(definition: AnyNetwork, format: keyof typeof extensions, folder: string): Promise<string> {
  const path = join(folder, format, `model${extensions[format]}`);
  if (existsSync(path)) return path;
  mkdirSync(join(folder, format));
  writeModel(await exportGraph(built(definition), format, { name: "model" }), path);
  return path;
}

/** What ONNX Runtime makes of the `model.onnx` in `folder`. Throws what it says where it refuses it. */
function askOnnxRuntime(folder: string, inputs: readonly Tensor[], count: number): Tensor[] {
  inputs.forEach((t, k) => {
    writeFileSync(join(folder, `input_${k}.npy`), formatNpy({ dtype: t.dtype, dims: t.dims, bytes: bytesOf(t) }));
  });
  const [failure] = execFileSync(python!, [script, folder], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
  const said = JSON.parse(failure!) as string | null;
  if (said !== null) throw new Error(said);
  return Array.from({ length: count }, (_, k) => {
    const { dtype, dims, bytes } = parseNpy(readFileSync(join(folder, `output_${k}.npy`)), `output_${k}.npy`);
    return new Tensor(dtype, viewBytes(dtype as DType, Uint8Array.from(bytes)), dims);
  });
}

for (const definition of networks) {
  describe(`${definition.name} in every format`, function () {
    this.timeout(300_000);
    let folder = "";
    let inputs: readonly Tensor[] = [];
    let wanted: readonly Tensor[] = [];
    let usual: Graph;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "sinter-networks-"));
      usual = canonical(built(definition));
      inputs = inputsOf(usual);
      wanted = await run(compile(built(definition), "js"), join(folder, "js"), inputs);
    });
    after(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    for (const format of ["mindir", "air"] as const) {
      it(`is the same graph through ${format}`, async () => {
        const { graph } = await importModel(await asFile(definition, format, folder));
        const found = difference(usual, canonical(graph));
        if (found !== undefined) throw new Error(found);
      });
    }

    for (const format of ["onnx", "mslite"] as const) {
      it(`is the same graph through ${format}, or computes the same`, async () => {
        const path = await asFile(definition, format, folder);
        if (difference(usual, canonical((await importModel(path)).graph)) === undefined) return;
        const { graph } = await importModel(path);
        expectClose(await run(compile(graph, "js"), join(folder, `${format}-js`), inputs), wanted, format);
      });
    }

    if (python !== undefined) {
      it("computes the same in ONNX Runtime", async () => {
        const path = await asFile(definition, "onnx", folder);
        expectClose(askOnnxRuntime(dirname(path), inputs, wanted.length), wanted, "ONNX Runtime", isHalf(usual));
      });
    }

    if (sameKernels.has(definition.name)) return;
    it("computes the same in C", async function () {
      if (findCompiler() === undefined) this.skip();
      expectClose(await run(compile(built(definition), "c"), join(folder, "c"), inputs), wanted, "c", isHalf(usual));
    });
  });
}
if (python === undefined) console.log("left out: networks against ONNX Runtime (its Python is not set up)");
