/** AIR: what its files may hold, and what we write into them. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { detectFormat } from "../frontend/detect.ts";
import { exportAir } from "../frontend/air/export.ts";
import { importAir } from "../frontend/air/import.ts";
import { readOfflineModel, readTasks } from "../frontend/air/om.ts";
import { readAir } from "../frontend/air/read.ts";
import { importModel } from "../frontend/import.ts";
import { MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { formatType } from "../ir/type.ts";
import "../ir/ops/index.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { blockedImage, blockedModel, choosingModel, loopingModel } from "./air-examples.ts";
import { constant, data, descriptor, modelBytes, names, op, places, type GraphMessage } from "./air-messages.ts";
import { airBytes, canonicalOps, graphOfAir, throughAir } from "./air-trip.ts";
import { evaluateGraph, tensorResult, type TensorResult } from "./evaluate-graph.ts";
import { withSharedModels } from "./shared-models.ts";

const graphOf = (...graphs: readonly GraphMessage[]): Graph => graphOfAir(modelBytes(...graphs));

/** The first output's elements for inputs in order, each as a shape and its elements. */
function run(graph: Graph, ...inputs: readonly (readonly [readonly number[], readonly (number | bigint)[]])[]): number[] {
  const [result] = evaluateGraph(
    graph,
    inputs.map(([shape, elements]) => tensorResult(shape, elements)),
  );
  return (result as TensorResult).elements.map(Number);
}

/** What is said of a model that cannot be imported. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (e) {
    if (e instanceof CompileError) return e.message;
    throw e;
  }
  return "nothing";
}

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("AIR import", () => {
  const image = [1, 3, 8, 8];
  const conv = {
    attributes: { strides: [1, 1, 1, 1], pads: [1, 1, 1, 1], dilations: [1, 1, 1, 1], groups: 1, data_format: "NCHW", offset_x: 0 },
    weights: count(108).map((i) => (i % 7) - 3),
  };

  /** What a 3 x 3 convolution with padding one and a bias gives, by definition. */
  function convolved(x: readonly number[], bias: readonly number[]): number[] {
    return count(4 * 64).map((i) => {
      const [m, r, c] = [i >> 6, (i >> 3) & 7, i & 7];
      let sum = bias[m]!;
      for (let k = 0; k < 27; k++) {
        const [channel, dr, dc] = [Math.floor(k / 9), Math.floor((k % 9) / 3) - 1, (k % 3) - 1];
        const [y, z] = [r + dr, c + dc];
        if (y >= 0 && y < 8 && z >= 0 && z < 8) sum += x[channel * 64 + y * 8 + z]! * conv.weights[m * 27 + k]!;
      }
      return sum;
    });
  }

  const ops = (slots: readonly string[], more: Parameters<typeof op>[5] = {}) => [
    op("y", "BiasAdd", ["Default/conv-op5:0", "b_const:0"], { data_format: "NCHW" }),
    op("Default/conv-op5", "Conv2D", slots, conv.attributes, undefined, more),
    constant("conv.weight_const", [4, 3, 3, 3], conv.weights),
    constant("b_const", [4], [10, 20, 30, 40]),
    data("x", 0, image),
  ];
  const x = count(192).map((i) => (i * 5) % 11);

  it("takes a convolution and its bias, ops in any order, parameters under their names", () => {
    const graph = graphOf({ op: ops(["x:0", "conv.weight_const:0", "", ""]), output: ["y:0"] });
    expect(run(graph, [image, x])).to.deep.equal(convolved(x, [10, 20, 30, 40]));
    const parameters = [...graph.ops()].filter((o) => o.name === "constant").map((o) => o.result.name);
    expect(parameters).to.deep.equal(["conv.weight", "b"]);
    expect(graph.inputs.map((v) => `${v.name}: ${formatType(v.type)}`)).to.deep.equal(["x: f32[1,3,8,8]"]);
    expect(graph.outputs[0]!.name).to.equal("y");
  });

  it("finds slots by their names, by their order, and past control edges", () => {
    const swapped = { attr: [] as object[] };
    const attr = [names("_input_name_key", ["filter", "x"]), places("_input_name_value", [0, 1])];
    const given = op("", "", [], conv.attributes)["attr"] as object[];
    const byName = ops(["conv.weight_const:0", "x:0"], { ...swapped, attr: [...attr, ...given] });
    const byOrder = ops(["x:0", "conv.weight_const:0", "b_const:-1"]);
    for (const list of [byName, byOrder])
      expect(run(graphOf({ op: list, output: ["y:0"] }), [image, x])).to.deep.equal(convolved(x, [10, 20, 30, 40]));
  });

  it("reads weights in the orders of axes that descriptors name, and images with channels last", () => {
    const hwcn = count(108).map((i) => conv.weights[(i % 4) * 27 + (Math.floor(i / 4) % 3) * 9 + Math.floor(i / 12)]!);
    const last = count(192).map((i) => x[(i % 3) * 64 + Math.floor(i / 3)]!);
    const filter = descriptor("f32", [3, 3, 3, 4], { layout: "HWCN" });
    const graph = graphOf({
      op: [
        data("x", 0, [1, 8, 8, 3]),
        constant("w", [3, 3, 3, 4], hwcn),
        op("c", "Conv2D", ["x:0", "w:0"], { ...conv.attributes, data_format: "NHWC" }, undefined, {
          inputDesc: [descriptor("f32", [1, 8, 8, 3]), filter],
        }),
      ],
      output: ["c:0"],
    });
    const expected = convolved(x, [0, 0, 0, 0]);
    expect(run(graph, [[1, 8, 8, 3], last])).to.deep.equal(count(256).map((i) => expected[(i % 4) * 64 + Math.floor(i / 4)]!));
  });

  it("takes outputs from NetOutput, from the list, or from ops that nobody uses", () => {
    const list = [data("x", 0, [2]), op("a", "Neg", ["x:0"]), op("b", "Abs", ["a:0"])];
    const outputs = (g: GraphMessage): number[][] => {
      const graph = graphOf(g);
      return evaluateGraph(graph, [tensorResult([2], [1, -2])]).map((r) => (r as TensorResult).elements.map(Number));
    };
    expect(outputs({ op: [...list, op("Node_Output", "NetOutput", ["b:0", "a:0"], {}, [])] })).to.deep.equal([
      [1, 2],
      [-1, 2],
    ]);
    expect(outputs({ op: list, output: ["a:0", "x:0", "a:0"] })).to.deep.equal([
      [-1, 2],
      [1, -2],
      [-1, 2],
    ]);
    expect(outputs({ op: list })).to.deep.equal([[1, 2]]);
  });

  it("orders inputs by their numbers, keeps unused ones, names open extents", () => {
    const graph = graphOf({ op: [data("b", 1, [-1, 2]), data("a", 0, [3], "i32"), op("y", "Neg", ["b:0"])], output: ["y:0"] });
    expect(graph.inputs.map((v) => `${v.name}: ${formatType(v.type)}`)).to.deep.equal(["a: i32[3]", "b: f32[b_0,2]"]);
  });

  it("tells the numbers of element types in attributes from those in descriptors", () => {
    const graph = graphOf({
      op: [data("x", 0, [1], "u8"), op("y", "Cast", ["x:0"], { dst_type: 3 }), op("z", "Cast", ["y:0"], { dst_type: 1 })],
      output: ["y:0", "z:0"],
    });
    expect(graph.outputs.map((v) => formatType(v.type))).to.deep.equal(["i32[1]", "f16[1]"]);
  });

  it("puts blocked constants and inputs back into plain order", () => {
    const { plain, five } = blockedImage();
    const results = evaluateGraph(graphOfAir(blockedModel()), [tensorResult([2, 2, 2, 3, 16], five)]);
    const matrix = Array.from({ length: 60 }, (_, i) => i + 1);
    const elements = results.map((r) => (r as TensorResult).elements.map((v) => -Number(v)));
    expect(elements).to.deep.equal([plain, plain, matrix, plain]);
  });

  it("reports every problem of a model at once", () => {
    const text = refusal(() =>
      graphOf({
        op: [
          data("x", 0, [2]),
          op("a", "Frobnicate", ["x:0"]),
          op("b", "Conv2D", ["x:0"]),
          op("c", "Add", ["x:0", "nowhere:0"]),
          op("d", "Mystery", ["b:0"]),
          op("e", "Neg", ["f:0"]),
          op("f", "Neg", ["e:0"]),
          op("g", "TransposeD", ["x:0"]),
        ],
        output: ["a:0", "c:0", "d:0", "f:0", "g:0"],
      }),
    );
    for (const part of [
      "model.air:a: error: 'Frobnicate': this operator is not supported",
      "model.air:d: error: 'Mystery': this operator is not supported",
      "'Conv2D': ",
      "there is no op 'nowhere' for an input",
      "needs its own result",
      "'TransposeD': 'perm' is missing",
    ])
      expect(text).to.include(part);
  });

  it("refuses two ops of one name, constants whose bytes do not fit, and files without a graph", () => {
    const twice = { op: [data("x", 0, [2]), op("a", "Neg", ["x:0"]), op("a", "Abs", ["x:0"])], output: ["a:0"] };
    expect(refusal(() => graphOf(twice))).to.include("there are two ops named 'a'");
    expect(refusal(() => graphOf({ op: [constant("w", [3], [1, 2]), op("a", "Neg", ["w:0"])], output: ["a:0"] }))).to.include(
      "has 8 bytes, not 12",
    );
    expect(refusal(() => graphOf())).to.include("it holds no graph");
  });

  describe("control flow", () => {
    const choose = (bytes: Uint8Array, which: number): number[] => run(graphOfAir(bytes), [[], [which]], [[2], [5, 6]], [[2], [2, 3]]);

    it("Case takes the branch by number, the last one for others", () => {
      const chosen = [0, 1, 2, 7].map((which) => choose(choosingModel(), which));
      expect(chosen).to.deep.equal([
        [7, 9],
        [3, 3],
        [10, 18],
        [10, 18],
      ]);
    });

    it("If takes one of two", () => {
      const model = choosingModel("If", ["sub", "mul"]);
      expect([1, 0].map((which) => choose(model, which))).to.deep.equal([
        [3, 3],
        [10, 18],
      ]);
    });

    it("While goes on as long as its first graph says", () => {
      expect(run(graphOfAir(loopingModel()), [[], [2]], [[2], [1, 3]])).to.deep.equal([8, 24]);
    });

    it("graphs that name each other without end are refused", () => {
      const loop = (name: string, next: string): GraphMessage => ({
        name,
        op: [data("a", 0, [2]), op("r", "PartitionedCall", ["a:0"], {}, undefined, { subgraphName: [next] })],
        output: ["r:0"],
      });
      expect(refusal(() => graphOf(loop("main", "p"), loop("p", "q"), loop("q", "p")))).to.include("graphs nest deeper than");
      expect(refusal(() => graphOf(loop("main", "nowhere")))).to.include("there is no graph 'nowhere'");
    });
  });
});

describe("AIR export", () => {
  const text = `graph @net(%x: f32[1,3,8,8]) -> (f32[1,4,8,8]) {
  %conv.weight = constant() {data = dense<[${count(108)
    .map(() => "0.5")
    .join(", ")}]>} : f32[4,3,3,3]
  %0 = conv(%x, %conv.weight) {pads = [[1, 1], [1, 1]]} : f32[1,4,8,8]
  %y = relu(%0) : f32[1,4,8,8]
  return %y
}
`;
  const net = (): Graph => parseGraph(text, "net.sir");

  it("writes inputs, weights, slots, every attribute and the outputs as MindSpore does", () => {
    const [graph] = readAir(new MemorySource("net.air", airBytes(net()))).graph;
    const [x, weight, conv, relu] = ["Data", "Const", "Conv2D", "Relu"].map((type) => graph!.op.find((o) => o.type === type)!);
    expect([x!.name, x!.input, weight!.name]).to.deep.equal(["x", [""], "conv.weight_const"]);
    expect(conv!.input).to.deep.equal(["x:0", "conv.weight_const:0", "", ""]);
    expect(graph!.output).to.deep.equal([`${relu!.name}:0`]);
    const keys = conv!.attr.map((a) => a.key);
    expect(keys).to.include.members(["strides", "pads", "dilations", "groups", "data_format", "offset_x"]);
    expect(keys).to.include.members(["_input_name_key", "_input_name_value", "_opt_input", "_output_name_key", "is_input_const"]);
    expect(conv!.outputDesc[0]).to.include({ layout: "NCHW", dtype: 1 });
  });

  it("gives the same bytes every time, and a file that is told by its content", () => {
    const bytes = airBytes(net());
    expect(Buffer.compare(bytes, airBytes(net()))).to.equal(0);
    expect(detectFormat(new MemorySource("file", bytes))).to.equal("air");
  });

  it("keeps parameters' names, inputs and results", () => {
    const graph = throughAir(net());
    expect([...graph.ops()].find((o) => o.name === "constant")!.result.name).to.equal("conv.weight");
    expect(canonicalOps(graph)).to.deep.equal(canonicalOps(net()));
  });

  it("lists everything that GE cannot say", () => {
    const graph = parseGraph(
      `graph @g(%x: f32[5,5], %s: sequence<f32[2]>, %p: f8e4m3fn[2]) -> (f32[], f8e4m3fn[2]) {
  %0 = det(%x) : f32[]
  %1 = neg(%p) : f8e4m3fn[2]
  return %0, %1
}
`,
      "g.sir",
    );
    expect(refusal(() => exportAir(graph, { name: "g" }))).to.include("no values of the kind 'sequence'");
    const plain = parseGraph(
      `graph @g(%x: f32[5,5], %p: f8e4m3fn[2]) -> (f32[], f8e4m3fn[2]) {
  %0 = det(%x) : f32[]
  %1 = neg(%p) : f8e4m3fn[2]
  return %0, %1
}
`,
      "g.sir",
    );
    const said = refusal(() => exportAir(plain, { name: "g" }));
    expect(said).to.include("no operator for 'det'").and.to.include("no element type f8e4m3fn");
  });

  it("is read by protoc", function () {
    const bytes = airBytes(net());
    let shown: string;
    try {
      shown = execFileSync("protoc", ["--decode=ge.proto.ModelDef", "-Iproto", "ge_ir.proto"], { input: bytes, encoding: "utf8" });
      execFileSync("protoc", ["--decode_raw"], { input: bytes });
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "ENOENT") throw e;
      console.log("left out: reading AIR by protoc (it is not installed)");
      this.skip();
    }
    expect(shown).to.include('name: "conv.weight_const"').and.to.include('type: "Conv2D"').and.to.include('key: "offset_x"');
  });
});

withSharedModels("an offline model", (folder) => {
  describe("offline models", () => {
    const path = join(folder, "air", "3e6bbc33_a3c_pong_model.om");
    const bytes = (): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(path));

    it("hold a model, weights, kernels and tasks", () => {
      const model = readOfflineModel(new MemorySource("pong.om", bytes()));
      expect(model.name).to.equal("a3c_pong_model");
      expect(model.partitions.map((p) => p.type)).to.deep.equal([0, 1, 3, 2]);
      expect(readTasks(model.partitions[3]!).filter((k) => k.includes("conv2d"))).to.have.length(3);
      expect(detectFormat(new MemorySource("file", bytes()))).to.equal("air");
    });

    it("give their constants, blocked for the chip, from the partition of weights", () => {
      const model = readAir(new MemorySource("pong.om", bytes()));
      const constants = model.graph[0]!.op.filter((o) => o.type === "Const");
      const graph = { ...model.graph[0]!, op: constants, output: constants.map((o) => `${o.name}:0`) };
      const { graph: ours } = importAir({ ...model, graph: [graph] });
      const types = [...ours.ops()].filter((o) => o.name === "constant").map((o) => formatType(o.result.type));
      expect(types).to.include.members(["f16[3,3,1,32]", "f16[3,3,32,32]", "f16[512,256]", "f16[256,6]", "i32[2]"]);
    });

    it("are refused as models, with the reason", async () => {
      const said = await importModel(path).then(
        () => "nothing",
        (e: unknown) => (e as Error).message,
      );
      expect(said).to.include("compiled for its chip").and.to.include("sinter inspect");
    });

    it("are refused where the table lies", () => {
      const lie = (at: number, value: number): string => {
        const changed = bytes();
        new DataView(changed.buffer).setUint32(at, value, true);
        return refusal(() => readAir(new MemorySource("pong.om", changed)));
      };
      expect(lie(256, 1_000_000)).to.include("partitions are too many");
      expect(lie(268, 2 ** 31)).to.include("ends after the file");
      expect(lie(260, 9)).to.include("no partition with the model");
      expect(refusal(() => readAir(new MemorySource("pong.om", bytes().subarray(0, 100))))).to.include("a header of 256 bytes");
    });
  });
});
