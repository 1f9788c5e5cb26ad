/** ONNX's attention and rotary embedding. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Attention, RotaryEmbedding } from "../../../ir/ops/attention.ts";
import { LinearAttention } from "../../../ir/ops/linear-attention.ts";
import { Concat } from "../../../ir/ops/join.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";
import type { Lowerings, NodeContext } from "../node.ts";

/** `[batch, sequence, heads * size]` as `[batch, heads, sequence, size]`; what has four axes stays. */
function splitHeads(n: NodeContext, x: Value, heads: number): Value {
  const [batch, sequence, width] = x.tensor.shape;
  if (x.tensor.shape.length === 4) return x;
  const size = heads > 0 && width !== undefined ? dim.exactDiv(width, heads) : undefined;
  if (size === undefined) throw new OpError(`the last axis does not divide into ${heads} heads`, "bad-attribute");
  const parts = n.create(Reshape, { x }, { shape: [batch!, sequence!, heads, size] });
  return n.create(Transpose, { x: parts }, { perm: [0, 2, 1, 3] });
}

/** Keys or values with those of the past before them, and how many the past has. */
function withPast(n: NodeContext, x: Value, past: Value | undefined, heads: number, isPresentUsed: boolean): Value {
  if (!past && !isPresentUsed) return x;
  const split = splitHeads(n, x, heads);
  return past ? n.create(Concat, { xs: [past, split] }, { axis: 2 }) : split;
}

const scoreSteps = ["raw", "softcapped", "biased", "softmax"] as const;

function attention(n: NodeContext): readonly Value[] {
  const [q_heads, kv_heads] = [n.int("q_num_heads", 0), n.int("kv_num_heads", 0)];
  const [pastKey, pastValue] = [n.optional(4), n.optional(5)];
  const k = withPast(n, n.input(1), pastKey, kv_heads, n.hasOutput(1));
  const v = withPast(n, n.input(2), pastValue, kv_heads, n.hasOutput(2));
  const step = scoreSteps[n.int("qk_matmul_output_mode", 0)] ?? n.unsupported("'qk_matmul_output_mode' is unknown");
  const [y, scores] = n.createAll(
    Attention,
    { q: n.input(0), k, v, mask: n.optional(3), lengths: n.optional(6) },
    {
      q_heads,
      kv_heads,
      scale: n.has("scale") ? n.float("scale") : undefined,
      softcap: n.float("softcap", 0),
      is_causal: n.int("is_causal", 0) !== 0,
      past: pastKey?.tensor.shape[2] ?? 0,
      left_window: n.int("left_window_size", -1),
      right_window: n.int("right_window_size", -1),
      scores: n.hasOutput(3) ? step : "none",
    },
  );
  return [y!, k, v, ...(scores ? [scores] : [])];
}

/** The gates that an update rule has; it says which of them must be there. */
function linearAttention(n: NodeContext): readonly Value[] {
  const rule = n.string("update_rule", "gated_delta");
  const [decay, beta] = [n.optional(4), n.optional(5)];
  const gates =
    { linear: [false, false], gated: [true, false], delta: [false, true], gated_delta: [true, true] }[rule] ??
    n.unsupported(`update rule '${rule}' is unknown`);
  if (gates[0] !== !!decay || gates[1] !== !!beta) throw new OpError(`the gates do not fit update rule '${rule}'`, "bad-operand");
  const scale = n.float("scale", 0);
  const operands = { q: n.input(0), k: n.input(1), v: n.input(2), past: n.optional(3), decay, beta };
  return n.createAll(LinearAttention, operands, {
    q_heads: n.int("q_num_heads"),
    kv_heads: n.int("kv_num_heads"),
    scale: scale === 0 ? undefined : scale,
  });
}

export const attentionLowerings: Lowerings = {
  LinearAttention: linearAttention,

  Attention: attention,

  RotaryEmbedding(n) {
    return n.create(
      RotaryEmbedding,
      { x: n.input(0), cos: n.input(1), sin: n.input(2), positions: n.optional(3) },
      { heads: n.int("num_heads", 0), rotated: n.int("rotary_embedding_dim", 0), interleaved: n.int("interleaved", 0) !== 0 },
    );
  },
};
