/** The whole way from a graph to an artifact: passes, fusion, schedules, memory, text. */
import type { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { decompose } from "../passes/decompose.ts";
import { defaultPasses, passesAfterTarget } from "../passes/index.ts";
import { defaultNumerics, type NumericsClass, type Pass, type PassContext } from "../passes/pass.ts";
import { type PipelineOptions, runPasses } from "../passes/pipeline.ts";
import { type BuildOptions, buildProgram } from "./build-program.ts";
import { checkCarried } from "./carried.ts";
import { evaluateOp } from "./evaluate.ts";
import type { Program } from "./program.ts";
import type { Artifact, Target, TargetOptions } from "./target.ts";

export interface CompileOptions extends TargetOptions, PipelineOptions {
  /** Classes of rewrites beside `exact`; default: what ONNX Runtime's default allows. */
  readonly numerics?: ReadonlySet<NumericsClass>;
  /** In place of the default passes; those of the target and `decompose` run in any case. */
  readonly passes?: readonly Pass[];
}

export interface Compiled {
  readonly program: Program;
  readonly artifact: Artifact;
}

/** A context in which passes fold constants by the JavaScript target. */
export function passContext(diagnostics: Diagnostics, numerics: ReadonlySet<NumericsClass> = defaultNumerics): PassContext {
  const context: PassContext = { diagnostics, numerics, evaluate: (op) => evaluateOp(op, context) };
  return context;
}

/** Every pass that runs before a program is built for the target. */
export const passesFor = (target: Target, options: CompileOptions): readonly Pass[] => [
  ...(options.passes ?? defaultPasses()),
  ...target.passes(options),
  ...(target.passes(options).length > 0 ? passesAfterTarget() : []),
  decompose,
];

/** Changes the graph into what `programFor` takes. */
export function optimize(graph: Graph, target: Target, options: CompileOptions, diagnostics: Diagnostics): void {
  runPasses(graph, passesFor(target, options), passContext(diagnostics, options.numerics), options);
}

/** Builds the program; the graph's ops must all be ones a program can hold (see `passes/decompose`). */
export function programFor(graph: Graph, target: Target, options: TargetOptions, observe?: BuildOptions["observe"]): Program {
  const machine = target.machine(options);
  return buildProgram(graph, { name: options.name, schedule: (stage) => target.schedule(stage, machine), ...(observe && { observe }) });
}

/**
 * Compiles the graph, which is changed on the way. Warnings go to `diagnostics`; throws a `CompileError` with everything
 * that no program can hold.
 */
export function compileGraph(graph: Graph, target: Target, options: CompileOptions, diagnostics: Diagnostics): Compiled {
  optimize(graph, target, options, diagnostics);
  checkCarried(graph, diagnostics);
  diagnostics.throwIfErrors();
  const program = programFor(graph, target, options);
  return { program, artifact: target.emit(program, options, diagnostics) };
}
