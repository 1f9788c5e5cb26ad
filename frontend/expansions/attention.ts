/** Attention as matrix products and a softmax; rotary position embeddings as arithmetic; updates of caches as gathers. */
import { normalizeAxis } from "../../ir/axis.ts";
import type { AttributesFor, OperandsFor } from "../../ir/define.ts";
import { type Dim, exactDiv, mul, sub } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Attention, RotaryEmbedding } from "../../ir/ops/attention.ts";
import { Less, LessEqual, LogicalAnd } from "../../ir/ops/compare.ts";
import { FloorMod, Tanh } from "../../ir/ops/elementwise.ts";
import { Gather, GatherElements } from "../../ir/ops/gather.ts";
import { Concat, Stack } from "../../ir/ops/join.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { ReduceMax } from "../../ir/ops/reduce.ts";
import { TensorScatter } from "../../ir/ops/scatter.ts";
import { Softmax } from "../../ir/ops/softmax.ts";
import { type Expander, expansion, type NamedExpansion, realOf } from "./expander.ts";

type AttentionOperands = OperandsFor<typeof Attention, Value>;
type AttentionAttributes = AttributesFor<typeof Attention>;

/** `[batch, sequence, heads * size]` as `[batch, heads, sequence, size]`; what has four axes stays. */
export function splitHeads(e: Expander, x: Value, heads: number): Value {
  const { shape } = x.tensor;
  if (shape.length === 4) return x;
  return e.transpose(e.reshape(x, [shape[0]!, shape[1]!, heads, exactDiv(shape[2]!, heads)!]), [0, 2, 1, 3]);
}

/** The way back, where `like` has three axes. */
function joinHeads(e: Expander, x: Value, like: Value): Value {
  if (like.tensor.shape.length === 4) return x;
  const [batch, heads, length, size] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  return e.reshape(e.transpose(x, [0, 2, 1, 3]), [batch, length, mul(heads, size)]);
}

/** `a b` per head, the heads of `a` in groups that share one of `b`. */
function product(e: Expander, a: Value, b: Value): Value {
  const [batch, heads, rows, inner] = a.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const [, shared, , columns] = b.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const grouped = e.reshape(a, [batch, shared, mul(exactDiv(heads, shared)!, rows), inner]);
  return e.reshape(e.create(Matmul, { a: grouped, b }), [batch, heads, rows, columns]);
}

const both = (e: Expander, a: Value | undefined, b: Value): Value => (a ? e.create(LogicalAnd, { a, b }) : b);

/** Which keys a query sees by their positions, `[queries, keys]` or with axes in front; undefined: all. */
function visible(e: Expander, queries: Dim, keys: Dim, lengths: Value | undefined, a: AttentionAttributes): Value | undefined {
  const { f } = e;
  const key = e.counting("i32", keys);
  const own = f.add(e.reshape(e.counting("i32", queries), [queries, 1]), e.extentValue(a.past, "i32"));
  let seen: Value | undefined;
  if (a.is_causal) seen = e.create(LessEqual, { a: key, b: own });
  if (a.left_window >= 0) seen = both(e, seen, e.create(LessEqual, { a: f.sub(own, a.left_window), b: key }));
  if (a.right_window >= 0) seen = both(e, seen, e.create(LessEqual, { a: key, b: f.add(own, a.right_window) }));
  if (!lengths) return seen;
  const ends = e.reshape(e.cast(lengths, "i32"), [lengths.tensor.shape[0]!, 1, 1, 1]);
  return both(e, seen, e.create(Less, { a: key, b: ends }));
}

/** A mask with as many keys as there are: those that it lacks are hidden. */
function wholeMask(e: Expander, mask: Value, keys: Dim): Value {
  const { shape, dtype } = mask.tensor;
  const missing = sub(keys, shape.at(-1)!);
  if (missing === 0) return mask;
  const hidden = e.expand(e.scalar(dtype, dtype === "bool" ? 0 : -Infinity), shape.with(-1, missing));
  return e.create(Concat, { xs: [mask, hidden] }, { axis: shape.length - 1 });
}

function biased(e: Expander, scores: Value, { mask, lengths }: AttentionOperands, a: AttentionAttributes): Value {
  const { f } = e;
  const [, , queries, keys] = scores.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  let value = scores;
  if (mask) {
    const whole = wholeMask(e, mask, keys);
    value = mask.tensor.dtype === "bool" ? f.where(whole, scores, -Infinity) : f.add(scores, e.cast(whole, scores.tensor.dtype));
  }
  const seen = visible(e, queries, keys, lengths, a);
  return seen ? f.where(seen, value, -Infinity) : value;
}

/** Whether every query sees a key whatever the data. */
const seesAlways = ({ mask, lengths }: AttentionOperands, a: AttentionAttributes): boolean =>
  !mask && !lengths && a.left_window < 0 && a.right_window < 0 && (!a.is_causal || (typeof a.past === "number" && a.past >= 0));

/** The softmax of the last axis, zero where all is hidden. */
function shares(e: Expander, scores: Value): Value {
  const { f } = e;
  const most = e.create(ReduceMax, { x: scores }, { axes: [3], keepdims: true });
  const powers = f.exp(f.sub(scores, f.where(f.equal(most, -Infinity), 0, most)));
  const total = f.sum(powers, [3], true);
  return f.div(powers, f.where(f.equal(total, 0), 1, total));
}

const attention = expansion(Attention, (operands, a, e) => {
  const { f } = e;
  const { dtype } = operands.q.tensor;
  const real = realOf(operands.q);
  const heads = (x: Value, count: number): Value => e.cast(splitHeads(e, x, count), real);
  const [q, k, v] = [heads(operands.q, a.q_heads), heads(operands.k, a.kv_heads), heads(operands.v, a.kv_heads)];
  const size = q.tensor.shape[3]!;
  if (a.scale === undefined && typeof size !== "number") return undefined;
  const raw = f.mul(product(e, q, e.transpose(k, [0, 1, 3, 2])), a.scale ?? 1 / Math.sqrt(size as number));
  const softcapped = a.softcap > 0 ? f.mul(e.create(Tanh, { x: f.div(raw, a.softcap) }), a.softcap) : raw;
  const scores = biased(e, softcapped, operands, a);
  const softmax = seesAlways(operands, a) ? e.create(Softmax, { x: scores }, { axes: [3] }) : shares(e, scores);
  const y = joinHeads(e, e.cast(product(e, softmax, v), dtype), operands.q);
  if (a.scores === "none") return [y];
  return [y, e.cast({ raw, softcapped, biased: scores, softmax }[a.scores], dtype)];
});

/** The angles of each position for all heads: `[batch, 1, sequence, pairs]`. */
function angles(e: Expander, table: Value, positions: Value | undefined, real: "f32" | "f64"): Value {
  const rows = positions ? e.create(Gather, { x: table, indices: positions }, { axis: 0 }) : table;
  const [batch, length, pairs] = rows.tensor.shape as readonly [Dim, Dim, Dim];
  return e.cast(e.reshape(rows, [batch, 1, length, pairs]), real);
}

const rotaryEmbedding = expansion(RotaryEmbedding, ({ x, cos, sin, positions }, a, e) => {
  const { f } = e;
  const real = realOf(x);
  const heads = splitHeads(e, x, a.heads);
  const size = heads.tensor.shape[3]!;
  const rotated = a.rotated > 0 ? a.rotated : size;
  const pairs = exactDiv(rotated, 2)!;
  const turned = e.cast(e.part(heads, 3, 0, rotated), real);
  const apart = a.interleaved ? e.reshape(turned, [...turned.tensor.shape.slice(0, 3), pairs, 2]) : turned;
  const half = (k: 0 | 1): Value =>
    a.interleaved ? e.reshape(e.part(apart, 4, k, 1), turned.tensor.shape.with(3, pairs)) : e.part(turned, 3, k === 0 ? 0 : pairs, pairs);
  const [first, second] = [half(0), half(1)];
  const [c, s] = [angles(e, cos, positions, real), angles(e, sin, positions, real)];
  const xs = [f.sub(f.mul(c, first), f.mul(s, second)), f.add(f.mul(s, first), f.mul(c, second))];
  const whole = a.interleaved
    ? e.reshape(e.create(Stack, { xs }, { axis: 4 }), turned.tensor.shape)
    : e.create(Concat, { xs }, { axis: 3 });
  const y = e.cast(whole, x.tensor.dtype);
  const rest = sub(size, rotated);
  const all = rest === 0 ? y : e.create(Concat, { xs: [y, e.part(heads, 3, rotated, rest)] }, { axis: 3 });
  return joinHeads(e, all, x);
});

/** Each slice of a cache from the update, where it lies behind its start and not after its end, else as it was. */
const tensorScatter = expansion(TensorScatter, ({ cache, update, starts }, { axis: given, mode }, e) => {
  const { f } = e;
  const { shape } = cache.tensor;
  const axis = normalizeAxis(given, shape.length);
  const [extent, length] = [shape[axis]!, update.tensor.shape[axis]!];
  const along = (v: Value, d: number): Value =>
    e.reshape(
      v,
      shape.map((n, i) => (i === d ? n : 1)),
    );
  const places = along(e.counting("i64", extent), axis);
  const apart = starts ? f.sub(places, along(e.cast(starts, "i64"), 0)) : places;
  const from = mode === "circular" ? e.create(FloorMod, { a: apart, b: e.extentValue(extent, "i64") }) : apart;
  const last = f.add(e.extentValue(length, "i64"), -1);
  const inside = both(e, e.create(LessEqual, { a: e.scalar("i64", 0), b: from }), e.create(LessEqual, { a: from, b: last }));
  const indices = e.expand(f.min(f.max(from, 0), last), shape);
  return f.where(e.expand(inside, shape), e.create(GatherElements, { x: update, indices }, { axis }), cache);
});

export const attentionExpansions: readonly NamedExpansion[] = [attention, rotaryEmbedding, tensorScatter];
