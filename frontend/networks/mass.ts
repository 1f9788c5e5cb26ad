import type { Value } from "../../ir/graph.ts";
import { attention, feedForward, preciseLayerNorm } from "./attention.ts";
import type { Cell } from "./cell.ts";
import { translate, translationOptions } from "./encoder-decoder.ts";
import { add, dense, reshape, shapeOf } from "./layers.ts";
import { defineNetwork } from "./network.ts";

/** `x[batch, length, hidden]` as rows. */
const rowsOf = (c: Cell, x: Value): Value => {
  const [batch, length, hidden] = shapeOf(x) as [number, number, number];
  return reshape(c, x, [batch * length, hidden]);
};

const normalizedRows = (c: Cell, x: Value): Value => preciseLayerNorm(c.at("layer_norm"), rowsOf(c, x));
const normalize = (c: Cell, x: Value): Value => reshape(c, normalizedRows(c, x), shapeOf(x));

/** Attention of normalized rows to rows of memory, where there is none to the rows as they are; added to `x[batch, length, hidden]`. */
function attend(c: Cell, x: Value, mask: Value, heads: number, memory?: Value): Value {
  const [batch, , hidden] = shapeOf(x) as [number, number, number];
  const query = normalizedRows(c.at("layer_norm"), x);
  const cell = c.at("multi_head_self_attention");
  const spec = { batch, heads, bias: true, scaled: "query", sum: "f32", softmax: "f32" } as const;
  const seen = attention(cell, query, memory ?? rowsOf(c, x), mask, spec);
  return add(c, reshape(c, dense(cell.at("out_layer"), seen, hidden), shapeOf(x)), x);
}

const transform = (c: Cell, x: Value, units: number): Value =>
  add(c, reshape(c, feedForward(c.at("fc1"), c.at("fc2"), normalizedRows(c.at("layer_norm"), x), units), shapeOf(x)), x);

export const mass = defineNetwork({
  name: "mass",
  summary: "MASS that summarizes, with its beam search (Song et al. 2019), as MindSpore's model_zoo/official/nlp/mass.",
  options: translationOptions({ sequence: 64, vocabulary: 45744, heads: 8, steps: 64, positions: 64 }),
  build(c, o) {
    const { heads, intermediate } = o;
    const layers = [...Array(o.layers).keys()];
    const [encoder, decoder] = [c.at("encoder"), c.at("decoder").at("decoder")];
    const { best, tokenScores } = translate(c, "mass", o, () => ({
      table: decoder.at("embedding_lookup").parameter("embedding_table", [o.vocabulary, o.hidden]),
      encode(x, mask) {
        const layer = (y: Value, k: number): Value => {
          const l = encoder.at("layers").at(k);
          return transform(l.at("feed_forward_net"), attend(l.at("attention"), y, mask, heads), intermediate);
        };
        return normalize(encoder.at("layer_norm"), layers.reduce(layer, x));
      },
      decode(x, mask, memory, memoryMask) {
        const layer = (y: Value, k: number): Value => {
          const l = decoder.at("decoder").at(`layer${k}`);
          const own = attend(l.at("masked_attn"), y, mask, heads);
          const crossed = attend(l.at("enc_dec_attn"), own, memoryMask, heads, memory);
          return transform(l.at("feed_forward_net"), crossed, intermediate);
        };
        return normalize(decoder.at("decoder").at("layer_preprocess"), layers.reduce(layer, x));
      },
    }));
    return [reshape(c, best, [o.batch, o.decode_length + 1]), tokenScores];
  },
});
