/** Export to AIR as a target: the graph becomes a file, our importer reads it back and the interpreter runs that. */
import { CompileError } from "../../ir/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import { airBytes, graphOfAir } from "../air-trip.ts";
import type { ConformanceTarget } from "./targets.ts";

export const throughAirFile =
  (interpret: ConformanceTarget): ConformanceTarget =>
  (graph) =>
    interpret(readBack(airBytes(graph)));

/** What we write we must be able to read. */
function readBack(bytes: Uint8Array): Graph {
  try {
    return graphOfAir(bytes);
  } catch (e) {
    if (e instanceof CompileError) throw new Error(`read back: ${e.message}`, { cause: e });
    throw e;
  }
}
