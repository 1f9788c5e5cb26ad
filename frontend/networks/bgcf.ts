import type { Value } from "../../ir/graph.ts";
import { Tanh } from "../../ir/ops/elementwise.ts";
import { ReduceMean } from "../../ir/ops/reduce.ts";
import type { Cell } from "./cell.ts";
import { cast, concat, reshape, shapeOf, softmax } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { expandDims, gather, matmul } from "./tensors.ts";

const tanh = (c: Cell, x: Value): Value => c.create(Tanh, { x });

/** A product with `out_weight[2 * n, n]` of the joined features `[nodes, n]`. */
const joined = (c: Cell, a: Value, b: Value): Value => {
  const n = shapeOf(a)[1]!;
  return matmul(c, concat(c, [a, b]), cast(c, c.parameter("out_weight", [2 * n, n]), "f16"));
};

/** The node's features with the mean of its neighbours' `[nodes, count, n]`. */
const meanConv = (c: Cell, own: Value, neighbours: Value): Value =>
  tanh(c, joined(c, own, c.create(ReduceMean, { x: neighbours }, { axes: [1] })));

/** The node's features with those of its neighbours, weighed by how alike they are. */
function attentionConv(c: Cell, own: Value, neighbours: Value): Value {
  const weights = softmax(c, matmul(c, expandDims(c, own, 1), neighbours, { transposeB: true }));
  return joined(c, reshape(c, matmul(c, weights, neighbours), shapeOf(own)), own);
}

interface Side {
  readonly own: Value;
  /** Neighbours in the observed graph and in the sampled one. */
  readonly raw: Value;
  readonly sampled: Value;
}

const half = (c: Cell, x: Value): Value => cast(c, x, "f16");

/** What users are to items and the other way round; parameters end in the side's name. */
function represent(c: Cell, name: "user" | "item", { own, raw, sampled }: Side): Value {
  const x = half(c, own);
  const parts = [
    meanConv(c.at(`raw_agg_funcs_${name}`), x, half(c, raw)),
    meanConv(c.at("gnew_agg_mean"), x, half(c, sampled)),
    attentionConv(c.at(`gnew_agg_${name}`), x, half(c, concat(c, [raw, sampled]))),
  ];
  return tanh(c, concat(c, parts));
}

export const bgcf = defineNetwork({
  name: "bgcf",
  summary: "Bayesian graph collaborative filtering (Sun et al. 2020), as MindSpore's model_zoo/official/gnn/bgcf.",
  options: {
    users: count(7068, "users"),
    items: count(3570, "items"),
    embedding: count(64, "numbers of an embedding"),
    neighbours: count(40, "neighbours in the observed graph"),
    sampled: count(20, "neighbours in the sampled graph"),
  },
  build(c, { users, items, embedding, neighbours, sampled }) {
    const ids = (name: string, shape: readonly number[]): Value => c.input(name, "i32", shape);
    const [user, item] = [ids("users", [users]), ids("items", [items])];
    ids("negative_items", [items, 1]);
    const ofUsers = [ids("user_neighbours", [users, neighbours]), ids("user_sampled_neighbours", [users, sampled])] as const;
    const ofItems = [ids("item_neighbours", [items, neighbours]), ids("item_sampled_neighbours", [items, sampled])] as const;
    const network = c.at("network");
    const [userTable, itemTable] = [
      network.parameter("user_embed", [users, embedding]),
      network.parameter("item_embed", [items, embedding]),
    ];
    network.parameter("final_weight", [3 * embedding, 3 * embedding]);
    const sides = [
      ["user", userTable, user, itemTable, ofUsers],
      ["item", itemTable, item, userTable, ofItems],
    ] as const;
    return sides.map(([name, table, own, other, [raw, drawn]]) =>
      represent(network, name, { own: gather(c, table, own), raw: gather(c, other, raw), sampled: gather(c, other, drawn) }),
    );
  },
});
