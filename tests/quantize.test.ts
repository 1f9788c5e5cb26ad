/** Quantisation: what 8 and 4 bits lose is what theory allows, and the integer form computes what the rounded floats do. */
import { expect } from "chai";
import fc from "fast-check";
import { memoryData } from "../ir/data.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Builder } from "../ir/define.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { Relu } from "../ir/ops/activation.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { Conv } from "../ir/ops/conv.ts";
import { Add } from "../ir/ops/elementwise.ts";
import { Matmul } from "../ir/ops/matmul.ts";
import { MaxPool } from "../ir/ops/pool.ts";
import { Reshape } from "../ir/ops/shape.ts";
import { tensor } from "../ir/type.ts";
import { blockLayout } from "../passes/block-layout.ts";
import { canonicalize } from "../passes/canonicalize.ts";
import { integerProducts } from "../passes/integer-products.ts";
import { defaultNumerics } from "../passes/pass.ts";
import { quantizableValues, quantizeActivations } from "../passes/quantize/activations.ts";
import { correctBias } from "../passes/quantize/correct-biases.ts";
import { Histogram } from "../passes/quantize/histogram.ts";
import { activationParameters, quantizeSlice } from "../passes/quantize/parameters.ts";
import { halveWeights, quantizeWeights } from "../passes/quantize/weights.ts";
import { evaluateGraph, type TensorResult, tensorResult } from "./evaluate-graph.ts";
import { optimize, readPassRun } from "./optimize.ts";
import { expectRoundTrip, expectVerified } from "./round-trip.ts";

/** Numbers in [-1, 1) that follow from the seed. */
function noise(seed: number, count: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

const constant = (b: Builder, name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): Value => {
  const v = b.create(ConstantOp, {}, { data: { type: tensor("f32", shape), data: memoryData(new Uint8Array(values.buffer)) } });
  v.name = name;
  return v;
};

/** conv, relu, max_pool, conv + shortcut, reshape, matmul + bias. */
function smallNetwork(): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const x = graph.addInput("x", tensor("f32", [1, 2, 6, 6]));
  const pads = [
    [1, 1],
    [1, 1],
  ] as const;
  const first = b.create(Conv, { x, w: constant(b, "w1", [4, 2, 3, 3], noise(1, 72)), b: constant(b, "b1", [4], noise(2, 4)) }, { pads });
  const pooled = b.create(MaxPool, { x: b.create(Relu, { x: first }) }, { kernel: [2, 2], strides: [2, 2] });
  const second = b.create(Conv, { x: pooled, w: constant(b, "w2", [4, 4, 3, 3], noise(3, 144)) }, { pads });
  const sum = b.create(Relu, { x: b.create(Add, { a: second, b: pooled }) });
  const flat = b.create(Reshape, { x: sum }, { shape: [1, 36] });
  const y = b.create(Matmul, { a: flat, b: constant(b, "w3", [36, 5], noise(4, 180)) });
  graph.setOutputs([b.create(Add, { a: y, b: constant(b, "b3", [5], noise(5, 5)) })]);
  return graph;
}

const context = { diagnostics: new Diagnostics(), numerics: defaultNumerics };
const input = (seed: number): TensorResult => tensorResult([1, 2, 6, 6], Array.from(noise(seed, 72)));
const run = (graph: Graph, seed: number): number[] => (evaluateGraph(graph, [input(seed)])[0] as TensorResult).elements.map(Number);
const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((v, i) => v - b[i]!)) / Math.max(1e-9, Math.hypot(...a));

/** The small network quantised by what 20 inputs make of it. */
function quantizedNetwork(): Graph {
  const seen = quantizableValues(smallNetwork()).map(() => new Histogram());
  for (let seed = 100; seed < 120; seed++) {
    const graph = smallNetwork();
    const values = quantizableValues(graph);
    graph.setOutputs(values.filter((v) => v.op));
    seen[0]!.add(noise(seed, 72));
    evaluateGraph(graph, [input(seed)]).forEach((t, i) => {
      seen[i + 1]!.add((t as TensorResult).elements.map(Number));
    });
  }
  const graph = smallNetwork();
  const values = quantizableValues(graph);
  const ranges = new Map(values.map((v, i) => [v, seen[i]!.range("min-max")]));
  quantizeActivations(values, (v) => ranges.get(v)!);
  expect(quantizeWeights(graph, { bits: 8, least: 1 }).map((w) => w.name)).to.deep.equal(["w1", "w2", "w3"]);
  expectVerified(graph);
  return graph;
}

describe("quantisation", () => {
  it("holds zero exactly and all of the range", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e4, max: 1e4, noNaN: true }), fc.double({ min: 0, max: 1e4, noNaN: true }), (low, width) => {
        const { scale, zeroPoint } = activationParameters({ low, high: low + width });
        expect(Number.isInteger(zeroPoint) && zeroPoint >= -128 && zeroPoint <= 127).to.equal(true);
        const [least, most] = [(-128 - zeroPoint) * scale, (127 - zeroPoint) * scale];
        expect(least).to.be.at.most(Math.min(0, low) + 1.001 * scale);
        expect(most).to.be.at.least(Math.max(0, low + width) - 1.001 * scale);
      }),
    );
  });

  it("rounds weights to the nearest integer, and empties to zeros", () => {
    const weights = noise(7, 1000);
    for (const bits of [8, 4]) {
      const { scale, integers } = quantizeSlice(weights, bits);
      const step = 1 / (2 ** (bits - 1) - 1);
      weights.forEach((w, i) => expect(Math.abs(w - integers[i]! * scale)).to.be.at.most(step));
    }
    expect(Array.from(quantizeSlice(new Float32Array(3), 8).integers)).to.deep.equal([0, 0, 0]);
    expect(quantizeSlice(Float32Array.of(Infinity), 8).scale).to.equal(1);
  });

  it("keeps all of an even distribution and cuts what is far out of a dense one", () => {
    const even = new Histogram();
    even.add(noise(8, 20000));
    expect(even.range("percentile").high).to.be.closeTo(1, 0.01);
    expect(even.range("kl").high).to.be.greaterThan(0.9);
    const outlier = new Histogram();
    outlier.add(noise(9, 100000));
    outlier.add([1000, NaN, Infinity]);
    expect(outlier.range("min-max").high).to.equal(1000);
    expect(outlier.range("percentile").high).to.be.lessThan(2);
    expect(outlier.range("kl").high).to.be.lessThan(500);
    const peak = new Histogram();
    peak.add(Float32Array.from({ length: 10000 }, (_, i) => (i % 10 === 0 ? 1 + (i % 1000) / 1000 : -0.1)));
    expect(peak.range("kl").high).to.be.greaterThan(1.9);
    expect(new Histogram().range("kl")).to.deep.equal({ low: 0, high: 0 });
  });

  it("keeps a network's results to a few parts in a hundred, in floats and in integers alike", () => {
    const graph = quantizedNetwork();
    const integer = expectRoundTrip(graph);
    canonicalize.run(integer, context);
    integerProducts.run(integer, context);
    canonicalize.run(integer, context);
    expectVerified(integer);
    const names = [...integer.ops()].map((op) => op.name);
    expect(names.filter((n) => n === "conv" || n === "matmul" || n === "gemm")).to.deep.equal([]);
    expect(names.filter((n) => n === "conv_integer" || n === "matmul_integer").length).to.equal(3);
    expect([...integer.ops()].find((op) => op.name === "max_pool")!.result.tensor.dtype).to.equal("i8");
    for (let seed = 100; seed < 110; seed++) {
      const rounded = run(graph, seed);
      expect(distance(run(smallNetwork(), seed), rounded)).to.be.lessThan(0.03);
      expect(distance(rounded, run(integer, seed))).to.be.lessThan(0.01);
    }
  });

  it("computes the same on blocked channels", () => {
    const integer = quantizedNetwork();
    const passes = ["canonicalize", "integer-products", "fold-constants", "canonicalize", "dce"];
    optimize(integer, readPassRun(passes));
    const wanted = run(integer, 100);
    blockLayout({ lanes: 4, vectors: 2, image: "u8" }).run(integer, context);
    optimize(integer, readPassRun(["fold-constants", "canonicalize", "dce"]));
    const names = [...integer.ops()].map((op) => op.name);
    expect(names.filter((n) => n === "conv_packed_integer").length).to.equal(2);
    expect(names).to.not.include("conv_integer");
    expect(run(integer, 100)).to.deep.equal(wanted);
  });

  it("takes a shift of the mean back", () => {
    const means = Float64Array.of(0.5, -0.25, 0.125, 1);
    const shifted = (correct: boolean): number[] => {
      const graph = new Graph("main");
      const b = new Builder(graph);
      const x = graph.addInput("x", tensor("f32", [1, 4, 1, 1]));
      const y = b.create(Conv, { x, w: constant(b, "w", [3, 4, 1, 1], noise(11, 12)) });
      graph.setOutputs([y]);
      if (correct) correctBias(y.op!, means);
      quantizeWeights(graph, { bits: 8, least: 1 });
      return (evaluateGraph(graph, [tensorResult([1, 4, 1, 1], Array.from(means))])[0] as TensorResult).elements.map(Number);
    };
    const exact = [0, 1, 2].map((o) =>
      noise(11, 12)
        .slice(4 * o, 4 * o + 4)
        .reduce((sum, w, i) => sum + w * means[i]!, 0),
    );
    expect(distance(exact, shifted(true))).to.be.lessThan(1e-6);
    expect(distance(exact, shifted(false))).to.be.greaterThan(1e-5);
  });

  it("halves weights and takes 4 bits where they are enough", () => {
    const half = smallNetwork();
    expect(halveWeights(half)).to.equal(2 * (72 + 144 + 180));
    expect(distance(run(smallNetwork(), 1), run(half, 1))).to.be.lessThan(2e-3);
    const mixed = quantizeWeights(smallNetwork(), { bits: "mixed", least: 1 });
    expect(mixed.every((w) => (w.bits === 4 ? w.sqnr >= 20 : w.sqnr > 35))).to.equal(true);
    const four = smallNetwork();
    expect(quantizeWeights(four, { bits: 4 }).map((w) => w.bytesAfter)).to.deep.equal([36, 72, 90]);
    expect(distance(run(smallNetwork(), 1), run(four, 1))).to.be.lessThan(0.3);
  });
});
