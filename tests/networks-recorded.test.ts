/**
 * What MindSpore recorded of its networks imports, every primitive of it, with the results that it recorded; the digests
 * that the repository keeps are those of the recordings (`UPDATE=1` writes them).
 */
import { expect } from "chai";
import { randomWeights } from "../frontend/random-weights.ts";
import { formatType } from "../ir/type.ts";
import { type Digest, digestOf, readDigests, writeDigests } from "./networks/digest.ts";
import { RecordedNetwork, recordingsIn } from "./networks/recorded.ts";
import { expectVerified } from "./round-trip.ts";
import { withRecordings } from "./shared-models.ts";

const isUpdate = process.env["UPDATE"] !== undefined;

withRecordings("MindSpore's recordings of its networks", (folder) => {
  describe("recorded networks import", function () {
    this.timeout(60000);
    const digests: Record<string, Digest> = {};
    for (const name of recordingsIn(folder)) {
      it(name, () => {
        const recorded = new RecordedNetwork(folder, name);
        const graph = recorded.graph((parameter, type) => randomWeights(1, parameter, type, "weight"));
        expectVerified(graph);
        expect(graph.outputs.map((v) => formatType(v.type))).to.deep.equal(recorded.outputs.map(formatType));
        digests[name] = digestOf(graph, recorded.parameters);
        if (!isUpdate) expect(readDigests()[name]).to.deep.equal(digests[name]);
      });
    }
    if (isUpdate)
      after(() => {
        writeDigests(digests);
      });
  });
});
