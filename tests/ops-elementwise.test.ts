import { expect } from "chai";
import type { AnyOpDefinition } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import * as activation from "../ir/ops/activation.ts";
import { BitCast, Cast } from "../ir/ops/cast.ts";
import * as compare from "../ir/ops/compare.ts";
import * as math from "../ir/ops/elementwise.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { type Given, runOp } from "./run-op.ts";

const { Infinity: inf, NaN: nan } = globalThis;

const vector = (dtype: DType, values: readonly Scalar[]): Given => ({ dtype, shape: [values.length], values });

const unary = (op: AnyOpDefinition, dtype: DType, values: readonly Scalar[], attributes = {}): readonly number[] =>
  runOp(op, { x: vector(dtype, values) }, attributes)[0]!.values;

const binary = (op: AnyOpDefinition, dtype: DType, a: readonly Scalar[], b: readonly Scalar[]): readonly number[] =>
  runOp(op, { a: vector(dtype, a), b: vector(dtype, b) })[0]!.values;

/** Equal one by one, with -0 apart from 0 and NaN equal to itself, or within `ulps` units in the last place of f32. */
function expectClose(got: readonly number[], want: readonly number[], ulps = 0): void {
  expect(got.length).to.equal(want.length);
  want.forEach((w, i) => {
    const g = got[i]!;
    const near = Number.isFinite(w) && Math.abs(g - w) <= ulps * 2 ** -23 * Math.abs(w);
    expect(Object.is(g, w) || near, `element ${i}: ${g} is not ${w}`).to.equal(true);
  });
}

describe("unary ops", () => {
  it("keep NaN, infinities and minus zero", () => {
    expectClose(unary(math.Abs, "f32", [-0, -inf, nan]), [0, inf, nan]);
    expectClose(unary(math.Neg, "f32", [0, inf, nan]), [-0, -inf, nan]);
    expectClose(unary(math.Sign, "f32", [-0, -inf, 3, nan]), [0, -1, 1, nan]);
    expectClose(unary(math.Round, "f32", [0.5, 1.5, 2.5, -0.5, -2.5, nan]), [0, 2, 2, -0, -2, nan]);
    expectClose(unary(math.Floor, "f32", [-0, -0.5, inf]), [-0, -1, inf]);
    expectClose(unary(math.Ceil, "f32", [-0.5]), [-0]);
    expectClose(unary(math.Reciprocal, "f32", [0, -0, inf]), [inf, -inf, 0]);
    expectClose(unary(math.Rsqrt, "f32", [4, 0, -1]), [0.5, inf, nan]);
    expectClose(unary(math.Log, "f32", [0, -1, inf]), [-inf, nan, inf]);
  });

  it("wrap integers in their own width", () => {
    expect(unary(math.Abs, "i8", [-128, -1, 127])).to.eql([-128, 1, 127]);
    expect(unary(math.Neg, "i32", [-(2 ** 31), 1])).to.eql([-(2 ** 31), -1]);
    expect(unary(math.Neg, "u8", [1, 0])).to.eql([255, 0]);
    expect(unary(math.Square, "i8", [16, 12])).to.eql([0, -112]);
    expect(unary(math.Sign, "u64", [0n, 2n ** 63n])).to.eql([0, 1]);
    expect(unary(compare.BitwiseNot, "u8", [0, 170])).to.eql([255, 85]);
    expect(unary(compare.BitwiseNot, "u32", [0])).to.eql([2 ** 32 - 1]);
  });

  it("round results to the storage type", () => {
    expect(unary(math.Sqrt, "f16", [2])).to.eql([1.4140625]);
    expect(unary(math.Exp, "f16", [12])).to.eql([inf]);
    expect(unary(math.Reciprocal, "bf16", [3])).to.eql([0.333984375]);
  });

  it("compute special functions to the precision of f32", () => {
    const close = (op: AnyOpDefinition, x: number[], want: number[]): void => expectClose(unary(op, "f32", x), want, 2);
    close(math.Erf, [0.5, -1, 3], [0.5204998778130465, -0.8427007929497149, 0.9999779095030014]);
    close(math.Asinh, [0.5, 1e6], [0.48121182505960347, 14.508657738524219]);
    close(math.Acosh, [1, 2], [0, 1.3169578969248166]);
    close(math.Atanh, [0.5, 1], [0.5493061443340549, inf]);
    close(math.Expm1, [2 ** -30], [2 ** -30]);
    close(math.Log1p, [2 ** -30], [2 ** -30]);
  });

  it("classify floats", () => {
    const x = [1, nan, inf, -inf];
    expect(unary(compare.IsNan, "f32", x)).to.eql([0, 1, 0, 0]);
    expect(unary(compare.IsFinite, "f32", x)).to.eql([1, 0, 0, 0]);
    expect(unary(compare.IsInf, "f16", x)).to.eql([0, 0, 1, 1]);
    expect(unary(compare.IsInf, "f32", x, { negative: false })).to.eql([0, 0, 1, 0]);
    expect(unary(compare.IsInf, "f32", x, { negative: false, positive: false })).to.eql([0, 0, 0, 0]);
  });

  it("refuse types they have no meaning for", () => {
    expect(() => unary(math.Exp, "i32", [1])).to.throw(OpError, "'exp' is not defined on i32[1]");
    expect(() => unary(compare.LogicalNot, "u8", [1])).to.throw(OpError);
    expect(() => binary(math.Add, "bool", [1], [1])).to.throw(OpError);
  });
});

describe("activations", () => {
  const at = (op: AnyOpDefinition, x: readonly number[], attributes = {}): readonly number[] => unary(op, "f32", x, attributes);

  it("stay finite where the formula overflows", () => {
    expectClose(at(activation.Sigmoid, [-200, 200, 0, nan]), [0, 1, 0.5, nan]);
    expectClose(at(activation.Softplus, [-200, 200, 0]), [1.3838965267367376e-87, 200, Math.fround(Math.LN2)].map(Math.fround));
    expectClose(at(activation.LogSigmoid, [-200, 200]), [-200, -0]);
    expectClose(at(activation.Mish, [-200, 100]), [-0, 100]);
    expectClose(at(activation.Swish, [200, -200]), [200, -0]);
  });

  it("carry NaN", () => {
    for (const op of [
      activation.Relu,
      activation.Relu6,
      activation.HardSigmoid,
      activation.HardSwish,
      activation.Elu,
      activation.Selu,
      activation.Celu,
    ]) {
      expectClose(at(op, [nan]), [nan]);
    }
    for (const op of [activation.LeakyRelu, activation.Gelu, activation.Mish, activation.Softsign]) expectClose(at(op, [nan]), [nan]);
  });

  it("follow their formulas", () => {
    expectClose(at(activation.Gelu, [1, -2]), [0.8413447460685429, -0.04550026389635842], 4);
    expectClose(at(activation.Gelu, [1, -2], { approximate: "tanh" }), [0.8411919906082768, -0.04540230591222494], 16);
    expectClose(
      at(activation.Mish, [-20, -0.5, 1, 10]),
      [-4.122307240628761e-8, -0.22074377465173, 0.8650983882673103, 9.99999995878067],
      2,
    );
    expectClose(at(activation.Elu, [-1, 2], { alpha: 2 }), [2 * Math.expm1(-1), 2], 2);
    expectClose(at(activation.Selu, [-1]), [1.0507009873554805 * 1.6732632423543772 * Math.expm1(-1)], 4);
    expectClose(at(activation.Celu, [-1, 3], { alpha: 2 }), [2 * Math.expm1(-0.5), 3], 2);
    expectClose(at(activation.HardSigmoid, [-3, 0, 3]), [0, 0.5, 1]);
    expectClose(at(activation.HardSwish, [-4, 3, 1]), [-0, 3, 4 / 6], 2);
    expectClose(at(activation.Shrink, [-2, 0.5, 2], { lambda: 1, bias: 0.5 }), [-1.5, 0, 1.5]);
    expect(unary(activation.Shrink, "i64", [-3n, 1n, 3n], { lambda: 1.5, bias: 0.5 })).to.eql([-2, 0, 2]);
    expectClose(at(activation.ThresholdedRelu, [1, 1.5]), [0, 1.5]);
    expectClose(at(activation.Relu6, [-1, 7, 5]), [0, 6, 5]);
  });

  it("clip between bounds that may be missing, or cross", () => {
    const clip = (dtype: DType, x: readonly Scalar[], low?: Scalar, high?: Scalar): readonly number[] => {
      const bound = (v: Scalar | undefined): Given | undefined => (v === undefined ? undefined : { dtype, shape: [], values: [v] });
      return runOp(activation.Clip, { x: vector(dtype, x), low: bound(low), high: bound(high) })[0]!.values;
    };
    expect(clip("i8", [-100, 5, 100], -7, 7)).to.eql([-7, 5, 7]);
    expect(clip("u64", [2n ** 63n], undefined, 9n)).to.eql([9]);
    expect(clip("f32", [1, 2], 3)).to.eql([3, 3]);
    expect(clip("f32", [1, 2], 3, 0)).to.eql([0, 0]);
    expectClose(clip("f32", [nan], 0, 1), [nan]);
  });

  it("take slopes per channel", () => {
    const [y] = runOp(activation.Prelu, {
      x: { dtype: "f32", shape: [2, 2], values: [-1, -2, 3, -4] },
      slope: { dtype: "f32", shape: [2, 1], values: [0.5, 2] },
    });
    expect(y!.values).to.eql([-0.5, -1, 3, -8]);
    const slope: Given = { dtype: "f32", shape: [3, 1, 1], values: [1, 1, 1] };
    expect(() => runOp(activation.Prelu, { x: vector("f32", [1]), slope })).to.throw(OpError);
  });
});

describe("binary ops", () => {
  it("divide integers towards zero, and by zero to zero", () => {
    expect(binary(math.Div, "i32", [7, -7, 5, -(2 ** 31)], [2, 2, 0, -1])).to.eql([3, -3, 0, -(2 ** 31)]);
    expect(binary(math.FloorDiv, "i32", [7, -7, 7], [2, 2, -2])).to.eql([3, -4, -4]);
    expect(binary(math.FloorMod, "i32", [7, -7, 7, -7], [3, 3, -3, -3])).to.eql([1, 2, -2, -1]);
    expect(binary(math.Rem, "i32", [7, -7, 7, -7], [3, 3, -3, -3])).to.eql([1, -1, 1, -1]);
    expect(binary(math.FloorMod, "u8", [200], [7])).to.eql([4]);
  });

  it("take remainders of floats", () => {
    expectClose(binary(math.Rem, "f32", [5.5, -5.5, inf, 1], [2, 2, 2, 0]), [1.5, -1.5, nan, nan]);
    expectClose(binary(math.FloorMod, "f32", [-5.5, 5.5], [2, -2]), [0.5, -0.5]);
    expectClose(binary(math.FloorDiv, "f32", [-5.5], [2]), [-3]);
  });

  it("wrap sums and products", () => {
    expect(binary(math.Add, "u8", [250], [10])).to.eql([4]);
    expect(binary(math.Sub, "u16", [1], [2])).to.eql([65535]);
    expect(binary(math.Mul, "i16", [300], [300])).to.eql([24464]);
    expect(binary(math.Add, "i64", [2n ** 63n - 1n], [1n])).to.eql([-(2 ** 63)]);
  });

  it("carry NaN through maximum and minimum", () => {
    expectClose(binary(math.Max, "f32", [nan, 1, inf], [1, nan, 2]), [nan, nan, inf]);
    expectClose(binary(math.Min, "f32", [nan, 1, -inf], [1, nan, 2]), [nan, nan, -inf]);
    expect(binary(math.Max, "u64", [2n ** 63n], [1n])).to.eql([2 ** 63]);
    expect(binary(math.Max, "u32", [2 ** 31], [1])).to.eql([2 ** 31]);
  });

  it("raise to powers of another type", () => {
    const pow = (a: Given, b: Given): readonly number[] => runOp(math.Pow, { a, b })[0]!.values;
    expect(pow(vector("f32", [2, -2, 0]), vector("i64", [-1n, 3n, 0n]))).to.eql([0.5, -8, 1]);
    expect(pow(vector("i32", [2, -3, 9]), vector("f32", [10, 3, 0.5]))).to.eql([1024, -27, 3]);
    expect(pow(vector("i32", [3, 2, -1]), vector("i64", [2n, -1n, -3n]))).to.eql([9, 0, -1]);
    expect(pow(vector("i32", [3]), vector("i32", [25]))).to.eql([Number(BigInt.asIntN(32, 3n ** 25n))]);
    expect(pow(vector("f16", [2]), vector("f32", [0.5]))).to.eql([1.4140625]);
  });

  it("have products that are zero where one factor is", () => {
    expectClose(binary(math.Xlogy, "f32", [0, 0, 2, 0], [0, nan, 1, inf]), [0, nan, 0, 0]);
    expectClose(binary(math.Xdivy, "f32", [0, 0, 1], [0, nan, 4]), [0, nan, 0.25]);
    expectClose(binary(math.DivNoNan, "f32", [1, 3], [0, 2]), [0, 1.5]);
    expectClose(binary(math.MulNoNan, "f32", [nan, inf], [0, 2]), [0, inf]);
  });

  it("compare with NaN equal to nothing", () => {
    expect(binary(compare.Equal, "f32", [nan, 0, 1], [nan, -0, 2])).to.eql([0, 1, 0]);
    expect(binary(compare.NotEqual, "f32", [nan], [nan])).to.eql([1]);
    for (const op of [compare.Less, compare.LessEqual, compare.Greater, compare.GreaterEqual]) {
      expect(binary(op, "f32", [nan], [1])).to.eql([0]);
    }
    expect(binary(compare.Less, "u64", [1n], [2n ** 63n])).to.eql([1]);
    expect(binary(compare.GreaterEqual, "i8", [-1, 1], [0, 1])).to.eql([0, 1]);
    expect(binary(compare.Equal, "bool", [1, 0], [1, 1])).to.eql([1, 0]);
  });

  it("shift bits, and all of them out", () => {
    expect(binary(compare.ShiftLeft, "u8", [200, 1], [1, 8])).to.eql([144, 0]);
    expect(binary(compare.ShiftRight, "u32", [2 ** 31, 5], [31, 40])).to.eql([1, 0]);
    expect(binary(compare.ShiftRight, "i8", [-128], [3])).to.eql([-16]);
    expect(binary(compare.ShiftLeft, "u64", [1n], [63n])).to.eql([2 ** 63]);
  });

  it("broadcast, over empty and symbolic extents too", () => {
    const [y] = runOp(math.Add, { a: { dtype: "i32", shape: [2, 1], values: [10, 20] }, b: vector("i32", [1, 2, 3]) });
    expect(y!.shape).to.eql([2, 3]);
    expect(y!.values).to.eql([11, 12, 13, 21, 22, 23]);
    const [empty] = runOp(math.Add, { a: { dtype: "f32", shape: [0, 3], values: [] }, b: vector("f32", [1, 2, 3]) });
    expect(empty!.shape).to.eql([0, 3]);
    expect(empty!.values).to.eql([]);
    const n = extent("n");
    const [dynamic] = runOp(
      math.Mul,
      { a: { dtype: "f32", shape: [n], values: [1, 2] }, b: { dtype: "f32", shape: [], values: [3] } },
      {},
      new Map([["n", 2]]),
    );
    expect(dynamic!.values).to.eql([3, 6]);
    expect(() => binary(math.Add, "f32", [1, 2], [1, 2, 3])).to.throw(OpError);
    expect(() => runOp(math.Add, { a: vector("f32", [1]), b: vector("f16", [1]) })).to.throw(OpError, "differ in their element types");
  });

  it("choose between two tensors, all three broadcast", () => {
    const condition: Given = { dtype: "bool", shape: [2, 1], values: [1, 0] };
    const [y] = runOp(compare.Where, { condition, a: vector("i64", [1n, 2n]), b: { dtype: "i64", shape: [], values: [9n] } });
    expect(y!.shape).to.eql([2, 2]);
    expect(y!.values).to.eql([1, 2, 9, 9]);
  });
});

describe("cast", () => {
  const cast = (from: DType, to: DType, values: readonly Scalar[], attributes = {}): readonly number[] =>
    unary(Cast, from, values, { to, ...attributes });

  it("truncates floats, saturates at the ends of the compute type and wraps in narrower ones", () => {
    expect(cast("f32", "i32", [1.9, -1.9, 3e9, -inf, nan])).to.eql([1, -1, 2 ** 31 - 1, -(2 ** 31), 0]);
    expect(cast("f32", "i64", [1e20])).to.eql([2 ** 63]);
    expect(cast("f32", "u8", [300, -1])).to.eql([44, 255]);
    expect(cast("i32", "i4", [7, 8, -9])).to.eql([7, -8, 7]);
    expect(cast("i16", "i8", [200])).to.eql([-56]);
    expect(cast("i64", "u32", [-1n])).to.eql([2 ** 32 - 1]);
    expect(cast("i64", "i32", [2n ** 32n + 5n])).to.eql([5]);
  });

  it("makes everything but zero true", () => {
    expect(cast("f32", "bool", [0, -0, nan, 0.1])).to.eql([0, 0, 1, 1]);
    expect(cast("i8", "bool", [0, -3])).to.eql([0, 1]);
    expect(cast("bool", "f16", [0, 1])).to.eql([0, 1]);
  });

  it("rounds to narrower floats, ties to even", () => {
    expect(cast("f32", "f16", [1 + 2 ** -11, 1 + 3 * 2 ** -11, 70000])).to.eql([1, 1 + 2 ** -9, inf]);
    expect(cast("f32", "bf16", [1 + 2 ** -8, 1e39])).to.eql([1, inf]);
  });

  it("saturates eight-bit floats, or does not", () => {
    const x = [500, -1e9, inf, nan, 464];
    expect(cast("f32", "f8e4m3fn", x)).to.eql([448, -448, 448, nan, 448]);
    expect(cast("f32", "f8e4m3fn", x, { saturate: false })).to.eql([nan, nan, nan, nan, 448]);
    expect(cast("f32", "f8e5m2", [61440, 1e9, -inf])).to.eql([57344, 57344, -57344]);
    expect(cast("f32", "f8e5m2", [61440, 61439, -inf], { saturate: false })).to.eql([inf, 57344, -inf]);
    expect(cast("f32", "f8e4m3fnuz", [248, 247], { saturate: false })).to.eql([nan, 240]);
    expectClose(cast("f32", "f4e2m1", [100, -2.5, nan]), [6, -2, -0]);
  });

  it("keeps infinities of eight-bit floats that only move", () => {
    expect(unary(activation.Relu, "f8e5m2", [inf])).to.eql([inf]);
  });

  it("makes powers of two up, down or to the nearest", () => {
    const x = [1, 1.1, 1.5, 1.45, 3.1, 0];
    const least = 2 ** -127;
    expect(cast("f32", "f8e8m0", x)).to.eql([1, 2, 2, 2, 4, least]);
    expect(cast("f32", "f8e8m0", x, { rounding: "down" })).to.eql([1, 1, 1, 1, 2, least]);
    expect(cast("f32", "f8e8m0", x, { rounding: "nearest" })).to.eql([1, 1, 2, 1, 4, least]);
  });

  it("refuses strings", () => {
    expect(() => cast("f32", "string", [1])).to.throw(OpError);
    expect(() => runOp(Cast, { x: { dtype: "string", shape: [0], values: [] } }, { to: "f32" })).to.throw();
  });

  it("reads bits as another type of the same width", () => {
    expect(unary(BitCast, "u8", [200], { to: "i8" })).to.eql([-56]);
    expect(unary(BitCast, "i32", [-1], { to: "u32" })).to.eql([2 ** 32 - 1]);
    expect(unary(BitCast, "i64", [-1n], { to: "u64" })).to.eql([2 ** 64]);
    expect(() => unary(BitCast, "u8", [1], { to: "u16" })).to.throw(OpError);
  });
});
