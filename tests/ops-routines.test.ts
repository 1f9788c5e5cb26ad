import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import { Det } from "../ir/ops/determinant.ts";
import { NmsWithMask, NonMaxSuppression } from "../ir/ops/nms.ts";
import { Compress, NonZero } from "../ir/ops/select-data.ts";
import { Sort, TopK } from "../ir/ops/sort.ts";
import { Unique } from "../ir/ops/unique.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { evaluateOp } from "./evaluate-op.ts";
import { type Given, runOp } from "./run-op.ts";
import { points } from "./tables.ts";

const given = (dtype: DType, shape: readonly number[], values: readonly Scalar[]): Given => ({ dtype, shape, values });
const { NaN: nan, Infinity: inf } = globalThis;

/** NaN is the greatest. */
const compare = (a: number, b: number): number => (Object.is(a, b) ? 0 : Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b || 0);

/** Positions of a list in order, equal values by position. */
function ranks(list: readonly number[], descending: boolean): number[] {
  return list.map((_, i) => i).sort((i, j) => (descending ? compare(list[j]!, list[i]!) : compare(list[i]!, list[j]!)) || i - j);
}

const smallFloat = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(nan, inf, -inf, 0.5));
const matrix = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 40 }))
  .chain(([rows, columns]) =>
    fc.tuple(fc.constant([rows, columns] as const), fc.array(smallFloat, { minLength: rows * columns, maxLength: rows * columns })),
  );

describe("sort and top_k", () => {
  it("order rows as a stable sort does, NaN last", () => {
    fc.assert(
      fc.property(matrix, fc.boolean(), ([[rows, columns], values], descending) => {
        const [sorted, indices] = evaluateOp(Sort, { x: given("f32", [rows, columns], values) }, { descending });
        for (let r = 0; r < rows; r++) {
          const row = values.slice(r * columns, (r + 1) * columns);
          const want = ranks(row, descending);
          expect(indices!.values.slice(r * columns, (r + 1) * columns)).to.eql(want);
          expect(sorted!.values.slice(r * columns, (r + 1) * columns)).to.eql(want.map((i) => row[i]));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("take the first k of every row, by insertion or by sorting", () => {
    fc.assert(
      fc.property(matrix, fc.boolean(), fc.nat(), ([[rows, columns], values], largest, n) => {
        const k = n % (columns + 1);
        const [top, indices] = evaluateOp(TopK, { x: given("f32", [rows, columns], values) }, { k, largest });
        expect(top!.shape).to.eql([rows, k]);
        for (let r = 0; r < rows; r++) {
          const row = values.slice(r * columns, (r + 1) * columns);
          expect(indices!.values.slice(r * k, (r + 1) * k)).to.eql(ranks(row, largest).slice(0, k));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("walk along any axis and compare wide integers exactly", () => {
    const x = given("i64", [3, 2], [2n ** 60n + 1n, 5n, 2n ** 60n, 7n, -(2n ** 62n), 6n]);
    expect(evaluateOp(Sort, { x }, { axis: 0 })[1]!.values).to.eql([2, 0, 1, 2, 0, 1]);
    expect(evaluateOp(TopK, { x }, { axis: 0, k: 1 })[1]!.values).to.eql([0, 1]);
  });

  it("fill up with zeros where an extent turns out smaller than k", () => {
    for (const k of [3, 40]) {
      const [values, indices] = runOp(
        TopK,
        { x: { dtype: "f32", shape: [2, extent("n")], values: [1, 2, 4, 3] } },
        { k },
        new Map([["n", 2]]),
      );
      const rest = new Array<number>(k - 2).fill(0);
      expect(values!.values).to.eql([2, 1, ...rest, 4, 3, ...rest]);
      expect(indices!.values).to.eql([1, 0, ...rest, 0, 1, ...rest]);
    }
  });

  it("refuse more values than there are", () => {
    expect(() => evaluateOp(TopK, { x: given("f32", [2], [1, 2]) }, { k: 3 })).to.throw(OpError, "cannot take 3 of the 2 values");
  });
});

describe("non_zero and compress", () => {
  it("find the elements that are not zero, NaN among them", () => {
    const shape = [2, 3, 2];
    const values = [0, 1, nan, 0, -0, 2, 0, 0, 5, 0, inf, -1];
    const found = points(shape).filter((_, i) => values[i] !== 0);
    const [indices, count] = evaluateOp(NonZero, { x: given("f32", shape, values) }, { extent: "n" });
    expect(indices).to.eql({ shape: [3, found.length], values: [0, 1, 2].flatMap((d) => found.map((p) => p[d])) });
    expect(count!.values).to.eql([found.length]);
  });

  it("find nothing in zeros and one element in a scalar", () => {
    expect(evaluateOp(NonZero, { x: given("i32", [2, 2], [0, 0, 0, 0]) }, { extent: "n" })[0]).to.eql({ shape: [2, 0], values: [] });
    expect(evaluateOp(NonZero, { x: given("i32", [], [3]) }, { extent: "n" })).to.eql([
      { shape: [0, 1], values: [] },
      { shape: [], values: [1] },
    ]);
  });

  it("keep slices of any axis, the condition may be short", () => {
    const x = given("u8", [2, 3], [1, 2, 3, 4, 5, 6]);
    const condition = given("bool", [2], [0, 1]);
    expect(evaluateOp(Compress, { x, condition }, { axis: 1, extent: "n" })).to.eql([
      { shape: [2, 1], values: [2, 5] },
      { shape: [], values: [1] },
    ]);
    expect(evaluateOp(Compress, { x, condition }, { axis: 0, extent: "n" })[0]).to.eql({ shape: [1, 3], values: [4, 5, 6] });
  });
});

describe("unique", () => {
  it("agrees with a map of slices", () => {
    const table = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 1 }), fc.boolean());
    fc.assert(
      fc.property(table, fc.infiniteStream(fc.constantFrom(0, 1, nan)), ([rows, columns, axis, sorted], stream) => {
        const shape = axis === 0 ? [rows, columns] : [columns, rows];
        const slices = Array.from({ length: rows }, () => Array.from({ length: columns }, () => stream.next().value as number));
        const values = points(shape).map(([i, j]) => (axis === 0 ? slices[i!]![j!]! : slices[j!]![i!]!));
        const first = new Map<string, number>();
        slices.forEach((s, i) => first.has(s.join()) || first.set(s.join(), i));
        const order = (a: number, b: number): number => slices[a]!.reduce((c, x, k) => c || compare(x, slices[b]![k]!), 0);
        const kept = sorted ? [...first.values()].sort(order) : [...first.values()];
        const place = slices.map((s) => kept.indexOf(first.get(s.join())!));
        const got = evaluateOp(Unique, { x: given("f32", shape, values) }, { axis, sorted, extent: "n" });
        expect(got[1]!.values).to.eql(kept);
        expect(got[2]!.values).to.eql(place);
        expect(got[3]!.values).to.eql(kept.map((_, g) => place.filter((p) => p === g).length));
        const whole = axis === 0 ? [kept.length, columns] : [columns, kept.length];
        expect(got[0]).to.eql({ shape: whole, values: points(whole).map((p) => slices[kept[p[axis]!]!]![p[1 - axis]!]) });
      }),
      { numRuns: 60 },
    );
  });
});

describe("non_max_suppression", () => {
  const boxes = given("f32", [1, 4, 4], [0, 0, 1, 1, 0, 0, 1, 0.8, 1, 1, 0, 0, 5, 5, 6, 6]);
  const limits = (max: bigint, iou: number, score: number) => ({
    max_output: given("i64", [], [max]),
    iou_threshold: given("f32", [1], [iou]),
    score_threshold: given("f32", [], [score]),
  });
  const suppress = (scores: readonly number[], max: bigint, iou: number, score: number) =>
    evaluateOp(NonMaxSuppression, { boxes, scores: given("f32", [1, 1, 4], scores), ...limits(max, iou, score) }, { extent: "n" });

  it("keeps the best of overlapping boxes, corners in any order", () => {
    const [selected, count] = suppress([0.5, 0.9, 0.9, 0.1], 10n, 0.5, 0);
    expect(selected).to.eql({ shape: [2, 3], values: [0, 0, 1, 0, 0, 3] });
    expect(count!.values).to.eql([2]);
  });

  it("keeps what overlaps less than the threshold, up to the limit, above the score", () => {
    expect(suppress([0.5, 0.9, 0.8, 0.1], 10n, 0.85, 0)[0]!.values).to.eql([0, 0, 1, 0, 0, 2, 0, 0, 3]);
    expect(suppress([0.5, 0.9, 0.8, 0.1], 1n, 0.5, 0)[0]!.values).to.eql([0, 0, 1]);
    expect(suppress([0.5, 0.9, 0.8, 0.1], 10n, 0.5, 0.9)[0]!.shape).to.eql([0, 3]);
    expect(suppress([nan, 0.2, nan, 0.1], 10n, 0.5, 0)[0]!.values).to.eql([0, 0, 1, 0, 0, 3]);
  });

  it("marks the survivors of sorted boxes", () => {
    const scored = given("f32", [3, 5], [0, 0, 1, 1, 0.2, 4, 4, 5, 5, 0.1, 0, 0, 1, 0.9, 0.7]);
    const [sorted, indices, mask] = evaluateOp(NmsWithMask, { boxes: scored }, { iou_threshold: 0.5 });
    expect(sorted!.values.filter((_, i) => i % 5 === 4).map((s) => Math.round(s * 10))).to.eql([7, 2, 1]);
    expect(indices!.values).to.eql([0, 1, 2]);
    expect(mask!.values).to.eql([1, 0, 1]);
  });
});

describe("det", () => {
  /** By expansion along the first row. */
  const expand = (m: readonly (readonly number[])[]): number =>
    m.length === 0
      ? 1
      : m[0]!.reduce((sum, x, j) => sum + (j % 2 ? -x : x) * expand(m.slice(1).map((row) => row.filter((_, k) => k !== j))), 0);

  it("agrees with expansion by minors, in batches, singular matrices included", () => {
    const values = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(values, (list) => {
        const [det] = evaluateOp(Det, { x: given("f64", [2, 4, 4], list) });
        [0, 16].forEach((from, b) => {
          const rows = [0, 4, 8, 12].map((r) => list.slice(from + r, from + r + 4));
          expect(det!.values[b]).to.be.closeTo(expand(rows), 1e-9);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("is one for no rows", () => {
    expect(evaluateOp(Det, { x: given("f32", [0, 0], []) })[0]!.values).to.eql([1]);
  });
});
