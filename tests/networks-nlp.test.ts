/** The networks of text, graphs and recommendations against what MindSpore recorded of its own. */
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
