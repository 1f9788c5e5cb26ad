/** What stands in exported ONNX files: names, types, functions, constants beside the model; and what is refused. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileSource } from "../frontend/bytes.ts";
import { rowOf } from "../frontend/onnx/export/index.ts";
import { exportOnnx } from "../frontend/onnx/export.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import type { OnnxGraph } from "../frontend/onnx/messages.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { alignedBytes } from "../ir/data.ts";
import type { Constant } from "../ir/attribute.ts";
import { allOps } from "../ir/define.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements } from "../ir/storage.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { exportedBytes, exportedModel } from "./onnx-exported.ts";
import { OnnxWitness } from "./onnx-witness.ts";

const graphOf = (text: string): Graph => parseGraph(text, "model.sir");

const nodes = (g: OnnxGraph): string[] => g.node.map((n) => `${n.domain ? `${n.domain}.` : ""}${n.opType}`);

const constantsOf = (graph: Graph): Map<string, readonly (number | bigint)[]> =>
  new Map(
    [...graph.ops()]
      .filter((op) => op.name === "constant")
      .map((op) => {
        const { type, data } = op.attributes["data"] as Constant;
        return [op.result.name, readElements(type.dtype, alignedBytes(data))];
      }),
  );

/** The diagnostics of a refusal. */
function refusal(text: string, opset?: number): string[] {
  try {
    exportedBytes(graphOf(text), opset);
  } catch (e) {
    if (e instanceof CompileError) return e.diagnostics.map((d) => d.message);
    throw e;
  }
  return [];
}

const linear = (count: number): string => Array.from({ length: count }, (_, i) => i / 8).join(", ");

const large = `graph @main(%x: f32[2,40]) -> (f32[2,40]) {
  %w = constant() {data = dense<[${linear(1600)}]>} : f32[40,40]
  %b = constant() {data = dense<[${linear(40)}]>} : f32[40]
  %v = constant() {data = dense<[${linear(1600)}]>} : f32[40,40]
  %p = matmul(%x, %w) : f32[2,40]
  %q = add(%p, %b) : f32[2,40]
  %y = matmul(%q, %v) : f32[2,40]
  return %y
}
`;

describe("exported ONNX files", function () {
  this.timeout(60_000);
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sinter-onnx-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("can hold every op", () => {
    expect(
      allOps()
        .filter((definition) => !rowOf(definition))
        .map((definition) => definition.name),
    ).to.deep.equal(["constant"]);
  });

  it("keep the names of inputs, outputs and constants, and named extents", () => {
    const { graph, opsetImport, irVersion } = exportedModel(
      graphOf(`graph @net(%image: f32[n,2]) -> (f32[n,2]) {
  %fc.weight = constant() {data = dense<[1, 2, 3, 4]>} : f32[2,2]
  %logits = matmul(%image, %fc.weight) : f32[n,2]
  return %logits
}
`),
    );
    expect(graph.name).to.equal("net");
    expect(graph.input.map((v) => v.name)).to.deep.equal(["image"]);
    expect(graph.output.map((v) => v.name)).to.deep.equal(["logits"]);
    expect(graph.initializer.map((t) => t.name)).to.deep.equal(["fc.weight"]);
    expect(graph.input[0]!.type?.tensorType?.shape?.dim[0]?.dimParam).to.equal("n");
    expect(opsetImport.map((o) => o.version)).to.deep.equal([17]);
    expect(irVersion).to.equal(8);
  });

  it("leave extents that are expressions without a name", () => {
    const { graph } = exportedModel(
      graphOf("graph @g(%x: f32[n]) -> (f32[2*n]) {\n  %y = concat(%x, %x) {axis = 0} : f32[2*n]\n  return %y\n}\n"),
    );
    expect(graph.output[0]!.type?.tensorType?.shape?.dim).to.deep.equal([{ denotation: "" }]);
  });

  it("give outputs that are inputs, constants or given twice a node of their own", () => {
    const { graph } = exportedModel(
      graphOf(`graph @g(%x: f32[2]) -> (f32[2], f32[2], f32[2], f32[2]) {
  %c = constant() {data = dense<[1, 2]>} : f32[2]
  %y = abs(%x) : f32[2]
  return %y, %y, %x, %c
}
`),
    );
    const names = graph.output.map((v) => v.name);
    expect(new Set(names).size).to.equal(4);
    expect(names[0]).to.equal("y");
    expect(nodes(graph)).to.deep.equal(["Abs", "Identity", "Identity", "Identity"]);
  });

  it("write what ONNX lacks as functions, those that are equal once", () => {
    const text = `graph @g(%x: f32[2], %z: f32[3]) -> (f32[2], f32[3]) {
  %a = gelu(%x) : f32[2]
  %b = gelu(%a) {approximate = "tanh"} : f32[2]
  %c = gelu(%z) : f32[3]
  return %b, %c
}
`;
    const old = exportedModel(graphOf(text), 17);
    expect(nodes(old.graph)).to.deep.equal(["sinter.gelu", "sinter.gelu_2", "sinter.gelu"]);
    expect(old.functions.map((f) => f.name)).to.deep.equal(["gelu", "gelu_2"]);
    expect(nodes(exportedModel(graphOf(text), 20).graph)).to.deep.equal(["Gelu", "Gelu", "Gelu"]);
  });

  it("take the version of the operator set that the model needs where none is asked for", () => {
    const text = (dtype: string): string =>
      `graph @g(%x: f32[2]) -> (f32[2]) {\n  %a = cast(%x) {to = "${dtype}"} : ${dtype}[2]\n  %y = cast(%a) {to = "f32"} : f32[2]\n  return %y\n}\n`;
    const versionFor = (dtype: string): number =>
      exportedModel(graphOf(text(dtype).replaceAll(/to = "(\w+)"/g, "to = $1"))).opsetImport[0]!.version;
    expect(["bf16", "f8e5m2", "i4", "f4e2m1", "f8e8m0", "i2"].map(versionFor)).to.deep.equal([17, 19, 21, 23, 24, 25]);
  });

  it("pack elements narrower than a byte", () => {
    const text = `graph @g(%x: f32[5]) -> (f32[5]) {
  %w = constant() {data = dense<[-8, 7, 0, -1, 3]>} : i4[5]
  %f = cast(%w) {to = f32} : f32[5]
  %y = add(%x, %f) : f32[5]
  return %y
}
`;
    const model = exportedModel(graphOf(text));
    expect(model.graph.initializer[0]!.rawData?.byteLength).to.equal(3);
    expect(constantsOf(importOnnx(model).graph).get("w")).to.deep.equal([-8, 7, 0, -1, 3]);
  });

  it("put large constants beside the model where there are many, and they are read back", async () => {
    const { files } = exportOnnx(graphOf(large), { name: "large", externalAbove: 4096 });
    expect(files.map((f) => f.name)).to.deep.equal(["large.onnx", "large.onnx.data"]);
    for (const { name, content } of files) writeFileSync(join(folder, name), Buffer.concat([...content]));
    const path = join(folder, "large.onnx");
    const { graph } = readOnnx(new FileSource(path));
    expect(graph.initializer.map((t) => t.externalData.map((e) => e.value))).to.deep.equal([
      ["large.onnx.data", "0", "6400"],
      [],
      ["large.onnx.data", "8192", "6400"],
    ]);
    expect(readFileSync(join(folder, "large.onnx.data")).length).to.equal(8192 + 6400);
    const again = importOnnx(readOnnx(new FileSource(path))).graph;
    expect(constantsOf(again)).to.deep.equal(constantsOf(graphOf(large)));
    const said = await OnnxWitness.start()?.ask(path, {
      x: { kind: "tensor", dtype: "f32", shape: [2, 40], bytes: new Uint8Array(2 * 40 * 4) },
    });
    expect([said?.check ?? null, said?.run ?? null]).to.deep.equal([null, null]);
  });

  it("keep constants inside below the limit", () => {
    expect(exportOnnx(graphOf(large), { name: "large" }).files.map((f) => f.name)).to.deep.equal(["large.onnx"]);
  });

  it("are the same each time", () => {
    const [a, b] = [0, 1].map(() => exportedBytes(graphOf(large)));
    expect(Buffer.compare(a!, b!)).to.equal(0);
    const { files } = exportOnnx(graphOf(large), { name: "model" });
    const [first, second] = [0, 1].map(() => Buffer.concat([...files[0]!.content]));
    expect(Buffer.compare(first!, second!)).to.equal(0);
  });

  it("list everything that a version of the operator set lacks", () => {
    const text = `graph @g(%x: i32[2], %y: f32[1,1,4,4], %z: f32[1,2,2,2]) -> (i32[2], f32[1,1,2,2], f8e5m2[2]) {
  %a = bitwise_and(%x, %x) : i32[2]
  %b = grid_sample(%y, %z) : f32[1,1,2,2]
  %c = cast(%x) {to = f8e5m2} : f8e5m2[2]
  return %a, %b, %c
}
`;
    expect(refusal(text, 13)).to.deep.equal([
      "the operator 'BitwiseAnd' needs version 18 of the operator set",
      "the operator 'GridSample' needs version 16 of the operator set",
      "the element type f8e5m2 needs version 19 of the operator set",
    ]);
    expect(refusal(text)).to.deep.equal([]);
  });

  it("refuse versions that are not known, and what ONNX has no words for", () => {
    const text = (op: string): string => `graph @g(%x: f32[1,1,4,4]) -> (f32[1,1,5,5]) {\n  %y = ${op} : f32[1,1,5,5]\n  return %y\n}\n`;
    expect(refusal(large, 12)).to.deep.equal(["version 12 of ONNX's operator set cannot be written"]);
    const resize = 'resize(%x) {shape = [1, 1, 5, 5], mode = "linear", coordinates = "tf_half_pixel_for_nn"}';
    expect(refusal(text(resize))).to.deep.equal(["ONNX finds no positions by 'tf_half_pixel_for_nn'"]);
  });

  if (hasProtoc()) {
    it("are read by protoc", () => {
      const text = execFileSync("protoc", ["--decode_raw"], { input: exportedBytes(graphOf(large)), encoding: "utf8" });
      expect(text).to.contain('4: "MatMul"');
    });
  } else console.log("left out: ONNX files read by protoc (it is not installed)");
});

function hasProtoc(): boolean {
  try {
    execFileSync("protoc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
