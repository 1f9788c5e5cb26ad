/** BERT (Devlin et al. 2018) with what is put on it, and its small student. */
import type { Value } from "../../ir/graph.ts";
import { Gelu } from "../../ir/ops/activation.ts";
import { Tanh } from "../../ir/ops/elementwise.ts";
import { LogSoftmax } from "../../ir/ops/softmax.ts";
import type { DType } from "../../ir/type.ts";
import type { Cell } from "./cell.ts";
import { add, cast, dense, relu, reshape, shapeOf } from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";
import { constant, formula, gather, matmul, slice } from "./tensors.ts";
import { additiveMask, attention, embed, expectEvenHeads, layerNorm } from "./attention.ts";

interface BertDefaults {
  readonly batch: number;
  readonly sequence: number;
  readonly vocabulary: number;
  readonly tokenTypes: number;
  readonly hidden: number;
  readonly layers: number;
  readonly compute: "f16" | "f32";
}

const bertOptions = (d: BertDefaults) => ({
  batch: count(d.batch, "sequences"),
  sequence: count(d.sequence, "tokens of a sequence"),
  vocabulary: count(d.vocabulary, "tokens that there are"),
  token_types: count(d.tokenTypes, "types of tokens"),
  positions: count(512, "positions that are embedded, at least those of a sequence"),
  hidden: count(d.hidden, "hidden units"),
  layers: count(d.layers, "layers"),
  heads: count(12, "heads of attention, which share the hidden units"),
  intermediate: count(4 * d.hidden, "units between the halves of a layer"),
  compute: choice(d.compute, ["f16", "f32"], "element type in which the layers compute"),
});

type BertOptions = Readonly<Record<Exclude<keyof ReturnType<typeof bertOptions>, "compute">, number>> & { readonly compute: "f16" | "f32" };

interface BertInputs {
  readonly ids: Value;
  readonly mask: Value;
  readonly types: Value;
}

type InputName = "input_ids" | "input_mask" | "token_type_ids";

/** All i32[batch, sequence], in the order in which the network takes them. */
function bertInputs(c: Cell, { batch, sequence }: BertOptions, ...order: readonly [InputName, InputName, InputName]): BertInputs {
  const inputs = new Map(order.map((name) => [name, c.input(name, "i32", [batch, sequence])]));
  return { ids: inputs.get("input_ids")!, mask: inputs.get("input_mask")!, types: inputs.get("token_type_ids")! };
}

function checkOptions(network: string, options: BertOptions): void {
  expectEvenHeads(network, options);
  const { sequence, positions } = options;
  if (sequence > positions)
    throw new RangeError(`the option 'sequence' of '${network}' is ${sequence}, more than the ${positions} positions`);
}

/** The sum of the embeddings of tokens, their types and places, normalized: `[batch, sequence, hidden]`. */
function embeddings(c: Cell, table: Value, { ids, types }: BertInputs, o: BertOptions): Value {
  const post = c.at("bert_embedding_postprocessor");
  const typeTable = post.parameter("embedding_table", [o.token_types, o.hidden]);
  const places = slice(c, post.parameter("full_position_embeddings", [o.positions, o.hidden]), [o.sequence, o.hidden]);
  const x = add(c, embed(c, table, ids), embed(c, typeTable, types));
  return layerNorm(post.at("layernorm"), add(c, x, reshape(c, places, [1, o.sequence, o.hidden])));
}

const largest = { f16: 65504, f32: 3.4028234663852886e38 };

/** What the type cannot hold becomes its greatest value. */
function saturatingCast(c: Cell, x: Value, to: "f16" | "f32"): Value {
  const f = formula(c);
  return cast(c, f.min(f.max(x, -largest[to]), largest[to]), to);
}

/** A dense layer on what came out, added to what went in, normalized. */
const addNorm = (c: Cell, x: Value, given: Value): Value =>
  layerNorm(c.at("layernorm"), add(c, given, dense(c.at("dense"), x, shapeOf(given)[1]!)));

const gelu = (c: Cell, x: Value): Value => c.create(Gelu, { x }, { approximate: "tanh" });

function encoderLayer(c: Cell, x: Value, mask: Value, { batch, heads, intermediate }: BertOptions): Value {
  const cell = c.at("attention");
  const seen = attention(cell.at("attention"), x, x, mask, { batch, heads, bias: true, scaled: "scores" });
  const y = addNorm(cell.at("output"), seen, x);
  return addNorm(c.at("output"), gelu(c, dense(c.at("intermediate"), y, intermediate)), y);
}

interface Bert {
  /** `f32[batch, sequence, hidden]`. */
  readonly sequence: Value;
  /** `f32[vocabulary, hidden]`. */
  readonly table: Value;
}

function bert(c: Cell, inputs: BertInputs, o: BertOptions): Bert {
  const table = c.at("bert_embedding_lookup").parameter("embedding_table", [o.vocabulary, o.hidden]);
  const embedded = saturatingCast(c, embeddings(c, table, inputs, o), o.compute);
  const mask = additiveMask(c, cast(c, reshape(c, inputs.mask, [o.batch, 1, o.sequence]), "f32"), o.compute);
  let x = reshape(c, embedded, [o.batch * o.sequence, o.hidden]);
  for (let k = 0; k < o.layers; k++) x = encoderLayer(c.at("bert_encoder").at("layers").at(k), x, mask, o);
  return { sequence: cast(c, reshape(c, x, [o.batch, o.sequence, o.hidden]), "f32"), table };
}

/** What the first token of each sequence says of all of it: `f32[batch, hidden]`. */
function pool(c: Cell, { sequence }: Bert, { batch, hidden, compute }: BertOptions): Value {
  const first = reshape(c, slice(c, sequence, [batch, 1, hidden]), [batch, hidden]);
  return cast(c, c.create(Tanh, { x: dense(c.at("dense"), cast(c, first, compute), hidden) }), "f32");
}

/** The parameters of `pool` where a network has them without using them. */
function declarePool(c: Cell, { hidden }: BertOptions): void {
  c.at("dense").parameter("weight", [hidden, hidden]);
  c.at("dense").parameter("bias", [hidden], "zero");
}

/** Of f32 rows; in f32 again. */
const head = (c: Cell, x: Value, classes: number, compute: DType): Value => cast(c, dense(c, cast(c, x, compute), classes), "f32");

const logSoftmax = (c: Cell, x: Value, axis = -1): Value => c.create(LogSoftmax, { x }, { axes: [axis] });

const source = "as MindSpore's model_zoo/official/nlp/bert";
const usual: BertDefaults = { batch: 16, sequence: 128, vocabulary: 21128, tokenTypes: 2, hidden: 768, layers: 12, compute: "f16" };

export const bertBase = defineNetwork({
  name: "bert_base",
  summary: `BERT's encoder: all tokens, the pooled first one, and the table of embeddings, ${source}.`,
  options: bertOptions({ ...usual, batch: 1, vocabulary: 32000, tokenTypes: 16, compute: "f32" }),
  build(c, options) {
    checkOptions("bert_base", options);
    const encoded = bert(c, bertInputs(c, options, "input_ids", "token_type_ids", "input_mask"), options);
    return [encoded.sequence, pool(c, encoded, options), encoded.table];
  },
});

export const bertCls = defineNetwork({
  name: "bert_cls",
  summary: `BERT that classifies sequences, ${source}.`,
  options: { ...bertOptions(usual), classes: count(2, "classes") },
  build(c, options) {
    checkOptions("bert_cls", options);
    const encoder = c.at("bert");
    const encoded = bert(encoder, bertInputs(c, options, "input_ids", "input_mask", "token_type_ids"), options);
    return logSoftmax(c, head(c.at("dense_1"), pool(encoder, encoded, options), options.classes, options.compute));
  },
});

/** The head on every token. */
function tokenHead(c: Cell, name: string, classes: number, options: BertOptions): Value {
  const encoder = c.at("bert");
  const { sequence } = bert(encoder, bertInputs(c, options, "input_ids", "input_mask", "token_type_ids"), options);
  declarePool(encoder, options);
  const rows = reshape(c, sequence, [options.batch * options.sequence, options.hidden]);
  return head(c.at(name), rows, classes, options.compute);
}

export const bertNer = defineNetwork({
  name: "bert_ner",
  summary: `BERT that classifies tokens, as in named entity recognition, ${source}.`,
  options: { ...bertOptions(usual), classes: count(41, "classes") },
  build(c, options) {
    checkOptions("bert_ner", options);
    return logSoftmax(c, tokenHead(c, "dense_1", options.classes, options));
  },
});

export const bertSquad = defineNetwork({
  name: "bert_squad",
  summary: `BERT that finds where an answer starts and ends, ${source}.`,
  options: bertOptions(usual),
  build(c, options) {
    checkOptions("bert_squad", options);
    const logits = tokenHead(c, "dense1", 2, options);
    return logSoftmax(c, reshape(c, logits, [options.batch, options.sequence, 2]), 1);
  },
});

/** The hidden tokens' logarithms of probabilities: `f32[batch * predictions, vocabulary]`. */
function maskedTokens(c: Cell, { sequence, table }: Bert, positions: Value, o: BertOptions): Value {
  const f = formula(c);
  const [batch, predictions] = shapeOf(positions) as [number, number];
  const firstRows = constant(
    c,
    "i32",
    [batch, 1],
    [...Array(batch).keys()].map((b) => b * o.sequence),
  );
  const rows = reshape(c, f.add(positions, firstRows), [batch * predictions]);
  const bias = c.parameter("output_bias", [o.vocabulary], "zero");
  const found = cast(c, gather(c, reshape(c, sequence, [batch * o.sequence, o.hidden]), rows), o.compute);
  const x = layerNorm(c.at("layernorm"), gelu(c, dense(c.at("dense"), found, o.hidden)));
  const products = cast(c, matmul(c, x, cast(c, table, o.compute), { transposeB: true }), "f32");
  return logSoftmax(c, add(c, products, bias));
}

export const bertPretrain = defineNetwork({
  name: "bert_pretrain",
  summary: `BERT as it is trained: hidden tokens, and whether one sentence follows another, ${source}.`,
  options: { ...bertOptions({ ...usual, batch: 1 }), predictions: count(20, "hidden tokens of a sequence") },
  build(c, options) {
    checkOptions("bert_pretrain", options);
    const encoder = c.at("bert");
    const encoded = bert(encoder, bertInputs(c, options, "input_ids", "input_mask", "token_type_ids"), options);
    const positions = c.input("masked_lm_positions", "i32", [options.batch, options.predictions]);
    const pooled = pool(encoder, encoded, options);
    const tokens = maskedTokens(c.at("cls1"), encoded, positions, options);
    return [tokens, logSoftmax(c, head(c.at("cls2").at("dense"), pooled, 2, options.compute))];
  },
});

export const tinybert = defineNetwork({
  name: "tinybert",
  summary: "TinyBERT that classifies sequences (Jiao et al. 2019), the student of MindSpore's model_zoo/official/nlp/tinybert.",
  options: {
    ...bertOptions({ batch: 32, sequence: 64, vocabulary: 30522, tokenTypes: 2, hidden: 384, layers: 4, compute: "f16" }),
    classes: count(2, "classes"),
  },
  build(c, options) {
    checkOptions("tinybert", options);
    const encoder = c.at("bert");
    const encoded = bert(encoder, bertInputs(c, options, "input_ids", "token_type_ids", "input_mask"), options);
    const pooled = relu(c, pool(encoder, encoded, options));
    return logSoftmax(c, head(c.at("dense_1"), pooled, options.classes, options.compute));
  },
});
