/** Options that several commands take, and what they mean. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Argv } from "yargs";
import type { TargetOptions, Target } from "../codegen/target.ts";
import { mcpus } from "../codegen/c/machine.ts";
import { findTarget, targets } from "../codegen/targets.ts";
import { bindWeights, randomizeWeights } from "../frontend/bind-weights.ts";
import { importModel } from "../frontend/import.ts";
import type { ImportOptions } from "../frontend/options.ts";
import { openWeights } from "../frontend/weights.ts";
import type { Constant } from "../ir/attribute.ts";
import { memoryData } from "../ir/data.ts";
import type { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { type DType, tensor } from "../ir/type.ts";
import { type NumericsClass, numericsClasses } from "../passes/pass.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { InputError, UsageError } from "./failure.ts";
import { namedNetwork, type NetworkArguments, networkOf } from "./networks.ts";
import { weightsFileAt } from "./weights.ts";
import { readTensorFile } from "./tensor-files.ts";

export interface ModelArguments extends NetworkArguments {
  readonly model: string;
  readonly dim?: readonly string[] | undefined;
  readonly inputValue?: readonly string[] | undefined;
  readonly key?: string | undefined;
  readonly weights?: string | undefined;
}

/** Adds the model and how it is read to a command. */
export const modelArguments = <T>(y: Argv<T>) =>
  y
    .positional("model", { type: "string", demandOption: true, describe: "a model file, or --network NAME in its place" })
    .option("dim", { type: "string", array: true, nargs: 1, describe: "fix an extent: --dim n=1" })
    .option("input-value", { type: "string", array: true, nargs: 1, describe: "fix an input at compile time: --input-value NAME=FILE.npy" })
    .option("key", { type: "string", describe: "key of an encrypted file: 16, 24 or 32 characters, or @FILE with its bytes" })
    .option("weights", {
      type: "string",
      requiresArg: true,
      describe: "weights by name: FILE.ckpt, .safetensors or .npz, or random:SEED; of networks by default random:0",
    })
    .option("network", { type: "string", describe: "a network by name, in place of a file: sinter list networks" })
    .option("batch", { type: "number", requiresArg: true, describe: "of networks: how many inputs at once" })
    .option("option", { type: "string", array: true, nargs: 1, describe: "of networks: NAME=VALUE" });

export interface CodegenArguments {
  readonly target?: string | undefined;
  readonly mcpu?: string | undefined;
  readonly freestanding?: boolean | undefined;
  readonly constants?: string | undefined;
  readonly numerics?: readonly string[] | undefined;
  readonly name?: string | undefined;
}

/** Adds the target and its options to a command. */
export const codegenArguments = <T>(y: Argv<T>) =>
  y
    .option("target", {
      alias: "t",
      type: "string",
      choices: targets.map((t) => t.name),
      describe: "default: c where there is a C compiler, else js",
    })
    .option("mcpu", { type: "string", choices: mcpus, describe: "the machine that C is made for; default: native" })
    .option("freestanding", { type: "boolean", describe: "C without malloc, files and threads" })
    .option("constants", {
      type: "string",
      choices: ["bin", "c", "incbin"],
      describe: "C: where constants go; default: bin, a file of their own",
    })
    .option("numerics", {
      type: "string",
      array: true,
      nargs: 1,
      choices: numericsClasses,
      describe: "how far rewrites may change results; default: reassociates",
    })
    .option("name", { type: "string", describe: "name of the compiled model; default: the file's" });

/** `NAME=VALUE` per item; throws one `UsageError` that lists all that are not of that form. */
function assignments(option: string, value: string, specs: readonly string[] = [], pattern = /^([^=]+)=(.+)$/s): [string, string][] {
  const wrong = specs.filter((spec) => !pattern.test(spec));
  if (wrong.length > 0) throw new UsageError(wrong.map((spec) => `${option} takes NAME=${value}, not '${spec}'`).join("\n"));
  return specs.map((spec) => pattern.exec(spec)!.slice(1, 3) as [string, string]);
}

/** The extents that `--dim` gives. */
export const dimsOf = (args: Pick<ModelArguments, "dim">): Map<string, number> =>
  new Map(assignments("--dim", "NUMBER", args.dim, /^(.+)=(\d+)$/).map(([name, value]) => [name, Number(value)]));

function inputValues(args: ModelArguments): Map<string, Constant> {
  return new Map(
    assignments("--input-value", "FILE", args.inputValue).map(([name, file]) => {
      const { dtype, dims, bytes } = readTensorFile(file);
      return [name, { type: tensor(dtype as DType, dims), data: memoryData(bytes, file) }];
    }),
  );
}

/** The bytes of `--key`. */
export function keyOf({ key }: Pick<ModelArguments, "key">): Uint8Array | undefined {
  if (key === undefined) return undefined;
  return key.startsWith("@") ? new Uint8Array(readFileSync(key.slice(1))) : new TextEncoder().encode(key);
}

/** What the command line says about reading the model. */
export function importOptions(args: ModelArguments): ImportOptions {
  const key = keyOf(args);
  return { dims: dimsOf(args), inputValues: inputValues(args), ...(key && { key }) };
}

/** The model as a graph; warnings go to `diagnostics`. */
export async function loadGraph(args: ModelArguments, diagnostics: Diagnostics): Promise<Graph> {
  const network = networkOf(args.model);
  const { graph, unused } =
    network === undefined ? { graph: await loadFile(args, diagnostics), unused: undefined } : loadNetwork(network, args, diagnostics);
  if (args.weights === undefined) return graph;
  const seed = seedOf(args.weights);
  if (seed !== undefined) {
    if (network === undefined) randomizeWeights(graph, seed);
    return graph;
  }
  const file = await openWeights(args.weights, { key: keyOf(args) });
  for (const d of [...file.diagnostics, ...bindWeights(graph, file.tensors, args.weights, unused).diagnostics]) diagnostics.report(d);
  return graph;
}

async function loadFile(args: ModelArguments, diagnostics: Diagnostics): Promise<Graph> {
  if (weightsFileAt(args.model)) {
    throw new InputError(`'${args.model}' holds weights and no graph: give a model or --network NAME, and this file with --weights`);
  }
  const imported = await importModel(args.model, importOptions(args));
  for (const d of imported.diagnostics) diagnostics.report(d);
  return imported.graph;
}

/** The seed of `random:SEED`; undefined where the weights are a file. */
function seedOf(weights: string): number | undefined {
  if (!weights.startsWith("random:")) return undefined;
  const seed = /^random:(\d{1,15})$/.exec(weights)?.[1];
  if (seed === undefined) throw new UsageError(`--weights takes random:SEED or a file, not '${weights}'`);
  return Number(seed);
}

/** The network, with the names of all parameters that its checkpoints have. */
function loadNetwork(name: string, args: ModelArguments, diagnostics: Diagnostics): { graph: Graph; unused: ReadonlySet<string> } {
  if (args.weights === undefined) {
    diagnostics.warn("ignored", { source: args.model }, "the parameters are random numbers", { remedy: "give --weights" });
  }
  const { graph, parameters } = namedNetwork(name, args, seedOf(args.weights ?? "random:0") ?? 0);
  return { graph, unused: new Set(parameters.map((p) => p.name)) };
}

/** The target that is named, or the default of this machine. */
export function targetOf(args: Pick<CodegenArguments, "target">): Target {
  const name = args.target ?? (findCompiler() === undefined ? "js" : "c");
  const target = findTarget(name);
  if (!target) throw new UsageError(`there is no target '${name}'; there are ${targets.map((t) => t.name).join(", ")}`);
  return target;
}

/** A name that C and file systems take. */
const modelName = (path: string): string =>
  basename(networkOf(path) ?? path)
    .replace(/\.[^.]*$/, "")
    .replace(/\W+/g, "_")
    .replace(/^(?=\d)/, "m")
    .slice(0, 48) || "model";

/** Classes of rewrites that the command line allows; undefined for the default. */
export const numericsOf = (args: Pick<CodegenArguments, "numerics">): ReadonlySet<NumericsClass> | undefined =>
  args.numerics && new Set(["exact", ...args.numerics] as NumericsClass[]);

/** What the command line says about the target; the model's name is the file's where none is given. */
export function targetOptions(
  args: CodegenArguments & Pick<ModelArguments, "model">,
): TargetOptions & { numerics?: ReadonlySet<NumericsClass> } {
  const numerics = numericsOf(args);
  if (args.name !== undefined && !/^[A-Za-z_]\w{0,63}$/.test(args.name)) {
    throw new UsageError(`--name takes letters, digits and underscores, at most 64, not '${args.name}'`);
  }
  return {
    name: args.name ?? modelName(args.model),
    ...(args.mcpu !== undefined && { mcpu: args.mcpu }),
    ...(args.freestanding !== undefined && { freestanding: args.freestanding }),
    ...(args.constants !== undefined && { constants: args.constants as "bin" | "c" | "incbin" }),
    ...(numerics && { numerics }),
  };
}
