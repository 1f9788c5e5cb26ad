/** `sinter opt`: some passes on a model. */
import type { Argv } from "yargs";
import { passContext } from "../codegen/compile.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { runPasses } from "../passes/pipeline.ts";
import { numericsClasses } from "../passes/pass.ts";
import { printDiagnostics } from "./failure.ts";
import { loadGraph, modelArguments, type ModelArguments, numericsOf } from "./options.ts";
import { observePasses, passArguments, type PassArguments, passesNamed } from "./pass-options.ts";
import { writeGraph } from "./print.ts";

export const optCommand = (y: Argv) =>
  y.command(
    "opt <model>",
    "run passes on a model and print its graph",
    (y) =>
      passArguments(modelArguments(y))
        .demandOption("passes")
        .option("numerics", {
          type: "string",
          array: true,
          nargs: 1,
          choices: numericsClasses,
          describe: "how far rewrites may change results; default: reassociates",
        })
        .option("output", { alias: "o", type: "string", requiresArg: true, describe: "write to this file, with the weights beside it" })
        .example("$0 opt model.onnx --passes canonicalize,dce -o model.sir", ""),
    (args) => opt(args),
  );

async function opt(
  args: ModelArguments & PassArguments & { numerics?: readonly string[] | undefined; output?: string | undefined },
): Promise<void> {
  const passes = passesNamed(args.passes ?? "");
  const numerics = numericsOf(args);
  const run = observePasses(args, passes, numerics);
  const diagnostics = new Diagnostics();
  const graph = await loadGraph(args, diagnostics);
  runPasses(graph, passes, passContext(diagnostics, numerics), run.options);
  diagnostics.throwIfErrors();
  printDiagnostics(diagnostics.list);
  run.report();
  await writeGraph(graph, args.output);
}
