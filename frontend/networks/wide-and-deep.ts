import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, biasAdd, cast, mul, relu, reshape, shapeOf, sigmoid } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { formula, gather, matmul } from "./tensors.ts";

/** `weight[in, out]`, `bias[out]`; computed in f16. */
function halfDense(c: Cell, x: Value, out: number): Value {
  const weight = cast(c, c.parameter("weight", [shapeOf(x)[1]!, out]), "f16");
  const bias = cast(c, c.parameter("bias", [out], "zero"), "f16");
  return biasAdd(c, matmul(c, cast(c, x, "f16"), weight), bias);
}

const hiddenUnits = [1024, 512, 256, 128];

export const wideAndDeep = defineNetwork({
  name: "wide_and_deep",
  summary: "Wide & Deep click prediction (Cheng et al. 2016), as MindSpore's model_zoo/official/recommend/wide_and_deep.",
  options: {
    batch: count(16000, "examples"),
    fields: count(39, "fields of an example"),
    vocabulary: count(200000, "values of all fields"),
    embedding: count(80, "numbers of an embedding"),
  },
  build(c, { batch, fields, vocabulary, embedding }) {
    const ids = c.input("ids", "i32", [batch, fields]);
    const weights = reshape(c, c.input("weights", "f32", [batch, fields]), [batch, fields, 1]);
    const labels = c.input("labels", "f32", [batch, 1]);
    const network = c.at("network");
    const wideBias = network.parameter("wide_b", [1], "zero");
    const table = network.parameter("embedding_table", [vocabulary, embedding]);
    let deep = reshape(c, mul(c, gather(c, table, ids), weights), [batch, fields * embedding]);
    hiddenUnits.forEach((units, k) => {
      deep = cast(c, relu(c, halfDense(network.at(`dense_layer_${k + 1}`), deep, units)), "f32");
    });
    deep = cast(c, halfDense(network.at(`dense_layer_${hiddenUnits.length + 1}`), deep, 1), "f32");
    const wideTable = network.at("wide_embeddinglookup").parameter("embedding_table", [vocabulary, 1]);
    const wide = add(c, formula(c).sum(mul(c, gather(c, wideTable, ids), weights), [1]), wideBias);
    const logits = add(c, wide, deep);
    return [logits, sigmoid(c, logits), labels];
  },
});
