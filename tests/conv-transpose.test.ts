/** Transposed convolutions whose windows do not overlap, as convolutions by one element: the same sums. */
import { expect } from "chai";
import fc from "fast-check";
import { Builder } from "../ir/define.ts";
import { Graph } from "../ir/graph.ts";
import { constantValue, ConvTranspose } from "../ir/ops/index.ts";
import { tensor } from "../ir/type.ts";
import { blocked, sizeOf, wholes } from "./blocked.ts";
import { evaluateGraph, tensorResult } from "./evaluate-graph.ts";

interface Case {
  readonly channels: number;
  readonly outputs: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly hasBias: boolean;
}

function graphOf(
  { channels, outputs, input, kernel, strides, hasBias }: Case,
  more: { pads?: [number, number][]; group?: number } = {},
): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const x = graph.addInput("x", tensor("f32", [2, channels, ...input]));
  const shape = [channels, outputs, ...kernel];
  const w = constantValue(b, "f32", shape, wholes(sizeOf(shape), 1));
  const bias = hasBias ? constantValue(b, "f32", [outputs], wholes(outputs, 2)) : undefined;
  graph.setOutputs([b.create(ConvTranspose, { x, w, b: bias }, { strides, ...more })]);
  return graph;
}

const few = fc.integer({ min: 1, max: 6 });
const cases: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 3 }).chain((rank) => {
  const list = (most: number) => fc.array(fc.integer({ min: 1, max: most }), { minLength: rank, maxLength: rank });
  return fc
    .record({ channels: few, outputs: few, input: list(4), kernel: list(3), hasBias: fc.boolean() })
    .map((c) => ({ ...c, strides: c.kernel }));
});

describe("transposed convolutions without overlap", () => {
  it("are the same as convolutions by one element", () => {
    fc.assert(
      fc.property(cases, (c) => {
        const x = tensorResult([2, c.channels, ...c.input], wholes(2 * c.channels * sizeOf(c.input), 3));
        const want = evaluateGraph(graphOf(c), [x]);
        const graph = graphOf(c);
        expect(blocked(graph)).not.to.include("conv_transpose");
        expect(evaluateGraph(graph, [x])).to.deep.equal(want);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it("with windows that overlap, leave gaps or are cut stay what they are", () => {
    const c = { channels: 4, outputs: 4, input: [3, 3], kernel: [2, 2], strides: [2, 2], hasBias: false };
    const pads: [number, number][] = [
      [1, 0],
      [0, 0],
    ];
    for (const graph of [
      graphOf({ ...c, strides: [1, 2] }),
      graphOf({ ...c, strides: [3, 2] }),
      graphOf(c, { pads }),
      graphOf({ ...c, outputs: 2 }, { group: 2 }),
    ])
      expect(blocked(graph)).to.include("conv_transpose");
  });
});
