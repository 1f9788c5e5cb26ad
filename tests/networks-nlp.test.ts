/** The networks of text, graphs and recommendations against what MindSpore recorded of its own. */
import { findNetwork } from "../frontend/networks/index.ts";
import { expectRecorded } from "./networks/equal.ts";
import { RecordedNetwork } from "./networks/recorded.ts";
import { withRecordings } from "./shared-models.ts";

/** Recordings by name: the network and its options. */
const recordings: readonly (readonly [recording: string, network: string, options: Readonly<Record<string, string | number>>])[] = [
  ["bert_base", "bert_base", {}],
  ["bert_cls", "bert_cls", {}],
  ["bert_ner", "bert_ner", {}],
  ["bert_squad", "bert_squad", {}],
  ["bert_pretrain", "bert_pretrain", {}],
  ["tinybert", "tinybert", {}],
  ["transformer", "transformer", {}],
  ["mass", "mass", {}],
  ["gcn", "gcn", {}],
  ["gat", "gat", {}],
  ["bgcf", "bgcf", {}],
  ["ncf", "ncf", {}],
  ["wide_and_deep", "wide_and_deep", {}],
];

withRecordings("networks against MindSpore's recordings", (folder) => {
  describe("networks: text, graphs, recommendations", function () {
    this.timeout(120_000);
    for (const [recording, network, options] of recordings) {
      it(`${network} is the recorded ${recording}`, () => {
        expectRecorded(findNetwork(network)!, options, new RecordedNetwork(folder, recording));
      });
    }
  });
});
