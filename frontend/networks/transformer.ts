import type { Value } from "../../ir/graph.ts";
import { attention, feedForward, preciseLayerNorm } from "./attention.ts";
import type { Cell } from "./cell.ts";
import { translate, translationOptions, type TranslationOptions } from "./encoder-decoder.ts";
import { add, dense, reshape, shapeOf } from "./layers.ts";
import { defineNetwork } from "./network.ts";

const normalize = (c: Cell, x: Value): Value => preciseLayerNorm(c.at("layernorm"), x);

/** Attention of normalized rows, added to the rows; to themselves where there is no memory. */
function attend(c: Cell, x: Value, mask: Value, batch: number, heads: number, memory?: Value): Value {
  const query = normalize(c.at("preprocess"), x);
  const cell = c.at("attention");
  const seen = attention(cell, query, memory ?? query, mask, { batch, heads, bias: false, scaled: "scores", softmax: "f32" });
  return add(c, dense(cell.at("out_layer"), seen, shapeOf(x)[1]!, { bias: false }), x);
}

const transform = (c: Cell, x: Value, units: number): Value =>
  add(c, feedForward(c.at("conv1"), c.at("conv2"), normalize(c.at("preprocess"), x), units), x);

/** The layers on rows, then a normalization; of `x[batch, length, hidden]`. */
function layered(c: Cell, x: Value, { layers, hidden }: TranslationOptions, layer: (c: Cell, x: Value) => Value): Value {
  const shape = shapeOf(x);
  let y = reshape(c, x, [shape[0]! * shape[1]!, hidden]);
  for (let k = 0; k < layers; k++) y = layer(c.at("layers").at(k), y);
  return reshape(c, normalize(c.at("layer_preprocess"), y), shape);
}

export const transformer = defineNetwork({
  name: "transformer",
  summary: "Transformer that translates, with its beam search (Vaswani et al. 2017), as MindSpore's model_zoo/official/nlp/transformer.",
  options: translationOptions({ sequence: 128, vocabulary: 36560, heads: 16, steps: 80, positions: 128 }),
  build(c, o) {
    const { batch, heads, intermediate } = o;
    const decoder = c.at("tfm_decoder").at("decoder");
    const { best } = translate(c, "transformer", o, () => ({
      table: decoder.at("tfm_embedding_lookup").parameter("embedding_table", [o.vocabulary, o.hidden]),
      encode: (x, mask) =>
        layered(c.at("tfm_encoder"), x, o, (l, y) =>
          transform(l.at("feedforward"), attend(l.at("attention"), y, mask, batch, heads), intermediate),
        ),
      decode: (x, mask, memory, memoryMask) =>
        layered(decoder.at("tfm_decoder"), x, o, (l, y) => {
          const rows = batch * o.beams;
          const own = attend(l.at("self_attention"), y, mask, rows, heads);
          const crossed = attend(l.at("cross_attention"), own, memoryMask, rows, heads, memory);
          return transform(l.at("feedforward"), crossed, intermediate);
        }),
    }));
    return best;
  },
});
