/** `sinter convert`: a model file in one format becomes one in another. */
import { basename } from "node:path";
import type { Argv } from "yargs";
import { exportGraph, formatOfName } from "../frontend/export.ts";
import type { ExportOptions } from "../frontend/exported.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { type CompressArguments, compress, compressArguments, isCompressed } from "./compress.ts";
import { fuseWeights } from "./fuse-weights.ts";
import { printDiagnostics, UsageError } from "./failure.ts";
import { keyOf, loadGraph, modelArguments, type ModelArguments } from "./options.ts";
import { writeGraph } from "./print.ts";
import { withProgress } from "./progress.ts";
import { convertWeights, extractWeights, type WeightsOutput, weightsFileAt } from "./weights.ts";
import { writeModel } from "./write-model.ts";

interface ConvertArguments extends ModelArguments, CompressArguments, WeightsOutput {
  readonly opset?: number | undefined;
  readonly dialect?: ExportOptions["dialect"];
}

export const convertCommand = (y: Argv) =>
  y.command(
    "convert <model> <output>",
    "write a model, or weights, in another format",
    (y) =>
      compressArguments(modelArguments(y))
        .positional("output", {
          type: "string",
          demandOption: true,
          describe: "the extension says the format: .mindir .onnx .air .ms .sir; of weights .ckpt .safetensors .npz",
        })
        .option("opset", { type: "number", describe: "ONNX: version of the operator set" })
        .option("dialect", { type: "string", choices: ["1.1", "2"] as const, describe: "MindIR: the MindSpore version that must read it" })
        .option("crc", { type: "boolean", describe: "checkpoints: a checksum at the end, which MindSpore reads since 2.3" })
        .example("$0 convert model.mindir model.onnx", "")
        .example("$0 convert model.ckpt model.safetensors", ""),
    (args) => convert(args),
  );

async function convert(args: ConvertArguments): Promise<void> {
  const diagnostics = new Diagnostics();
  const report = await withProgress(2, async (progress) => {
    progress.phase(`reading ${basename(args.model)}`);
    const weights = weightsFileAt(args.model);
    if (weights) {
      await convertWeights(weights, keyOf(args), args, diagnostics);
      return undefined;
    }
    const { graph, report } = await wanted(args, diagnostics);
    progress.phase(`writing ${basename(args.output)}`);
    await writeAs(graph, args, diagnostics);
    return report;
  });
  printDiagnostics(diagnostics.list);
  if (report !== undefined) console.log(report);
}

/** The model, made smaller where that is asked for. */
async function wanted(args: ConvertArguments, diagnostics: Diagnostics): Promise<{ graph: Graph; report?: string }> {
  if (!isCompressed(args)) return { graph: await loadGraph(args, diagnostics) };
  const once = [diagnostics];
  return compress(() => loadGraph(args, once.pop() ?? new Diagnostics()), args);
}

async function writeAs(graph: Graph, args: ConvertArguments, diagnostics: Diagnostics): Promise<void> {
  if (args.output.endsWith(".sir")) return writeGraph(graph, args.output);
  if (await extractWeights(graph, args, diagnostics)) return;
  const of = formatOfName(basename(args.output));
  if (!of)
    throw new UsageError(
      `the extension of '${args.output}' names no format; there are .mindir .onnx .air .ms .sir .ckpt .safetensors .npz`,
    );
  if (of.format === "mslite") fuseWeights(graph);
  const exported = await exportGraph(graph, of.format, { name: of.name, opset: args.opset, dialect: args.dialect });
  for (const d of exported.diagnostics) diagnostics.report(d);
  writeModel(exported, args.output);
}
