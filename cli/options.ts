/** Options that several commands take, and what they mean. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Argv } from "yargs";
import type { TargetOptions, Target } from "../codegen/target.ts";
import { mcpus } from "../codegen/c/machine.ts";
import { findTarget, targets } from "../codegen/targets.ts";
import { importModel } from "../frontend/import.ts";
import type { ImportOptions } from "../frontend/options.ts";
import type { Constant } from "../ir/attribute.ts";
import { memoryData } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import { printGraph } from "../ir/text/print.ts";
import { type DType, tensor } from "../ir/type.ts";
import { type NumericsClass, numericsClasses } from "../passes/pass.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { InputError, lastGraph, printDiagnostics, UsageError } from "./failure.ts";
import { readTensorFile } from "./tensor-files.ts";

export interface ModelArguments {
  readonly model: string;
  readonly dim?: readonly string[] | undefined;
  readonly inputValue?: readonly string[] | undefined;
  readonly key?: string | undefined;
}

export const modelArguments = <T>(y: Argv<T>) =>
  y
    .positional("model", { type: "string", demandOption: true, describe: "a .mindir, .onnx or .sir file" })
    .option("dim", { type: "string", array: true, nargs: 1, describe: "fix an extent: --dim n=1" })
    .option("input-value", { type: "string", array: true, nargs: 1, describe: "fix an input at compile time: --input-value NAME=FILE.npy" })
    .option("key", { type: "string", describe: "key of an encrypted file: 16, 24 or 32 characters, or @FILE with its bytes" });

export interface CodegenArguments {
  readonly target?: string | undefined;
  readonly mcpu?: string | undefined;
  readonly freestanding?: boolean | undefined;
  readonly weights?: string | undefined;
  readonly numerics?: readonly string[] | undefined;
  readonly name?: string | undefined;
}

export const codegenArguments = <T>(y: Argv<T>) =>
  y
    .option("target", { alias: "t", type: "string", choices: targets.map((t) => t.name), describe: "default: c where there is a C compiler, else js" })
    .option("mcpu", { type: "string", choices: mcpus, describe: "the machine that C is made for; default: native" })
    .option("freestanding", { type: "boolean", describe: "C without malloc, files and threads" })
    .option("weights", { type: "string", choices: ["bin", "c", "incbin"], describe: "C: where constants go; default: bin, a file of their own" })
    .option("numerics", { type: "string", array: true, choices: numericsClasses, describe: "rewrites that may change results so far; default: reassociates" })
    .option("name", { type: "string", describe: "name of the compiled model; default: the file's" });

export function dimsOf(args: Pick<ModelArguments, "dim">): Map<string, number> {
  return new Map(
    (args.dim ?? []).map((spec) => {
      const [, name, value] = /^(.+)=(\d+)$/.exec(spec) ?? [];
      if (name === undefined) throw new UsageError(`--dim takes NAME=NUMBER, not '${spec}'`);
      return [name, Number(value)];
    }),
  );
}

function inputValues(args: ModelArguments): Map<string, Constant> {
  return new Map(
    (args.inputValue ?? []).map((spec) => {
      const [, name, file] = /^([^=]+)=(.+)$/s.exec(spec) ?? [];
      if (name === undefined) throw new UsageError(`--input-value takes NAME=FILE, not '${spec}'`);
      const { dtype, dims, bytes } = readTensorFile(file!);
      return [name, { type: tensor(dtype as DType, dims), data: memoryData(bytes, file) }];
    }),
  );
}

function keyOf(text: string): Uint8Array {
  return text.startsWith("@") ? new Uint8Array(readFileSync(text.slice(1))) : new TextEncoder().encode(text);
}

export function importOptions(args: ModelArguments): ImportOptions {
  return { dims: dimsOf(args), inputValues: inputValues(args), ...(args.key !== undefined && { key: keyOf(args.key) }) };
}

/** The model as a graph; warnings go to stderr. */
export async function loadGraph(args: ModelArguments): Promise<Graph> {
  const { graph, diagnostics } = await importModel(args.model, importOptions(args));
  printDiagnostics(diagnostics);
  lastGraph.text = () => printGraph(graph);
  return graph;
}

/** The target that is named, or the default of this machine. */
export function targetOf(args: CodegenArguments): Target {
  const name = args.target ?? (findCompiler() === undefined ? "js" : "c");
  const target = findTarget(name);
  if (!target) throw new InputError(`there is no target '${name}'`);
  return target;
}

/** A name that C and file systems take. */
const modelName = (path: string): string =>
  basename(path)
    .replace(/\.[^.]*$/, "")
    .replace(/\W+/g, "_")
    .replace(/^(?=\d)/, "m")
    .slice(0, 48) || "model";

export function targetOptions(args: CodegenArguments & Pick<ModelArguments, "model">): TargetOptions & { numerics?: ReadonlySet<NumericsClass> } {
  return {
    name: args.name ?? modelName(args.model),
    ...(args.mcpu !== undefined && { mcpu: args.mcpu }),
    ...(args.freestanding !== undefined && { freestanding: args.freestanding }),
    ...(args.weights !== undefined && { weights: args.weights as "bin" | "c" | "incbin" }),
    ...(args.numerics && { numerics: new Set(["exact", ...args.numerics] as NumericsClass[]) }),
  };
}
