/** Passes on graphs that tests write as text: printed, and computed before and after. */
import { evaluateOp } from "../codegen/evaluate.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import "../ir/ops/index.ts";
import { printGraph } from "../ir/text/print.ts";
import { defaultPasses, findPass } from "../passes/index.ts";
import { defaultNumerics, numericsClasses, type NumericsClass, type Pass, type PassContext } from "../passes/pass.ts";
import { runPasses } from "../passes/pipeline.ts";

export interface PassRun {
  readonly passes: readonly Pass[];
  readonly numerics: ReadonlySet<NumericsClass>;
  /** Whether the graph is verified after each pass, which takes as long as a pass. Default: yes. */
  readonly verifyEach?: boolean;
}

/**
 * What the words behind `opt` ask for: names of passes (`default` for the default ones), and classes of rewrites (`fast`,
 * `only-exact`) in place of the default ones.
 */
export function readPassRun(args: readonly string[]): PassRun {
  const isClass = (a: string): boolean => a === "only-exact" || numericsClasses.some((c) => c === a);
  const classes = args.filter(isClass);
  const numerics = classes.length === 0 ? defaultNumerics : new Set(numericsClasses.filter((c) => c === "exact" || classes.includes(c)));
  const passes = args.filter((a) => !isClass(a)).flatMap((a) => (a === "default" ? defaultPasses() : [passNamed(a)]));
  return { passes, numerics };
}

function passNamed(name: string): Pass {
  const found = findPass(name);
  if (!found) throw new Error(`there is no pass '${name}'`);
  return found;
}

/** Runs the passes. The names of the rules that applied. */
export function optimize(graph: Graph, { passes, numerics, verifyEach = true }: PassRun): string[] {
  const applied: string[] = [];
  const context: PassContext = {
    diagnostics: new Diagnostics(),
    numerics,
    evaluate: (op) => evaluateOp(op, context),
    trace: (rule) => applied.push(rule),
  };
  runPasses(graph, passes, context, { verifyEach });
  return applied;
}

/** The graph after the passes, as text. */
export function printOptimized(graph: Graph, args: readonly string[]): string {
  optimize(graph, readPassRun(args));
  return printGraph(graph);
}
