/** The whole way from a graph to a program of a target: passes, fusion, schedules, memory. */
import type { Graph } from "../ir/graph.ts";
import { buildProgram } from "./build-program.ts";
import type { Program } from "./program.ts";
import type { Target, TargetOptions } from "./target.ts";

/** Builds the program; the graph's ops must all be ones a program can hold (see `passes/decompose`). */
export function programFor(graph: Graph, target: Target, options: TargetOptions): Program {
  const machine = target.machine(options);
  return buildProgram(graph, { name: options.name, schedule: (stage) => target.schedule(stage, machine) });
}
