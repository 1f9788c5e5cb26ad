/** Graphs written as AIR and read again. */
import { exportAir } from "../frontend/air/export.ts";
import { importAir } from "../frontend/air/import.ts";
import { readAir } from "../frontend/air/read.ts";
import { MemorySource } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import { formatType } from "../ir/type.ts";
import { canonicalize } from "../passes/canonicalize.ts";
import { cse } from "../passes/cse.ts";
import { dce } from "../passes/dce.ts";
import { defaultNumerics } from "../passes/pass.ts";
import { optimize } from "./optimize.ts";

/** The file's bytes. The graph is given away. */
export function airBytes(graph: Graph): Uint8Array<ArrayBuffer> {
  const [file] = exportAir(graph, { name: "model" }).files;
  return Uint8Array.from(Buffer.concat([...file!.content]));
}

export const graphOfAir = (bytes: Uint8Array): Graph => importAir(readAir(new MemorySource("model.air", bytes))).graph;

/** The graph written as AIR and read again. It is given away. */
export const throughAir = (graph: Graph): Graph => graphOfAir(airBytes(graph));

/** How many ops of each kind and types there are after canonicalization, constants apart, inner graphs included. */
export function canonicalOps(graph: Graph): Record<string, number> {
  optimize(graph, { passes: [canonicalize, cse, dce], numerics: defaultNumerics });
  const counts = new Map<string, number>();
  const visit = (g: Graph): void => {
    for (const op of g.ops()) {
      op.regions.forEach(visit);
      if (op.name === "constant") continue;
      const key = `${op.name} -> ${op.results.map((v) => formatType(v.type)).join(", ")}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  };
  visit(graph);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
