/** `sinter inspect`: what a model, or a compiled one, is made of and needs. */
import type { Argv } from "yargs";
import { countOperations } from "../codegen/count-operations.ts";
import { arenaBytes } from "../codegen/describe.ts";
import type { Constant } from "../ir/attribute.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { add, type Dim } from "../ir/dim.ts";
import { formatDim } from "../ir/dim-text.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { byteSize, formatType, isFloat } from "../ir/type.ts";
import type { Manifest, TensorInfo } from "../runtime/manifest.ts";
import { type CompileArguments, isFolder, modelProgram } from "./compile-model.ts";
import { InputError, printDiagnostics } from "./failure.ts";
import { inspectOfflineModel, offlineModelAt } from "./offline-model.ts";
import { codegenArguments, keyOf, modelArguments, targetOf } from "./options.ts";
import { importedGraph } from "./print.ts";
import { formatTable, grouped, toJson } from "./table.ts";
import { inspectWeights, weightsFileAt } from "./weights.ts";
import { readManifest } from "./write-artifact.ts";

export const inspectCommand = (y: Argv) =>
  y.command(
    "inspect <model>",
    "show a model's ops, parameters, arithmetic and memory, the tensors of a file of weights, or what is in the folder of a compiled model",
    (y) =>
      codegenArguments(modelArguments(y))
        .option("json", { type: "boolean", describe: "print as JSON" })
        .example("$0 inspect model.mindir", "")
        .example("$0 inspect model.ckpt", ""),
    async (args) => {
      const weights = weightsFileAt(args.model);
      const offline = weights ? undefined : offlineModelAt(args.model);
      if (offline) inspectOfflineModel(offline, args.json === true);
      else if (weights) await inspectWeights(weights, keyOf(args), args.json === true);
      else if (isFolder(args.model)) inspectArtifact(args.model, args.json === true);
      else await inspectModel(args, args.json === true);
    },
  );

function inspectArtifact(dir: string, json: boolean): void {
  const manifest = readManifest(dir);
  if (!manifest) throw new InputError(`'${dir}' is a folder without a compiled model`);
  console.log(json ? toJson(manifest) : artifactText(manifest));
}

const infoText = ({ name, dtype, shape }: TensorInfo): string => `${name}: ${dtype}[${shape.join(",")}]`;

function artifactText(m: Manifest): string {
  const options = Object.entries(m.options).map(([name, value]) => `${name} ${value}`);
  return formatFacts([
    ["model", m.model],
    ["target", m.target],
    ["options", options.join(", ") || "none"],
    ...m.inputs.map((t) => ["input", infoText(t)] as const),
    ...m.outputs.map((t) => ["output", infoText(t)] as const),
    ["weights", `${grouped(m.weights.bytes)} bytes in ${m.weights.file}`],
    ["arena", m.arenaBytes === null ? "depends on the inputs' shapes" : `${grouped(m.arenaBytes)} bytes`],
    ["files", m.files.join(", ")],
  ]);
}

const formatFacts = (facts: readonly (readonly [string, string])[]): string =>
  facts.map(([name, value]) => `${name.padEnd(11)} ${value}`).join("\n");

/** A number where it is one, else an expression in extents. */
type Size = number | string;
const sizeOf = (d: Dim): Size => (typeof d === "number" ? d : formatDim(d));
const sizeText = (s: Size): string => (typeof s === "number" ? grouped(s) : s);

interface Report {
  readonly name: string;
  readonly target: string;
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly outputs: readonly { readonly name: string; readonly type: string }[];
  readonly ops: readonly { readonly op: string; readonly count: number; readonly flops: Size }[];
  /** Elements of constants that are floats or at most 8 bits wide. */
  readonly parameters: number;
  readonly weightBytes: number;
  readonly flops: Size;
  /** Null where the target cannot run the model. */
  readonly arenaBytes: Size | null;
}

async function inspectModel(args: CompileArguments, json: boolean): Promise<void> {
  const graph = await importedGraph(args);
  const constants = [...constantsIn(graph)];
  const rows = countOperations(graph);
  const target = targetOf(args).name;
  const report: Report = {
    name: graph.name,
    target,
    inputs: graph.inputs.map(interfaceOf),
    outputs: graph.outputs.map(interfaceOf),
    ops: rows.map((r) => ({ op: r.op, count: r.count, flops: sizeOf(r.operations) })),
    parameters: constants.reduce((sum, c) => sum + parametersOf(c), 0),
    weightBytes: constants.reduce((sum, c) => sum + c.data.byteLength, 0),
    flops: sizeOf(add(...rows.map((r) => r.operations))),
    arenaBytes: await arenaOf(args),
  };
  console.log(json ? toJson(report) : reportText(report));
}

const interfaceOf = (v: Value): { name: string; type: string } => ({ name: v.name, type: formatType(v.type) });

function* constantsIn(graph: Graph): Generator<Constant, void, undefined> {
  for (const op of graph.ops()) {
    if (op.name === "constant") yield op.attributes["data"] as Constant;
    for (const region of op.regions) yield* constantsIn(region);
  }
}

function parametersOf({ type, data }: Constant): number {
  const width = byteSize(type.dtype);
  return isFloat(type.dtype) || (width === 1 && type.dtype !== "bool") ? data.byteLength / width : 0;
}

/** The arena of the model compiled for the target; null, with the reasons on stderr, where it cannot be compiled. */
async function arenaOf(args: CompileArguments): Promise<Size | null> {
  try {
    const program = await modelProgram(args);
    return arenaBytes(program) ?? sizeOf(add(...program.slots));
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    printDiagnostics(e.diagnostics);
    return null;
  }
}

function reportText(r: Report): string {
  const total = r.ops.reduce((sum, o) => sum + o.count, 0);
  const facts = formatFacts([
    ["graph", r.name],
    ...r.inputs.map((i) => ["input", `${i.name}: ${i.type}`] as const),
    ...r.outputs.map((o) => ["output", `${o.name}: ${o.type}`] as const),
    ["ops", grouped(total)],
    ["parameters", grouped(r.parameters)],
    ["weights", `${grouped(r.weightBytes)} bytes`],
    ["FLOPs", `${sizeText(r.flops)} (a multiply-add is 2)`],
    ["arena", r.arenaBytes === null ? `cannot be compiled for ${r.target}` : `${sizeText(r.arenaBytes)} bytes on ${r.target}`],
  ]);
  const table = formatTable(
    ["op", "count", "FLOPs"],
    r.ops.map((o) => [o.op, grouped(o.count), sizeText(o.flops)]),
  );
  return `${facts}\n\n${table}`;
}
