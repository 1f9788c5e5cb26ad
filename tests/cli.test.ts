/** The `sinter` command as users meet it: exit codes, what is printed where, files that appear whole or not at all. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { exitCodes, guard, reproducer } from "../cli/failure.ts";
import { formatNpy, parseNpy } from "../cli/npy.ts";
import { observePasses } from "../cli/pass-options.ts";
import { Graph } from "../ir/graph.ts";
import type { Pass } from "../passes/pass.ts";
import { type Ended, runSinter } from "./run-sinter.ts";

const digits = resolve("examples", "digits");
const model = join(digits, "digits.onnx");
const images = join(digits, "images.npy");

describe("cli", () => {
  let folder = "";
  const inside = (...path: readonly string[]): string => join(folder, ...path);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sinter-cli-"));
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

  const writeText = (name: string, text: string): string => {
    writeFileSync(inside(name), text);
    return inside(name);
  };

  const doubling =
    "graph @double(%x: f32[n,2], %k: i32[2]) -> (f32[n,2], i32[2]) {\n  %y = add(%x, %x) : f32[n,2]\n  %j = add(%k, %k) : i32[2]\n  return %y, %j\n}\n";

  describe("exit codes", () => {
    const badUsage: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /name a command/],
      [["frob"], /'frob'/],
      [["compile", model], /output/],
      [["run", model, "--foo", "--bar"], /foo, bar/],
      [["run", model, "-t", "js", "-o", "a", "-o", "b"], /--output is given more than once/],
      [["run", model, "-t", "js", "--threads", "0"], /--threads/],
      [["compile", model, "-o", "x", "-t", "js", "--name", "a b"], /--name/],
      [["opt", model, "--passes", "no-such,nor-this"], /'no-such'[^]*'nor-this'/],
      [["compare", model, "--targets", "js,vax,pdp"], /'vax', 'pdp'/],
      [["run", model, "-t", "wgsl", "-i", "random:1"], /'wgsl' do not run here/],
      [["compile", model, "-t", "js", "-o", "x", "--build"], /--build/],
      [["explain", "no-such"], /unsupported-op/],
    ];
    for (const [args, message] of badUsage) {
      it(`2: sinter ${args.map((a) => (a === model ? "MODEL" : a)).join(" ")}`, async () => {
        const { code, stderr, stdout } = await sinter(...args);
        expect(code, stderr).to.equal(exitCodes.usage);
        expect(stderr).to.match(message);
        expect(stdout).to.equal("");
      });
    }

    it("1: text with several mistakes, all of which are reported", async () => {
      const wrong = writeText(
        "wrong.sir",
        "graph @g(%x: f32[2]) -> (f32[2]) {\n  %y = frob(%x) : f32[2]\n  %z = relu(%x) {q = 1} : f32[2]\n  return %y\n}\n",
      );
      const { code, stderr } = await sinter("compile", wrong, "-t", "js", "-o", "wrong");
      expect(code).to.equal(exitCodes.input);
      expect(stderr).to.contain("wrong.sir:2:").and.to.contain("wrong.sir:3:");
      expect(existsSync(inside("wrong"))).to.equal(false);
    });

    it("1: a model that is not there, a file that is no model", async () => {
      const ended = await Promise.all([sinter("print", "nothing.onnx"), sinter("print", images), sinter("run", folder)]);
      expect(ended.map((e) => e.code)).to.deep.equal([1, 1, 1]);
    });

    it("70: a bug, with a folder that reproduces it", async () => {
      const cwd = process.cwd();
      const print = console.error;
      const said: string[] = [];
      try {
        process.chdir(folder);
        console.error = (text: string) => said.push(text);
        reproducer.write = async (dir) => writeFileSync(join(dir, "graph.sir"), doubling);
        await guard(() => Promise.reject(new Error("the invariant is broken")));
        expect(process.exitCode).to.equal(exitCodes.bug);
      } finally {
        process.exitCode = 0;
        console.error = print;
        process.chdir(cwd);
        delete reproducer.write;
      }
      const [made] = readdirSync(folder).filter((f) => f.startsWith("reproducer-"));
      expect(said.join("\n")).to.contain("the invariant is broken").and.to.contain(made);
      expect(readFileSync(inside(made!, "command.txt"), "utf8")).to.contain("the invariant is broken");
      expect(readFileSync(inside(made!, "graph.sir"), "utf8")).to.equal(doubling);
    });
  });

  it("the reproducer of a failed pass is the graph before it", async () => {
    const sir = writeText("before.sir", doubling);
    const [first, second] = ["cse", "dce"].map((name): Pass => ({ name, summary: "", run: () => undefined }));
    const { options } = observePasses({ model: sir }, [first!, second!], undefined);
    options.after!(first!, new Graph("g"), 0);
    mkdirSync(inside("reproduced"));
    await reproducer.write!(inside("reproduced"), new Error("in the second"));
    delete reproducer.write;
    expect(readFileSync(inside("reproduced", "failed.txt"), "utf8")).to.contain("'dce'");
    expect(readFileSync(inside("reproduced", "graph.sir"), "utf8")).to.equal(doubling);
  });

  describe("run", () => {
    it("runs a MindIR model on C as MindSpore does", async () => {
      await good("run", join(digits, "digits.mindir"), "-i", images, "-o", "logits", "--threads", "2");
      expectClose(inside("logits", "output_0.npy"), join(digits, "logits.npy"));
    });

    it("gives its summary as JSON", async () => {
      const { stdout } = await good("run", model, "-t", "js", "-i", images, "--json");
      const { outputs } = JSON.parse(stdout) as { outputs: readonly Record<string, unknown>[] };
      expect(outputs).to.have.length(1);
      expect(outputs[0])
        .to.include({ dtype: "f32", nan: 0 })
        .and.to.have.keys("name", "dtype", "shape", "first", "min", "max", "mean", "nan");
      expect(outputs[0]!["shape"]).to.deep.equal([12, 10]);
    });

    it("draws the same random inputs every time, by extents that are given", async () => {
      const sir = writeText("double.sir", doubling);
      const runs = await Promise.all(["a", "b"].map((out) => good("run", sir, "-t", "js", "-i", "random:5", "--dim", "n=3", "-o", out)));
      expect(runs[0]!.stdout).to.equal(runs[1]!.stdout);
      expect(readFileSync(inside("a", "output_0.npy"))).to.deep.equal(readFileSync(inside("b", "output_0.npy")));
      expect(parseNpy(readFileSync(inside("a", "output_0.npy")), "").dims).to.deep.equal([3, 2]);
    });

    it("takes inputs by name and by order, and lists all that is wrong with them", async () => {
      const sir = writeText("named.sir", doubling);
      writeNpy("x.npy", "f32", [1, 2], new Float32Array([1, 2]));
      writeNpy("k.npy", "i32", [2], new Int32Array([3, 4]));
      await good("run", sir, "-t", "js", "-i", "k=k.npy", "x.npy", "-o", "named");
      expect([...readFileSync(inside("named", "output_1.npy")).subarray(-8)]).to.deep.equal([6, 0, 0, 0, 8, 0, 0, 0]);
      const [twice, swapped, none] = await Promise.all([
        sinter("run", sir, "-t", "js", "-i", "k=k.npy", "-i", "k=k.npy", "q=x.npy"),
        sinter("run", sir, "-t", "js", "-i", "k.npy", "x.npy"),
        sinter("run", sir, "-t", "js", "-i", "no.npy", "nor.npy"),
      ]);
      expect(twice.code).to.equal(exitCodes.usage);
      expect(twice.stderr).to.contain("'k' is given twice").and.to.contain("no input 'q'").and.to.contain("no value is given for 'x'");
      expect(swapped.code).to.equal(exitCodes.input);
      expect(swapped.stderr).to.contain("'x' is i32").and.to.contain("'k' is f32");
      expect(none.stderr).to.contain("no.npy").and.to.contain("nor.npy");
    });
  });

  describe("compile", () => {
    it("replaces artifacts, and nothing else", async () => {
      const { stdout, stderr } = await good("compile", model, "-t", "js", "-o", "made");
      expect(stdout).to.equal("");
      expect(stderr).to.match(/^made: js, 3 files, [\d,]+ bytes of weights, an arena of [\d,]+ bytes\n$/);
      await good("compile", model, "-t", "c", "--mcpu", "generic", "-o", "made");
      expect(readdirSync(inside("made")))
        .to.include("digits.h")
        .and.not.to.include("kernels.js");
      mkdirSync(inside("precious"));
      writeFileSync(inside("precious", "notes.txt"), "mine");
      const { code } = await sinter("compile", model, "-t", "js", "-o", "precious");
      expect(code).to.equal(exitCodes.input);
      expect(readdirSync(inside("precious"))).to.deep.equal(["notes.txt"]);
    });

    it("leaves the artifact that is there when a new one cannot be made", async () => {
      await good("compile", model, "-t", "js", "-o", "kept");
      const before = readdirSync(folder).filter((f) => !f.startsWith("reproducer-"));
      const { code } = await sinter("compile", images, "-t", "js", "-o", "kept");
      expect(code).to.equal(exitCodes.input);
      expect(readdirSync(inside("kept")).sort()).to.deep.equal(["kernels.js", "manifest.json", "weights.bin"]);
      expect(readdirSync(folder).filter((f) => !f.startsWith("reproducer-"))).to.deep.equal(before);
    });

    it("shows and times passes", async () => {
      const { stderr } = await good(
        "compile",
        model,
        "-t",
        "js",
        "-o",
        "timed",
        "--passes",
        "dce",
        "--time-passes",
        "--verify-each",
        "--print-after",
        "dce",
      );
      expect(stderr)
        .to.contain("// after dce\ngraph @")
        .and.to.match(/^total +[\d.]+$/m);
    });
  });

  describe("print, opt", () => {
    for (const stage of ["kernels", "loops", "program"]) {
      it(`shows ${stage}, the same every time`, async () => {
        const runs = await Promise.all([1, 2].map(() => good("print", model, "--stage", stage, "-t", "js")));
        expect(runs[0]!.stdout).to.equal(runs[1]!.stdout).and.to.contain("conv");
      });
    }

    it("writes graphs that are models again", async () => {
      await Promise.all([
        good("print", model, "-o", "imported.sir"),
        good("print", model, "--stage", "optimized", "-t", "c", "-o", "optimized.sir"),
      ]);
      await good("opt", "imported.sir", "--passes", "canonicalize,fold-batch-norm,dce", "-o", "imported.sir");
      for (const name of ["imported", "optimized"]) {
        const { stdout } = await good("compare", `${name}.sir`, "-i", images, "--targets", "js", "--reference", join(digits, "logits.npy"));
        expect(stdout).to.contain("agree");
      }
    });
  });

  it("inspect gives numbers", async () => {
    const { stdout } = await good("inspect", model, "-t", "js", "--json");
    const report = JSON.parse(stdout) as Record<string, unknown> & { ops: readonly { op: string; count: number; flops: number }[] };
    expect(report).to.include({ target: "js", weightBytes: 24936, parameters: 6234 });
    // 3x3 windows of 1 channel to 16 at 12x8x8 points, then 16 to 32 at 12x4x4, two operations each, and the biases.
    const products = 2 * 9 * (12 * 64 * 16 + 12 * 16 * 32 * 16);
    expect(report.ops.find((o) => o.op === "conv")).to.deep.equal({ op: "conv", count: 2, flops: products });
    expect(report["arenaBytes"]).to.be.a("number");
  });

  it("compare says where outputs differ", async () => {
    const logits = parseNpy(readFileSync(join(digits, "logits.npy")), "");
    new Float32Array(logits.bytes.buffer)[23]! += 1;
    writeFileSync(inside("off.npy"), formatNpy(logits));
    const { code, stdout } = await sinter("compare", model, "-i", images, "--targets", "js", "--reference", "off.npy");
    expect(code).to.equal(exitCodes.input);
    expect(stdout).to.contain("differ in 1 elements, first at [2,3]");
  });

  it("list, explain and doctor answer", async () => {
    const [ops, codes, doctor] = await Promise.all([good("list", "ops", "--json"), good("explain"), good("doctor", "--json")]);
    expect((JSON.parse(ops.stdout) as { name: string }[]).map((o) => o.name)).to.include("conv");
    expect(codes.stdout).to.contain("unsupported-op");
    expect((JSON.parse(doctor.stdout) as { name: string }[]).map((f) => f.name)).to.include("Node.js");
  });

  function writeNpy(name: string, dtype: string, dims: readonly number[], data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): void {
    writeFileSync(inside(name), formatNpy({ dtype, dims, bytes: new Uint8Array(data.buffer) }));
  }
});

function expectClose(file: string, reference: string): void {
  const [a, b] = [file, reference].map((f) => new Float32Array(parseNpy(readFileSync(f), f).bytes.buffer)) as [Float32Array, Float32Array];
  expect(a.length).to.equal(b.length);
  a.forEach((v, i) => expect(v).to.be.closeTo(b[i]!, 1e-5 + 1e-4 * Math.abs(b[i]!)));
}
