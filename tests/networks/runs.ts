/** Networks with inputs, run on our targets and in ONNX Runtime, and their results compared. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatNpy, parseNpy } from "../../cli/npy.ts";
import { compileGraph } from "../../codegen/compile.ts";
import type { Artifact } from "../../codegen/target.ts";
import { findTarget } from "../../codegen/targets.ts";
import { Diagnostics } from "../../ir/diagnostic.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { readElements, viewBytes, writeElements } from "../../ir/storage.ts";
import { type DType, isFloat } from "../../ir/type.ts";
import { buildC } from "../../runtime/node/build-c.ts";
import { Session, Tensor } from "../../runtime/node/session.ts";
import { randomIntegers } from "../mutations.ts";
import { givenInputs } from "./small.ts";

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
/** Inputs for every place of the graph, whose shapes must be fixed; the same each time. */
export const inputsOf = (graph: Graph): Tensor[] => graph.inputs.map((v, i) => randomInput(v, i + 1));

export function compile(graph: Graph, target: string): Artifact {
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, findTarget(target)!, { name: "network" }, diagnostics);
  diagnostics.throwIfErrors();
  return artifact;
}

/** The results of the artifact, which is written to the folder and, if it is C, built with the flags. */
export async function run(
  artifact: Artifact,
  folder: string,
  inputs: readonly Tensor[],
  flags: readonly string[] = ["-O1"],
): Promise<Tensor[]> {
  mkdirSync(folder);
  for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
  if (artifact.manifest.target === "c") await buildC(folder, artifact.manifest, { flags });
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

/** `half`: what is f32 was computed from f16. */
export function expectClose(actual: readonly Tensor[], wanted: readonly Tensor[], what: string, half = false): void {
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

/** Whether the graph computes in f16 somewhere, whatever its outputs are. */
export const isHalf = (graph: Graph): boolean =>
  [...graph.ops()].some((op) => op.results.some((v) => v.type.kind === "tensor" && v.type.dtype === "f16"));

/** What ONNX Runtime makes of the `model.onnx` in `folder`. Throws what it says where it refuses it. */
export function askOnnxRuntime(python: string, folder: string, inputs: readonly Tensor[], count: number): Tensor[] {
  inputs.forEach((t, k) => {
    writeFileSync(join(folder, `input_${k}.npy`), formatNpy({ dtype: t.dtype, dims: t.dims, bytes: bytesOf(t) }));
  });
  const [failure] = execFileSync(python, [join("tests", "witness", "run_onnx_models.py"), folder], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).split("\n");
  const said = JSON.parse(failure!) as string | null;
  if (said !== null) throw new Error(said);
  return Array.from({ length: count }, (_, k) => {
    const { dtype, dims, bytes } = parseNpy(readFileSync(join(folder, `output_${k}.npy`)), `output_${k}.npy`);
    return new Tensor(dtype, viewBytes(dtype as DType, Uint8Array.from(bytes)), dims);
  });
}
