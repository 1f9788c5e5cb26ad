/** `--weights`, and files of weights where commands take models. */
import { expect } from "chai";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exitCodes } from "../cli/failure.ts";
import { openWeights } from "../frontend/weights.ts";
import { type Ended, runSinter } from "./run-sinter.ts";
import { withSharedModels } from "./shared-models.ts";
import { plain } from "./weights-files.ts";

const model = resolve("examples", "digits", "digits.mindir");
const images = resolve("examples", "digits", "images.npy");

describe("cli with files of weights", function () {
  this.timeout(60_000);
  let folder = "";
  const inside = (...path: readonly string[]): string => join(folder, ...path);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sinter-weights-"));
    await good("convert", model, "w.ckpt");
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const sinter = (...args: readonly string[]): Promise<Ended> => runSinter(folder, args);
  async function good(...args: readonly string[]): Promise<Ended> {
    const ended = await sinter(...args);
    expect(ended.code, ended.stderr).to.equal(exitCodes.good);
    return ended;
  }

  it("lists tensors, as a table and as JSON", async () => {
    const [table, json] = await Promise.all([good("inspect", "w.ckpt"), good("inspect", "w.ckpt", "--json")]);
    const { format, bytes, tensors } = JSON.parse(json.stdout) as { format: string; bytes: number; tensors: readonly { name: string }[] };
    expect([format, bytes]).to.deep.equal(["checkpoint", 24936]);
    for (const { name } of tensors) expect(table.stdout).to.contain(name);
    expect(table.stdout).to.contain(`checkpoint: ${tensors.length} tensors, 6,234 elements, 24,936 bytes`);
  });

  it("converts between all formats of weights, and back to the same bytes", async () => {
    await good("convert", "w.ckpt", "w.safetensors");
    await good("convert", "w.safetensors", "w.npz");
    await good("convert", "w.npz", "checked.ckpt", "--crc");
    await good("convert", "checked.ckpt", "again.ckpt");
    expect(readFileSync(inside("again.ckpt"))).to.deep.equal(readFileSync(inside("w.ckpt")));
    expect(readFileSync(inside("checked.ckpt")).length).to.equal(readFileSync(inside("w.ckpt")).length + 17);
  });

  it("draws weights from a seed, and binds those of a file", async () => {
    const run = async (out: string, ...args: readonly string[]): Promise<Buffer> => {
      await good("run", model, "-t", "js", "-i", images, "-o", out, ...args);
      return readFileSync(inside(out, "output_0.npy"));
    };
    const [own, bound, random, again] = await Promise.all([
      run("own"),
      run("bound", "--weights", "w.ckpt"),
      run("random", "--weights", "random:3"),
      run("again", "--weights", "random:3"),
    ]);
    expect(bound).to.deep.equal(own);
    expect(random).to.not.deep.equal(own);
    expect(again).to.deep.equal(random);
  });

  it("extracts the weights that were bound", async () => {
    await good("convert", model, "seeded.npz", "--weights", "random:5");
    await good("convert", model, "bound.ckpt", "--weights", "seeded.npz");
    const [a, b] = await Promise.all(["seeded.npz", "bound.ckpt"].map((name) => openWeights(inside(name))));
    expect(plain(b!.tensors.values())).to.deep.equal(plain(a!.tensors.values()));
  });

  it("says what does not go", async () => {
    const ended = await Promise.all([
      sinter("run", "w.ckpt", "-i", images),
      sinter("convert", "w.ckpt", "w.onnx"),
      sinter("run", model, "-t", "js", "-i", images, "--weights", "random:x"),
      sinter("run", model, "-t", "js", "-i", images, "--weights", model),
      sinter("print", "--network", "lenet", "--weights", "w.ckpt"),
      sinter("inspect", "nothing.ckpt"),
    ]);
    expect(ended.map((e) => e.code)).to.deep.equal([1, 2, 2, 1, 1, 1]);
    expect(ended[0].stderr).to.contain("--weights");
    expect(ended[1].stderr).to.contain(".safetensors");
    expect(ended[4].stderr).to.contain("the parameter 'conv1.weight'");
    expect(existsSync(inside("w.onnx"))).to.equal(false);
  });

  withSharedModels("the official LeNet's checkpoint on the command line", (shared) => {
    it("runs a network with the official checkpoint as MindSpore does", async () => {
      const path = join(shared, "ckpt", "d7402bed_lenet_ascend_v111_offical_cv_mnist_bs32_acc98");
      const recorded = ["-i", join(`${path}.case`, "input_0.npy"), "--reference", join(`${path}.case`, "output_0.npy")];
      const { stdout, stderr } = await good(
        "compare",
        "--network",
        "lenet",
        "--batch",
        "40",
        "--weights",
        `${path}.ckpt`,
        "--targets",
        "js",
        ...recorded,
      );
      expect(stdout).to.contain("agree");
      expect(stderr).to.contain("13 of 21 tensors are not parameters of the model: 'scale_sense', 'learning_rate'");
    });
  });
});
