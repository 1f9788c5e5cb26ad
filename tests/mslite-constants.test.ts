/** Compressed and quantised constants of MindSpore Lite files, and layers whose weights have an order of their own. */
import { expect } from "chai";
import { memoryData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { encodeFse, encodeHuffman, encodeIndexed, encodePacked, encodeSparse } from "./lite-codecs.ts";
import { dims, liteFile, parameter, real, some, withConstant, withNode } from "./lite-files.ts";
import { graphOfLite } from "./mslite-round-trip.ts";

/** The elements that such a constant stands for. */
function decoded(constant: Readonly<Record<string, unknown>>, dims: readonly number[]): number[] {
  const graph = graphOfLite(withConstant(constant, dims));
  const zeros: TensorResult = { kind: "tensor", shape: dims, elements: new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(0) };
  const [y] = evaluateGraph(graph, [zeros]) as TensorResult[];
  return y!.elements.map(Number);
}

describe("MindSpore Lite: compressed and quantised constants", () => {
  it("of 8 bits, with a scale for all", () => {
    const data = memoryData(new Uint8Array(Int8Array.from(some).buffer));
    expect(decoded({ data, quantParams: [parameter({})] }, dims)).to.deep.equal(some.map(real));
  });

  it("with a scale, a zero point and corrections per channel", () => {
    const data = memoryData(new Uint8Array(Int8Array.from(some).buffer));
    const quantParams = [1, 2, 3, 4].map((k) => parameter({ scale: k, zeroPoint: k - 2, varCorr: 0.5, meanCorr: k * 8 }));
    const wanted = some.map((q, i) => {
      const k = Math.floor(i / 5) + 1;
      return (q - (k - 2)) * k * 0.5 + k * 8;
    });
    expect(decoded({ data, quantParams }, dims)).to.deep.equal(wanted);
  });

  for (const bits of [2, 3, 4, 5, 6, 7, 9, 12, 15]) {
    it(`packed to ${bits} bits`, () => {
      const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      const values = some.map((q, i) => (i % 5 === 0 ? low : i % 5 === 1 ? high : Math.min(high, q)));
      const dataType = bits < 8 ? 32 : 33;
      const data = memoryData(encodePacked(values, bits));
      expect(decoded({ data, dataType, quantParams: [parameter({ numBits: bits })] }, dims)).to.deep.equal(values.map(real));
    });
  }

  it("by numbers of unique values", () => {
    const data = memoryData(encodeIndexed(some, 8));
    expect(decoded({ data, weightQuantCompressType: "INDEXING", quantParams: [parameter({})] }, dims)).to.deep.equal(some.map(real));
  });

  it("by runs of zero points, longer ones too", () => {
    const data = memoryData(encodeSparse(some, 8, 1, 2));
    expect(decoded({ data, weightQuantCompressType: "SPARSE", quantParams: [parameter({})] }, dims)).to.deep.equal(some.map(real));
  });

  it("by Huffman's codes", () => {
    const data = memoryData(encodeHuffman(some));
    expect(decoded({ data, enableHuffmanCode: true, quantParams: [parameter({})] }, dims)).to.deep.equal(some.map(real));
  });

  for (const [type, kind] of [
    ["FSE_INT", "int"],
    ["FSE_INFER", "infer"],
    ["FSE", "real"],
  ] as const) {
    it(`by a finite state entropy code: ${type}`, () => {
      const many = Array.from({ length: 12 }, () => some).flat();
      const data = memoryData(encodeFse(many, [8, 14, 6, 4], kind));
      const wanted = kind === "real" ? many : many.map(real);
      expect(decoded({ data, weightQuantCompressType: type, quantParams: [parameter({})] }, [12, 20])).to.deep.equal(wanted);
    });
  }

  it("by clusters", () => {
    const data = memoryData(new Uint8Array(Int8Array.from([-128, -127, -126, -128]).buffer));
    expect(decoded({ data, quantClusters: [0.5, 1.5, -2] }, [4])).to.deep.equal([0.5, 1.5, -2, 0.5]);
  });

  it("that do not decode are told by name", () => {
    for (const bytes of [encodeHuffman(some).subarray(0, 20), encodeHuffman(some.slice(1))]) {
      const broken = withConstant({ data: memoryData(bytes), enableHuffmanCode: true, quantParams: [parameter({})] }, dims);
      expect(() => graphOfLite(broken)).to.throw(CompileError, /the compressed constant 'w': /);
    }
  });
});

describe("MindSpore Lite: nodes that join their inputs", () => {
  for (const [type, fields] of [
    ["AddN", {}],
    ["Eltwise", { mode: "SUM" }],
    ["Concat", {}],
    ["Stack", {}],
  ] as const) {
    it(`are refused without any: ${type}`, () => {
      const bytes = liteFile("2.2", { y: ["f32", [2]] }, [{ inputs: [], outputs: ["y"], nodes: [[type, fields, [], ["y"]]] }]);
      expect(() => graphOfLite(bytes)).to.throw(CompileError, /there are no tensors to join/);
    });
  }
});

describe("MindSpore Lite: recurrent layers", () => {
  it("have the gates in the order input, output, forget, cell", () => {
    const [w, r, b, h0, c0] = [[0.5, -0.25, 0.75, 1.5], [0.1, 0.2, -0.3, 0.4], [0.1, 0.2, 0.3, 0.4, -0.1, 0.05, 0.2, 0.15], [0.5], [-0.25]];
    const bytes = withNode(
      "LSTM",
      {},
      [2, 1, 1],
      [
        [[1, 4, 1], w],
        [[1, 4, 1], r],
        [[1, 8], b],
        [[1, 1, 1], h0],
        [[1, 1, 1], c0],
      ],
      3,
    );
    const [y, , c] = evaluateGraph(graphOfLite(bytes), [{ kind: "tensor", shape: [2, 1, 1], elements: [0.8, -1.2] }]) as TensorResult[];
    const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
    let [h, cell] = [0.5, -0.25];
    const steps = [0.8, -1.2].map((x) => {
      const gate = (k: number): number => w[k]! * x + r[k]! * h + b[k]! + b[k + 4]!;
      cell = sigmoid(gate(2)) * cell + sigmoid(gate(0)) * Math.tanh(gate(3));
      return (h = sigmoid(gate(1)) * Math.tanh(cell));
    });
    y!.elements.forEach((v, i) => expect(v).to.be.closeTo(steps[i]!, 1e-6));
    expect(c!.elements[0]).to.be.closeTo(cell, 1e-6);
  });

  it("of a GRU have the gates in the order update, reset, new, and the state is reset before its product", () => {
    const forward = { w: [0.5, -0.25, 0.75], r: [0.1, 0.2, -0.3], b: [0.1, 0.2, 0.3, 0.4, -0.1, 0.05], h0: 0.5 };
    const backward = { w: [-0.5, 1.25, 0.5], r: [0.3, -0.2, 0.7], b: [-0.2, 0.1, 0.15, 0.3, 0.25, -0.35], h0: -0.75 };
    const both = [forward, backward];
    const bytes = withNode(
      "GRU",
      { bidirectional: true },
      [3, 1, 1],
      [
        [[2, 3, 1], both.flatMap((d) => d.w)],
        [[2, 3, 1], both.flatMap((d) => d.r)],
        [[2, 6], both.flatMap((d) => d.b)],
        [[2, 1, 1], both.map((d) => d.h0)],
      ],
      2,
    );
    const xs = [0.8, -1.2, 0.4];
    const [y, last] = evaluateGraph(graphOfLite(bytes), [{ kind: "tensor", shape: [3, 1, 1], elements: xs }]) as TensorResult[];
    const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
    const run = ({ w, r, b, h0 }: typeof forward, inputs: readonly number[]): number[] => {
      let h = h0;
      return inputs.map((x) => {
        const [update, reset] = [0, 1].map((k) => sigmoid(w[k]! * x + r[k]! * h + b[k]! + b[k + 3]!));
        const fresh = Math.tanh(w[2]! * x + b[2]! + r[2]! * (reset! * h) + b[5]!);
        return (h = update! * h + (1 - update!) * fresh);
      });
    };
    const [there, back] = [run(forward, xs), run(backward, xs.toReversed()).toReversed()];
    y!.elements.forEach((v, i) => expect(v).to.be.closeTo([there, back][i % 2]![i >> 1]!, 1e-6));
    [there[2]!, back[0]!].forEach((v, i) => expect(last!.elements[i]).to.be.closeTo(v, 1e-6));
  });
});
