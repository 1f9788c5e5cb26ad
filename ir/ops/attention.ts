/** Scaled dot-product attention and rotary position embeddings. */
import { choice, dim as dimAttribute, flag, float, int, maybe } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { clampIndex } from "../data-index.ts";
import { type AttributesOf, defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import {
  add,
  and,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  index,
  le,
  load,
  lt,
  makeBuffer,
  mul,
  select,
  sub,
  toDim,
  unary,
} from "../expr.ts";
import { maximum, pointwise, reduction, type Stage, sum } from "../stage.ts";
import { computeType, formatType, tensor, type TensorType } from "../type.ts";

const attributes = {
  q_heads: int(0, "heads of `q` where it is `[batch, sequence, heads * size]` rather than `[batch, heads, sequence, size]`"),
  kv_heads: int(0, "heads of `k` and `v`, likewise"),
  scale: maybe(float(undefined, "factor of the products; default one over the root of the head size")),
  softcap: float(0, "products `s` become `softcap * tanh(s / softcap)`; 0: they stay"),
  is_causal: flag(false, "a query sees no key after its own position"),
  past: dimAttribute(0, "keys before the first query, where positions are compared"),
  left_window: int(-1, "how many keys before its position a query sees; -1: all"),
  right_window: int(-1, "how many keys after its position a query sees; -1: all"),
  scores: choice(["none", "raw", "softcapped", "biased", "softmax"], "none", "a second result: the products as they stand after that step"),
};
type AttentionAttributes = AttributesOf<typeof attributes>;

/** A tensor of heads in either layout, addressed by batch, head, position and element. */
interface Heads {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly length: Dim;
  readonly size: Dim;
  readonly at: (b: Dim, h: Dim, s: Dim, d: Dim) => readonly Dim[];
}

function headsOf({ shape }: { readonly shape: readonly Dim[] }, heads: number): Heads {
  const [batch, second, third, fourth] = shape;
  if (shape.length === 4) return { batch: batch!, heads: second!, length: third!, size: fourth!, at: (b, h, s, d) => [b, h, s, d] };
  const size = heads > 0 && shape.length === 3 ? dim.exactDiv(third!, heads) : undefined;
  if (size === undefined)
    throw new OpError(`a tensor of shape [${shape.map(formatDim).join(",")}] has not ${heads} heads`, "bad-attribute");
  return { batch: batch!, heads, length: second!, size, at: (b, h, s, d) => [b, s, dim.add(dim.mul(h, size), d)] };
}

const isEqual = (a: Dim, b: Dim): boolean => commonExtent(a, b) !== undefined;

function checkHeads(q: Heads, k: Heads, v: Heads): void {
  const fits =
    isEqual(q.batch, k.batch) &&
    isEqual(q.batch, v.batch) &&
    isEqual(k.length, v.length) &&
    isEqual(q.size, k.size) &&
    isEqual(k.heads, v.heads);
  if (!fits || dim.exactDiv(q.heads, k.heads) === undefined) throw new OpError("queries, keys and values do not fit each other");
}

/** Masks broadcast to `[batch, heads, queries, keys]`, except that missing keys at the end count as masked. */
function checkMask(mask: TensorType | undefined, shape: readonly Dim[]): void {
  if (!mask) return;
  const lead = shape.length - mask.shape.length;
  const fits =
    mask.shape.length >= 1 &&
    lead >= 0 &&
    mask.shape.every((e, d) => e === 1 || d === mask.shape.length - 1 || isEqual(e, shape[lead + d]!));
  if (!fits) throw new OpError(`a mask of ${formatType(mask)} does not fit ${formatType(tensor(mask.dtype, shape))}`);
}

interface Masks {
  readonly mask: Buffer | undefined;
  /** Keys that count, per batch. */
  readonly lengths: Buffer | undefined;
}

/** `score` with what may not be seen at minus infinity, and a mask of floats added. */
function masked(score: Expr, at: readonly Dim[], keys: Dim, { mask, lengths }: Masks, a: AttentionAttributes): Expr {
  const [b, , s, t] = at as [Dim, Dim, Dim, Dim];
  const apart = dim.sub(dim.add(s, a.past), t);
  const conditions = [
    ...(a.is_causal ? [le(index(0), index(apart))] : []),
    ...(a.left_window >= 0 ? [le(index(apart), index(a.left_window))] : []),
    ...(a.right_window >= 0 ? [le(index(dim.neg(apart)), index(a.right_window))] : []),
    ...(lengths ? [lt(index(t), convert(load(lengths, [b]), "i64"))] : []),
  ];
  const hidden = constantLike(score, -Infinity);
  let value = score;
  if (mask) {
    const indices = mask.shape.map((e, d) => (e === 1 && d < mask.shape.length - 1 ? 0 : at[at.length - mask.shape.length + d]!));
    const element = load(mask, indices);
    if (mask.shape.at(-1) !== keys) conditions.push(lt(index(t), index(mask.shape.at(-1)!)));
    value = mask.dtype === "bool" ? select(element, score, hidden) : add(score, convert(element, score.dtype));
  }
  return conditions.length > 0 ? select(and(...conditions), value, hidden) : value;
}

/** The products in four steps, by name. */
function scoreSteps(
  product: Expr,
  at: readonly Dim[],
  q: Heads,
  k: Heads,
  masks: Masks,
  a: AttentionAttributes,
): Record<"raw" | "softcapped" | "biased", Expr> {
  const one = constantLike(product, 1);
  const scale = a.scale === undefined ? div(one, unary("sqrt", convert(index(q.size), product.dtype))) : constantLike(product, a.scale);
  const raw = mul(product, scale);
  const cap = constantLike(product, a.softcap);
  const softcapped = a.softcap > 0 ? mul(unary("tanh", div(raw, cap)), cap) : raw;
  return { raw, softcapped, biased: masked(softcapped, at, k.length, masks, a) };
}

export const Attention = defineOp({
  name: "attention",
  summary:
    "`softmax(q k^T * scale + mask) v` per head; several heads of `q` may share one of `k` and `v`. `mask` is added, or, of bools, hides keys; `lengths[batch]` hides keys from there on (Vaswani et al., 2017; ONNX Attention 23).",
  operands: { q: operand, k: operand, v: operand, mask: optionalOperand, lengths: optionalOperand },
  results: ["y", "scores"],
  attributes,
  infer({ q, k, v, mask }, a) {
    const [qs, ks, vs] = [headsOf(q, a.q_heads), headsOf(k, a.kv_heads), headsOf(v, a.kv_heads)];
    checkHeads(qs, ks, vs);
    const shape = [qs.batch, qs.heads, qs.length, ks.length];
    checkMask(mask, shape);
    const y = tensor(q.dtype, q.shape.length === 4 ? [...shape.slice(0, 3), vs.size] : [qs.batch, qs.length, dim.mul(qs.heads, vs.size)]);
    return a.scores === "none" ? [y] : [y, tensor(q.dtype, shape)];
  },
  compute({ operands: { q, k, v, mask, lengths }, attributes: a, results: [y, scores] }) {
    const [qs, ks, vs] = [headsOf(q, a.q_heads), headsOf(k, a.kv_heads), headsOf(v, a.kv_heads)];
    const real = q.dtype === "f64" ? "f64" : "f32";
    const shape = [qs.batch, qs.heads, qs.length, ks.length];
    const biased = makeBuffer("scores", real, shape);
    const shared = dim.exactDiv(qs.heads, ks.heads)!;
    const keep = a.scores === "raw" || a.scores === "softcapped" || a.scores === "biased" ? a.scores : undefined;
    const products = reduction(
      keep ? [biased, scores!] : [biased],
      [qs.size],
      ([b, h, s, t], [d]) =>
        sum(mul(convert(load(q, qs.at(b!, h!, s!, d!)), real), convert(load(k, ks.at(b!, dim.floordiv(h!, shared), t!, d!)), real))),
      (value, at) => {
        const steps = scoreSteps(value, at, qs, ks, { mask, lengths }, a);
        return keep ? [steps.biased, steps[keep]] : [steps.biased];
      },
    );
    return [products, ...weightedSum(biased, v, vs, shared, y!, a.scores === "softmax" ? scores : undefined)];
  },
});

/** `softmax(scores) v` into `y`, zero where every key is hidden; also the softmax itself where asked for. */
function weightedSum(scores: Buffer, v: Buffer, vs: Heads, shared: Dim, y: Buffer, softmax: Buffer | undefined): Stage[] {
  const real = scores.dtype as "f32" | "f64";
  const rows = scores.shape.slice(0, 3);
  const keys = scores.shape[3]!;
  const [peak, powers, total] = [makeBuffer("peak", real, rows), makeBuffer("powers", real, scores.shape), makeBuffer("total", real, rows)];
  const hidden = constant(real, -Infinity);
  const share = (p: Expr, row: readonly Dim[]): Expr => {
    const sumOfRow = load(total, row);
    return select(eq(sumOfRow, constant(real, 0)), constant(real, 0), div(p, sumOfRow));
  };
  const blended = makeBuffer("blended", y.dtype, [...rows, vs.size]);
  const blend = reduction(
    blended,
    [keys],
    ([b, h, s, d], [t]) => sum(mul(load(powers, [b!, h!, s!, t!]), convert(load(v, vs.at(b!, dim.floordiv(h!, shared), t!, d!)), real))),
    (value, at) => share(value, at.slice(0, 3)),
  );
  const place = ([b, h, s, d]: readonly Dim[]): readonly Dim[] =>
    y.shape.length === 4 ? [b!, h!, s!, d!] : [b!, s!, dim.add(dim.mul(h!, vs.size), d!)];
  return [
    reduction(
      peak,
      [keys],
      (at, [t]) => maximum(load(scores, [...at, t!])),
      (m) => select(eq(m, hidden), constant(real, 0), m),
    ),
    pointwise(powers, (at) => unary("exp", sub(load(scores, at), load(peak, at.slice(0, 3))))),
    reduction(total, [keys], (at, [t]) => sum(load(powers, [...at, t!]))),
    ...(softmax ? [pointwise(softmax, (at) => share(load(powers, at), at.slice(0, 3)))] : []),
    { ...blend, results: blend.results.map((r) => ({ ...r, out: y, at: place(r.at) })) },
  ];
}

export const RotaryEmbedding = defineOp({
  name: "rotary_embedding",
  summary:
    "Pairs of elements of each head turned by the angles of their position: `(a cos - b sin, b cos + a sin)`; pairs are neighbours, or an element of either half. Caches are `[positions, pairs]` with `positions[batch, sequence]`, or `[batch, sequence, pairs]` (Su et al., RoFormer, 2021; ONNX RotaryEmbedding 23).",
  operands: { x: operand, cos: operand, sin: operand, positions: optionalOperand },
  attributes: {
    heads: int(0, "where `x` is `[batch, sequence, heads * size]` rather than `[batch, heads, sequence, size]`"),
    rotated: int(0, "leading elements of each head that are turned; 0: all"),
    interleaved: flag(false, "pairs are neighbours"),
  },
  infer({ x, cos, sin, positions }, a) {
    const { size } = headsOf(x, a.heads);
    const pairs = a.rotated > 0 ? a.rotated / 2 : dim.exactDiv(size, 2);
    const fits =
      pairs !== undefined &&
      cos.shape.length === (positions ? 2 : 3) &&
      isEqual(cos.shape.at(-1)!, pairs) &&
      isEqual(sin.shape.at(-1)!, pairs);
    if (!fits || cos.shape.length !== sin.shape.length)
      throw new OpError(`angles of ${formatType(cos)} and ${formatType(sin)} do not fit ${formatType(x)}`);
    return x;
  },
  compute({ operands: { x, cos, sin, positions }, attributes: a, results: [y] }) {
    const heads = headsOf(x, a.heads);
    const rotated = a.rotated > 0 ? a.rotated : heads.size;
    const pairs = dim.exactDiv(rotated, 2)!;
    return [
      pointwise(y!, (at) => {
        const [b, h, s, d] = x.shape.length === 4 ? at : [at[0]!, dim.floordiv(at[2]!, heads.size), at[1]!, dim.mod(at[2]!, heads.size)];
        const row = positions ? [clampIndex(toDim(convert(load(positions, [b!, s!]), "i64")), cos.shape[0]!)] : [b!, s!];
        const element = (e: Dim): Expr => load(x, heads.at(b!, h!, s!, e));
        const turned = (first: Dim, second: Dim, pair: Dim, isFirst: boolean): Expr => {
          const [c, n] = [
            convert(load(cos, [...row, pair]), computeType(x.dtype)),
            convert(load(sin, [...row, pair]), computeType(x.dtype)),
          ];
          return isFirst ? sub(mul(c, element(first)), mul(n, element(second))) : add(mul(n, element(first)), mul(c, element(second)));
        };
        const pair = a.interleaved ? dim.floordiv(d!, 2) : d!;
        const isFirst = a.interleaved ? eq(index(dim.mod(d!, 2)), index(0)) : lt(index(d!), index(pairs));
        const first = a.interleaved ? turned(d!, dim.add(d!, 1), pair, true) : turned(d!, dim.add(d!, pairs), d!, true);
        const second = a.interleaved ? turned(dim.sub(d!, 1), d!, pair, false) : turned(dim.sub(d!, pairs), d!, dim.sub(d!, pairs), false);
        const value = select(isFirst, first, second);
        return rotated === heads.size ? value : select(lt(index(d!), index(rotated)), value, element(d!));
      }),
    ];
  },
});
