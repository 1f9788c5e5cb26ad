/** Export to a format as a target: the graph becomes a file, and what our importer reads back is run. */
import { exportMindir } from "../../frontend/mindir/export.ts";
import { importMindir } from "../../frontend/mindir/import.ts";
import { readMindir } from "../../frontend/mindir/read.ts";
import { MemorySource } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import { airBytes, graphOfAir } from "../air-trip.ts";
import { graphOfLite, liteBytes } from "../mslite-round-trip.ts";
import type { ConformanceTarget } from "./targets.ts";

/** One way to write a graph, which is given away, and to read it. */
interface FileTrip {
  readonly write: (graph: Graph) => Uint8Array<ArrayBuffer>;
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => Graph;
}

export const airTrip: FileTrip = { write: airBytes, read: graphOfAir };

export const mindirTrip = (dialect: "1.1" | "2"): FileTrip => ({
  write: (graph) => Uint8Array.from(Buffer.concat([...exportMindir(graph, { name: "model", dialect }).files[0]!.content])),
  read: (bytes) => importMindir(readMindir(new MemorySource("model.mindir", bytes))).graph,
});

export const liteTrip: FileTrip = { write: (graph) => Uint8Array.from(liteBytes(graph).bytes), read: graphOfLite };

export const throughFile =
  (trip: FileTrip, run: ConformanceTarget): ConformanceTarget =>
  (graph) =>
    run(readBack(trip, trip.write(graph)));

/** What we write we must be able to read. */
function readBack(trip: FileTrip, bytes: Uint8Array<ArrayBuffer>): Graph {
  try {
    return trip.read(bytes);
  } catch (e) {
    if (e instanceof CompileError) throw new Error(`read back: ${e.message}`, { cause: e });
    throw e;
  }
}
