/** The text form on whole models: what an importer makes of a file comes back from its text. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { importModel } from "../frontend/import.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { expectRoundTrip } from "./round-trip.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

/** The graph in a file; undefined where the importer refuses it, which is another test's matter. */
async function imported(path: string): Promise<Graph | undefined> {
  try {
    return (await importModel(path)).graph;
  } catch (e) {
    if (e instanceof CompileError) return undefined;
    throw e;
  }
}

/** Round trips of all models that can be imported; gives their number. */
async function roundTrips(paths: readonly string[]): Promise<number> {
  let count = 0;
  for (const path of paths) {
    const graph = await imported(path);
    if (!graph) continue;
    try {
      expectRoundTrip(graph);
    } catch (e) {
      throw new Error(`${path}: ${(e as Error).message}`, { cause: e });
    }
    count++;
  }
  return count;
}

describe("text form of models", function () {
  this.timeout(300_000);

  it("gives back ONNX's test models", async () => {
    const data = await ensureOnnxData();
    const folders = ["node", "simple", "pytorch-operator", "pytorch-converted", "light"].map((suite) => join(data, suite));
    const paths = folders.flatMap((folder) => readdirSync(folder).map((test) => join(folder, test, "model.onnx"))).filter(existsSync);
    expect(await roundTrips(paths)).to.be.above(1200);
  });

  it("gives back the model of the examples", async () => {
    expect(await roundTrips(["digits.onnx", "digits.mindir"].map((file) => join("examples", "digits", file)))).to.be.above(0);
  });

  withSharedModels("text form of real models", (folder) => {
    it("gives back real models", async () => {
      const paths = [".onnx", ".mindir"].flatMap((extension) => filesIn(join(folder, "mindir"), extension));
      expect(await roundTrips(paths)).to.be.above(3);
    });
  });
});
