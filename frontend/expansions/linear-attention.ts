/** Attention by a state, position after position, for sequences of a fixed length. */
import { type Dim, exactDiv, mul } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Concat } from "../../ir/ops/join.ts";
import { LinearAttention } from "../../ir/ops/linear-attention.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { type Expander, expansion, mostSteps, type NamedExpansion } from "./expander.ts";

/** Position `t` of `x[batch, time, heads * size]`, or of a gate for all heads, in f32: `[batch, heads, 1, size]`. */
function rowAt(e: Expander, x: Value, t: number, heads: number): Value {
  const [batch, , width] = x.tensor.shape as readonly [Dim, Dim, Dim];
  const own = width === 1 ? 1 : heads;
  return e.cast(e.reshape(e.part(x, 1, t, 1), [batch, own, 1, exactDiv(width, own)!]), "f32");
}

const asColumn = (e: Expander, row: Value): Value => e.transpose(row, [0, 1, 3, 2]);

const linearAttention = expansion(LinearAttention, ({ q, k, v, past, decay, beta }, { q_heads, kv_heads: heads, scale }, e) => {
  const { f } = e;
  const [batch, time, width] = q.tensor.shape as readonly [Dim, Dim, Dim];
  const [keySize, valueSize] = [exactDiv(width, q_heads)!, exactDiv(v.tensor.shape[2]!, heads)!];
  if (typeof time !== "number" || time === 0 || time > mostSteps || typeof keySize !== "number") return undefined;
  const factor = scale ? scale : 1 / Math.sqrt(keySize);
  let state = past ? e.cast(past, "f32") : e.expand(e.scalar("f32", 0), [batch, heads, keySize, valueSize]);
  const rows = Array.from({ length: time }, (_, t) => {
    const [key, value] = [rowAt(e, k, t, heads), rowAt(e, v, t, heads)];
    if (decay) state = f.mul(state, f.exp(asColumn(e, rowAt(e, decay, t, heads))));
    const written = beta ? f.mul(rowAt(e, beta, t, heads), f.sub(value, e.create(Matmul, { a: key, b: state }))) : value;
    state = f.add(state, f.mul(asColumn(e, key), written));
    const queries = e.reshape(e.cast(e.part(q, 1, t, 1), "f32"), [batch, heads, q_heads / heads, keySize]);
    return e.reshape(f.mul(e.create(Matmul, { a: queries, b: state }), factor), [batch, 1, mul(q_heads, valueSize)]);
  });
  const y = e.create(Concat, { xs: rows }, { axis: 1 });
  return [e.cast(y, q.tensor.dtype), e.cast(state, past?.tensor.dtype ?? q.tensor.dtype)];
});

export const linearAttentionExpansions: readonly NamedExpansion[] = [linearAttention];
