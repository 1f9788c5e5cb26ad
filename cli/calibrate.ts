/** Runs of a graph on samples, watching values inside it: what calibration and reports of errors are made from. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { viewBytes } from "../ir/storage.ts";
import { type DType, formatType, staticShape } from "../ir/type.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { Session, Tensor } from "../runtime/node/session.ts";
import { InputError, UsageError } from "./failure.ts";
import type { NpyArray } from "./npy.ts";
import { readTensorFile } from "./tensor-files.ts";
import { writeFiles } from "./write-artifact.ts";

/** Inputs of one run, in the graph's order. */
export type Sample = readonly Tensor[];

/**
 * The samples in a folder: of a model with one input its `.npy` files by name, of several a subfolder for each input, in the
 * order of their names, with as many files. A file that holds several batches counts as so many samples.
 */
export function readSamples(folder: string, inputs: readonly Value[]): Sample[] {
  const folders = inputs.length === 1 && npyFiles(folder).length > 0 ? [folder] : subfolders(folder);
  if (folders.length !== inputs.length)
    throw new InputError(`'${folder}' has ${folders.length} subfolders with .npy files; the model has ${inputs.length} inputs`);
  const series = inputs.map((input, i) => npyFiles(folders[i]!).flatMap((file) => split(readTensorFile(file), input, file)));
  const count = series[0]?.length ?? 0;
  if (count === 0 || series.some((s) => s.length !== count))
    throw new InputError(`the inputs have different numbers of samples in '${folder}': ${series.map((s) => s.length).join(", ")}`);
  return Array.from({ length: count }, (_, k) => series.map((s) => s[k]!));
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  } catch {
    throw new InputError(`'${folder}' cannot be read: --quantize takes a folder of .npy files`);
  }
}
const npyFiles = (folder: string): string[] => entries(folder).filter((path) => path.endsWith(".npy"));
const subfolders = (folder: string): string[] =>
  entries(folder).filter((path) => statSync(path).isDirectory() && npyFiles(path).length > 0);

/** The file as one sample or several. */
function split(file: NpyArray, input: Value, path: string): Tensor[] {
  const shape = staticShape(input.tensor.shape);
  if (!shape) throw new UsageError(`the shape of '${input.name}', ${formatType(input.type)}, is open: fix it with --dim`);
  const size = shape.reduce((a, b) => a * b, 1);
  const count = file.dims.reduce((a, b) => a * b, 1) / size;
  const isSeries = file.dtype === input.tensor.dtype && Number.isInteger(count) && count > 0;
  if (!isSeries || !isSuffix(file.dims, shape))
    throw new InputError(`'${path}' holds ${file.dtype}[${file.dims.join(",")}], and '${input.name}' is ${formatType(input.type)}`);
  const each = file.bytes.length / count;
  return Array.from({ length: count }, (_, k) => {
    const bytes = file.bytes.slice(k * each, (k + 1) * each);
    return new Tensor(file.dtype, viewBytes(file.dtype as DType, bytes), shape);
  });
}

/** Whether the shapes agree apart from the first axis. */
const isSuffix = (dims: readonly number[], shape: readonly number[]): boolean =>
  dims.length === shape.length - 1
    ? dims.every((d, i) => d === shape[i + 1])
    : dims.length === shape.length && dims.slice(1).every((d, i) => d === shape[i + 1]);

/**
 * Compiles the graph, which is used up, with `values` as further outputs, and runs it on every sample; `use` gets what the
 * values were.
 */
export async function observe(
  graph: Graph,
  values: readonly Value[],
  samples: readonly Sample[],
  use: (tensors: readonly Tensor[], sample: number) => void,
): Promise<void> {
  const made = values.filter((v) => v.op);
  graph.setOutputs(made);
  const names = graph.inputs.map((v) => v.name);
  const sources = values.map((v) => (v.op ? made.indexOf(v) : -1 - v.index));
  const target = findTarget(findCompiler() === undefined ? "js" : "c")!;
  const dir = mkdtempSync(join(tmpdir(), "sinter-"));
  try {
    const diagnostics = new Diagnostics();
    writeFiles(compileGraph(graph, target, { name: "observed" }, diagnostics).artifact, dir);
    await runSamples(dir, names, samples, (tensors, k) => {
      use(
        sources.map((s) => (s < 0 ? samples[k]![-1 - s]! : tensors[s]!)),
        k,
      );
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function runSamples(
  dir: string,
  names: readonly string[],
  samples: readonly Sample[],
  use: (tensors: readonly Tensor[], sample: number) => void,
): Promise<void> {
  const session = await Session.create(dir);
  try {
    for (const [k, sample] of samples.entries()) {
      const outputs = await session.run(Object.fromEntries(sample.map((t, i) => [names[i]!, t])));
      use(
        session.outputs.map((o) => outputs[o.name]!),
        k,
      );
    }
  } finally {
    await session.dispose();
  }
}
