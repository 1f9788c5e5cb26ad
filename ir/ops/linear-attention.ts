/** Attention without softmax: a state per head that every position decays, corrects, writes to and reads. */
import { float, int, maybe } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { add, type Buffer, constant, convert, div, type Expr, index, load, makeBuffer, mul, sub, unary, variable } from "../expr.ts";
import { assign, forAll, letVar, type Stmt, store } from "../loop.ts";
import { computeType, formatType, tensor, type TensorType } from "../type.ts";

interface Sizes {
  readonly batch: Dim;
  readonly length: Dim;
  readonly keySize: Dim;
  readonly valueSize: Dim;
}

/** Extents of `q[b, t, q_heads * key]`, `k[b, t, kv_heads * key]` and `v[b, t, kv_heads * value]`. Throws an `OpError`. */
function sizesOf(
  q: { shape: readonly Dim[] },
  k: { shape: readonly Dim[] },
  v: { shape: readonly Dim[] },
  heads: number,
  kvHeads: number,
): Sizes {
  const size = (x: { shape: readonly Dim[] }, h: number): Dim | undefined => dim.exactDiv(x.shape[2] ?? 0, h);
  const [keySize, other, valueSize] = [size(q, heads), size(k, kvHeads), size(v, kvHeads)];
  const areHeads = heads > 0 && kvHeads > 0 && heads % kvHeads === 0 && [q, k, v].every((x) => x.shape.length === 3);
  if (!areHeads || keySize === undefined || other === undefined || valueSize === undefined || commonExtent(keySize, other) === undefined) {
    throw new OpError(`queries, keys and values do not divide into ${heads} and ${kvHeads} heads`, "bad-attribute");
  }
  return { batch: q.shape[0]!, length: q.shape[1]!, keySize, valueSize };
}

const real = "f32";
const at = (b: Buffer, indices: readonly Dim[]): Expr => convert(load(b, indices), real);

/** Element of a gate `[b, t, 1]`, `[b, t, heads]` or `[b, t, heads * size]` for head `h` and element `d`. */
function gate(x: Buffer, b: Dim, t: Dim, h: Dim, d: Dim, heads: number, size: Dim): Expr {
  const width = x.shape[2]!;
  return at(x, [b, t, width === 1 ? 0 : width === heads ? h : dim.add(dim.mul(h, size), d)]);
}

export const LinearAttention = defineOp({
  name: "linear_attention",
  summary:
    "Per head a state `s[key, value]`, from `past` or zero; each position multiplies it by `exp(decay)`, replaces `v` by `beta * (v - s^T k)` where there is a `beta`, adds `k v^T` and gives `scale * s^T q` (Yang et al., Gated delta networks, 2024; ONNX LinearAttention 27). The second result is the state at the end.",
  operands: { q: operand, k: operand, v: operand, past: optionalOperand, decay: optionalOperand, beta: optionalOperand },
  results: ["y", "state"],
  attributes: { q_heads: int(), kv_heads: int(), scale: maybe(float(undefined, "default: one over the root of the key size")) },
  infer({ q, k, v, past, decay, beta }, { q_heads, kv_heads }) {
    const { batch, length, keySize, valueSize } = sizesOf(q, k, v, q_heads, kv_heads);
    const fits = (x: TensorType | undefined, widths: readonly Dim[]): boolean =>
      !x || (x.shape.length === 3 && widths.some((w) => commonExtent(w, x.shape[2]!) !== undefined));
    if (!fits(decay, [kv_heads, dim.mul(kv_heads, keySize)]) || !fits(beta, [1, kv_heads]))
      throw new OpError("the gates do not fit the heads");
    const state = tensor(past?.dtype ?? q.dtype, [batch, kv_heads, keySize, valueSize]);
    if (past && past.shape.length !== 4) throw new OpError(`a state of ${formatType(past)} is no ${formatType(state)}`);
    return [tensor(q.dtype, [batch, length, dim.mul(q_heads, valueSize)]), state];
  },
  routine({ operands, attributes: a, results: [y, last] }) {
    const { q, k, v, past } = operands;
    const sizes = sizesOf(q, k, v, a.q_heads, a.kv_heads);
    const state = makeBuffer("state", real, last!.shape);
    const written = makeBuffer("written", real, [sizes.valueSize]);
    const scale = a.scale ? constant(real, a.scale) : div(constant(real, 1), unary("sqrt", convert(index(sizes.keySize), real)));
    const step = (b: Dim, h: Dim, t: Dim): readonly Stmt[] => [
      ...update(operands, sizes, state, written, [b, h, t], a.kv_heads),
      ...forAll(
        [a.q_heads / a.kv_heads, sizes.valueSize],
        ([g, m]) => {
          const head = dim.add(dim.mul(h, a.q_heads / a.kv_heads), g!);
          const product = (d: Dim): Expr => mul(at(q, [b, t, dim.add(dim.mul(head, sizes.keySize), d)]), load(state, [b, h, d, m!]));
          const place = [b, t, dim.add(dim.mul(head, sizes.valueSize), m!)];
          return summed(sizes.keySize, product, (total) => store(y!, place, convert(mul(total, scale), computeType(y!.dtype))));
        },
        "read",
      ),
    ];
    return {
      temporaries: [state, written],
      body: forAll([sizes.batch, a.kv_heads], ([b, h]) => [
        ...forAll(
          [sizes.keySize, sizes.valueSize],
          ([d, m]) => [store(state, [b!, h!, d!, m!], past ? at(past, [b!, h!, d!, m!]) : constant(real, 0))],
          "first",
        ),
        ...forAll([sizes.length], ([t]) => step(b!, h!, t!), "step"),
        ...forAll(
          [sizes.keySize, sizes.valueSize],
          ([d, m]) => [store(last!, [b!, h!, d!, m!], convert(load(state, [b!, h!, d!, m!]), computeType(last!.dtype)))],
          "last",
        ),
      ]),
    };
  },
});

/** `then` with the sum of `term` over an extent. */
function summed(extent: Dim, term: (d: Dim) => Expr, then: (total: Expr) => Stmt): readonly Stmt[] {
  const total = variable("total", real);
  return [letVar("total", constant(real, 0)), ...forAll([extent], ([d]) => [assign("total", add(total, term(d!)))], "sum"), then(total)];
}

/** The state at `[b, h]` decayed, and position `t` written to it. */
function update(
  { k, v, decay, beta }: { readonly k: Buffer; readonly v: Buffer; readonly decay: Buffer | undefined; readonly beta: Buffer | undefined },
  { keySize, valueSize }: Sizes,
  state: Buffer,
  written: Buffer,
  [b, h, t]: readonly [Dim, Dim, Dim],
  heads: number,
): readonly Stmt[] {
  const key = (d: Dim): Expr => at(k, [b, t, dim.add(dim.mul(h, keySize), d)]);
  const value = (m: Dim): Expr => at(v, [b, t, dim.add(dim.mul(h, valueSize), m)]);
  const cell = (d: Dim, m: Dim): Expr => load(state, [b, h, d, m]);
  const decayed = decay
    ? forAll(
        [keySize, valueSize],
        ([d, m]) => [store(state, [b, h, d!, m!], mul(cell(d!, m!), unary("exp", gate(decay, b, t, h, d!, heads, keySize))))],
        "decay",
      )
    : [];
  const corrected = beta
    ? forAll(
        [valueSize],
        ([m]) =>
          summed(
            keySize,
            (d) => mul(cell(d, m!), key(d)),
            (found) => store(written, [m!], mul(gate(beta, b, t, h, 0, heads, 1), sub(value(m!), found))),
          ),
        "correct",
      )
    : forAll([valueSize], ([m]) => [store(written, [m!], value(m!))], "correct");
  const write = forAll(
    [keySize, valueSize],
    ([d, m]) => [store(state, [b, h, d!, m!], add(cell(d!, m!), mul(key(d!), load(written, [m!]))))],
    "write",
  );
  return [...decayed, ...corrected, ...write];
}
