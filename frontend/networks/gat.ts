import type { Value } from "../../ir/graph.ts";
import { Elu } from "../../ir/ops/activation.ts";
import type { Cell } from "./cell.ts";
import { add, biasAdd, cast, concat, dense, reshape, shapeOf, softmax } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { expandDims, formula, matmul, transpose } from "./tensors.ts";

/** A product with `weight[out, in]` of every node; of `x[1, nodes, in]`. */
function transform(c: Cell, x: Value, out: number, bias: boolean): Value {
  const [batch, nodes, features] = shapeOf(x) as [number, number, number];
  return reshape(c, dense(c, reshape(c, x, [batch * nodes, features]), out, { bias }), [batch, nodes, out]);
}

/** One head: nodes weigh what they attend to; `bias` says to what they may. Of `x[1, nodes, in]`. */
function attentionHead(c: Cell, x: Value, bias: Value, out: number): Value {
  const f = formula(c);
  const own = c.parameter("bias", [out], "zero");
  const features = transform(c.at("feature_transform"), x, out, false);
  const [f1, f2] = ["f_1_transform", "f_2_transform"].map((name) => transform(c.at(name), features, 1, true)) as [Value, Value];
  const logits = add(c, f1, transpose(c, f2, [0, 2, 1]));
  const leaky = f.max(f.mul(logits, 0.2), logits);
  const weights = softmax(c, add(c, leaky, bias));
  const [, nodes] = shapeOf(x) as [number, number];
  const mixed = matmul(c, reshape(c, weights, [nodes, nodes]), reshape(c, features, [nodes, out]));
  return expandDims(c, biasAdd(c, mixed, cast(c, own, "f16")), 0);
}

export const gat = defineNetwork({
  name: "gat",
  summary: "Graph attention network (Velickovic et al. 2018), as MindSpore's model_zoo/official/gnn/gat.",
  options: {
    nodes: count(2708, "nodes of the graph (Cora: 2708, Citeseer: 3312)"),
    features: count(1433, "features of a node (Cora: 1433, Citeseer: 3703)"),
    hidden: count(8, "features of a head of the hidden layer"),
    heads: count(8, "heads of the hidden layer"),
    output_heads: count(1, "heads of the output layer, whose mean is the output"),
    classes: count(7, "classes of nodes"),
  },
  build(c, { nodes, features, hidden, heads, output_heads, classes }) {
    const x = cast(c, c.input("features", "f32", [1, nodes, features]), "f16");
    const bias = cast(c, c.input("bias", "f64", [1, nodes, nodes]), "f16");
    const headsOf = (layer: number, of: Value, n: number, out: number): Value[] =>
      Array.from({ length: n }, (_, k) => attentionHead(c.at("layers").at(layer).at("attns").at(k), of, bias, out));
    const y = concat(
      c,
      headsOf(0, x, heads, hidden).map((h) => c.create(Elu, { x: h })),
      2,
    );
    const outputs = headsOf(1, y, output_heads, classes);
    return formula(c).div(
      outputs.reduce((a, b) => add(c, a, b)),
      output_heads,
    );
  },
});
