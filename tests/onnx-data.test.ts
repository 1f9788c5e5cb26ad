import { readdir } from "node:fs/promises";
import { expect } from "chai";
import { ensureOnnxData } from "./onnx-data.ts";

describe("test data", () => {
  it("has the five suites of the onnx wheel", async function () {
    this.timeout(300_000);
    const suites = await readdir(await ensureOnnxData());
    expect(suites).to.include.members(["light", "node", "pytorch-converted", "pytorch-operator", "simple"]);
  });
});
