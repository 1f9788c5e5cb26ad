/** The networks of text, graphs and recommendations against what MindSpore recorded of its own. */
import { expect } from "chai";
import { findNetwork } from "../frontend/networks/index.ts";
import { buildNetwork, seededParameters } from "../frontend/networks/network.ts";
import { describeNetworks } from "./networks/suite.ts";

describeNetworks("text, graphs, recommendations", [
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
]);

describe("networks of text: options that do not fit", () => {
  const refused = (network: string, options: Readonly<Record<string, number>>): (() => unknown) => {
    return () => buildNetwork(findNetwork(network)!, options, seededParameters(1));
  };
  const cases = [
    ["bert_cls", { hidden: 100, heads: 12 }, "the option 'heads' of 'bert_cls' is 12, which does not divide the 100 hidden units"],
    ["tinybert", { sequence: 600 }, "the option 'sequence' of 'tinybert' is 600, more than the 512 positions"],
    ["transformer", { hidden: 24, heads: 16 }, "the option 'heads' of 'transformer' is 16, which does not divide the 24 hidden units"],
    ["mass", { decode_length: 65 }, "the option 'decode_length' of 'mass' is 65, more than the 64 positions"],
    ["transformer", { hidden: 9, heads: 3 }, "the option 'hidden' of 'transformer' is 9, which is odd"],
    ["transformer", { vocabulary: 2 }, "the option 'vocabulary' of 'transformer' takes a whole number from 3, not '2'"],
    ["ncf", { top: 101 }, "the option 'top' of 'ncf' is 101, more than the 100 candidates"],
  ] as const;
  for (const [network, options, message] of cases)
    it(`${network} with ${JSON.stringify(options)}`, () => {
      expect(refused(network, options)).to.throw(RangeError, message);
    });
});
