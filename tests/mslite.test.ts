/** MindSpore Lite files, read and written. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fuseWeights } from "../cli/fuse-weights.ts";
import { importModel } from "../frontend/import.ts";
import { importLite } from "../frontend/mslite/import.ts";
import { readLite } from "../frontend/mslite/read.ts";
import { MemorySource, memoryData, readData } from "../ir/data.ts";
import { attributesOf, isOp } from "../ir/define.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { Tensor } from "../runtime/node/session.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { expectRuns } from "./expect-runs.ts";
import { encodeFse, encodeHuffman, encodeSparse } from "./lite-codecs.ts";
import { listFile, mergedLoopFile } from "./lite-control.ts";
import { dims, parameter, some, withConstant } from "./lite-files.ts";
import { liteBytes, throughLite } from "./mslite-round-trip.ts";
import { tryMutations } from "./mutations.ts";
import { type RecordedRun, recordedModels } from "./recorded-runs.ts";
import { expectRoundTrip } from "./round-trip.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

const opNames = (graph: Graph): string[] => [...graph.ops()].map((op) => op.name).filter((name) => name !== "constant");

/** What real files are refused for, and what of others is left out. */
const refusals: Readonly<Record<string, RegExp>> = {
  "654e4060_mindspore.ms": /the schema of early 2020, before MindSpore Lite 0.7 had meta graphs/,
  "f87ee584_tinynet.om.ms": /the node of type '\w+'.* is an operator of another runtime/,
};
/** Those that the reference interpreters run in no time. */
const quick: ReadonlySet<string> = new Set(["1e1f6df3_mindrt_parallel_model.ms", "23c12d42_parallel.ms", "df4c98aa_conv_train_model.ms"]);

async function expectAgreement(path: string, graph: Graph): Promise<void> {
  const run = referenceRun(graph);
  for (const target of ["js", "c"]) await expectRuns((await importModel(path)).graph, target, [run]);
}

const trained: Readonly<Record<string, number>> = {
  "3759ca76_mix_lenet_tod.ms": 66,
  "3857a843_lenet_tod.ms": 33,
  "3941927e_lenet_train.ms": 30,
  "4b205b9f_lenet_train.ms": 37,
  "df4c98aa_conv_train_model.ms": 13,
};

withSharedModels("real files of MindSpore Lite", (folder) => {
  describe("MindSpore Lite: real files", function () {
    this.timeout(120_000);
    for (const path of filesIn(join(folder, "ms"), ".ms")) {
      const name = basename(path);
      const refused = refusals[name];
      it(refused ? `${name} is refused` : name, async () => {
        if (refused) return expectRefused(path, refused);
        const { graph, diagnostics } = await importModel(path);
        expectRoundTrip(graph);
        if (quick.has(name)) await expectAgreement(path, graph);
        expect(diagnostics.map((d) => d.message)).to.deep.equal(
          name in trained ? [`the graph is for training: ${trained[name]} nodes from the loss on are left out`] : [],
        );
      });
    }
  });

  describe("MindSpore Lite: models by way of it", function () {
    this.timeout(120_000);
    for (const { path, runs, options } of recordedModels(join(folder, "mindir"))) {
      it(basename(path), async () => {
        await expectRuns(throughLite((await importModel(path, options)).graph).graph, "js", runs);
      });
    }
  });
});

/** The run that the reference interpreters compute, for inputs that are a ramp. */
function referenceRun(graph: Graph): RecordedRun {
  const inputs = graph.inputs.map((v) => ramp(v.tensor.shape as readonly number[]));
  const asTensor = ({ shape, elements }: TensorResult): Tensor => new Tensor("f32", Float32Array.from(elements, Number), shape);
  return { inputs: inputs.map(asTensor), outputs: (evaluateGraph(graph, inputs) as TensorResult[]).map(asTensor) };
}

async function expectRefused(path: string, why: RegExp): Promise<void> {
  let message = "";
  try {
    await importModel(path);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    message = e.message;
  }
  expect(message).to.match(why);
}

const smallNetwork = `graph @net(%x: f32[1,3,8,8]) -> (f32[1,4,4,4]) {
  %w = constant() {data = dense<0.5>} : f32[4,3,3,3]
  %b = constant() {data = dense<[1.0, 2.0, 3.0, 4.0]>} : f32[4]
  %y = conv(%x, %w) {pads = [[1, 1], [1, 1]]} : f32[1,4,8,8]
  %c = reshape(%b) {shape = [4, 1, 1]} : f32[4,1,1]
  %z = add(%y, %c) : f32[1,4,8,8]
  %r = relu(%z) : f32[1,4,8,8]
  %p = max_pool(%r) {kernel = [2, 2], strides = [2, 2]} : f32[1,4,4,4]
  return %p
}
`;
const ramp = (shape: readonly number[]): TensorResult => ({
  kind: "tensor",
  shape,
  elements: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i))),
});
const small = (): Graph => parseGraph(smallNetwork, "small.sir");

describe("MindSpore Lite: what is written", () => {
  it("fuses bias and activation, and transposes at the borders only", () => {
    const { graph } = readLite(new MemorySource("small.ms", liteBytes(small()).bytes));
    const types = graph.nodes.map((n) => n.primitive?.value?.type);
    expect(types).to.deep.equal(["Transpose", "Conv2DFusion", "MaxPoolFusion", "Transpose"]);
    expect(graph.nodes[1]!.primitive!.value!.fields).to.include({ activation_type: "RELU" });
    expect(graph.nodes[1]!.inputIndex).to.have.length(3);
    expect(graph.allTensors.map((t) => t.name)).to.include.members(["x", "w", "b", "p"]);
  });

  it("comes back as the ops it was, in their order of axes", () => {
    const { graph } = throughLite(small());
    expect(opNames(graph)).to.deep.equal(["conv", "relu", "max_pool"]);
    expect([graph.inputs[0]!.name, graph.outputs[0]!.name]).to.deep.equal(["x", "p"]);
  });

  it("has no normalisation after a convolution once weights are fused", () => {
    const text = smallNetwork
      .replace("%y = conv(", "%n = conv(")
      .replace("  %c = reshape", "  %y = batch_norm(%n, %b, %b, %b, %b) : f32[1,4,8,8]\n  %c = reshape");
    const graph = parseGraph(text, "normalised.sir");
    const [wanted] = evaluateGraph(graph, [ramp([1, 3, 8, 8])]) as TensorResult[];
    fuseWeights(graph);
    const { bytes, graph: back } = throughLite(graph);
    const types = readLite(new MemorySource("small.ms", bytes)).graph.nodes.map((n) => n.primitive?.value?.type);
    expect(types).to.deep.equal(["Transpose", "Conv2DFusion", "MaxPoolFusion", "Transpose"]);
    const [found] = evaluateGraph(back, [ramp([1, 3, 8, 8])]) as TensorResult[];
    found!.elements.forEach((v, i) => expect(v).to.be.closeTo(Number(wanted!.elements[i]), 1e-4));
  });

  it("casts constants of fewer axes than the images they go with", () => {
    const text = smallNetwork
      .replace("%z = add(%y, %c)", "%s = constant() {data = dense<[[[1]], [[2]], [[3]], [[4]]]>} : u8[4,1,1]\n  %z = sub(%y, %t)")
      .replace("  %z = sub", "  %t = cast(%s) {to = f32} : f32[4,1,1]\n  %z = sub");
    const x = ramp([1, 3, 8, 8]);
    const [wanted] = evaluateGraph(parseGraph(text, "cast.sir"), [x]);
    expect(evaluateGraph(throughLite(parseGraph(text, "cast.sir")).graph, [x])).to.deep.equal([wanted]);
  });

  it("has the same bytes each time", () => {
    expect(Buffer.compare(liteBytes(small()).bytes, liteBytes(small()).bytes)).to.equal(0);
  });

  it("is read by flatc with the schema", function () {
    const flatc = which("flatc");
    if (!flatc) {
      console.log("left out: flatc reads what is written (there is no flatc)");
      return this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "sinter-flatc-"));
    try {
      const file = join(folder, "model.ms");
      writeFileSync(file, liteBytes(small()).bytes);
      const schema = join("proto", "ms_lite.fbs");
      execFileSync(flatc, ["--json", "--strict-json", "--raw-binary", "--no-warnings", "-o", folder, schema, "--", file], {
        stdio: "ignore",
      });
      const told = JSON.parse(readFileSync(join(folder, "model.json"), "utf8")) as {
        nodes: { primitive: { value_type: string; value: object } }[];
        allTensors: { name?: string; dims: number[]; data?: number[] }[];
      };
      expect(told.nodes.map((n) => n.primitive.value_type)).to.deep.equal(["Transpose", "Conv2DFusion", "MaxPoolFusion", "Transpose"]);
      expect(told.nodes[1]!.primitive.value).to.include({ activation_type: "RELU", format: "NHWC", in_channel: 3, out_channel: 4 });
      const weights = told.allTensors.find((t) => t.name === "w")!;
      expect(weights.dims).to.deep.equal([4, 3, 3, 3]);
      expect(weights.data).to.have.length(4 * 4 * 27);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function which(command: string): string | undefined {
  try {
    return execFileSync("which", [command], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** Uses what importing left for later. */
function use(graph: Graph): void {
  for (const op of graph.ops()) if (isOp(op, ConstantOp)) readData(attributesOf<typeof ConstantOp>(op).data.data);
}

describe("MindSpore Lite: damaged files", function () {
  this.timeout(300_000);

  it("give a diagnostic or a graph each time", async () => {
    const files = [
      { name: "small.ms", bytes: liteBytes(small()).bytes },
      { name: "digits.ms", bytes: liteBytes((await importModel(join("examples", "digits", "digits.mindir"))).graph).bytes },
      { name: "switch.ms", bytes: mergedLoopFile("1.1") },
      { name: "list.ms", bytes: listFile("1.2") },
      {
        name: "huffman.ms",
        bytes: withConstant({ data: memoryData(encodeHuffman(some)), enableHuffmanCode: true, quantParams: [parameter({})] }, dims),
      },
      {
        name: "sparse.ms",
        bytes: withConstant(
          { data: memoryData(encodeSparse(some, 8, 1, 2)), weightQuantCompressType: "SPARSE", quantParams: [parameter({})] },
          dims,
        ),
      },
      {
        name: "fse.ms",
        bytes: withConstant(
          { data: memoryData(encodeFse(some, [8, 14, 6, 4], "int")), weightQuantCompressType: "FSE_INT", quantParams: [parameter({})] },
          dims,
        ),
      },
    ];
    withSharedModels("damaged real files of MindSpore Lite", (folder) => {
      const real = filesIn(join(folder, "ms"), ".ms").map((name) => ({ name, bytes: Uint8Array.from(readFileSync(name)) }));
      files.push(...real.filter(({ bytes }) => bytes.length < 20_000));
    });
    const report = tryMutations(files, 10_000, 7, (name, bytes) => {
      use(importLite(readLite(new MemorySource(name, bytes))).graph);
    });
    expect(report.failures).to.deep.equal([]);
    expect(report.tried).to.be.at.least(10_000);
    expect(report.refused).to.be.greaterThan(report.tried / 4);
    expect(report.peakBytes).to.be.lessThan(2 ** 30);
  });
});
