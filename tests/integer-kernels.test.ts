/**
 * Convolutions and matrix products of 8-bit integers on blocked layouts: the same bits as the ops they stand for, and the
 * same from every machine's instructions, at the ends of every type.
 */
import { expect } from "chai";
import fc from "fast-check";
import { cTarget } from "../codegen/c/target.ts";
import { optimize as optimizeFor, programFor } from "../codegen/compile.ts";
import { Builder } from "../ir/define.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { ConvInteger } from "../ir/ops/conv.ts";
import { MatmulInteger } from "../ir/ops/matmul.ts";
import type { Scalar } from "../ir/scalar.ts";
import { computeType, type DType, tensor } from "../ir/type.ts";
import { blockLayout } from "../passes/block-layout.ts";
import type { ImageType } from "../passes/block-layout/blocks.ts";
import { defaultNumerics } from "../passes/pass.ts";
import { type BuildOptions, compilers, interpret, isInstalled, type KernelRun, runKernels, sanitizers } from "./c-runner.ts";
import { evaluateGraph, type TensorResult, tensorResult } from "./evaluate-graph.ts";
import { optimize, readPassRun } from "./optimize.ts";
import { expectRoundTrip, expectVerified } from "./round-trip.ts";

const ends: Partial<Record<DType, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-255, 255],
  i32: [-9, 9],
  f32: [-9, 9],
};

/** Elements of the whole range, a third of them at its ends. */
function elements(dtype: DType, count: number, seed: number): number[] {
  const [low, high] = ends[dtype]!;
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const draw = state >>> 16;
    return draw % 6 === 0 ? low : draw % 6 === 1 ? high : low + (draw % (high - low + 1));
  });
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

interface Product {
  readonly xType: "i8" | "u8";
  readonly wType: "i8" | "u8";
  readonly xZero: "none" | "constant" | "input";
  readonly wZero: "none" | "one" | "each";
  readonly seed: number;
}
interface Convolution extends Product {
  readonly channels: number;
  readonly outputs: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly strides: readonly number[];
  /** Each channel by itself, as many as outputs. */
  readonly isDepthwise?: boolean;
}
interface Matrices extends Product {
  readonly rows: readonly number[];
  readonly inner: number;
  readonly columns: number;
}

const weights = (b: Builder, { wType, seed }: Product, shape: readonly number[]): Value =>
  constantValue(b, wType, shape, elements(wType, count(shape), seed));

function zeroPoints(b: Builder, p: Product, channels: number): [Value | undefined, Value | undefined] {
  const x =
    p.xZero === "none"
      ? undefined
      : p.xZero === "input"
        ? b.graph.addInput("z", tensor(p.xType, []))
        : constantValue(b, p.xType, [], elements(p.xType, 1, p.seed + 1));
  const shape = p.wZero === "each" ? [channels] : [];
  return [x, p.wZero === "none" ? undefined : constantValue(b, p.wType, shape, elements(p.wType, count(shape), p.seed + 2))];
}

function convolution(c: Convolution): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const [channels, group] = c.isDepthwise ? [c.outputs, c.outputs] : [c.channels, 1];
  const x = graph.addInput("x", tensor(c.xType, [2, channels, ...c.input]));
  const w = weights(b, c, [c.outputs, channels / group, ...c.kernel]);
  const [x_zero_point, w_zero_point] = zeroPoints(b, c, c.outputs);
  graph.setOutputs([b.create(ConvInteger, { x, w, x_zero_point, w_zero_point }, { pads: c.pads, strides: c.strides, group })]);
  return graph;
}

function matrices(m: Matrices): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  const a = graph.addInput("a", tensor(m.xType, [...m.rows, m.inner]));
  const [a_zero_point, b_zero_point] = zeroPoints(b, m, m.columns);
  graph.setOutputs([b.create(MatmulInteger, { a, b: weights(b, m, [m.inner, m.columns]), a_zero_point, b_zero_point })]);
  return graph;
}

const product = {
  xType: fc.constantFrom("i8" as const, "u8" as const),
  wType: fc.constantFrom("i8" as const, "u8" as const),
  xZero: fc.constantFrom("none" as const, "constant" as const, "input" as const),
  wZero: fc.constantFrom("none" as const, "one" as const, "each" as const),
  seed: fc.nat(1e6),
};
const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const convolutions: fc.Arbitrary<Convolution> = fc.record({
  ...product,
  channels: fc.integer({ min: 1, max: 11 }),
  outputs: fc.integer({ min: 2, max: 9 }),
  input: pair(3, 5),
  kernel: pair(1, 3),
  pads: fc.tuple(pair(0, 2), pair(0, 2)),
  strides: pair(1, 2),
});
const products: fc.Arbitrary<Matrices> = fc.record({
  ...product,
  rows: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
  inner: fc.integer({ min: 1, max: 11 }),
  columns: fc.integer({ min: 4, max: 13 }),
});

const inputs = (graph: Graph, seed: number): TensorResult[] =>
  graph.inputs.map((v, i) => {
    const shape = v.tensor.shape as number[];
    return tensorResult(shape, elements(v.tensor.dtype, count(shape), seed + i));
  });

const context = { diagnostics: new Diagnostics(), numerics: defaultNumerics };
const namesOf = (graph: Graph): string[] => [...graph.ops()].map((op) => op.name);

/** Checks that the graph on blocked layouts has no op of that name left and computes the same. */
function expectBlocked(make: () => Graph, gone: string, image: ImageType, seed: number): void {
  const want = evaluateGraph(make(), inputs(make(), seed));
  const graph = make();
  blockLayout({ lanes: 4, vectors: 2, image }).run(graph, context);
  expectVerified(graph);
  expect(namesOf(graph)).to.not.include(gone);
  expect(evaluateGraph(graph, inputs(graph, seed))).to.deep.equal(want);
}

describe("products of 8-bit integers in blocks", () => {
  for (const image of ["u8", "i8", "i16"] as const) {
    it(`convolutions are the same, ${image}`, () => {
      fc.assert(
        fc.property(convolutions, (c) => {
          expectBlocked(() => convolution(c), "conv_integer", image, c.seed);
        }),
        { numRuns: 25, seed: 1 },
      );
    });

    it(`convolutions of each channel by itself are the same, ${image}`, () => {
      fc.assert(
        fc.property(convolutions, (c) => {
          expectBlocked(() => convolution({ ...c, isDepthwise: true }), "conv_integer", image, c.seed);
        }),
        { numRuns: 20, seed: 3 },
      );
    });

    it(`matrix products are the same, ${image}`, () => {
      fc.assert(
        fc.property(products, (m) => {
          expectBlocked(() => matrices(m), "matmul_integer", image, m.seed);
        }),
        { numRuns: 40, seed: 2 },
      );
    });
  }

  const plain = { xType: "u8", wType: "i8", xZero: "constant", wZero: "none", seed: 1 } as const;
  const small: Convolution = {
    ...plain,
    channels: 5,
    outputs: 6,
    input: [4, 4],
    kernel: [3, 3],
    pads: [
      [1, 1],
      [1, 1],
    ],
    strides: [1, 1],
  };

  it("write and read like any graph", () => {
    const graph = convolution(small);
    blockLayout({ lanes: 4, vectors: 2, image: "u8" }).run(graph, context);
    optimize(graph, readPassRun(["fold-constants", "canonicalize", "dce"]));
    expect(namesOf(expectRoundTrip(graph))).to.include("conv_packed_integer");
  });

  it("leave groups and few channels as they are", () => {
    const kept = (c: Partial<Convolution>): string[] => {
      const graph = convolution({ ...small, ...c });
      blockLayout({ lanes: 16, vectors: 2, image: "u8" }).run(graph, context);
      return namesOf(graph);
    };
    expect(kept({ outputs: 8 })).to.not.include("conv_integer");
    expect(kept({ outputs: 7 })).to.include("conv_integer");
  });
});

/** Runs of every kernel that the graph is compiled to, on elements of the whole range. */
function kernelRuns(graph: Graph, mcpu: string): KernelRun[] {
  const options = { name: "m", mcpu };
  optimizeFor(graph, cTarget, options, new Diagnostics());
  return programFor(graph, cTarget, options).kernels.map(({ nest }, i) => ({
    nest,
    roots: nest.params.map(({ buffer, access }, k) => {
      const size = count(buffer.shape as number[]);
      return access === "read"
        ? elements(buffer.dtype, size, 10 * i + k)
        : new Array<Scalar>(size).fill(computeType(buffer.dtype) === "i64" ? 0n : 0);
    }),
  }));
}

/** Odd and even shapes, with padding and without, of every pair of types. */
function graphs(): Graph[] {
  const shape = { kernel: [2, 2], input: [3, 7], strides: [1, 1] } as const;
  const padded = [
    [1, 0],
    [1, 1],
  ] as const;
  const none = [
    [0, 0],
    [0, 0],
  ] as const;
  return [
    convolution({ ...shape, pads: padded, xType: "u8", wType: "i8", xZero: "constant", wZero: "none", channels: 5, outputs: 35, seed: 3 }),
    convolution({ ...shape, pads: none, xType: "i8", wType: "i8", xZero: "none", wZero: "none", channels: 18, outputs: 24, seed: 4 }),
    convolution({ ...shape, pads: padded, xType: "u8", wType: "u8", xZero: "input", wZero: "each", channels: 3, outputs: 20, seed: 5 }),
    convolution({
      ...shape,
      pads: padded,
      xType: "u8",
      wType: "i8",
      xZero: "input",
      wZero: "none",
      channels: 1,
      outputs: 33,
      isDepthwise: true,
      seed: 8,
    }),
    matrices({ rows: [2, 5], inner: 13, columns: 37, xType: "i8", wType: "i8", xZero: "constant", wZero: "none", seed: 6 }),
    matrices({ rows: [1], inner: 8, columns: 64, xType: "u8", wType: "u8", xZero: "constant", wZero: "one", seed: 7 }),
  ];
}

const calls = (runs: readonly KernelRun[]): number => runs.filter(({ nest }) => JSON.stringify(modesIn(nest.body)).includes("dot")).length;
const modesIn = (body: KernelRun["nest"]["body"]): unknown[] => body.map((s) => (s.kind === "for" ? [s.mode, ...modesIn(s.body)] : []));

function expectKernels(mcpu: string, builds: readonly BuildOptions[]): void {
  const runs = graphs().flatMap((g) => kernelRuns(g, mcpu));
  expect(calls(runs), "kernels with sums of groups").to.equal(5);
  const want = runs.map(interpret);
  for (const build of builds) expect(runKernels(runs, build)).to.deep.equal(want);
}

/** Machines, and how their kernels are built: with what this one has, without anything of its own, with sanitizers. */
const native = ["-O1", "-march=native"];
const builds: Readonly<Record<string, readonly BuildOptions[]>> = {
  "x86-64-v2": [{ flags: native }, { vectors: false, flags: ["-O0"] }],
  "x86-64-v3": [{ flags: native }, { flags: sanitizers }],
  "x86-64-v3-vnni": [{ flags: native }, { flags: sanitizers }, ...compilers.map((compiler) => ({ compiler, flags: ["-O1", "-mavx2"] }))],
  "x86-64-v4": [{ flags: native }],
  "x86-64-v4-vnni": compilers.map((compiler) => ({ compiler, flags: native })),
  "armv8-dot": [{ flags: native }],
};

describe("c: products of 8-bit integers", () => {
  for (const [mcpu, ways] of Object.entries(builds)) {
    it(`gives the bits of the loops, ${mcpu}`, () => {
      expectKernels(mcpu, ways);
    });
  }

  for (const [mcpu, march] of [
    ["armv8", "armv8-a"],
    ["armv8-dot", "armv8.2-a+dotprod"],
  ] as const) {
    it(`gives the same bits under qemu, ${mcpu}`, () => {
      const [compiler, emulator] = ["aarch64-linux-gnu-gcc", "qemu-aarch64"];
      if (!isInstalled(compiler) || !isInstalled(emulator)) {
        console.log(`      left out: ${compiler} and ${emulator} are not installed`);
        return;
      }
      expectKernels(mcpu, [{ compiler, emulator, flags: ["-O1", `-march=${march}`, "-static"] }]);
    });
  }
});
