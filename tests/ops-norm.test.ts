import { expect } from "chai";
import { OpError } from "../ir/diagnostic.ts";
import { NegativeLogLikelihoodLoss } from "../ir/ops/loss.ts";
import { LpNorm, Lrn } from "../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm, Moments, RmsNorm } from "../ir/ops/norm.ts";
import type { Scalar } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { type Given, runOp } from "./run-op.ts";

const { Infinity: inf, NaN: nan } = globalThis;
const given = (dtype: DType, shape: readonly number[], values: readonly Scalar[]): Given => ({ dtype, shape, values });

function expectClose(got: readonly number[], want: readonly number[], tolerance = 2e-6): void {
  expect(got.length).to.equal(want.length);
  want.forEach((w, i) => {
    const g = got[i]!;
    expect(Object.is(g, w) || Math.abs(g - w) <= tolerance * Math.max(1, Math.abs(w)), `element ${i}: ${g} is not ${w}`).to.equal(true);
  });
}

const meanOf = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
const varianceOf = (x: readonly number[]): number => meanOf(x.map((v) => (v - meanOf(x)) ** 2));
const normal = (x: readonly number[], epsilon: number): number[] => x.map((v) => (v - meanOf(x)) / Math.sqrt(varianceOf(x) + epsilon));
const counting = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 7) % 11) - 3);

describe("batch norm", () => {
  const parameters = (dtype: DType): Record<string, Given> => ({
    scale: given(dtype, [2], [2, 3]),
    bias: given(dtype, [2], [1, -1]),
    mean: given(dtype, [2], [1, 2]),
    variance: given(dtype, [2], [4, 9]),
  });

  it("normalises channels, wherever they stand", () => {
    const [y] = runOp(BatchNorm, { x: given("f32", [1, 2, 2], [1, 3, 2, 5]), ...parameters("f32") }, { epsilon: 0 });
    expectClose(y!.values, [1, 3, -1, 2]);
    const [last] = runOp(BatchNorm, { x: given("f32", [1, 2, 2], [1, 2, 3, 5]), ...parameters("f32") }, { epsilon: 0, axis: 2 });
    expectClose(last!.values, [1, -1, 3, 2]);
  });

  it("computes f16 with f32 parameters", () => {
    const [y] = runOp(BatchNorm, { x: given("f16", [1, 2], [3, 5]), ...parameters("f32") }, { epsilon: 0 });
    expect(y!.dtype).to.equal("f16");
    expectClose(y!.values, [3, 2]);
  });

  it("refuses parameters of another length", () => {
    const x = given("f32", [1, 3], [1, 2, 3]);
    expect(() => runOp(BatchNorm, { x, ...parameters("f32") })).to.throw(OpError, "the scale f32[2] does not fit f32[1,3]");
  });
});

describe("layer norm", () => {
  const values = counting(24);
  const x = given("f32", [2, 3, 4], values);

  it("normalises all axes from one on, and gives the statistics", () => {
    const [y, mean, inverse] = runOp(
      LayerNorm,
      { x, scale: given("f32", [4], [1, 2, 3, 4]), bias: given("f32", [3, 1], [1, 2, 3]) },
      { axis: 1, epsilon: 0.5 },
    );
    const halves = [values.slice(0, 12), values.slice(12)];
    const want = halves.flatMap((h) => normal(h, 0.5).map((v, i) => v * ((i % 4) + 1) + Math.floor(i / 4) + 1));
    expectClose(y!.values, want);
    expect(mean!.shape).to.eql([2, 1, 1]);
    expectClose(mean!.values, halves.map(meanOf));
    expectClose(
      inverse!.values,
      halves.map((h) => 1 / Math.sqrt(varianceOf(h) + 0.5)),
    );
  });

  it("does not lose small deviations from a large mean", () => {
    const offset = values.map((v) => v + 65536);
    const [y] = runOp(LayerNorm, { x: given("f32", [1, 24], offset) }, { epsilon: 0 });
    expectClose(y!.values, normal(values, 0), 1e-4);
  });

  it("computes f64 in f64 and f16 in f32, whatever type the statistics have", () => {
    const [y, mean] = runOp(LayerNorm, { x: given("f64", [1, 24], values) }, { epsilon: 0, statistics: "f32" });
    expectClose(y!.values, normal(values, 0), 1e-14);
    expect(mean!.dtype).to.equal("f32");
    const [half, halfMean] = runOp(LayerNorm, { x: given("f16", [1, 2], [60000, 60000]) }, { statistics: "bf16" });
    expect(half!.values).to.eql([0, 0]);
    expect(halfMean!.values).to.eql([59904]);
  });

  it("carries NaN and makes infinities NaN", () => {
    expect(runOp(LayerNorm, { x: given("f32", [2, 2], [nan, 1, inf, 1]) })[0]!.values).to.eql([nan, nan, nan, nan]);
  });

  it("refuses scales that do not broadcast", () => {
    expect(() => runOp(LayerNorm, { x, scale: given("f32", [3], [1, 2, 3]) })).to.throw(OpError);
    expect(() => runOp(LayerNorm, { x, scale: given("f32", [1, 2, 3, 4], counting(24)) })).to.throw(OpError);
    expect(() => runOp(LayerNorm, { x }, { axis: 3 })).to.throw(OpError);
  });
});

describe("other normalisations", () => {
  it("divide by the root of the mean square", () => {
    const [y] = runOp(RmsNorm, { x: given("f32", [1, 2], [3, 4]), scale: given("f32", [2], [1, 2]) }, { epsilon: 0 });
    expectClose(y!.values, [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)]);
  });

  it("normalise groups of channels", () => {
    const values = counting(16);
    const x = given("f32", [1, 4, 2, 2], values);
    const [scale, bias] = [given("f32", [4], [1, 2, 3, 4]), given("f32", [4], [0, 1, 2, 3])];
    const [y] = runOp(GroupNorm, { x, scale, bias }, { groups: 2, epsilon: 1e-3 });
    const want = [values.slice(0, 8), values.slice(8)]
      .flatMap((g) => normal(g, 1e-3))
      .map((v, i) => v * (Math.floor(i / 4) + 1) + Math.floor(i / 4));
    expectClose(y!.values, want);
    const [perGroup] = runOp(
      GroupNorm,
      { x, scale: given("f32", [2], [1, 2]), bias: given("f32", [2], [0, 1]) },
      { groups: 2, epsilon: 1e-3 },
    );
    expectClose(
      perGroup!.values,
      [values.slice(0, 8), values.slice(8)].flatMap((g, k) => normal(g, 1e-3).map((v) => v * (k + 1) + k)),
    );
    expect(() => runOp(GroupNorm, { x, scale, bias }, { groups: 3 })).to.throw(OpError, "4 channels do not divide into 3 groups");
  });

  it("give zero for a vector of norm zero", () => {
    const x = given("f32", [2, 2], [0, 0, 3, -4]);
    expectClose(runOp(LpNorm, { x })[0]!.values, [0, 0, 0.6, -0.8]);
    expectClose(runOp(LpNorm, { x }, { p: 1, axis: 1 })[0]!.values, [0, 0, 3 / 7, -4 / 7]);
    expect(() => runOp(LpNorm, { x }, { p: 3 })).to.throw(OpError);
  });

  it("respond to neighbouring channels, at the borders too", () => {
    const x = given("f32", [1, 3, 1], [1, 2, 3]);
    const attributes = { size: 2, alpha: 2, beta: 1, bias: 1 };
    // The window of two channels is the element's and the one after.
    expectClose(runOp(Lrn, { x }, attributes)[0]!.values, [1 / (1 + 5), 2 / (1 + 13), 3 / (1 + 9)]);
  });

  it("give mean and variance of the population", () => {
    const values = counting(12);
    const [mean, variance] = runOp(Moments, { x: given("f32", [3, 4], values) }, { axes: [1], keepdims: true });
    const rows = [0, 4, 8].map((i) => values.slice(i, i + 4));
    expect(mean!.shape).to.eql([3, 1]);
    expectClose(mean!.values, rows.map(meanOf));
    expectClose(variance!.values, rows.map(varianceOf));
  });
});

describe("negative log-likelihood", () => {
  const x = given("f32", [3, 2], [-1, -2, -3, -4, -5, -6]);
  const target = given("i64", [3], [0n, 1n, 1n]);
  const weight = given("f32", [2], [1, 3]);
  const loss = (operands: Record<string, Given>, attributes: Record<string, unknown>): readonly number[] =>
    runOp(NegativeLogLikelihoodLoss, { x, target, ...operands }, attributes)[0]!.values;

  it("is kept, summed or averaged by weight", () => {
    expectClose(loss({}, { reduction: "none" }), [1, 4, 6]);
    expectClose(loss({}, { reduction: "sum" }), [11]);
    expectClose(loss({}, {}), [11 / 3]);
    expectClose(loss({ weight }, {}), [(1 + 12 + 18) / 7]);
  });

  it("leaves out the class to ignore, which may be none of the classes", () => {
    expectClose(loss({}, { ignore: 0, reduction: "none" }), [0, 4, 6]);
    expectClose(loss({ weight }, { ignore: 0 }), [30 / 6]);
    expectClose(loss({ target: given("i64", [3], [-5n, 1n, 1n]) }, { ignore: -5 }), [5]);
    expect(loss({ target: given("i64", [3], [7n, 7n, 7n]) }, { ignore: 7 })).to.eql([nan]);
  });

  it("refuses targets of another shape", () => {
    expect(() => loss({ target: given("i64", [2], [0n, 0n]) }, {})).to.throw(OpError);
    expect(() => loss({ weight: given("f32", [3], [1, 1, 1]) }, {})).to.throw(OpError);
  });
});
