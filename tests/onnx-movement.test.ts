import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importOnnx } from "../frontend/onnx/import.ts";
import { readOnnx, readOnnxTensor } from "../frontend/onnx/read.ts";
import { onnxTensorValue } from "../frontend/onnx/tensor-data.ts";
import { alignedBytes, MemorySource } from "../ir/data.ts";
import { readElements } from "../ir/storage.ts";
import { evaluateGraph, type TensorResult, tensorResult } from "./evaluate-graph.ts";
import { ensureOnnxData } from "./onnx-data.ts";

const families =
  /^test_(reshape|slice|split_(?!to)|expand|tile|squeeze|unsqueeze|(constant|edge|reflect|wrap)_pad|range_.*delta$|constantofshape|tri[lu]|onehot|center_crop_.*(?<!expanded)$)/;

const readFile = (path: string): MemorySource => new MemorySource(path, readFileSync(path));

function readTensors(folder: string, kind: "input" | "output"): TensorResult[] {
  const count = readdirSync(folder).filter((f) => f.startsWith(kind)).length;
  return Array.from({ length: count }, (_, i) => {
    const t = onnxTensorValue(readOnnxTensor(readFile(join(folder, `${kind}_${i}.pb`))), { source: kind });
    return tensorResult(t.dims, readElements(t.dtype, alignedBytes(t.data)));
  });
}

describe("ONNX's movement operators", () => {
  it("take shapes, axes, starts and pads that are known only when the model runs", async () => {
    const root = join(await ensureOnnxData(), "node");
    const names = readdirSync(root).filter((name) => families.test(name));
    expect(names.length).to.be.at.least(70);
    for (const name of names) {
      const { graph } = importOnnx(readOnnx(readFile(join(root, name, "model.onnx"))));
      const data = join(root, name, "test_data_set_0");
      evaluateGraph(graph, readTensors(data, "input")).forEach((y, i) => {
        expect(y, `${name}, output ${i}`).to.deep.equal(readTensors(data, "output")[i]);
      });
    }
  });
});
