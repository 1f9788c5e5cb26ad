/** Options about passes, and what is printed and remembered while they run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Argv } from "yargs";
import { type CompileOptions, passContext, passesFor } from "../codegen/compile.ts";
import type { Target } from "../codegen/target.ts";
import { targets } from "../codegen/targets.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { printGraph } from "../ir/text/print.ts";
import { allPasses, defaultPasses } from "../passes/index.ts";
import type { NumericsClass, Pass } from "../passes/pass.ts";
import { PassFailure, type PipelineOptions, runPasses } from "../passes/pipeline.ts";
import { reproducer, UsageError } from "./failure.ts";
import { loadGraph, type ModelArguments } from "./options.ts";
import type { Progress } from "./progress.ts";
import { formatTable } from "./table.ts";

export interface PassArguments {
  readonly passes?: string | undefined;
  readonly timePasses?: boolean | undefined;
  readonly verifyEach?: boolean | undefined;
  readonly printAfter?: readonly string[] | undefined;
}

/** Adds what can be said about passes to a command. */
export const passArguments = <T>(y: Argv<T>) =>
  y
    .option("passes", { type: "string", requiresArg: true, describe: "run these passes, A,B,..., in place of the default ones" })
    .option("time-passes", { type: "boolean", describe: "print the time each pass took" })
    .option("verify-each", { type: "boolean", describe: "verify the graph after every pass" })
    .option("print-after", {
      type: "string",
      array: true,
      nargs: 1,
      describe: "print the graph after the pass of this name, or after 'all', to stderr",
    });

/** Every pass, those of targets included, each name once. */
function knownPasses(): ReadonlyMap<string, Pass> {
  const ofTargets = targets.flatMap((t) => t.passes({ name: "" }));
  return new Map([...ofTargets, ...defaultPasses(), ...allPasses].map((p) => [p.name, p]));
}

/** The passes named in a list with commas; throws a `UsageError` with every name that is none. */
export function passesNamed(list: string): readonly Pass[] {
  const known = knownPasses();
  const names = list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  checkNames(names, known);
  return names.map((name) => known.get(name)!);
}

function checkNames(names: readonly string[], known: ReadonlyMap<string, Pass>): void {
  const wrong = names.filter((name) => !known.has(name));
  if (wrong.length === 0) return;
  throw new UsageError(`${wrong.map((name) => `there is no pass '${name}'`).join("\n")}\nthere are ${[...known.keys()].sort().join(", ")}`);
}

/** What the passes of a command took; `report` prints it. */
interface PassTimes {
  add(name: string, milliseconds: number): void;
  report(): void;
}

function passTimes(): PassTimes {
  const rows: (readonly [string, number])[] = [];
  return {
    add: (name, milliseconds) => void rows.push([name, milliseconds]),
    report() {
      const total = rows.reduce((sum, [, ms]) => sum + ms, 0);
      const lines = [...rows, ["total", total] as const].map(([name, ms]) => [name, ms.toFixed(1)]);
      console.error(formatTable(["pass", "ms"], lines));
    },
  };
}

export interface PassRun {
  readonly options: PipelineOptions;
  /** To be called when all passes ran. */
  readonly report: () => void;
}

/**
 * What happens after each of the passes that will run on a graph imported for `args`, as the command line asks. If the
 * command fails for a bug, its reproducer is the graph before the pass that failed.
 */
export function observePasses(
  args: PassArguments & ModelArguments,
  passes: readonly Pass[],
  numerics: ReadonlySet<NumericsClass> | undefined,
  progress?: Progress,
): PassRun {
  const printAfter = new Set(args.printAfter);
  checkNames(
    [...printAfter].filter((name) => name !== "all" && !passes.some((p) => p.name === name)),
    knownPasses(),
  );
  const times = passTimes();
  let done = 0;
  reproducer.write = (folder, error) => writeGraphBefore(args, passes, error instanceof PassFailure ? done - 1 : done, numerics, folder);
  const after = (pass: Pass, graph: Graph, milliseconds: number): void => {
    done++;
    times.add(pass.name, milliseconds);
    progress?.phase(passes[done]?.name ?? "memory, kernels");
    if (printAfter.has(pass.name) || printAfter.has("all")) console.error(`// after ${pass.name}\n${printGraph(graph)}`);
  };
  return {
    options: { after, verifyEach: args.verifyEach === true },
    report: () => {
      if (args.timePasses === true) times.report();
    },
  };
}

/** Imports the model again, as the graph in memory has been changed, and runs the passes that went well. */
async function writeGraphBefore(
  args: ModelArguments,
  passes: readonly Pass[],
  done: number,
  numerics: ReadonlySet<NumericsClass> | undefined,
  folder: string,
): Promise<void> {
  const [{ writeSir }, graph] = await Promise.all([import("../frontend/sir.ts"), loadGraph(args, new Diagnostics())]);
  runPasses(graph, passes.slice(0, done), passContext(new Diagnostics(), numerics));
  writeSir(graph, join(folder, "graph.sir"));
  const failed = passes[done];
  writeFileSync(join(folder, "failed.txt"), failed ? `the pass '${failed.name}' on graph.sir\n` : "building the program of graph.sir\n");
}

/** The compiler's options with what the command line says about passes, and the report to print afterwards. */
export function withPasses(
  args: PassArguments & ModelArguments,
  target: Target,
  options: CompileOptions,
  progress?: Progress,
): { options: CompileOptions; report: () => void } {
  const given = args.passes === undefined ? options : { ...options, passes: passesNamed(args.passes) };
  const run = observePasses(args, passesFor(target, given), options.numerics, progress);
  return { options: { ...given, ...run.options }, report: run.report };
}
