/** Weights from files in the place of a graph's own. */
import { expect } from "chai";
import { basename, join } from "node:path";
import { bindWeights, compareWeights, namedConstants, randomizeWeights } from "../frontend/bind-weights.ts";
import { importModel, importSource } from "../frontend/import.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import { openWeights } from "../frontend/weights.ts";
import type { Constant } from "../ir/attribute.ts";
import { MemorySource, readData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { expectRuns } from "./expect-runs.ts";
import { recordedModels } from "./recorded-runs.ts";
import { withSharedModels } from "./shared-models.ts";
import { refusal, tensorOf } from "./weights-files.ts";

const text = `graph @main(%x: f32[2], %c: bool[]) -> (f32[2]) {
  %layer.weight = constant() {data = dense<[1, 2]>} : f32[2]
  %layer.bias = constant() {data = dense<[3, 4]>} : f32[2]
  %0 = constant() {data = dense<[5, 6]>} : f32[2]
  %epsilon = constant() {data = dense<7>} : f32[]
  %1 = mul(%x, %layer.weight) : f32[2]
  %2 = add(%1, %0) : f32[2]
  %3 = if(%c) {then = graph() {
    %inner.bias = constant() {data = dense<[8, 9]>} : f32[2]
    %4 = add(%inner.bias, %layer.bias) : f32[2]
    return %4
  }, else = graph() {
    %inner.bias = constant() {data = dense<[8, 9]>} : f32[2]
    return %inner.bias
  }} : f32[2]
  %5 = add(%2, %3) : f32[2]
  %6 = add(%5, %epsilon) : f32[2]
  return %6
}
`;

const graphOf = async (source: string): Promise<Graph> =>
  (await importSource(new MemorySource("g.sir", new TextEncoder().encode(source)))).graph;

const table = (...values: readonly TensorValue[]): Map<string, TensorValue> => new Map(values.map((v) => [v.name, v]));

/** The elements of the constants of that name. */
const elements = (graph: Graph, name: string): Uint8Array[] =>
  namedConstants(graph)
    .get(name)!
    .map((op) => readData((op.attributes["data"] as Constant).data));

describe("bindWeights", () => {
  const weight = tensorOf("layer.weight", "f32", [2], 1);
  const bias = tensorOf("layer.bias", "f32", [2, 1, 1], 2);
  const inner = tensorOf("inner.bias", "f32", [2], 3);

  it("binds by name, in regions too; extents of 1 at the end may be more; what is unexpected is summarised", async () => {
    const graph = await graphOf(text);
    const more = ["a", "b", "c", "d", "e"].map((n) => tensorOf(`moments.${n}`, "f32", [2]));
    const { report, diagnostics } = bindWeights(graph, table(weight, bias, ...more, inner), "w.npz", new Set(["moments.e"]));
    expect(report).to.deep.equal({
      bound: ["layer.weight", "layer.bias", "inner.bias"],
      missing: [],
      unexpected: more.slice(0, 4).map((v) => v.name),
      mismatched: [],
    });
    expect(elements(graph, "layer.bias")).to.deep.equal([readData(bias.data)]);
    expect(elements(graph, "inner.bias")).to.deep.equal([readData(inner.data), readData(inner.data)]);
    expect(diagnostics.map((d) => `${d.severity}: ${d.message}`)).to.deep.equal([
      "warning: 4 of 7 tensors are not parameters of the model: 'moments.a', 'moments.b', 'moments.c', 'moments.d'",
    ]);
  });

  it("lists all that is missing or has another type, with near names, and changes nothing then", async () => {
    const graph = await graphOf(text);
    const before = elements(graph, "layer.weight");
    const wrong = table(weight, tensorOf("layer.bais", "f32", [2]), tensorOf("inner.bias", "f16", [3]));
    const error = expectError(() => bindWeights(graph, wrong, "w.ckpt"));
    expect(error.diagnostics.map((d) => [d.severity, d.location.path, d.message, d.expected, d.received, d.remedy])).to.deep.equal([
      [
        "error",
        "layer.bias",
        "the parameter 'layer.bias' is not in the file",
        undefined,
        undefined,
        "there is 'layer.bais', which the model does not have",
      ],
      ["error", "inner.bias", "the parameter 'inner.bias' has another type in the file", "f32[2]", "f16[3]", undefined],
      ["warning", undefined, "1 of 2 tensors are not parameters of the model: 'layer.bais'", undefined, undefined, undefined],
    ]);
    expect(elements(graph, "layer.weight")).to.deep.equal(before);
  });

  it("binds scalars and integers that are there, and does without them", async () => {
    const graph = await graphOf(text);
    const epsilon = tensorOf("epsilon", "f32", [], 4);
    bindWeights(graph, table(weight, bias, inner, epsilon), "w");
    expect(elements(graph, "epsilon")).to.deep.equal([readData(epsilon.data)]);
    expect(compareWeights(graph, table(weight, bias, inner)).missing).to.deep.equal([]);
  });

  it("binds integers, of their own type only", async () => {
    const graph = await graphOf("graph @g() -> (i64[2]) {\n  %w = constant() {data = dense<[2, 3]>} : i64[2]\n  return %w\n}\n");
    expect(refusal(() => bindWeights(graph, table(tensorOf("w", "i64", [2])), "w"))).to.equal("accepted");
    expect(refusal(() => bindWeights(graph, table(tensorOf("w", "i64", [3])), "w"))).to.match(/type-mismatch/);
  });

  it("draws numbers for every parameter of floats, which follow from the seed and the name", async () => {
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const graph = await graphOf(text);
        randomizeWeights(graph, seed);
        return ["layer.weight", "layer.bias", "inner.bias", "epsilon"].map((name) => elements(graph, name));
      }),
    );
    expect(a).to.deep.equal(b);
    expect(a![0]).to.not.deep.equal(c![0]);
    expect(a![0]).to.not.deep.equal(a![1]);
    expect(a![3]).to.deep.equal(elements(await graphOf(text), "epsilon"));
  });
});

function expectError(action: () => unknown): CompileError {
  try {
    action();
  } catch (e) {
    if (e instanceof CompileError) return e;
    throw e;
  }
  return expect.fail("nothing is wrong");
}

withSharedModels("models with the weights of checkpoints", (folder) =>
  describe("models with the weights of checkpoints", function () {
    this.timeout(120_000);
    const names = ["bert_2layer", "lenet5", "mobilenetv2_w035", "resnet50_w16", "unet_small", "zoo_conv"];
    for (const { path, runs } of recordedModels(join(folder, "mindir")).filter(({ path: p }) => p.endsWith(".mindir"))) {
      const name = basename(path, ".mindir");
      if (!names.includes(name)) continue;
      it(`${name}: random first, then those of the checkpoint, give its outputs on js`, async () => {
        const { graph } = await importModel(path);
        randomizeWeights(graph, 7);
        const { tensors } = await openWeights(path.replace(".mindir", ".ckpt"));
        const { report } = bindWeights(graph, tensors, `${name}.ckpt`);
        expect(report.bound).to.have.length([...namedConstants(graph).keys()].length);
        expect(report.unexpected).to.deep.equal([]);
        await expectRuns(graph, "js", runs);
      });
    }

    it("random weights do not give the recorded outputs", async () => {
      const { path, runs } = recordedModels(join(folder, "mindir")).find((m) => m.path.endsWith("lenet5.mindir"))!;
      const { graph } = await importModel(path);
      randomizeWeights(graph, 7);
      const error: unknown = await expectRuns(graph, "js", runs).catch((e: unknown) => e);
      expect(String(error)).to.match(/output 0: element/);
    });

    it("another model's checkpoint is refused with all that is missing", async () => {
      const { graph } = await importModel(join(folder, "mindir", "lenet5.mindir"));
      const { tensors } = await openWeights(join(folder, "mindir", "unet_small.ckpt"));
      const error = expectError(() => bindWeights(graph, tensors, "unet_small.ckpt"));
      expect(error.diagnostics.filter((d) => d.severity === "error")).to.have.length(8);
    });
  }),
);
