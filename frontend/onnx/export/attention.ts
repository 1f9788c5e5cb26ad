/** Attention and rotary embeddings as ONNX's operators, and before there were any as matrix products. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { AttributesFor, OperandsFor } from "../../../ir/define.ts";
import { Attention, RotaryEmbedding } from "../../../ir/ops/attention.ts";
import type { Body } from "./body.ts";
import { and, equal, less, not, where } from "./elementwise.ts";
import { linearAttentionRow } from "./linear-attention.ts";
import { reduced } from "./reduce.ts";
import { functionRow, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import { countUp } from "./slice.ts";
import type { Operand, Term } from "./term.ts";

type AttentionAttributes = AttributesFor<typeof Attention>;
type AttentionOperands = OperandsFor<typeof Attention, Operand>;

const scoreSteps = ["raw", "softcapped", "biased", "softmax"] as const;

/** A tensor of heads as `[batch, heads, length, size]`. */
interface Heads {
  readonly term: Term;
  readonly batch: Dim;
  readonly heads: Dim;
  readonly length: Dim;
  readonly size: Dim;
}

function headsOf(n: Body, x: Operand, count: number): Heads {
  const [batch, second, third, size] = x.shape as [Dim, Dim, Dim, Dim];
  if (x.shape.length === 4) return { term: n.lift(x), batch, heads: second, length: third, size };
  const each = dim.exactDiv(third, count)!;
  const split = n.reshape(n.lift(x), [batch, second, count, each]);
  return { term: transposed(n, split, [0, 2, 1, 3]), batch, heads: count, length: second, size: each };
}

/** Heads of keys or values repeated for the heads of queries that share them. */
function repeated(n: Body, k: Heads, heads: Dim): Term {
  if (k.heads === heads) return k.term;
  const shared = dim.exactDiv(heads, k.heads)!;
  const apart = n.op("Unsqueeze", [k.term, n.ints([2])]);
  const each = n.op("Expand", [apart, n.dims([k.batch, k.heads, shared, k.length, k.size])]);
  return n.reshape(each, [k.batch, heads, k.length, k.size]);
}

/** Which keys a query may see by its position and the number of keys that count; undefined where all of them. */
function visible(n: Body, q: Heads, k: Heads, lengths: Operand | undefined, a: AttentionAttributes): Term | undefined {
  const rows = n.reshape(n.op("Add", [countUp(n, q.length), n.size(a.past)]), [q.length, 1]);
  const keys = countUp(n, k.length);
  const apart = n.op("Sub", [rows, keys]);
  const conditions = [
    ...(a.is_causal ? [not(n, less(n, apart, n.size(0)))] : []),
    ...(a.left_window >= 0 ? [less(n, apart, n.size(a.left_window + 1))] : []),
    ...(a.right_window >= 0 ? [not(n, less(n, apart, n.size(-a.right_window)))] : []),
    ...(lengths ? [less(n, keys, n.reshape(n.cast(lengths, "i64"), [k.batch, 1, 1, 1]))] : []),
  ];
  return conditions.length === 0 ? undefined : conditions.reduce((x, y) => and(n, x, y));
}

/** Scores with a mask of floats added or of bools applied; keys that it does not reach are hidden. */
function withMask(n: Body, scores: Term, mask: Operand | undefined, keys: Dim): Term {
  if (!mask) return scores;
  const last = mask.shape.at(-1)!;
  const hidden = mask.dtype === "bool" ? n.scalar("bool", 0) : n.like(scores, -Infinity);
  const given = mask.dtype === "bool" ? mask : n.cast(mask, scores.dtype);
  const ends = mask.shape.map((_, d) => (d === mask.shape.length - 1 ? dim.sub(keys, last) : 0));
  const whole = last === keys ? given : n.op("Pad", [given, n.dims([...ends.map(() => 0), ...ends]), hidden]);
  return mask.dtype === "bool" ? where(n, whole, scores, n.like(scores, -Infinity)) : n.op("Add", [scores, whole]);
}

/** `exp(x - max) / sum`, zero where every key is hidden. */
function softmax(n: Body, x: Term): Term {
  const peak = reduced(n, "ReduceMax", x, [-1], true);
  const shift = where(n, equal(n, peak, n.like(x, -Infinity)), n.like(x, 0), peak);
  const powers = n.op("Exp", [n.op("Sub", [x, shift])]);
  const total = reduced(n, "ReduceSum", powers, [-1], true);
  return n.op("Div", [powers, where(n, equal(n, total, n.like(x, 0)), n.like(x, 1), total)]);
}

function writtenOutAttention(n: Body, o: AttentionOperands, a: AttentionAttributes): readonly Term[] {
  const [q, k, v] = [headsOf(n, o.q, a.q_heads), headsOf(n, o.k, a.kv_heads), headsOf(n, o.v, a.kv_heads)];
  const { dtype } = q.term;
  const product = n.op("MatMul", [q.term, transposed(n, repeated(n, k, q.heads), [0, 1, 3, 2])]);
  const scale = a.scale ?? (typeof q.size === "number" ? 1 / Math.sqrt(q.size) : undefined);
  const factor = scale === undefined ? n.op("Reciprocal", [n.op("Sqrt", [n.cast(n.size(q.size), dtype)])]) : n.scalar(dtype, scale);
  const raw = n.op("Mul", [product, factor]);
  const cap = n.scalar(dtype, a.softcap);
  const softcapped = a.softcap > 0 ? n.op("Mul", [n.op("Tanh", [n.op("Div", [raw, cap])]), cap]) : raw;
  const seen = visible(n, q, k, o.lengths, a);
  const added = withMask(n, softcapped, o.mask, k.length);
  const biased = seen ? where(n, seen, added, n.scalar(dtype, -Infinity)) : added;
  const shares = softmax(n, biased);
  const y = n.op("MatMul", [shares, repeated(n, v, q.heads)]);
  const scores = { none: undefined, raw, softcapped, biased, softmax: shares }[a.scores];
  const placed = o.q.shape.length === 4 ? y : n.reshape(transposed(n, y, [0, 2, 1, 3]), [q.batch, q.length, dim.mul(q.heads, v.size)]);
  return scores ? [placed, scores] : [placed];
}

/** What ONNX's operator says of positions counts from the first key. */
function hasOperator(n: Body, o: AttentionOperands, a: AttentionAttributes): boolean {
  const hasWindow = a.left_window >= 0 || a.right_window >= 0;
  const since = hasWindow ? 25 : o.lengths ? 24 : 23;
  const isMaskWhole = !o.mask || o.mask.shape.at(-1) === o.k.shape[o.k.shape.length === 4 ? 2 : 1];
  return n.opset >= since && a.past === 0 && isMaskWhole && (o.mask?.shape.length ?? 2) >= 2;
}

function attention(n: Body, o: AttentionOperands, a: AttentionAttributes): readonly (Term | undefined)[] {
  if (!hasOperator(n, o, a)) return writtenOutAttention(n, o, a);
  const isSplit = o.q.shape.length === 4;
  const attributes = {
    q_num_heads: isSplit ? undefined : a.q_heads,
    kv_num_heads: isSplit ? undefined : a.kv_heads,
    scale: a.scale === undefined ? undefined : { float: a.scale },
    softcap: a.softcap === 0 ? undefined : { float: a.softcap },
    is_causal: a.is_causal || undefined,
    left_window_size: a.left_window >= 0 ? a.left_window : undefined,
    right_window_size: a.right_window >= 0 ? a.right_window : undefined,
    qk_matmul_output_mode: a.scores === "none" ? undefined : scoreSteps.indexOf(a.scores),
  };
  const mask = o.mask && (o.mask.dtype === "bool" ? o.mask : n.cast(o.mask, o.q.dtype));
  const operands = [o.q, o.k, o.v, mask, undefined, undefined, o.lengths && n.cast(o.lengths, "i64")];
  if (a.scores === "none") return n.ops("Attention", operands, attributes, {});
  const made = n.ops("Attention", operands, attributes, { results: [undefined, undefined, undefined, undefined] });
  return [made[0], made[3]];
}

type RotaryAttributes = AttributesFor<typeof RotaryEmbedding>;
type RotaryOperands = OperandsFor<typeof RotaryEmbedding, Operand>;

/** Pairs `(a, b)` become `(a cos - b sin, b cos + a sin)`. */
function writtenOutRotary(n: Body, { x, cos, sin, positions }: RotaryOperands, a: RotaryAttributes): Term {
  const { term, batch, heads, length, size } = headsOf(n, x, a.heads);
  const rotated = a.rotated > 0 ? a.rotated : size;
  const pairs = dim.exactDiv(rotated, 2)!;
  const angles = (table: Operand): Term => {
    const rows = positions
      ? n.op("Gather", [table, n.op("Clip", [n.cast(positions, "i64"), n.size(0), n.size(dim.sub(table.shape[0]!, 1))])])
      : table;
    return n.cast(n.op("Unsqueeze", [rows, n.ints([1])]), term.dtype);
  };
  const part = (from: Dim, to: Dim): Term => n.op("Slice", [term, n.dims([from]), n.dims([to]), n.ints([3])]);
  const [c, s] = [angles(cos), angles(sin)];
  const split = a.interleaved ? n.reshape(part(0, rotated), [batch, heads, length, pairs, 2]) : undefined;
  const [p, q] = split ? [0, 1].map((k) => n.op("Gather", [split, n.size(k)], { axis: 4 })) : [part(0, pairs), part(pairs, rotated)];
  const first = n.op("Sub", [n.op("Mul", [c, p!]), n.op("Mul", [s, q!])]);
  const second = n.op("Add", [n.op("Mul", [s, p!]), n.op("Mul", [c, q!])]);
  const apart = split ? [first, second].map((t) => n.op("Unsqueeze", [t, n.ints([4])])) : [first, second];
  const joined = n.op("Concat", apart, { axis: split ? 4 : 3 });
  const turned = split ? n.reshape(joined, [batch, heads, length, rotated]) : joined;
  const whole = rotated === size ? turned : n.op("Concat", [turned, part(rotated, size)], { axis: 3 });
  return x.shape.length === 4 ? whole : n.reshape(transposed(n, whole, [0, 2, 1, 3]), x.shape);
}

export const attentionRows: readonly Row[] = [
  functionRow(Attention, (n, o, a) => attention(n, o, a)),
  functionRow(RotaryEmbedding, (n, o, a) => {
    if (!n.has("RotaryEmbedding") || o.x.dtype === "f64") return writtenOutRotary(n, o, a);
    const tables = [o.cos, o.sin].map((t) => n.cast(t, o.x.dtype));
    return n.op("RotaryEmbedding", [o.x, ...tables, o.positions && n.cast(o.positions, "i64")], {
      num_heads: o.x.shape.length === 3 ? a.heads : undefined,
      rotary_embedding_dim: a.rotated > 0 ? a.rotated : undefined,
      interleaved: a.interleaved || undefined,
    });
  }),
  linearAttentionRow,
];
