/**
 * MindSpore's promise on its official LeNet: the checkpoint on its network gives MindSpore's logits for 40 drawn digits on
 * every target, and does so through each format and on from there through all others.
 */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseNpy } from "../cli/npy.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { withSharedModels } from "./shared-models.ts";

const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const model = "d7402bed_lenet_ascend_v111_offical_cv_mnist_bs32_acc98";
const classes = 10;

withSharedModels("the official LeNet through every format", (folder) => {
  const checkpoint = join(folder, "ckpt", `${model}.ckpt`);
  const recorded = (name: string): string => join(folder, "ckpt", `${model}.case`, `${name}.npy`);
  const network = ["--network", "lenet", "--batch", "40", "--weights", checkpoint];

  describe("the official LeNet", function () {
    this.timeout(120_000);
    let work = "";
    before(() => {
      work = mkdtempSync(join(tmpdir(), "sinter-lenet-"));
    });
    after(() => {
      rmSync(work, { recursive: true, force: true });
    });

    const sinter = (...args: readonly string[]): void => {
      execFileSync(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    };
    const floats = (path: string): Float32Array => new Float32Array(parseNpy(readFileSync(path), path).bytes.slice().buffer);

    /** Runs a model on the digits; its logits must be MindSpore's, within 1e-4 of the largest, and 37 labels right. */
    function expectLogits(...args: readonly string[]): void {
      const out = join(work, "out");
      sinter("run", ...args, "-i", recorded("input_0"), "-o", out);
      const [got, want] = [join(out, "output_0.npy"), recorded("output_0")].map(floats) as [Float32Array, Float32Array];
      expect(got.length).to.equal(want.length);
      want.forEach((w, i) => expect(Math.abs(got[i]! - w), `logit ${i}`).to.be.at.most(1e-4 * Math.max(1, Math.abs(w))));
      expect(rightLabels(got)).to.equal(37);
    }

    function rightLabels(logits: Float32Array): number {
      const labels = parseNpy(readFileSync(recorded("labels")), "labels");
      const width = labels.bytes.length / labels.dims[0]!;
      const view = new DataView(labels.bytes.buffer, labels.bytes.byteOffset);
      const labelAt = (k: number): number => (width === 1 ? view.getUint8(k) : view.getInt32(k * width, true));
      return Array.from({ length: logits.length / classes }, (_, k) => {
        const row = logits.subarray(k * classes, (k + 1) * classes);
        return row.indexOf(Math.max(...row)) === labelAt(k) ? 1 : 0;
      }).reduce((a: number, b) => a + b, 0);
    }

    it("gives MindSpore's logits on JavaScript", () => {
      expectLogits(...network, "-t", "js");
    });

    it("gives them in C", function () {
      if (findCompiler() === undefined) this.skip();
      expectLogits(...network, "-t", "c");
    });

    for (const extension of ["mindir", "onnx", "air", "ms", "sir"]) {
      it(`gives them through .${extension}`, () => {
        const path = join(work, `lenet.${extension}`);
        sinter("convert", ...network, path);
        expectLogits(path, "-t", "js");
      });
    }

    it("gives them through a chain of all formats, and its weights are still bound by name", () => {
      const chain = ["mindir", "ms", "onnx", "air", "sir", "mindir"].map((extension, i) => join(work, `step${i}.${extension}`));
      sinter("convert", "--network", "lenet", "--batch", "40", "--weights", "random:1", chain[0]!);
      for (let i = 1; i < chain.length; i++) sinter("convert", chain[i - 1]!, chain[i]!);
      expectLogits(chain.at(-1)!, "--weights", checkpoint, "-t", "js");
    });

    it("keeps the labels in 8-bit integers", () => {
      const samples = mkdtempSync(join(work, "samples-"));
      execFileSync("cp", [recorded("input_0"), samples]);
      const path = join(work, "quantised.ms");
      sinter("convert", ...network, path, "--quantize", samples);
      const out = join(work, "out");
      sinter("run", path, "-t", "js", "-i", recorded("input_0"), "-o", out);
      expect(rightLabels(floats(join(out, "output_0.npy")))).to.be.within(36, 38);
    });
  });
});
