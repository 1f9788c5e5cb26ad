/** `sinter print`: the model as text, at any stage on its way to code. */
import { writeFileSync } from "node:fs";
import type { Argv } from "yargs";
import { printProgram } from "../codegen/print-program.ts";
import type { KernelIndex, Program } from "../codegen/program.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { type Buffer, loadsIn } from "../ir/expr.ts";
import type { Graph } from "../ir/graph.ts";
import type { Stage } from "../ir/stage.ts";
import { printGraph } from "../ir/text/print.ts";
import { printLoopNest } from "../ir/text/print-loop.ts";
import { printStages } from "../ir/text/print-stage.ts";
import { type CompileArguments, modelProgram, optimizedGraph } from "./compile-model.ts";
import { printDiagnostics } from "./failure.ts";
import { codegenArguments, loadGraph, modelArguments, type ModelArguments } from "./options.ts";
import { passArguments } from "./pass-options.ts";

const stages = ["graph", "optimized", "kernels", "loops", "program"] as const;
type StageName = (typeof stages)[number];
const usual: StageName = "graph";

export const printCommand = (y: Argv) =>
  y.command(
    "print <model>",
    "print a model as text",
    (y) =>
      passArguments(codegenArguments(modelArguments(y)))
        .option("stage", {
          choices: stages,
          default: usual,
          describe:
            "graph: as imported; optimized: after all passes; kernels: what each computes; loops: as scheduled; program: buffers and steps",
        })
        .option("output", {
          alias: "o",
          type: "string",
          requiresArg: true,
          describe: "write to this file; of graph and optimized, with the weights beside it",
        })
        .example("$0 print model.mindir --stage loops", "")
        .example("$0 print model.mindir -o model.sir", ""),
    (args) => print(args, args.stage, args.output),
  );

async function print(args: CompileArguments, stage: StageName, output: string | undefined): Promise<void> {
  if (stage === "graph") return writeGraph(await importedGraph(args), output);
  if (stage === "optimized") return writeGraph(await optimizedGraph(args), output);
  const text = stage === "kernels" ? await kernelsText(args) : textOf(await modelProgram(args), stage);
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
}

/** The graph as the frontend made it; warnings go to stderr. */
export async function importedGraph(args: ModelArguments): Promise<Graph> {
  const diagnostics = new Diagnostics();
  const graph = await loadGraph(args, diagnostics);
  printDiagnostics(diagnostics.list);
  return graph;
}

/** The graph's text to stdout, or to a file with its weights beside it. */
export async function writeGraph(graph: Graph, output: string | undefined): Promise<void> {
  if (output === undefined) {
    process.stdout.write(printGraph(graph));
    return;
  }
  const { writeSir } = await import("../frontend/sir.ts");
  writeSir(graph, output);
}

const textOf = (program: Program, stage: "loops" | "program"): string =>
  stage === "program" ? printProgram(program) : program.kernels.map((k) => `// ${k.label}\n${printLoopNest(k.nest)}\n`).join("\n");

/** Each kernel once, with the buffers of the step that first runs it. */
async function kernelsText(args: CompileArguments): Promise<string> {
  const computed = new Map<KernelIndex, readonly Stage[]>();
  const runs = new Map<KernelIndex, number>();
  const program = await modelProgram(args, (kernel, of) => {
    if (!computed.has(kernel)) computed.set(kernel, of);
    runs.set(kernel, (runs.get(kernel) ?? 0) + 1);
  });
  const parts = program.kernels.map(({ nest, label }, i) => {
    const of = computed.get(i) ?? [];
    const times = runs.get(i) === 1 ? "" : `, ${runs.get(i) ?? 0} steps`;
    return `// ${nest.name}: ${label}${times}\n${of.length > 0 ? printStages(of, outsideOf(of)) : "// a routine: see the stage 'loops'"}\n`;
  });
  return parts.join("\n");
}

/** Buffers that the stages do not make for one another. */
function outsideOf(of: readonly Stage[]): Buffer[] {
  const made = new Set(of.slice(0, -1).flatMap((s) => s.results.map((r) => r.out)));
  const read = of
    .flatMap((s) => [...(s.fold?.step ?? []), ...s.results.map((r) => r.value)])
    .flatMap((e) => loadsIn(e).map((l) => l.buffer));
  const results = of.at(-1)?.results.map((r) => r.out) ?? [];
  return [...new Set([...read, ...results])].filter((b) => !made.has(b));
}
