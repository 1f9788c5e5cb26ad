/**
 * Passes keep what a graph computes: every file test under `cases/passes`, on drawn sizes and values, and random graphs;
 * and they are quick on graphs of tens of thousands of ops.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { passContext, passesFor } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { asAtom } from "../ir/dim.ts";
import { Graph } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Add, Matmul, Mul, Relu, Reshape, Transpose } from "../ir/ops/index.ts";
import { Builder } from "../ir/define.ts";
import type { Scalar } from "../ir/scalar.ts";
import { normalize, roundScalar } from "../ir/scalar.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { printGraph } from "../ir/text/print.ts";
import { computeType, type DType, isFloat, tensor, type TensorType } from "../ir/type.ts";
import { canonicalizeRules } from "../passes/canonicalize.ts";
import { flattenSequencesRules } from "../passes/flatten-sequences.ts";
import { foldBatchNormRules } from "../passes/fold-batch-norm.ts";
import { defaultPasses } from "../passes/index.ts";
import { integerProductRules } from "../passes/integer-products.ts";
import type { NumericsClass, PassContext } from "../passes/pass.ts";
import { runPasses } from "../passes/pipeline.ts";
import { raiseRules } from "../passes/raise.ts";
import type { Rule } from "../passes/rewrite.ts";
import { type Evaluated, evaluateGraph, tensorResult } from "./evaluate-graph.ts";
import { optimize, type PassRun, readPassRun } from "./optimize.ts";
import { randomGraph } from "./random-graph.ts";

const allRules: readonly Rule[] = [
  ...canonicalizeRules,
  ...raiseRules,
  ...foldBatchNormRules,
  ...flattenSequencesRules,
  ...integerProductRules,
];
const classOf = new Map(allRules.map((r) => [r.name, r.numerics]));

const special = [0, -0, 1, -1, 2, 0.5, -3.25, 100, 1e-3, NaN, Infinity, -Infinity, 1e-45, 3e38];
const tame = [0.5, 1, -1, 2, -0.75, 1.5, 3, -2.25];

/** An element of the type from a drawn number. */
function element(dtype: DType, drawn: number, values: readonly number[]): Scalar {
  const type = computeType(dtype);
  if (isFloat(dtype)) return roundScalar(dtype, normalize(type, values[drawn % values.length]!));
  return roundScalar(dtype, normalize(type, dtype === "bool" ? drawn % 2 : BigInt(drawn % 257) - 128n));
}

interface Drawn {
  readonly extents: readonly number[];
  readonly numbers: readonly number[];
}
const drawn = (): fc.Arbitrary<Drawn> =>
  fc.record({
    extents: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 }),
    numbers: fc.array(fc.nat(1_000_000), { minLength: 16, maxLength: 64 }),
  });

/** Inputs of the graph: one size for each named extent, elements in turn from the drawn numbers. */
function inputsFor(graph: Graph, { extents, numbers }: Drawn, values: readonly number[]): Evaluated[] {
  const sizes = new Map<string, number>();
  let at = 0;
  return graph.inputs.map((v) => {
    const shape = v.tensor.shape.map((d) => {
      if (typeof d === "number") return d;
      const atom = asAtom(d);
      const name = atom?.kind === "extent" ? atom.name : "";
      if (!sizes.has(name)) sizes.set(name, extents[sizes.size % extents.length]!);
      return sizes.get(name)!;
    });
    const count = shape.reduce((a, b) => a * b, 1);
    return tensorResult(
      shape,
      Array.from({ length: count }, () => element(v.tensor.dtype, numbers[at % numbers.length]! + 7 * at++, values)),
    );
  });
}

const isSame = (a: Scalar, b: Scalar, isExact: boolean, tolerance: number): boolean => {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (isExact || typeof a === "bigint" || typeof b === "bigint") return false;
  return a === b || Math.abs(a - b) <= tolerance * (1 + Math.max(Math.abs(a), Math.abs(b)));
};

const tolerances: Partial<Record<DType, number>> = { f16: 4e-3, bf16: 3e-2, f64: 1e-12 };

function expectSame(
  before: readonly Evaluated[],
  after: readonly Evaluated[],
  types: readonly TensorType[],
  isExact: boolean,
  what: () => string,
): void {
  before.forEach((b, i) => {
    const a = after[i]!;
    if (a.kind !== "tensor" || b.kind !== "tensor") return;
    expect(a.shape, what()).to.deep.equal(b.shape);
    const tolerance = tolerances[types[i]!.dtype] ?? 1e-5;
    const wrong = b.elements.findIndex((x, k) => !isSame(x, a.elements[k]!, isExact, tolerance));
    if (wrong >= 0) throw new Error(`output ${i}, element ${wrong}: ${a.elements[wrong]} instead of ${b.elements[wrong]}\n${what()}`);
  });
}

const parse = (text: string): Graph => parseGraph(text, "test.sir");

/** Runs the passes on a copy and compares what both compute. The rules that applied. */
function expectKept(text: string, run: PassRun, draws: readonly Drawn[]): readonly string[] {
  const [before, after] = [parse(text), parse(text)];
  const applied = optimize(after, run);
  const classes = new Set(applied.map((name): NumericsClass => classOf.get(name) ?? "exact"));
  const isExact = !classes.has("reassociates") && !classes.has("fast") && !classes.has("approximates");
  for (const d of draws) {
    const inputs = inputsFor(before, d, isExact ? special : tame);
    const types = before.outputs.map((v) => v.tensor);
    expectSame(evaluateGraph(before, inputs), evaluateGraph(after, inputs), types, isExact, () => `${text}\nbecame\n${printGraph(after)}`);
  }
  return applied;
}

const folder = join("tests", "cases", "passes");

/** Draws random numbers, fails when it runs, or is too large for the interpreter. */
const incomparable = new Set(["cse-of-random.test", "sequence-position-outside.test", "fold-growth.test"]);

describe("passes", () => {
  describe("keep what the file tests' graphs compute", () => {
    const applied = new Set<string>();
    for (const file of readdirSync(folder).sort()) {
      const [, args, input] = /^\/\/ RUN: opt (.*)\n([^]*?)\/\/ ---- expected\n/.exec(readFileSync(join(folder, file), "utf8")) ?? [];
      if (args === undefined || input === undefined || incomparable.has(file)) continue;
      it(file.replace(/\.test$/, ""), () => {
        const draws = fc.sample(drawn(), { numRuns: 12, seed: 5 });
        expectKept(input, readPassRun(args.trim().split(/\s+/)), draws).forEach((name) => applied.add(name));
      });
    }

    it("and every rule applies in one of them", () => {
      expect([...classOf.keys()].filter((name) => !applied.has(name))).to.deep.equal([]);
    });
  });

  it("keep what random graphs compute, to the last bit where only exact rules may apply", () => {
    const run: PassRun = { passes: defaultPasses(), numerics: new Set<NumericsClass>(["exact"]) };
    fc.assert(
      fc.property(randomGraph(), drawn(), (text, d) => {
        expectKept(text, run, [d]);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it("keep what random graphs compute under the default rules", () => {
    const run: PassRun = { passes: defaultPasses(), numerics: new Set<NumericsClass>(["exact", "reassociates"]) };
    fc.assert(
      fc.property(randomGraph(), drawn(), (text, d) => {
        expectKept(text, run, [d]);
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it("pack weights that many products share once", () => {
    const graph = new Graph("main");
    const b = new Builder(graph);
    const w = constantValue(
      b,
      "f32",
      [64, 64],
      Array.from({ length: 4096 }, (_, i) => (i % 7) - 3),
    );
    graph.setOutputs(["x", "y", "z"].map((name) => b.create(Matmul, { a: graph.addInput(name, tensor("f32", [4, 64])), b: w })));
    const folded: string[] = [];
    const context: PassContext = {
      ...passContext(new Diagnostics()),
      trace: (rule, op) => rule === "fold-constants" && folded.push(op.name),
    };
    runPasses(graph, passesFor(findTarget("c")!, { name: "main" }), context);
    expect(folded.filter((name) => name === "pack")).to.have.length(1);
  });

  it("take a graph of 45,000 ops in seconds", () => {
    const graph = longGraph(45_000);
    const start = performance.now();
    optimize(graph, { passes: defaultPasses().filter((p) => p.name !== "fold-constants"), numerics: new Set<NumericsClass>(["exact"]) });
    expect(performance.now() - start).to.be.below(45_000);
  }).timeout(90_000);
});

/** A chain of ops with constants, casts of one weight and movements that cancel, as exporters of large models write them. */
function longGraph(ops: number): Graph {
  const graph = new Graph("main");
  const b = new Builder(graph);
  let x = graph.addInput("x", tensor("f32", [4, 8]));
  const shared = constantValue(b, "f32", [], [1]);
  for (let i = 0; i < ops / 9; i++) {
    const scale = constantValue(
      b,
      "f32",
      [8],
      Array.from({ length: 8 }, (_, k) => i + k),
    );
    x = b.create(Mul, { a: scale, b: x });
    x = b.create(Transpose, { x }, { perm: [1, 0] });
    x = b.create(Relu, { x });
    x = b.create(Transpose, { x }, { perm: [1, 0] });
    x = b.create(Reshape, { x: b.create(Reshape, { x }, { shape: [32] }) }, { shape: [4, 8] });
    x = b.create(Add, { a: b.create(Mul, { a: x, b: shared }), b: x });
  }
  graph.setOutputs([x]);
  return graph;
}
