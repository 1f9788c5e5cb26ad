import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { Attention, RotaryEmbedding } from "../ir/ops/attention.ts";
import { runOp } from "./run-op.ts";
import { check, extents, given, size, Table } from "./tables.ts";

const values = (shape: readonly number[], seed: number): Table =>
  new Table(
    shape,
    Array.from({ length: size(shape) }, (_, i) => (((i * 7 + seed) % 11) - 5) / 4),
  );

/** `[b, h, s, d]` as `[b, s, h * d]`. */
const joined = (t: Table): Table => {
  const [b, h, s, d] = t.shape;
  return Table.of([b!, s!, h! * d!], ([i, j, k]) => t.at([i!, Math.floor(k! / d!), j!, k! % d!]));
};

const small = fc.integer({ min: 1, max: 3 });
const cases = fc.record({
  kvHeads: small,
  shared: small,
  queries: small,
  keys: small,
  width: small,
  valueWidth: small,
  joined: fc.boolean(),
  causal: fc.boolean(),
  mask: fc.constantFrom("none", "float", "bool"),
  symbolic: fc.boolean(),
  softcap: fc.constantFrom(0, 2),
});

describe("attention", () => {
  it("is the softmax of the products, times the values", () => {
    check(cases, (c) => {
      const heads = c.kvHeads * c.shared;
      const [q, k, v] = [
        values([2, heads, c.queries, c.width], 1),
        values([2, c.kvHeads, c.keys, c.width], 2),
        values([2, c.kvHeads, c.keys, c.valueWidth], 3),
      ];
      const mask =
        c.mask === "bool" ? Table.of([c.queries, c.keys], ([s, t]) => ((s! + t!) % 2 === 0 ? 1 : 0)) : values([c.queries, c.keys], 4);
      const score = ([b, h, s, t]: readonly number[]): number => {
        if ((c.causal && t! > s!) || (c.mask === "bool" && mask.at([s!, t!]) === 0)) return -Infinity;
        let sum = 0;
        for (let d = 0; d < c.width; d++) sum += q.at([b!, h!, s!, d]) * k.at([b!, Math.floor(h! / c.shared), t!, d]);
        const scaled = sum / Math.sqrt(c.width);
        return (c.softcap > 0 ? c.softcap * Math.tanh(scaled / c.softcap) : scaled) + (c.mask === "float" ? mask.at([s!, t!]) : 0);
      };
      const want = Table.of([2, heads, c.queries, c.valueWidth], ([b, h, s, d]) => {
        const powers = Array.from({ length: c.keys }, (_, t) => Math.exp(score([b!, h!, s!, t])));
        const total = powers.reduce((x, y) => x + y, 0);
        return total === 0 ? 0 : powers.reduce((sum, p, t) => sum + p * v.at([b!, Math.floor(h! / c.shared), t, d!]), 0) / total;
      });
      // Numbers of heads are never named.
      const form = (t: Table) => {
        const all = given(c.joined ? joined(t) : t, c.symbolic);
        return { ...all, shape: all.shape.map((e, d) => ((c.joined ? d === 2 : d === 1) ? (c.joined ? joined(t) : t).shape[d]! : e)) };
      };
      const attributes = { is_causal: c.causal, softcap: c.softcap, ...(c.joined && { q_heads: heads, kv_heads: c.kvHeads }) };
      const operands = {
        q: form(q),
        k: form(k),
        v: form(v),
        mask: c.mask === "none" ? undefined : given(mask, false, c.mask === "bool" ? "bool" : "f32"),
      };
      const [y] = runOp(Attention, operands, attributes, extents);
      (c.joined ? joined(want) : want).values.forEach((w, i) => expect(y!.values[i]).to.be.closeTo(w, 1e-5));
    });
  });

  it("windows, lengths and short masks hide keys", () => {
    const [q, k, v] = [Table.of([1, 1, 3, 1], () => 0), Table.of([1, 1, 4, 1], () => 0), new Table([1, 1, 4, 1], [1, 2, 4, 8])];
    const mean = (operands: object, attributes: object): number[] => [
      ...runOp(Attention, { q: given(q), k: given(k), v: given(v), ...operands }, { ...attributes })[0]!.values,
    ];
    expect(mean({}, { left_window: 1, right_window: 0 })).to.deep.equal([1, 1.5, 3]);
    expect(mean({}, { is_causal: true, past: 1 })).to.deep.equal([1.5, Math.fround(7 / 3), 3.75]);
    expect(mean({ lengths: { dtype: "i64", shape: [1], values: [2] } }, {})).to.deep.equal([1.5, 1.5, 1.5]);
    expect(mean({ mask: { dtype: "bool", shape: [3, 2], values: [1, 0, 0, 1, 0, 0] } }, {})).to.deep.equal([1, 2, 0]);
    expect(mean({ mask: { dtype: "f32", shape: [1, 3], values: [0, -Infinity, 0] } }, {})).to.deep.equal([2.5, 2.5, 2.5]);
  });

  it("refuses heads that do not fit", () => {
    const t = (heads: number) => given(values([1, heads, 2, 2], 0));
    expect(() => runOp(Attention, { q: t(3), k: t(2), v: t(2) })).to.throw(OpError, "do not fit each other");
  });

  it("rotary embedding turns pairs", () => {
    const x = given(new Table([1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]));
    const [cos, sin] = [given(new Table([2, 2], [1, 1, 0, 1])), given(new Table([2, 2], [0, 0, 1, 0]))];
    const positions = { dtype: "i64" as const, shape: [1, 2], values: [0, 1] };
    const turned = (attributes: object): number[] => [...runOp(RotaryEmbedding, { x, cos, sin, positions }, { ...attributes })[0]!.values];
    expect(turned({})).to.deep.equal([1, 2, 3, 4, -7, 6, 5, 8]);
    expect(turned({ interleaved: true })).to.deep.equal([1, 2, 3, 4, -6, 5, 7, 8]);
  });
});
