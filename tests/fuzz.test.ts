/** Ten thousand damaged files through both importers: a diagnostic or a graph each time, soon, in little memory. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importMindir } from "../frontend/mindir/import.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { importOnnx } from "../frontend/onnx/import.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { MemorySource, readData } from "../ir/data.ts";
import { attributesOf, isOp } from "../ir/define.ts";
import type { Graph } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { verifyGraph } from "../ir/verify.ts";
import { findTests } from "./conformance/suite.ts";
import { tryMutations } from "./mutations.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const load = (path: string): File => ({ name: path, bytes: Uint8Array.from(readFileSync(path)) });
const digits = (extension: string): File => load(join("examples", "digits", `digits.${extension}`));

/** Each file several times, so that larger ones get more mutations than small ones. */
const repeat = (files: readonly File[], times: number): File[] => Array.from({ length: times }, () => files).flat();

/** Uses what importing left for later: the graph is whole and its constants can be read. */
function use(graph: Graph): void {
  const [problem] = verifyGraph(graph);
  if (problem) throw new Error(`the importer made a wrong graph: ${problem.message}`);
  for (const op of graph.ops()) {
    if (isOp(op, ConstantOp)) readData(attributesOf<typeof ConstantOp>(op).data.data);
  }
}

function expectDiagnostics(files: readonly File[], seed: number, attempt: (name: string, bytes: Uint8Array) => void): void {
  const report = tryMutations(files, 5000, seed, attempt);
  expect(report.failures).to.deep.equal([]);
  expect(report.tried).to.be.at.least(5000);
  expect(report.refused).to.be.greaterThan(report.tried / 4);
  expect(report.peakBytes).to.be.lessThan(2 ** 30);
}

const key = new TextEncoder().encode("0123456789ABCDEF");

describe("damaged files", function () {
  this.timeout(600_000);

  it("MindIR", () => {
    const files = [...repeat([digits("mindir")], 5), ...filesIn(join("tests", "models", "mindir"), ".mindir").map(load)];
    withSharedModels("damaged files of older versions of MindSpore", (folder) => {
      files.push(
        ...filesIn(join(folder, "mindir"), ".mindir")
          .map(load)
          .filter(({ bytes }) => bytes.length < 100_000),
      );
    });
    expectDiagnostics(files, 1, (name, bytes) => {
      use(importMindir(readMindir(new MemorySource(name, bytes), { key }), { key }).graph);
    });
  });

  it("ONNX", async () => {
    const data = await ensureOnnxData();
    const tests = findTests(join(data, "node")).filter((_, i) => i % 16 === 0);
    const networks = ["squeezenet", "shufflenet", "vgg19"].map((name) => load(join(data, "light", `light_${name}.onnx`)));
    const files = [...tests.map((t) => load(t.model)), ...repeat([digits("onnx"), ...networks], 20)];
    expectDiagnostics(files, 2, (name, bytes) => {
      use(importOnnx(readOnnx(new MemorySource(name, bytes))).graph);
    });
  });
});
