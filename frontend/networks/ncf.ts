import type { Value } from "../../ir/graph.ts";
import { NotEqual } from "../../ir/ops/compare.ts";
import type { Cell } from "./cell.ts";
import { cast, concat, dense, mul, relu, reshape } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { filled, formula, gather, slice, topK } from "./tensors.ts";

/** Computed in f16. */
const halfDense = (c: Cell, x: Value, out: number, activation = (_: Cell, y: Value): Value => y): Value =>
  cast(c, activation(c, dense(c, cast(c, x, "f16"), out)), "f32");

export const ncf = defineNetwork({
  name: "ncf",
  summary: "Neural collaborative filtering (He et al. 2017) with its ranking, as MindSpore's model_zoo/official/recommend/ncf.",
  options: {
    batch: count(1600, "users that items are ranked for"),
    candidates: count(100, "items that are ranked for a user"),
    top: count(10, "items that are found, at most all candidates"),
    users: count(6040, "users that there are"),
    items: count(3706, "items that there are"),
    factors: count(16, "factors of the product of matrices"),
    hidden: count(32, "units of the first hidden layer, of which the second has half"),
  },
  build(c, { batch, candidates, top, users, items, factors, hidden }) {
    if (top > candidates) throw new RangeError(`the option 'top' of 'ncf' is ${top}, more than the ${candidates} candidates`);
    const rows = batch * candidates;
    const [user, item] = [c.input("users", "i32", [rows, 1]), c.input("items", "i32", [rows, 1])];
    const duplicates = c.input("duplicates", "f32", [rows, 1]);
    const network = c.at("network");
    const embeddings = [
      ["embedding_user", user, users],
      ["embedding_item", item, items],
    ] as const;
    const [u, i] = embeddings.map(([name, ids, n]) => {
      const table = network.at(name).parameter("embedding_table", [n, factors + hidden]);
      return gather(c, table, reshape(c, ids, [rows]));
    }) as [Value, Value];
    const product = mul(c, slice(c, u, [rows, factors]), slice(c, i, [rows, factors]));
    const wide = [u, i].map((x) => slice(c, x, [rows, hidden], [0, factors]));
    const first = halfDense(network.at("mlp_dense1"), concat(c, wide), hidden, relu);
    const second = halfDense(network.at("mlp_dense2"), first, Math.max(1, hidden >> 1), relu);
    const logits = halfDense(network.at("logits_dense"), concat(c, [product, second]), 1);
    const [, found] = topK(c, reshape(c, logits, [batch, candidates]), top);
    const seen = formula(c).sum(reshape(c, duplicates, [batch, candidates]), [1]);
    return [found, reshape(c, item, [batch, candidates]), c.create(NotEqual, { a: seen, b: filled(c, "f32", [], candidates - 1) })];
  },
});
