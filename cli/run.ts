/** `sinter run`: a model, or one that was compiled, computes its outputs for given inputs. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Argv } from "yargs";
import type { TensorInfo } from "../runtime/manifest.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { bindInputs } from "../runtime/node/inputs.ts";
import { Session, type Tensor } from "../runtime/node/session.ts";
import { type CompileArguments, isFolder, withTemporaryArtifact } from "./compile-model.ts";
import { InputError, UsageError } from "./failure.ts";
import { formatNpy } from "./npy.ts";
import { codegenArguments, dimsOf, modelArguments, targetOf } from "./options.ts";
import { passArguments } from "./pass-options.ts";
import { formatTable, toJson } from "./table.ts";
import { tensorsFor } from "./tensor-files.ts";
import { cellsOf, summarize, summaryHead } from "./tensor-summary.ts";
import { makeFolders, readManifest } from "./write-artifact.ts";

export interface InputArguments {
  readonly input?: readonly string[] | undefined;
  readonly threads: number;
}

/** The targets whose artifacts the runtime for Node.js runs. */
export const runnableTargets: readonly string[] = ["js", "c"];

/** Adds the inputs of a run to a command. */
export const inputArguments = <T>(y: Argv<T>) =>
  y
    .option("input", {
      alias: "i",
      type: "string",
      array: true,
      describe: "FILE.npy, FILE.pb or random:SEED, in the model's order, or NAME=...; random:SEED alone is for all",
    })
    .option("threads", { type: "number", default: 1, requiresArg: true, describe: "threads that work on a run" });

export const runCommand = (y: Argv) =>
  y.command(
    "run <model>",
    "run a model, or the folder of a compiled one, on inputs",
    (y) =>
      inputArguments(passArguments(codegenArguments(modelArguments(y))))
        .option("output", { alias: "o", type: "string", requiresArg: true, describe: "folder for output_0.npy, output_1.npy, ..." })
        .option("json", { type: "boolean", describe: "print the summary as JSON" })
        .example("$0 run model.onnx -i x.npy -o out", "")
        .example("$0 run model.onnx -i random:1 --dim n=1", ""),
    (args) => run(args),
  );

async function run(args: CompileArguments & InputArguments & { output?: string | undefined; json?: boolean | undefined }): Promise<void> {
  const { infos, tensors } = await outputsOf(args);
  const files = args.output === undefined ? [] : writeOutputs(tensors, args.output);
  const rows = infos.map((info, i) => ({ ...(files[i] !== undefined && { file: files[i] }), ...summarize(info.name, tensors[i]!) }));
  if (args.json) console.log(toJson({ outputs: rows }));
  else console.log(formatTable(summaryHead, rows.map(cellsOf)));
}

interface Outputs {
  readonly infos: readonly TensorInfo[];
  /** In the model's order. */
  readonly tensors: readonly Tensor[];
}

function outputsOf(args: CompileArguments & InputArguments): Promise<Outputs> {
  checkThreads(args.threads);
  if (!isFolder(args.model)) return runModel(args, args.target);
  const manifest = readManifest(args.model);
  if (!manifest) throw new InputError(`'${args.model}' is a folder without a compiled model`);
  if (args.target !== undefined && args.target !== manifest.target) {
    throw new UsageError(`'${args.model}' is compiled for '${manifest.target}', not for '${args.target}'`);
  }
  checkRunnable(manifest.target);
  return runArtifact(args.model, args);
}

function checkThreads(threads: number): void {
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > 1024) throw new UsageError("--threads takes a number from 1 to 1024");
}

/** The outputs of the model compiled for the target and run. */
export function runModel(args: CompileArguments & InputArguments, target: string | undefined): Promise<Outputs> {
  const withTarget = { ...args, target };
  const chosen = targetOf(withTarget);
  checkRunnable(chosen.name);
  return withTemporaryArtifact(withTarget, chosen, (dir) => runArtifact(dir, args));
}

function checkRunnable(target: string): void {
  if (!runnableTargets.includes(target))
    throw new UsageError(`models compiled for '${target}' do not run here; ${runnableTargets.join(" and ")} do`);
}

/** The outputs of the compiled model in a folder. */
async function runArtifact(dir: string, args: InputArguments & { dim?: readonly string[] | undefined }): Promise<Outputs> {
  const manifest = readManifest(dir)!;
  const inputs = tensorsFor(manifest.inputs, args.input ?? [], dimsOf(args));
  try {
    bindInputs(manifest, inputs);
  } catch (e) {
    throw e instanceof TypeError ? new InputError(e.message) : e;
  }
  if (manifest.target === "c" && findCompiler() === undefined) {
    throw new InputError("no C compiler was found: install gcc or clang, name one in CC, or take -t js");
  }
  const session = await Session.create(dir, { threads: args.threads });
  try {
    const outputs = await session.run(inputs);
    return { infos: manifest.outputs, tensors: manifest.outputs.map((o) => outputs[o.name]!) };
  } finally {
    await session.dispose();
  }
}

/** A tensor's elements as they are stored. */
export const bytesOf = ({ data }: Tensor): Uint8Array<ArrayBuffer> => new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();

function writeOutputs(tensors: readonly Tensor[], folder: string): string[] {
  makeFolders(resolve(folder));
  return tensors.map((t, i) => {
    const file = join(folder, `output_${i}.npy`);
    writeFileSync(file, formatNpy({ dtype: t.dtype, dims: t.dims, bytes: bytesOf(t) }));
    return file;
  });
}
