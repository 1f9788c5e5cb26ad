import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { Bernoulli, Multinomial, RandomNormal, RandomUniform } from "../ir/ops/random.ts";
import { CosineWindow, Dft, Frame, MelWeightMatrix } from "../ir/ops/signal.ts";
import { evaluateOp } from "./evaluate-op.ts";
import type { Given } from "./run-op.ts";

const f64 = (shape: readonly number[], values: readonly number[]): Given => ({ dtype: "f64", shape, values });
type Complex = readonly [number, number];

/** The definition, term by term. */
function transform(points: readonly Complex[], length: number, sign: 1 | -1): Complex[] {
  return Array.from({ length }, (_, k) =>
    points.slice(0, length).reduce<Complex>(
      ([re, im], [a, b], n) => {
        const angle = (sign * 2 * Math.PI * k * n) / length;
        return [re + a * Math.cos(angle) - b * Math.sin(angle), im + a * Math.sin(angle) + b * Math.cos(angle)];
      },
      [0, 0],
    ),
  );
}

function expectClose(got: readonly number[], want: readonly number[], tolerance = 1e-9): void {
  expect(got.length).to.equal(want.length);
  got.forEach((v, i) => expect(v, `element ${i}`).to.be.closeTo(want[i]!, tolerance));
}

const signal = fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), { minLength: 1, maxLength: 9 });

describe("dft", () => {
  it("agrees with its definition, cut or padded, forward and back", () => {
    fc.assert(
      fc.property(signal, fc.integer({ min: 1, max: 11 }), fc.boolean(), (points, length, inverse) => {
        const [y] = evaluateOp(Dft, { x: f64([points.length, 2], points.flat()) }, { axis: 0, length, inverse });
        const want = transform(points, length, inverse ? 1 : -1).flat();
        expectClose(y!.values, inverse ? want.map((v) => v / length) : want);
      }),
      { numRuns: 60 },
    );
  });

  it("gives half a spectrum of real points and takes it back", () => {
    fc.assert(
      fc.property(signal, (points) => {
        const real = points.map(([a]) => a);
        const length = real.length;
        const [half] = evaluateOp(Dft, { x: f64([1, length, 1], real) }, { length, onesided: true });
        expect(half!.shape).to.eql([1, Math.floor(length / 2) + 1, 2]);
        const [back] = evaluateOp(Dft, { x: f64(half!.shape, half!.values) }, { length, onesided: true, inverse: true });
        expect(back!.shape).to.eql([1, length, 1]);
        expectClose(back!.values, real);
      }),
      { numRuns: 40 },
    );
  });

  it("refuses to transform the parts of complex numbers", () => {
    expect(() => evaluateOp(Dft, { x: f64([3, 2], [1, 2, 3, 4, 5, 6]) }, { axis: -1, length: 2 })).to.throw(
      OpError,
      "cannot be transformed",
    );
    expect(() => evaluateOp(Dft, { x: f64([2, 3], [1, 2, 3, 4, 5, 6]) }, { axis: 0, length: 2 })).to.throw(OpError, "real and imaginary");
  });
});

describe("frames, windows and mel weights", () => {
  it("cut a signal into as many frames as fit", () => {
    const [y] = evaluateOp(Frame, { x: f64([7, 1], [0, 1, 2, 3, 4, 5, 6]) }, { axis: 0, length: 3, step: 2 });
    expect(y).to.eql({ shape: [3, 3, 1], values: [0, 1, 2, 2, 3, 4, 4, 5, 6] });
    expect(evaluateOp(Frame, { x: f64([2], [0, 1]) }, { axis: 0, length: 3, step: 2 })[0]!.shape).to.eql([0, 3]);
  });

  it("weigh with sums of cosines, periodic or symmetric", () => {
    const hann = (size: number, periodic: boolean): readonly number[] =>
      evaluateOp(CosineWindow, {}, { size, coefficients: [0.5, 0.5], periodic, dtype: "f64" })[0]!.values;
    expectClose(hann(4, true), [0, 0.5, 1, 0.5]);
    expectClose(hann(5, false), [0, 0.5, 1, 0.5, 0]);
  });

  it("make triangles that rise to one and fall to zero", () => {
    const scalar = (v: number): Given => f64([], [v]);
    const [m] = evaluateOp(
      MelWeightMatrix,
      { dft_length: scalar(64), sample_rate: scalar(8000), lower_edge: scalar(0), upper_edge: scalar(4000) },
      { bins: 33, bands: 4, dtype: "f64" },
    );
    expect(m!.shape).to.eql([33, 4]);
    for (let band = 0; band < 4; band++) {
      const column = Array.from({ length: 33 }, (_, bin) => m!.values[bin * 4 + band]!);
      const peak = column.indexOf(1);
      expect(peak).to.be.greaterThan(0);
      column.forEach((v, bin) => expect(bin < peak ? v <= (column[bin + 1] ?? 0) : bin === peak || v <= column[bin - 1]!).to.equal(true));
    }
  });
});

describe("random numbers", () => {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const draw = (attributes: object, op: typeof RandomUniform | typeof RandomNormal = RandomUniform): readonly number[] =>
    evaluateOp(op, {}, { shape: [4000], ...attributes })[0]!.values;

  it("are those of SplitMix64", () => {
    // The first output for the state 0 is 0xe220a8397b1dcdaf; its upper 53 bits make the number.
    expect(draw({ dtype: "f64", shape: [1] })).to.eql([Number(0xe220a8397b1dcdafn >> 11n) / 2 ** 53]);
  });

  it("have the moments of their distribution and follow their seed", () => {
    const uniform = draw({ low: -1, high: 3, seed: 5 });
    expect(mean(uniform)).to.be.closeTo(1, 0.1);
    expect(uniform.every((v) => v >= -1 && v < 3)).to.equal(true);
    expect(draw({ low: -1, high: 3, seed: 5 })).to.eql(uniform);
    expect(draw({ low: -1, high: 3, seed: 6 })).to.not.eql(uniform);
    const normal = draw({ mean: 2, scale: 3, seed: 1 }, RandomNormal);
    expect(mean(normal)).to.be.closeTo(2, 0.2);
    expect(Math.sqrt(mean(normal.map((v) => (v - 2) ** 2)))).to.be.closeTo(3, 0.2);
  });

  it("choose with the probabilities they are given", () => {
    const p = f64(
      [4000],
      Array.from({ length: 4000 }, (_, i) => (i < 2000 ? 0.25 : 1)),
    );
    const chosen = evaluateOp(Bernoulli, { p }, { dtype: "u8" })[0]!.values;
    expect(mean(chosen.slice(0, 2000))).to.be.closeTo(0.25, 0.04);
    expect(mean(chosen.slice(2000))).to.equal(1);
    const logits = f64([2, 3], [Math.log(0.2), Math.log(0.5), Math.log(0.3), 0, -Infinity, -Infinity]);
    const [classes] = evaluateOp(Multinomial, { logits }, { samples: 1000, seed: 3 });
    [0.2, 0.5, 0.3].forEach((share, c) =>
      expect(classes!.values.slice(0, 1000).filter((v) => v === c).length / 1000).to.be.closeTo(share, 0.04),
    );
    expect(classes!.values.slice(1000).every((v) => v === 0)).to.equal(true);
  });
});
