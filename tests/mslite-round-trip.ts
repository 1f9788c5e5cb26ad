/** A graph by way of MindSpore Lite's format and back, in memory. */
import { exportLite } from "../frontend/mslite/export.ts";
import { importLite } from "../frontend/mslite/import.ts";
import { readLite } from "../frontend/mslite/read.ts";
import { MemorySource } from "../ir/data.ts";
import type { Diagnostic } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { verifyGraph } from "../ir/verify.ts";

export interface Returned {
  readonly graph: Graph;
  readonly bytes: Uint8Array;
  /** Of the export. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The bytes of the `.ms` file that says the graph, which is given away. */
export function liteBytes(graph: Graph): { readonly bytes: Uint8Array; readonly diagnostics: readonly Diagnostic[] } {
  const { files, diagnostics } = exportLite(graph, { name: "model" });
  if (files.length !== 1) throw new Error("the model has more than one file");
  return { bytes: Buffer.concat([...files[0]!.content]), diagnostics };
}

/** The graph that such bytes say; throws where it does not verify. */
export function graphOfLite(bytes: Uint8Array): Graph {
  const { graph } = importLite(readLite(new MemorySource("model.ms", bytes)));
  const [problem] = verifyGraph(graph);
  if (problem) throw new Error(`the import is wrong: ${problem.message}`);
  return graph;
}

export function throughLite(graph: Graph): Returned {
  const { bytes, diagnostics } = liteBytes(graph);
  return { graph: graphOfLite(bytes), bytes, diagnostics };
}
