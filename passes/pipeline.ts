/** Runs passes in order: verified, timed and printed as asked. */
import type { Graph } from "../ir/graph.ts";
import { formatDiagnostic } from "../ir/diagnostic.ts";
import { verifyGraph } from "../ir/verify.ts";
import type { Pass, PassContext } from "./pass.ts";

export interface PipelineOptions {
  /** Verify the graph after every pass; a failure is a bug of the pass. */
  readonly verifyEach?: boolean;
  /** Called after every pass. */
  readonly after?: (pass: Pass, graph: Graph, milliseconds: number) => void;
}

/** A pass left a graph that does not verify. */
export class PassFailure extends Error {
  override readonly name = "PassFailure";
}

export function runPasses(graph: Graph, passes: readonly Pass[], context: PassContext, options: PipelineOptions = {}): void {
  for (const pass of passes) {
    const start = performance.now();
    pass.run(graph, context);
    options.after?.(pass, graph, performance.now() - start);
    if (options.verifyEach !== true) continue;
    const problems = verifyGraph(graph);
    if (problems.length > 0) throw new PassFailure(`after '${pass.name}': ${problems.map((d) => formatDiagnostic(d)).join("\n")}`);
  }
}
