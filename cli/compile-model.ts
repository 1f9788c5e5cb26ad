/** From the model that the command line names to a compiled one, in memory or in a folder. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { BuildOptions } from "../codegen/build-program.ts";
import { checkCarried } from "../codegen/carried.ts";
import { compileGraph, type Compiled, optimize, passesFor, programFor } from "../codegen/compile.ts";
import type { Program } from "../codegen/program.ts";
import type { Target } from "../codegen/target.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { InputError, printDiagnostics } from "./failure.ts";
import { type CodegenArguments, loadGraph, type ModelArguments, targetOf, targetOptions } from "./options.ts";
import { networkOf } from "./networks.ts";
import { type PassArguments, withPasses } from "./pass-options.ts";
import { type Progress, withProgress } from "./progress.ts";
import { writeFiles } from "./write-artifact.ts";

export type CompileArguments = ModelArguments & CodegenArguments & PassArguments;

/** Phases beside the passes: reading, building the program, and what the command adds. */
const phasesOf = (args: CompileArguments, target: Target): number => passesFor(target, targetOptions(args)).length + 4;

/** Runs `work` on the imported model with the options of the command line, under a progress bar; then says what passes took. */
async function withModel<T>(
  args: CompileArguments,
  target: Target,
  work: (graph: Graph, options: ReturnType<typeof withPasses>["options"], diagnostics: Diagnostics, progress: Progress) => T | Promise<T>,
): Promise<T> {
  const diagnostics = new Diagnostics();
  const { made, report } = await withProgress(phasesOf(args, target), async (progress) => {
    progress.phase(`reading ${basename(args.model)}`);
    const { options, report } = withPasses(args, target, targetOptions(args), progress);
    const graph = await loadGraph(args, diagnostics);
    return { made: await work(graph, options, diagnostics, progress), report };
  });
  printDiagnostics(diagnostics.list);
  report();
  return made;
}

/** Compiles the model; `use` gets the result while progress is still shown. */
export const compileModel = <T>(
  args: CompileArguments,
  target: Target,
  use: (compiled: Compiled, progress: Progress) => T | Promise<T>,
): Promise<T> =>
  withModel(args, target, (graph, options, diagnostics, progress) => {
    const compiled = compileGraph(graph, target, options, diagnostics);
    diagnostics.throwIfErrors();
    return use(compiled, progress);
  });

/** The model's graph after all passes. */
export const optimizedGraph = (args: CompileArguments): Promise<Graph> => {
  const target = targetOf(args);
  return withModel(args, target, (graph, options, diagnostics) => {
    optimize(graph, target, options, diagnostics);
    diagnostics.throwIfErrors();
    return graph;
  });
};

/** The model's program; `observe` is told what its kernels compute. */
export const modelProgram = (args: CompileArguments, observe?: BuildOptions["observe"]): Promise<Program> => {
  const target = targetOf(args);
  return withModel(args, target, (graph, options, diagnostics) => {
    optimize(graph, target, options, diagnostics);
    checkCarried(graph, diagnostics);
    diagnostics.throwIfErrors();
    return programFor(graph, target, options, observe);
  });
};

/** Whether the path is a folder; throws an `InputError` where nothing is there. */
export function isFolder(path: string): boolean {
  if (networkOf(path) !== undefined) return false;
  try {
    return statSync(path).isDirectory();
  } catch {
    throw new InputError(`'${path}' cannot be read: there is no such file or folder`);
  }
}

/** Runs `use` on a folder with the model compiled for the target, which is removed afterwards. */
export async function withTemporaryArtifact<T>(args: CompileArguments, target: Target, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "sinter-"));
  try {
    await compileModel(args, target, ({ artifact }) => {
      writeFiles(artifact, dir);
    });
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
