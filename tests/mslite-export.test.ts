/** Ops that MindSpore Lite says by one primitive are written as that, and come back. */
import { expect } from "chai";
import { readLite } from "../frontend/mslite/read.ts";
import { MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { liteBytes, throughLite } from "./mslite-round-trip.ts";

const wave = (shape: readonly number[]): TensorResult => {
  const count = shape.reduce((a, b) => a * b, 1);
  return { kind: "tensor", shape, elements: Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i + 1))) };
};

/** Expects the primitives, in their order, and the same results by way of the file. */
function expectWritten(text: string, primitives: readonly string[], inputs: TensorResult[]): void {
  const wanted = evaluateGraph(parseGraph(text, "test.sir"), inputs) as TensorResult[];
  const { bytes, graph } = throughLite(parseGraph(text, "test.sir"));
  const types = readLite(new MemorySource("test.ms", bytes)).graph.nodes.map((n) => n.primitive?.value?.type);
  expect(types).to.deep.equal(primitives);
  const found = evaluateGraph(graph, inputs) as TensorResult[];
  wanted.forEach((w, k) => {
    expect(found[k]!.shape).to.deep.equal(w.shape);
    w.elements.forEach((v, i) => expect(Number(found[k]!.elements[i])).to.be.closeTo(Number(v), 1e-6));
  });
}

const ramp = (shape: readonly number[], step: number): string => {
  const make = (dims: readonly number[], at: { value: number }): string =>
    dims.length === 0
      ? (Math.sin(at.value++) * step).toFixed(4)
      : `[${Array.from({ length: dims[0]! }, () => make(dims.slice(1), at)).join(", ")}]`;
  return `dense<${make(shape, { value: 0 })}> `.trim();
};

const weights = (shapes: Readonly<Record<string, readonly number[]>>): string =>
  Object.entries(shapes)
    .map(([name, shape], k) => `  %${name} = constant() {data = ${ramp(shape, 0.5 + 0.1 * k)}} : f32[${shape.join()}]\n`)
    .join("");

const activations = (names: readonly string[], directions: number): string => {
  const all = Array.from({ length: directions }, () => names).flat();
  const zeros = `[${all.map(() => "0.0").join(", ")}]`;
  return `activations = [${all.map((n) => `"${n}"`).join(", ")}], alphas = ${zeros}, betas = ${zeros}`;
};

describe("MindSpore Lite: recurrent layers are written as nodes", () => {
  for (const [direction, d] of [
    ["forward", 1],
    ["bidirectional", 2],
  ] as const) {
    it(`lstm, ${direction}`, () => {
      const constants = weights({ w: [d, 3, 8], r: [d, 2, 8], b: [d, 8], h: [d, 2, 2], c: [d, 2, 2] });
      const kind = `direction = "${direction}", ${activations(["sigmoid", "tanh", "tanh"], d)}`;
      const text = `graph @g(%x: f32[4,2,3]) -> (f32[4,${d},2,2], f32[${d},2,2], f32[${d},2,2]) {
${constants}  %y, %hn, %cn = lstm(%x, %w, %r, b=%b, h0=%h, c0=%c) {${kind}} : f32[4,${d},2,2], f32[${d},2,2], f32[${d},2,2]
  return %y, %hn, %cn
}
`;
      expectWritten(text, ["LSTM"], [wave([4, 2, 3])]);
    });

    it(`gru, ${direction}, without a state`, () => {
      const constants = weights({ w: [d, 3, 6], r: [d, 2, 6], b: [d, 6], nb: [d, 2] });
      const kind = `direction = "${direction}", ${activations(["sigmoid", "tanh"], d)}`;
      const text = `graph @g(%x: f32[4,2,3]) -> (f32[4,${d},2,2], f32[${d},2,2]) {
${constants}  %y, %hn = gru(%x, %w, %r, b=%b, new_bias=%nb) {${kind}} : f32[4,${d},2,2], f32[${d},2,2]
  return %y, %hn
}
`;
      expectWritten(text, ["GRU"], [wave([4, 2, 3])]);
    });
  }

  it("but for those that the primitives do not say", () => {
    const constants = weights({ w: [1, 3, 6], r: [1, 2, 6], b: [1, 6] });
    const kind = `${activations(["sigmoid", "tanh"], 1)}, linear_before_reset = true`;
    const text = `graph @g(%x: f32[1,2,3]) -> (f32[1,1,2,2], f32[1,2,2]) {
${constants}  %y, %hn = gru(%x, %w, %r, b=%b) {${kind}} : f32[1,1,2,2], f32[1,2,2]
  return %y, %hn
}
`;
    const { bytes } = throughLite(parseGraph(text, "test.sir"));
    const types = readLite(new MemorySource("test.ms", bytes)).graph.nodes.map((n) => n.primitive?.value?.type);
    expect(types).to.include("MatMulFusion").and.not.to.include("GRU");
  });
});

describe("MindSpore Lite: what cannot be written", () => {
  const network = (around: string, inside: string): string => `graph @g(%x: f32[2], %c: bool[], %w: f32[1]) -> (f32[2]) {
${around}
  %y = if(%c) {then = graph() {
${inside}
      return %e
    }, else = graph() { return %x }} : f32[2]
  %z = neg(%y) : f32[2]
  return %z
}
`;
  const lost = network("  %u = cast(%x) {to = u4} : u4[2]", "      %e = cast(%u) {to = f32} : f32[2]");
  const inside = network("", "      %u = cast(%x) {to = u4} : u4[2]\n      %e = cast(%u) {to = f32} : f32[2]");

  for (const [what, text] of [
    ["a value that a branch takes", lost],
    ["a value inside a branch", inside],
  ] as const) {
    it(`is told once, not what needs it: ${what}`, () => {
      expect(() => liteBytes(parseGraph(text, "test.sir"))).to.throw(
        CompileError,
        /^test.sir:\d+:\d+: error: cast: the format has no element type u4$/,
      );
    });
  }
});

describe("MindSpore Lite: extents that only running tells", () => {
  it("are taken from the values that have them", () => {
    const text = `graph @g(%x: f32[4], %w: f32[1]) -> (f32[]) {
  %i, %n = non_zero(%x) {extent = "k"} : i64[1,k], i64[]
  %v = expand(%w) {shape = [k]} : f32[k]
  %y = reduce_sum(%v) {axes = [0]} : f32[]
  return %y
}
`;
    const primitives = ["Custom", "Shape", "SliceFusion", "BroadcastTo", "ReduceFusion"];
    expectWritten(text, primitives, [
      { kind: "tensor", shape: [4], elements: [0, 3, 0, 5] },
      { kind: "tensor", shape: [1], elements: [1.5] },
    ]);
  });
});

describe("MindSpore Lite: inputs and outputs that cannot be written", () => {
  const refusals = (text: string): string[] => {
    try {
      liteBytes(parseGraph(text, "test.sir"));
    } catch (e) {
      if (e instanceof CompileError) return e.diagnostics.map((d) => d.message);
      throw e;
    }
    return [];
  };

  it("are all told", () => {
    const text = `graph @g(%x: u4[2], %y: f8e5m2[2], %s: sequence<f32[2]>) -> (f32[2], f32[2]) {
  %u = cast(%x) {to = f32} : f32[2]
  %v = cast(%y) {to = f32} : f32[2]
  return %u, %v
}
`;
    expect(refusals(text)).to.deep.equal([
      "the input 'x': the format has no element type u4",
      "the input 'y': the format has no element type f8e5m2",
      "the input 's': the format has no sequence<f32[2]>",
    ]);
  });

  it("are constants too", () => {
    const text = `graph @g() -> (u4[2]) {
  %u = constant() {data = dense<[1, 2]>} : u4[2]
  return %u
}
`;
    expect(refusals(text)).to.deep.equal(["the outputs: the format has no element type u4"]);
  });
});

describe("MindSpore Lite: what sequences make", () => {
  it("is refused, not lost", () => {
    const text = `graph @g(%x: f32[2]) -> (f32[2]) {
  %s = sequence_construct(%x) : sequence<f32[2]>
  %i = constant() {data = dense<0>} : i64[]
  %y = sequence_at(%s, %i) : f32[2]
  return %y
}
`;
    expect(() => throughLite(parseGraph(text, "test.sir"))).to.throw("the format has no sequence<f32[2]>");
  });
});

describe("MindSpore Lite: results without elements", () => {
  it("have their zero where it was", () => {
    const text = `graph @g(%x: f32[0,3,4]) -> (f32[3,4,0]) {
  %y = reshape(%x) {shape = [3, 4, 0]} : f32[3,4,0]
  return %y
}
`;
    expectWritten(text, ["Fill"], [{ kind: "tensor", shape: [0, 3, 4], elements: [] }]);
  });
});

describe("MindSpore Lite: scatters are written as nodes", () => {
  const text = (reduction: string, indices: string): string => `graph @g(%x: f32[4,2], %u: f32[3,2]) -> (f32[4,2]) {
  %i = constant() {data = dense<${indices}>} : i64[3,1]
  %y = scatter_nd(%x, %i, %u) {reduction = "${reduction}"} : f32[4,2]
  return %y
}
`;
  const inputs = [wave([4, 2]), wave([3, 2])];

  it("that replace", () => {
    expectWritten(text("none", "[[3], [0], [1]]"), ["ScatterNdUpdate"], inputs);
  });

  it("that add, several times to one place", () => {
    expectWritten(text("add", "[[2], [0], [2]]"), ["TensorScatterAdd"], inputs);
  });

  it("with indices from the end, which are made ones from the start", () => {
    expectWritten(text("add", "[[-1], [0], [-4]]"), ["Less", "AddFusion", "Select", "TensorScatterAdd"], inputs);
  });
});
