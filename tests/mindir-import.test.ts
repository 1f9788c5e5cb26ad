/**
 * The MindIR importer: families of operators and control flow as MindSpore 2.7 wrote and computed them, the older forms
 * of files written here, and what is refused.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "chai";
import { FileSource } from "../frontend/bytes.ts";
import { importSource } from "../frontend/import.ts";
import { importMindir } from "../frontend/mindir/import.ts";
import type { MindirModel, MindirNode } from "../frontend/mindir/messages.ts";
import { MindirDataType } from "../frontend/mindir/messages.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { MemorySource, memoryData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { formatDim } from "../ir/dim-text.ts";
import { writeElements } from "../ir/storage.ts";
import { formatType, tensor } from "../ir/type.ts";
import { encodeMessage } from "./messages.ts";
import { constantNode, floats, graphMessage, input, modelMessage, node, outputs, structured, typed } from "./mindir-messages.ts";
import { expectClose, runOnJs as run } from "./mindir-runs.ts";
import { tryMutations } from "./mutations.ts";
import { type NpyElements, parseNpySeries } from "./npy-series.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

const f32 = (dims: readonly number[], values: readonly number[]): NpyElements => ({ dtype: "f32", dims, values: values.map(Math.fround) });
const range = (dims: readonly number[]): NpyElements =>
  f32(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7) % 11) - 4),
  );

function refusal(model: MindirModel, options: Parameters<typeof importMindir>[1] = {}): CompileError {
  try {
    importMindir(model, options);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
  throw new Error("the model was not refused");
}

describe("MindIR import: families of operators and control flow", function () {
  this.timeout(60_000);
  const folder = join("tests", "models", "mindir");
  for (const path of filesIn(folder, ".mindir")) {
    it(basename(path, ".mindir").replaceAll("_", " "), () => {
      const [given, wanted] = ["inputs", "outputs"].map((kind) => {
        const file = path.replace(/mindir$/, kind);
        return parseNpySeries(readFileSync(file), file);
      }) as [NpyElements[], NpyElements[]];
      const { graph } = importMindir(readMindir(new FileSource(path)));
      const results = run(graph, given);
      expect(results.length).to.equal(wanted.length);
      results.forEach((r, i) => {
        expectClose(r, wanted[i]!, `output ${i}`);
      });
    });
  }
});

describe("MindIR import: weights beside the model", () => {
  const folder = join("tests", "models", "mindir-external");
  const [x, y] = ["input.npy", "output.npy"].map((name) => parseNpySeries(readFileSync(join(folder, name)), name)[0]!);
  const key = new TextEncoder().encode("0123456789ABCDEF");

  it("reads them from their folder", () => {
    const model = readMindir(new FileSource(join(folder, "net_graph.mindir")));
    expectClose(run(importMindir(model).graph, [x!])[0]!, y!, "result");
  });

  it("decrypts them with the model's key", () => {
    const model = readMindir(new FileSource(join(folder, "enc_graph.mindir")), { key });
    expectClose(run(importMindir(model, { key }).graph, [x!])[0]!, y!, "result");
    expect(refusal(model).diagnostics[0]!.code).to.equal("encrypted");
  });
});

/** A model of one graph with the nodes; the last one's output is the result. */
const single = (inputs: ReturnType<typeof input>[], nodes: readonly MindirNode[], weights: ReturnType<typeof floats>[] = []): MindirModel =>
  modelMessage(graphMessage("g", { input: inputs, node: nodes, parameter: weights, output: outputs(nodes.at(-1)!.output[0]!) }));

describe("MindIR import: forms of files before 1.7", () => {
  it("takes the names that operators had in 1.0 and 1.1", () => {
    const s = structured;
    const model = single(
      [input("g:x", [2, 3])],
      [
        node(s, "TensorAdd", "g:sum", ["g:x", "g:x"]),
        constantNode(s, "axis", 0),
        constantNode(s, "ids", [1, 0]),
        node(s, "GatherV2", "g:rows", ["g:sum", "ids", "axis"]),
        node(s, "make_tuple", "g:both", ["g:rows", "g:x"]),
        node(s, "Pack", "g:packed", ["g:both"], { axis: 0 }),
        node(s, "Unpack", "g:parts", ["g:packed"], { axis: 0, num: 2 }),
        node(s, "tuple_getitem", "g:first", ["g:parts", "axis"]),
        node(s, "S-Prim-Neg", "g:y", ["g:first"]),
      ],
    );
    const [y] = run(importMindir(model).graph, [f32([2, 3], [1, 2, 3, 4, 5, 6])]);
    expectClose(y!, f32([2, 3], [-8, -10, -12, -2, -4, -6]), "result");
  });

  it("takes pools with ksize and padding, and nested tuples of pads", () => {
    const s = structured;
    const model = single(
      [input("x", [1, 1, 3, 3])],
      [
        node(s, "Pad", "p", ["x"], {
          paddings: [
            [0, 0],
            [0, 0],
            [1, 0],
            [0, 1],
          ],
        }),
        node(s, "MaxPool", "y", ["p"], { ksize: [1, 1, 2, 2], strides: [1, 1, 2, 2], padding: "SAME", data_format: "NCHW" }),
      ],
    );
    const [y] = run(importMindir(model).graph, [f32([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9])]);
    expectClose(y!, f32([1, 1, 2, 2], [2, 3, 8, 9]), "result");
  });

  it("takes depthwise convolutions with their weights turned", () => {
    const weights = floats("w", [2, 2, 1, 1], [1, 10, 2, 20]);
    const attributes = { pad_mode: "valid", stride: [1, 1, 1, 1], dilation: [1, 1, 1, 1], pads: [0, 0, 0, 0], channel_multiplier: 2 };
    const model = single([input("x", [1, 2, 1, 2])], [node(structured, "DepthwiseConv2dNative", "y", ["x", "w"], attributes)], [weights]);
    const [y] = run(importMindir(model).graph, [f32([1, 2, 1, 2], [1, 2, 3, 4])]);
    expectClose(y!, f32([1, 4, 1, 2], [1, 2, 2, 4, 30, 40, 60, 80]), "result");
  });

  it("resolves the output by the name that the last node's output has", () => {
    const last = { ...node(structured, "ReLU", "g:1:2", ["x"]), name: "g:[CNode]0:1" };
    expect(importMindir(single([input("x", [2])], [last])).graph.outputs.length).to.equal(1);
  });
});

describe("MindIR import: files of MindSpore 1.0", () => {
  const tensorType = { elemType: 1, shape: { dim: [{ dimValue: 2 }, { dimValue: 3 }] } };
  const info = (name: string) => ({ name, type: { tensorType } });
  const constant = (name: string, attribute: Record<string, unknown>) => ({
    output: [name],
    opType: "Constant",
    attribute: [{ name: "value", ...attribute }],
  });
  const graph = {
    name: "g",
    node: [
      constant("g:perm", { refAttrName: "scalar:Tuple[value1,value2,],", ints: [1, 0], type: 7 }),
      constant("g:two", { refAttrName: "tensor:value0", tensors: [{ dataType: 1, rawData: Uint8Array.from([0, 0, 0, 64]) }], type: 4 }),
      { input: ["g:x", "g:w"], output: ["g:sum"], opType: "TensorAdd", attribute: [{ refAttrName: "shape:shape1," }] },
      { input: ["g:sum", "g:two"], output: ["g:product"], opType: "Mul" },
      { input: ["g:product", "g:perm"], output: ["g:y"], opType: "Transpose" },
    ],
    initializer: [{ name: "g:w", dims: [2, 3], dataType: 1, rawData: new Uint8Array(writeElements("f32", [1, 2, 3, 4, 5, 6])) }],
    input: [info("g:x"), info("g:w")],
    output: [info("g:y")],
  };
  const bytes = (more: Record<string, unknown>): Uint8Array =>
    encodeMessage("onnx.proto", "onnx.ModelProto", { irVersion: 4, producerName: "MindSpore", modelVersion: 1, graph, ...more });

  it("are told by their producer, and read", async () => {
    const { graph: imported } = await importSource(new MemorySource("old.mindir", bytes({})));
    const [y] = run(imported, [f32([2, 3], [0, 0, 0, 0, 0, 1])]);
    expectClose(y!, f32([3, 2], [2, 8, 4, 10, 6, 14]), "result");
    expect([...imported.ops()].map((op) => op.result.name)).to.include("w");
  });

  it("are not ONNX models", () => {
    const model = bytes({ opsetImport: [{ version: 9 }] });
    expect(() => readMindir(new MemorySource("model.onnx", model))).to.throw("this is an ONNX model");
  });
});

describe("MindIR import: formats and types", () => {
  const image = range([1, 4, 5, 3]);
  const last = (op: string, attributes: Record<string, string | readonly number[]>, weights?: ReturnType<typeof floats>): NpyElements => {
    const inputs = weights ? ["x", "w"] : ["x"];
    const model = single(
      [input("x", [1, 4, 5, 3])],
      [node(typed, op, "y", inputs, { format: "NHWC", ...attributes })],
      weights ? [weights] : [],
    );
    return run(importMindir(model).graph, [image])[0]!;
  };
  /** The same with transposes around and channels second. */
  const second = (op: string, attributes: Record<string, string | readonly number[]>, weights?: ReturnType<typeof floats>): NpyElements => {
    const nodes = [
      constantNode(typed, "in", [0, 3, 1, 2]),
      constantNode(typed, "out", [0, 2, 3, 1]),
      node(typed, "Transpose", "a", ["x", "in"]),
      ...(weights ? [node(typed, "Transpose", "v", ["w", "in"])] : []),
      node(typed, op, "b", weights ? ["a", "v"] : ["a"], { format: "NCHW", ...attributes }),
      node(typed, "Transpose", "y", ["b", "out"]),
    ];
    return run(importMindir(single([input("x", [1, 4, 5, 3])], nodes, weights ? [weights] : [])).graph, [image])[0]!;
  };

  it("computes with channels last as with channels second", () => {
    const window = { kernel_size: [1, 2, 3, 1], strides: [1, 2, 1, 1], pad_mode: "SAME" };
    const swapped = { kernel_size: [1, 1, 2, 3], strides: [1, 1, 2, 1], pad_mode: "SAME" };
    for (const op of ["MaxPool", "AvgPool"]) expectClose(last(op, window), second(op, swapped), op);
    const weights = floats(
      "w",
      [2, 2, 2, 3],
      Array.from({ length: 24 }, (_, i) => (i % 5) - 2),
    );
    const conv = { pad_mode: "same", dilation: [1, 1, 1, 1] };
    expectClose(
      last("Conv2D", { ...conv, stride: [1, 2, 1, 1] }, weights),
      second("Conv2D", { ...conv, stride: [1, 1, 2, 1] }, weights),
      "Conv2D",
    );
  });

  it("names extents that the file leaves open, and pins them", () => {
    const model = single([input("g:x", [-1, 3, -1])], [node(typed, "ReLU", "y", ["g:x"])]);
    expect(importMindir(model).graph.inputs.map((v) => formatType(v.type))).to.deep.equal(["f32[x_0,3,x_2]"]);
    const pinned = importMindir(model, { dims: new Map([["x_0", 2]]) }).graph;
    expect(pinned.outputs[0]!.tensor.shape.map(formatDim)).to.deep.equal(["2", "3", "x_2"]);
    expect(refusal(model, { dims: new Map([["n", 1]]) }).message).to.contain("the model has no extent 'n'");
  });

  it("pins inputs to values", () => {
    const nodes = [node(typed, "Reshape", "y", ["x", "s"])];
    const model = single([input("x", [6]), input("s", [2], MindirDataType.int64)], nodes);
    const value = { type: tensor("i64", [2]), data: memoryData(writeElements("i64", [2n, 3n])) };
    const { graph } = importMindir(model, { inputValues: new Map([["s", value]]) });
    expect(graph.inputs.map((v) => v.name)).to.deep.equal(["x"]);
    expect(formatType(graph.outputs[0]!.type)).to.equal("f32[2,3]");
  });

  it("gives every element of a tuple as an output, inputs and repetitions as copies", () => {
    const model = single([input("x", [2])], [node(typed, "ReLU", "r", ["x"]), node(typed, "MakeTuple", "t", ["r", "x", "r"])]);
    const { graph } = importMindir(model);
    expect(new Set(graph.outputs).size).to.equal(3);
    expect(run(graph, [f32([2], [-1, 2])]).map((r) => r.values)).to.deep.equal([
      [0, 2],
      [-1, 2],
      [0, 2],
    ]);
  });
});

describe("MindIR import: what is refused", () => {
  it("lists everything at once, equal problems as one", () => {
    const x = input("x", [2]);
    const model = single(
      [x],
      [
        node(typed, "Foo", "a", ["x"]),
        node(typed, "Foo", "b", ["x"]),
        node(typed, "Bar", "c", ["x"]),
        node(typed, "Cast", "d", ["x", "x"]),
        node(typed, "MakeTuple", "t", ["a", "b", "c", "d"]),
      ],
    );
    const found = refusal(model).diagnostics.map((d) => `${d.op}: ${d.code}`);
    expect(found).to.deep.equal(["Foo: unsupported-op", "Bar: unsupported-op", "Cast: unsupported-attribute"]);
    expect(refusal(model).message).to.contain("(2 times)").and.to.contain("help:");
  });

  it("goes on after a failed node by the type that the file declares", () => {
    const foo = node(typed, "Foo", "a", ["x"]);
    const shape = { ...typed("shape", null), type: 19, tensors: [input("", [2, 5]).tensor[0]!] };
    const model = single([input("x", [2])], [{ ...foo, attribute: [shape] }, node(typed, "MatMul", "y", ["a", "a"])]);
    expect(refusal(model).diagnostics.map((d) => d.op)).to.deep.equal(["Foo", "MatMul"]);
  });

  it("names, cycles and recursion without end", () => {
    expect(refusal(single([], [node(typed, "ReLU", "y", ["nowhere"])])).message).to.contain("nothing defines 'nowhere'");
    expect(refusal(single([], [node(typed, "ReLU", "y", ["y"])])).message).to.contain("needs its own result");
    const again = graphMessage("f", { input: [input("f:x", [1])], node: [node(typed, "REF::f", "f:y", ["f:x"])], output: outputs("f:y") });
    const model = modelMessage(
      graphMessage("g", { input: [input("x", [1])], node: [node(typed, "REF::f", "y", ["x"])], output: outputs("y") }),
      [again],
    );
    expect(refusal(model).message).to.contain("calls itself");
  });

  it("a choice among more functions than anyone writes", () => {
    const f = graphMessage("f", { input: [input("f:x", [1])], node: [node(typed, "ReLU", "f:y", ["f:x"])], output: outputs("f:y") });
    const choosing = (count: number): MindirModel =>
      modelMessage(
        graphMessage("g", {
          input: [input("x", [1]), input("k", [], MindirDataType.int32)],
          node: [
            node(typed, "MakeTuple", "all", new Array<string>(count).fill("f")),
            node(typed, "SwitchLayer", "chosen", ["k", "all"]),
            node(typed, "REF::chosen", "y", ["x"]),
          ],
          output: outputs("y"),
        }),
        [f],
      );
    expect(importMindir(choosing(256)).graph.outputs).to.have.length(1);
    expect(refusal(choosing(20_000)).message).to.contain("picks among 20000 graphs, more than 256");
  });

  it("damaged files, without a crash or a hang", function () {
    this.timeout(300_000);
    const folder = join("tests", "models", "mindir");
    const names = readdirSync(folder).filter((name) => /^(control|losses|indices).*\.mindir$/.test(name));
    const files = names.map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
    const report = tryMutations(files, 2000, 20261, (name, bytes) => {
      importMindir(readMindir(new MemorySource(name, bytes)));
    });
    expect(report.failures.slice(0, 3)).to.deep.equal([]);
    expect(report.peakBytes).to.be.below(1e9);
  });
});

withSharedModels("MindIR import of real models", (folder) => {
  describe("MindIR import: real models", function () {
    this.timeout(60_000);
    const key = new TextEncoder().encode("0123456789ABCDEF");
    const operators = (path: string): Set<string> => {
      const { graph } = importMindir(readMindir(new FileSource(path), { key }), { key });
      return new Set([...graph.ops()].map((op) => op.name));
    };

    it("decrypts to the same operators", () => {
      const plain = operators(join(folder, "mindir", "lenet5.mindir"));
      for (const kind of ["gcm", "cbc"])
        expect(operators(join(folder, "mindir", `lenet5_encrypted_aes-${kind}.mindir`))).to.deep.equal(plain);
    });

    it("imports the gradient graphs that depend on nothing but their inputs", () => {
      const paths = filesIn(join(folder, "mindir-bprop"), ".mindir");
      const refused = paths.filter((path) => {
        try {
          importMindir(readMindir(new FileSource(path)));
          return false;
        } catch (error) {
          if (error instanceof CompileError) return true;
          throw error;
        }
      });
      expect(paths.length - refused.length).to.be.at.least(190);
    });
  });
});
