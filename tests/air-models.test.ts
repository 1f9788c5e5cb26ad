/** Real models by way of AIR: the same ops, and the outputs that MindSpore gave. */
import { expect } from "chai";
import { basename, join } from "node:path";
import { importModel } from "../frontend/import.ts";
import { canonicalOps, throughAir } from "./air-trip.ts";
import { expectRuns } from "./expect-runs.ts";
import { type RecordedModel, recordedModels } from "./recorded-runs.ts";
import { withSharedModels } from "./shared-models.ts";

/** Those with loops, LSTM layers, moments or grids, which are written as compositions. */
const composed: ReadonlySet<string> = new Set([
  "control_flow_if_while.mindir",
  "lstm_classifier.mindir",
  "old_version_mindir_2.mindir",
  "zoo_reduce.mindir",
  "zoo_shape.mindir",
]);

function suite({ path, runs, options }: RecordedModel): void {
  it(basename(path), async () => {
    const graph = async () => (await importModel(path, options)).graph;
    if (!composed.has(basename(path))) expect(canonicalOps(throughAir(await graph()))).to.deep.equal(canonicalOps(await graph()));
    await expectRuns(throughAir(await graph()), "js", runs);
  });
}

withSharedModels("real models by way of AIR", (folder) => {
  describe("models by way of AIR", function () {
    this.timeout(120000);
    recordedModels(join(folder, "mindir")).forEach(suite);
  });
});
