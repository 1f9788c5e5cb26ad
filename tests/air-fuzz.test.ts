/** Ten thousand damaged AIR files and offline models: a diagnostic or a graph each time, soon, in little memory. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importAir } from "../frontend/air/import.ts";
import { readAir } from "../frontend/air/read.ts";
import { importModel } from "../frontend/import.ts";
import { MemorySource, readData } from "../ir/data.ts";
import { attributesOf, isOp } from "../ir/define.ts";
import type { Graph } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { verifyGraph } from "../ir/verify.ts";
import { blockedModel, choosingModel, loopingModel } from "./air-examples.ts";
import { airBytes } from "./air-trip.ts";
import { tryMutations } from "./mutations.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

/** Uses what importing left for later: the graph is whole and its constants can be read. */
function use(graph: Graph): void {
  const [problem] = verifyGraph(graph);
  if (problem) throw new Error(`the importer made a wrong graph: ${problem.message}`);
  for (const op of graph.ops()) if (isOp(op, ConstantOp)) readData(attributesOf<typeof ConstantOp>(op).data.data);
}

describe("damaged AIR files", function () {
  this.timeout(600_000);

  it("are refused or read", async () => {
    const small = filesIn(join("tests", "models", "mindir"), ".mindir");
    const exported = [join("examples", "digits", "digits.mindir"), ...small].map(async (path) => {
      try {
        return [{ name: `${path}.air`, bytes: airBytes((await importModel(path)).graph) }];
      } catch {
        return [];
      }
    });
    const files = (await Promise.all(exported)).flat();
    [blockedModel(), choosingModel(), loopingModel()].forEach((bytes, i) => files.push({ name: `example ${i}`, bytes }));
    withSharedModels("damaged offline models", (folder) => {
      const path = join(folder, "air", "3e6bbc33_a3c_pong_model.om");
      files.push({ name: path, bytes: Uint8Array.from(readFileSync(path)) });
    });
    const report = tryMutations(files, 10_000, 3, (name, bytes) => {
      use(importAir(readAir(new MemorySource(name, bytes))).graph);
    });
    expect(report.failures).to.deep.equal([]);
    expect(report.tried).to.be.at.least(10_000);
    expect(report.refused).to.be.greaterThan(report.tried / 4);
    expect(report.peakBytes).to.be.lessThan(2 ** 30);
  });
});
