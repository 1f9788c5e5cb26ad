import { expect } from "chai";
import type { AnyOpDefinition } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import { Argmax, Argmin } from "../ir/ops/arg-extreme.ts";
import { Cumprod, Cumsum } from "../ir/ops/cumulative.ts";
import * as reduce from "../ir/ops/reduce.ts";
import { Hardmax, LogSoftmax, ReduceLogSumExp, Softmax } from "../ir/ops/softmax.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { type Given, runOp } from "./run-op.ts";

const { Infinity: inf, NaN: nan } = globalThis;
const given = (dtype: DType, shape: readonly number[], values: readonly Scalar[]): Given => ({ dtype, shape, values });
const run = (op: AnyOpDefinition, x: Given, attributes: Readonly<Record<string, unknown>>): readonly number[] =>
  runOp(op, { x }, attributes)[0]!.values;

function expectClose(got: readonly number[], want: readonly number[], tolerance = 1e-6): void {
  expect(got.length).to.equal(want.length);
  want.forEach((w, i) => {
    const g = got[i]!;
    expect(Object.is(g, w) || Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w)), `element ${i}: ${g} is not ${w}`).to.equal(true);
  });
}

const cube = given("f32", [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

describe("reductions", () => {
  it("fold any axes, which stay or go", () => {
    const shape = (axes: number[], keepdims: boolean): readonly number[] =>
      runOp(reduce.ReduceSum, { x: cube }, { axes, keepdims })[0]!.shape;
    expect(shape([1], false)).to.eql([2, 3]);
    expect(shape([-1, 0], true)).to.eql([1, 2, 1]);
    expect(shape([0, 1, 2], false)).to.eql([]);
    expect(run(reduce.ReduceSum, cube, { axes: [1] })).to.eql([5, 7, 9, 17, 19, 21]);
    expect(run(reduce.ReduceSum, cube, { axes: [2, 0] })).to.eql([30, 48]);
    expect(run(reduce.ReduceMean, cube, { axes: [0, 1, 2], keepdims: true })).to.eql([6.5]);
  });

  it("keep each element for an empty list of axes, by their formula", () => {
    const x = given("f32", [2], [-3, 4]);
    expect(run(reduce.ReduceSum, x, { axes: [] })).to.eql([-3, 4]);
    expect(run(reduce.ReduceL1, x, { axes: [] })).to.eql([3, 4]);
    expect(run(reduce.ReduceSumSquare, x, { axes: [] })).to.eql([9, 16]);
  });

  it("give the neutral element for an axis of extent zero", () => {
    const over = (op: AnyOpDefinition, dtype: DType = "f32"): readonly number[] => run(op, given(dtype, [2, 0], []), { axes: [1] });
    expect(over(reduce.ReduceSum)).to.eql([0, 0]);
    expect(over(reduce.ReduceProd)).to.eql([1, 1]);
    expect(over(reduce.ReduceMax)).to.eql([-inf, -inf]);
    expect(over(reduce.ReduceMin)).to.eql([inf, inf]);
    expect(over(reduce.ReduceMean)).to.eql([nan, nan]);
    expect(over(reduce.ReduceLogSum)).to.eql([-inf, -inf]);
    expect(over(ReduceLogSumExp)).to.eql([-inf, -inf]);
    expect(over(reduce.ReduceMax, "i8")).to.eql([-128, -128]);
    expect(over(reduce.ReduceMin, "u32")).to.eql([2 ** 32 - 1, 2 ** 32 - 1]);
    expect(over(reduce.ReduceMax, "u64")).to.eql([0, 0]);
    expect(over(reduce.ReduceMin, "bool")).to.eql([1, 1]);
    expect(over(reduce.ReduceAny, "bool")).to.eql([0, 0]);
    expect(over(reduce.ReduceAll, "bool")).to.eql([1, 1]);
    expect(runOp(reduce.ReduceMax, { x: given("f32", [0, 2], []) }, { axes: [1] })[0]!.values).to.eql([]);
  });

  it("carry NaN and infinities", () => {
    const over = (op: AnyOpDefinition, values: number[]): number => run(op, given("f32", [values.length], values), { axes: [0] })[0]!;
    expect(over(reduce.ReduceMax, [1, nan, 3])).to.eql(nan);
    expect(over(reduce.ReduceMin, [nan, 1])).to.eql(nan);
    expect(over(reduce.ReduceMax, [-inf, -inf])).to.equal(-inf);
    expect(over(reduce.ReduceSum, [inf, -inf])).to.eql(nan);
    expect(over(ReduceLogSumExp, [-inf, -inf])).to.equal(-inf);
    expect(over(ReduceLogSumExp, [inf, 1])).to.equal(inf);
    expect(over(ReduceLogSumExp, [nan, 1])).to.eql(nan);
    expectClose([over(ReduceLogSumExp, [1000, 1000])], [1000 + Math.LN2]);
    expectClose([over(ReduceLogSumExp, [-1000, -1000])], [-1000 + Math.LN2]);
  });

  it("accumulate in wider types and wrap at the end", () => {
    expect(run(reduce.ReduceSum, given("f16", [4096], new Array<number>(4096).fill(1)), { axes: [0] })).to.eql([4096]);
    expect(run(reduce.ReduceMean, given("f16", [3], [60000, 60000, 60000]), { axes: [0] })).to.eql([60000]);
    expect(run(reduce.ReduceSum, given("u8", [2], [200, 100]), { axes: [0] })).to.eql([44]);
    expect(run(reduce.ReduceMean, given("i32", [2], [2 ** 31 - 1, 2 ** 31 - 1]), { axes: [0] })).to.eql([2 ** 31 - 1]);
    expect(run(reduce.ReduceMean, given("i32", [2], [-3, 0]), { axes: [0] })).to.eql([-1]);
    expect(run(reduce.ReduceMean, given("u64", [2], [2n ** 63n, 2n]), { axes: [0] })).to.eql([2 ** 62 + 1]);
    expect(run(reduce.ReduceL2, given("i32", [2], [3, -4]), { axes: [0] })).to.eql([5]);
    expect(run(reduce.ReduceL1, given("i64", [2], [-3n, 4n]), { axes: [0] })).to.eql([7]);
    expect(run(reduce.ReduceProd, given("i8", [3], [16, 16, 3]), { axes: [0] })).to.eql([0]);
  });

  it("refuse axes that are not there, or twice", () => {
    expect(() => run(reduce.ReduceSum, cube, { axes: [3] })).to.throw(OpError, "out of range");
    expect(() => run(reduce.ReduceSum, cube, { axes: [1, -2] })).to.throw(OpError, "twice");
    expect(() => run(reduce.ReduceAny, cube, { axes: [0] })).to.throw(OpError);
  });

  it("divide means by extents that only the run knows", () => {
    const x: Given = { dtype: "f32", shape: [extent("n")], values: [1, 2, 6] };
    expect(runOp(reduce.ReduceMean, { x }, { axes: [0] }, new Map([["n", 3]]))[0]!.values).to.eql([3]);
  });
});

describe("argmax and argmin", () => {
  const at = (op: AnyOpDefinition, dtype: DType, values: readonly Scalar[], attributes = {}): number =>
    run(op, given(dtype, [values.length], values), attributes)[0]!;

  it("take the first or the last of equal elements", () => {
    expect(at(Argmax, "f32", [1, 3, 3])).to.equal(1);
    expect(at(Argmax, "f32", [1, 3, 3], { last: true })).to.equal(2);
    expect(at(Argmin, "i8", [2, 1, 1], { last: true })).to.equal(2);
    expect(at(Argmax, "f32", [-inf, -inf])).to.equal(0);
    expect(at(Argmin, "f32", [0, -0])).to.equal(0);
    expect(at(Argmax, "bool", [0, 1, 1])).to.equal(1);
  });

  it("take the first NaN", () => {
    expect(at(Argmax, "f32", [1, nan, inf, nan])).to.equal(1);
    expect(at(Argmin, "f32", [1, nan, -inf])).to.equal(1);
  });

  it("work along any axis, into any integer type", () => {
    const [y] = runOp(Argmax, { x: cube }, { axis: -2, keepdims: true, dtype: "i32" });
    expect(y!.dtype).to.equal("i32");
    expect(y!.shape).to.eql([2, 1, 3]);
    expect(y!.values).to.eql([1, 1, 1, 1, 1, 1]);
  });
});

describe("running sums and products", () => {
  it("go either way, with or without the element itself", () => {
    const x = given("i32", [4], [1, 2, 3, 4]);
    expect(run(Cumsum, x, {})).to.eql([1, 3, 6, 10]);
    expect(run(Cumsum, x, { exclusive: true })).to.eql([0, 1, 3, 6]);
    expect(run(Cumsum, x, { reverse: true })).to.eql([10, 9, 7, 4]);
    expect(run(Cumsum, x, { exclusive: true, reverse: true })).to.eql([9, 7, 4, 0]);
    expect(run(Cumprod, x, {})).to.eql([1, 2, 6, 24]);
    expect(run(Cumprod, x, { exclusive: true, reverse: true })).to.eql([24, 12, 4, 1]);
  });

  it("run along any axis, over empty ones too", () => {
    expect(run(Cumsum, cube, { axis: 1 })).to.eql([1, 2, 3, 5, 7, 9, 7, 8, 9, 17, 19, 21]);
    expect(run(Cumsum, cube, { axis: -3 })).to.eql([1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18]);
    expect(run(Cumsum, given("f32", [2, 0], []), { axis: 1 })).to.eql([]);
    expect(() => run(Cumsum, cube, { axis: 3 })).to.throw(OpError);
  });

  it("accumulate f16 in f32", () => {
    const x = given("f16", [3], [2048, 1, 1]);
    expect(run(Cumsum, x, {})).to.eql([2048, 2048, 2050]);
  });
});

describe("softmax", () => {
  it("overflows nowhere", () => {
    expectClose(run(Softmax, given("f32", [2], [1000, 1000]), {}), [0.5, 0.5]);
    expectClose(run(Softmax, given("f32", [3], [-1e30, 0, -inf]), {}), [0, 1, 0]);
    expectClose(run(LogSoftmax, given("f32", [2], [1000, 0]), {}), [0, -1000]);
    expectClose(run(Softmax, given("f16", [2], [60000, 60000]), {}), [0.5, 0.5]);
  });

  it("has no result where all elements are minus infinity", () => {
    expect(run(Softmax, given("f32", [2], [-inf, -inf]), {})).to.eql([nan, nan]);
  });

  it("normalises several axes together", () => {
    const y = run(Softmax, cube, { axes: [1, -1] });
    const powers = [1, 2, 3, 4, 5, 6].map((v) => Math.exp(v - 6));
    const total = powers.reduce((a, b) => a + b);
    expectClose(
      y,
      [...powers, ...powers].map((p) => p / total),
    );
    expectClose(
      run(LogSoftmax, cube, { axes: [1, 2] }),
      [...powers, ...powers].map((p) => Math.log(p / total)),
    );
    expect(run(Softmax, cube, { axes: [] })).to.eql(new Array<number>(12).fill(1));
  });

  it("is hard at the first greatest element", () => {
    expect(run(Hardmax, given("f32", [2, 3], [1, 3, 3, 0, 0, 0]), {})).to.eql([0, 1, 0, 1, 0, 0]);
    expect(run(Hardmax, given("f32", [2, 3], [1, 3, 3, 0, 0, 4]), { axes: [0, 1] })).to.eql([0, 0, 0, 0, 0, 1]);
  });

  it("has nothing to do for empty tensors", () => {
    for (const op of [Softmax, LogSoftmax, Hardmax]) expect(run(op, given("f32", [3, 0], []), {})).to.eql([]);
    expect(run(Softmax, given("f32", [0, 3], []), {})).to.eql([]);
  });
});
