/** Quantised graphs as MindSpore Lite files: tensors with scales, nodes on integers, packed weights. */
import { expect } from "chai";
import { readLite } from "../frontend/mslite/read.ts";
import { MemorySource } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements } from "../ir/storage.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { quantizableValues, quantizeActivations } from "../passes/quantize/activations.ts";
import { halveWeights, quantizeWeights } from "../passes/quantize/weights.ts";
import { randomWeights } from "../frontend/random-weights.ts";
import { tensor } from "../ir/type.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { throughLite } from "./mslite-round-trip.ts";
import { optimize, readPassRun } from "./optimize.ts";

const canonical = readPassRun(["canonicalize", "cse", "dce"]);

const numbers = (name: string, shape: readonly number[]): string => {
  const data = randomWeights(3, name, tensor("f32", shape), "weight");
  const bytes = data.source.read(data.offset, data.byteLength);
  return `dense<[${readElements("f32", bytes).map(String).join(", ")}]>`;
};
const constant = (name: string, shape: readonly number[]): string =>
  `  %${name} = constant() {data = ${numbers(name, [shape.reduce((a, b) => a * b, 1)])}} : f32[${shape.reduce((a, b) => a * b, 1)}]
  %${name}r = reshape(%${name}) {shape = [${shape.join(", ")}]} : f32[${shape.join(",")}]
`;

/** A convolution, a pool and a product. */
function network(): Graph {
  const text = `graph @net(%x: f32[1,3,8,8]) -> (f32[1,5]) {
${constant("w", [4, 3, 3, 3])}${constant("m", [5, 64])}  %b = constant() {data = dense<[0.5, 0.25, -0.5, 1.0]>} : f32[4]
  %c = constant() {data = dense<[0.5, 0.25, -0.5, 1.0, 2.0]>} : f32[5]
  %y = conv(%x, %wr, b=%b) {pads = [[1, 1], [1, 1]]} : f32[1,4,8,8]
  %r = relu(%y) : f32[1,4,8,8]
  %p = max_pool(%r) {kernel = [2, 2], strides = [2, 2]} : f32[1,4,4,4]
  %f = reshape(%p) {shape = [1, 64]} : f32[1,64]
  %t = transpose(%mr) {perm = [1, 0]} : f32[64,5]
  %z = matmul(%f, %t) : f32[1,5]
  %o = add(%z, %c) : f32[1,5]
  return %o
}
`;
  const graph = parseGraph(text, "net.sir");
  optimize(graph, readPassRun(["fold-constants", "canonicalize", "cse", "dce"]));
  return graph;
}

const image: TensorResult = {
  kind: "tensor",
  shape: [1, 3, 8, 8],
  elements: Array.from({ length: 192 }, (_, i) => Math.fround(Math.sin(i))),
};
const results = (graph: Graph): readonly unknown[] => (evaluateGraph(graph, [image])[0] as TensorResult).elements;
const counts = (graph: Graph): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const op of graph.ops()) if (op.name !== "constant") found[op.name] = (found[op.name] ?? 0) + 1;
  return found;
};

/** Through the format and back: the same ops and the same numbers. Gives the messages of the file. */
function expectKept(graph: Graph): ReturnType<typeof readLite>["graph"] {
  const [wanted, ops] = [results(graph), counts(graph)];
  const { graph: back, bytes, diagnostics } = throughLite(graph);
  expect(diagnostics).to.deep.equal([]);
  expect(results(back)).to.deep.equal(wanted);
  optimize(back, canonical);
  expect(counts(back)).to.deep.equal(ops);
  return readLite(new MemorySource("model.ms", bytes)).graph;
}

describe("MindSpore Lite: quantised graphs", () => {
  it("has weights of 8 bits with a scale per channel", () => {
    const graph = network();
    quantizeWeights(graph, { bits: 8, least: 0 });
    const { allTensors } = expectKept(graph);
    const weights = allTensors.filter((t) => t.quantParams.length > 0);
    expect(weights.map((t) => [t.dataType, t.dims, t.data.byteLength, t.quantParams.length])).to.deep.equal([
      [32, [4, 3, 3, 3], 108, 4],
      [32, [64, 5], 320, 5],
    ]);
  });

  it("packs weights of 4 bits", () => {
    const graph = network();
    quantizeWeights(graph, { bits: 4, least: 0 });
    const { allTensors } = expectKept(graph);
    const weights = allTensors.filter((t) => t.quantParams.length > 0);
    expect(weights.map((t) => [t.dataType, t.data.byteLength, t.quantParams[0]!.numBits])).to.deep.equal([
      [32, 54, 4],
      [32, 160, 4],
    ]);
  });

  it("keeps weights of f16, which are cast where they are used", () => {
    const graph = network();
    halveWeights(graph, 0);
    const { allTensors, nodes } = expectKept(graph);
    expect(allTensors.filter((t) => t.dataType === 42).map((t) => t.dims)).to.deep.include([4, 3, 3, 3]);
    expect(nodes.filter((n) => n.primitive?.value?.type === "Transpose")).to.have.length(2);
  });

  it("computes on integers where all is rounded", () => {
    const graph = network();
    quantizeActivations(quantizableValues(graph), () => ({ low: -3, high: 3 }));
    quantizeWeights(graph, { bits: 8, least: 0 });
    const { nodes } = expectKept(graph);
    const conv = nodes.find((n) => n.primitive?.value?.type === "Conv2DFusion")!;
    expect(conv["quantType"]).to.equal("QUANT_ALL");
    expect(conv.primitive!.value!.fields).to.include({ activation_type: "RELU" });
  });
});
