/** What MindSpore recorded of its networks imports, every primitive of it, with the results that it recorded. */
import { expect } from "chai";
import { randomWeights } from "../frontend/random-weights.ts";
import { formatType } from "../ir/type.ts";
import { RecordedNetwork, recordingsIn } from "./networks/recorded.ts";
import { expectVerified } from "./round-trip.ts";
import { withRecordings } from "./shared-models.ts";

withRecordings("MindSpore's recordings of its networks", (folder) => {
  describe("recorded networks import", function () {
    this.timeout(60000);
    for (const name of recordingsIn(folder)) {
      it(name, () => {
        const recorded = new RecordedNetwork(folder, name);
        const graph = recorded.graph((parameter, type) => randomWeights(1, parameter, type, "weight"));
        expectVerified(graph);
        expect(graph.outputs.map((v) => formatType(v.type))).to.deep.equal(recorded.outputs.map(formatType));
      });
    }
  });
});
