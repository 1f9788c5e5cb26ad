/** What compiling ResNet-50 takes, with weights of its full size: 25.6 million parameters. */
import { expect } from "chai";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import protobuf from "protobufjs";
import { compileElsewhere } from "./artifact-hashes.ts";
import { randomIntegers } from "./mutations.ts";
import { ensureOnnxData } from "./onnx-data.ts";

interface TensorMessage {
  name: string;
  dims: number[];
  dataType: number;
  rawData: Uint8Array;
}

interface ModelMessage {
  graph: {
    initializer: (TensorMessage & { int64Data: number[] })[];
    node: { opType: string; input: string[]; output: string[] }[];
  };
}

const float32 = 1;

/** Small numbers without a pattern, little-endian. */
function noise(count: number, random: (bound: number) => number): Uint8Array {
  return new Uint8Array(Float32Array.from({ length: count }, () => random(1 << 16) / (1 << 18) + 0.01).buffer);
}

const shapeIn = ({ rawData, int64Data }: ModelMessage["graph"]["initializer"][number]): number[] =>
  int64Data.length > 0 ? int64Data.map(Number) : Array.from(new BigInt64Array(Uint8Array.from(rawData).buffer), Number);

/** The model with each fill (ConstantOfShape) replaced by an initializer of its own. */
function withWeights(bytes: Uint8Array): Uint8Array {
  const { root } = protobuf.parse(readFileSync(resolve("proto", "onnx.proto"), "utf8"), new protobuf.Root());
  const type = root.lookupType("onnx.ModelProto");
  const message = type.decode(bytes);
  const { graph } = message as unknown as ModelMessage;
  const shapes = new Map(graph.initializer.map((t) => [t.name, t]));
  const random = randomIntegers(3);
  for (const node of graph.node.filter((n) => n.opType === "ConstantOfShape")) {
    const dims = shapeIn(shapes.get(node.input[0]!)!);
    const rawData = noise(
      dims.reduce((a, b) => a * b, 1),
      random,
    );
    graph.initializer.push({ name: node.output[0]!, dims, dataType: float32, rawData, int64Data: [] });
  }
  graph.node = graph.node.filter((n) => n.opType !== "ConstantOfShape");
  return type.encode(message).finish();
}

describe("resources", function () {
  this.timeout(300_000);

  it("ResNet-50 compiles in less than 1.5 GB", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sinter-resources-"));
    try {
      const model = join(folder, "resnet50.onnx");
      writeFileSync(model, withWeights(readFileSync(join(await ensureOnnxData(), "light", "light_resnet50.onnx"))));
      const { seconds, peakBytes } = compileElsewhere(model, "c");
      console.log(`      ${seconds.toFixed(1)} s of processor time, ${Math.round(peakBytes / 2 ** 20)} MiB`);
      expect(peakBytes).to.be.lessThan(1.5 * 2 ** 30);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
