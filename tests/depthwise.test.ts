/** Convolutions of each channel by itself on blocked channels: the same sums in the same order. */
import fc from "fast-check";
import { expect } from "chai";
import { cTarget } from "../codegen/c/target.ts";
import { optimize, programFor } from "../codegen/compile.ts";
import { Builder } from "../ir/define.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Graph } from "../ir/graph.ts";
import { constantValue, Conv } from "../ir/ops/index.ts";
import { tensor } from "../ir/type.ts";
import { blocked, sizeOf, wholes } from "./blocked.ts";
import { interpret, runKernels } from "./c-runner.ts";
import { evaluateGraph, tensorResult } from "./evaluate-graph.ts";

interface Case {
  readonly channels: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly strides: readonly number[];
  readonly hasBias: boolean;
}

function graphOf({ channels, input, kernel, pads, strides, hasBias }: Case): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const x = graph.addInput("x", tensor("f32", [2, channels, ...input]));
  const shape = [channels, 1, ...kernel];
  const w = constantValue(b, "f32", shape, wholes(sizeOf(shape), 1));
  const bias = hasBias ? constantValue(b, "f32", [channels], wholes(channels, 2)) : undefined;
  graph.setOutputs([b.create(Conv, { x, w, b: bias }, { pads, strides, group: channels })]);
  return graph;
}

const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const cases: fc.Arbitrary<Case> = fc.record({
  channels: fc.integer({ min: 2, max: 9 }),
  input: pair(3, 6),
  kernel: pair(1, 3),
  pads: fc.tuple(pair(0, 2), pair(0, 2)),
  strides: pair(1, 2),
  hasBias: fc.boolean(),
});

describe("depthwise convolutions", () => {
  it("are the same in blocks", () => {
    fc.assert(
      fc.property(cases, (c) => {
        const x = tensorResult([2, c.channels, ...c.input], wholes(2 * c.channels * sizeOf(c.input), 3));
        const want = evaluateGraph(graphOf(c), [x]);
        const graph = graphOf(c);
        expect(blocked(graph)).to.include("depthwise_packed");
        expect(evaluateGraph(graph, [x])).to.deep.equal(want);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  it("give what the loops mean in C, rows that no tile divides included", () => {
    const graph = graphOf({
      channels: 19,
      input: [5, 21],
      kernel: [3, 3],
      pads: [
        [1, 1],
        [1, 1],
      ],
      strides: [1, 1],
      hasBias: true,
    });
    const options = { name: "m", mcpu: "x86-64-v3" };
    optimize(graph, cTarget, options, new Diagnostics());
    const runs = programFor(graph, cTarget, options).kernels.map(({ nest }, i) => ({
      nest,
      roots: nest.params.map(({ buffer }) => wholes(sizeOf(buffer.shape as number[]), i)),
    }));
    expect(runKernels(runs)).to.deep.equal(runs.map(interpret));
  });
});
