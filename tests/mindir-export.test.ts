/**
 * MindIR export: what is written in either dialect is imported again as the graph that was written, and computes what
 * MindSpore recorded; MindSpore itself loads the files and computes the same.
 */
import { expect } from "chai";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { writeModel } from "../cli/write-model.ts";
import type { Exported } from "../frontend/exported.ts";
import { importModel } from "../frontend/import.ts";
import { exportMindir } from "../frontend/mindir/export.ts";
import { importMindir } from "../frontend/mindir/import.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements } from "../ir/storage.ts";
import { type DType, formatType } from "../ir/type.ts";
import { canonicalize } from "../passes/canonicalize.ts";
import { cse } from "../passes/cse.ts";
import { dce } from "../passes/dce.ts";
import { foldConstantsWithin } from "../passes/fold-constants.ts";
import { expectClose, runOnJs } from "./mindir-runs.ts";
import { expectMindsporeComputes, type MindsporeCase, writeCase } from "./mindspore-runs.ts";
import { type NpyElements, parseNpySeries } from "./npy-series.ts";
import { optimize, type PassRun } from "./optimize.ts";
import { recordedModels } from "./recorded-runs.ts";
import { filesIn, withSharedModels } from "./shared-models.ts";
import { witnessPython } from "./witness.ts";

const dialects = ["2", "1.1"] as const;
type Dialect = (typeof dialects)[number];

const bytesOf = ({ files }: Exported): Uint8Array => Buffer.concat([...files[0]!.content]);
const reread = (exported: Exported): Graph => importMindir(readMindir(new MemorySource("model.mindir", bytesOf(exported)))).graph;

/**
 * How many ops there are of each name and types of the results that are used, in inner graphs too. (Loops come back with
 * their condition among the values that they carry, which nobody uses.)
 */
function opCounts(graph: Graph, counts = new Map<string, number>()): Map<string, number> {
  for (const op of graph.ops()) {
    const key = `${op.name} ${op.results.flatMap((r) => (r.uses.size > 0 ? [formatType(r.type)] : [])).join(" ")}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const region of op.regions) opCounts(region, counts);
  }
  return counts;
}

const foldSmall = foldConstantsWithin({ each: 256, growth: 0, total: 1 << 20 });
const canonical: PassRun = {
  passes: [canonicalize, cse, foldSmall, dce, canonicalize, cse, dce],
  numerics: new Set(["exact"]),
  verifyEach: false,
};

/** Ops that are of one graph only, or of one more often. */
function differences(a: Graph, b: Graph): string[] {
  const [p, q] = [a, b].map((g) => {
    optimize(g, canonical);
    return opCounts(g);
  }) as [Map<string, number>, Map<string, number>];
  return [...new Set([...p.keys(), ...q.keys()])]
    .filter((key) => p.get(key) !== q.get(key))
    .map((key) => `${key}: ${p.get(key) ?? 0} -> ${q.get(key) ?? 0}`);
}

const refusal = (f: () => unknown): string[] => {
  try {
    f();
  } catch (error) {
    if (error instanceof CompileError) return [...new Set(error.diagnostics.map((d) => d.op ?? d.message))];
    throw error;
  }
  return [];
};

/** Loops that are tested after their first round come back with that round before them. */
const peeled = /^control_(break|return|three_loops)/;

interface OwnModel {
  readonly path: string;
  readonly name: string;
  readonly inputs: readonly NpyElements[];
  readonly outputs: readonly NpyElements[];
}

const ownModels: readonly OwnModel[] = filesIn(join("tests", "models", "mindir"), ".mindir").map((path) => {
  const [inputs, outputs] = ["inputs", "outputs"].map((kind) => {
    const file = path.replace(/mindir$/, kind);
    return parseNpySeries(readFileSync(file), file);
  }) as [NpyElements[], NpyElements[]];
  return { path, name: basename(path, ".mindir"), inputs, outputs };
});

const graphOf = async (path: string): Promise<Graph> =>
  (await importModel(path, { key: new TextEncoder().encode("0123456789ABCDEF") })).graph;

function expectSame(written: Graph, again: Graph): void {
  expect(differences(written, again)).to.deep.equal([]);
}

describe("MindIR export: families of operators and control flow", function () {
  this.timeout(60_000);
  for (const { path, name, inputs, outputs } of ownModels) {
    it(`${name.replaceAll("_", " ")}, dialect 2`, async () => {
      const graph = await graphOf(path);
      const again = reread(exportMindir(graph, { name, dialect: "2" }));
      if (!peeled.test(name)) expectSame(graph, again);
      const results = runOnJs(again, inputs);
      expect(results.length).to.equal(outputs.length);
      results.forEach((r, i) => {
        expectClose(r, outputs[i]!, `output ${i}`);
      });
    });
  }

  it("says in 1.1 what 1.1 has, and lists the rest", async () => {
    const refused: string[] = [];
    for (const { path, name } of ownModels) {
      const graph = await graphOf(path);
      const missing = refusal(() => {
        expectSame(graph, reread(exportMindir(graph, { name, dialect: "1.1" })));
      });
      if (missing.length > 0) refused.push(`${name.replace(/_.*/, "")}: ${missing.sort().join(", ")}`);
    }
    expect([...new Set(refused)].sort()).to.deep.equal(onlySince2);
  });
});

/** What 1.1 has no operators for, by model. */
const onlySince2: readonly string[] = [
  "arithmetic: shift_left, shift_right",
  "control: if",
  "control: if, loop",
  "control: loop",
  "convolutions: conv, conv_transpose",
  "indices: scatter_nd",
  "pools: max_pool_indices",
];

describe("MindIR export: files", function () {
  this.timeout(60_000);
  const halves = join("tests", "models", "mindir", "halves.mindir");
  const folder = mkdtempSync(join(tmpdir(), "sinter-mindir-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("the same bytes each time", async () => {
    for (const dialect of dialects) {
      const [a, b] = [await graphOf(halves), await graphOf(halves)].map((g) => bytesOf(exportMindir(g, { name: "m", dialect })));
      expect(Buffer.compare(a!, b!)).to.equal(0);
    }
  });

  it("weights beside the model, in MindSpore's layout", async () => {
    const external = join("tests", "models", "mindir-external", "net_graph.mindir");
    const exported = exportMindir(await graphOf(external), { name: "net", externalAbove: 0 });
    expect(exported.files.map((f) => f.name)).to.deep.equal(["net.mindir", "net_variables/data_0"]);
    writeModel(exported, join(folder, "net.mindir"));
    const data = readFileSync(join(folder, "net_variables", "data_0"));
    expect([...data.subarray(0, 64)]).to.deep.equal([1, ...new Array<number>(63).fill(0)]);
    expect(data.length % 64).to.equal(0);
    const [x, y] = ["input.npy", "output.npy"].map((name) => {
      const file = join("tests", "models", "mindir-external", name);
      return parseNpySeries(readFileSync(file), file)[0]!;
    });
    expectClose(runOnJs(await graphOf(join(folder, "net.mindir")), [x!])[0]!, y!, "result");
  });

  it("messages that protoc reads", async function () {
    const available = spawnSync("protoc", ["--version"]).status === 0;
    if (!available) {
      console.log("left out: protoc reads MindIR (it is not installed)");
      this.skip();
    }
    for (const dialect of dialects) {
      const bytes = bytesOf(exportMindir(await graphOf(halves), { name: "m", dialect }));
      const text = execFileSync("protoc", ["--decode=mind_ir.ModelProto", "--proto_path=proto", "mind_ir.proto"], {
        input: bytes,
      }).toString();
      expect(text)
        .to.contain('op_type: "')
        .and.to.contain(dialect === "1.1" ? 'ref_attr_name: "shape:shape1,"' : "mind_ir_version: 1");
      execFileSync("protoc", ["--decode_raw"], { input: bytes });
    }
  });

  it("lists everything that cannot be said", async () => {
    const control = await graphOf(join("tests", "models", "mindir", "control_while_if.mindir"));
    expect(refusal(() => exportMindir(control, { name: "m", dialect: "1.1" })).sort()).to.deep.equal(["if", "loop"]);
  });
});

/** Larger models run in one of the dialects only. */
const mostBytes = 1 << 18;

withSharedModels("MindIR export of real models", (shared) => {
  describe("MindIR export: real models", function () {
    this.timeout(120_000);
    for (const { path, options, runs } of recordedModels(join(shared, "mindir"))) {
      for (const dialect of dialects) {
        if (dialect === "1.1" && path.includes("control_flow")) continue;
        it(`${basename(path)}, dialect ${dialect}`, async () => {
          const { graph } = await importModel(path, options);
          const exported = exportMindir(graph, { name: "m", dialect });
          const again = reread(exported);
          expectSame(graph, reread(exported));
          if (dialect === "1.1" && statSync(path).size > mostBytes) return;
          for (const run of runs) {
            const inputs = run.inputs.map((t) => elementsOf(t));
            runOnJs(again, inputs).forEach((r, i) => {
              expectClose(r, elementsOf(run.outputs[i]!), `output ${i}`);
            });
            if (runs.length > 1) break;
          }
        });
      }
    }

    it("LeNet in 1.1 by the names that 1.1 gave it", async () => {
      const graph = await graphOf(join(shared, "mindir", "lenet5.mindir"));
      const model = readMindir(new MemorySource("m", bytesOf(exportMindir(graph, { name: "m", dialect: "1.1" }))));
      const names = model.graph.node.map((n) => n.opType).filter((name) => name !== "Constant");
      const dense = ["MatMul", "BiasAdd", "ReLU"];
      const conv = ["Conv2D", "ReLU", "MaxPool"];
      expect(names).to.deep.equal([...conv, ...conv, "Reshape", ...dense, ...dense, "MatMul", "BiasAdd"]);
      expect(model.graph.parameter.map((p) => p.name).slice(0, 2)).to.deep.equal(["main:conv1.weight", "main:conv2.weight"]);
    });

    it("the gradient graphs that can be imported", async () => {
      const failed: string[] = [];
      for (const path of filesIn(join(shared, "mindir-bprop"), ".mindir")) {
        const imported = await importModel(path).catch(() => undefined);
        if (!imported) continue;
        const missing = refusal(() => reread(exportMindir(imported.graph, { name: "m" })));
        if (missing.length > 0) failed.push(`${basename(path, ".mindir")}: ${missing.join(", ")}`);
      }
      expect(failed).to.deep.equal([]);
    });
  });
});

const elementsOf = (t: { readonly dtype: string; readonly dims: readonly number[]; readonly data: ArrayBufferView }): NpyElements => ({
  dtype: t.dtype as DType,
  dims: t.dims,
  values: readElements(t.dtype as DType, new Uint8Array(t.data.buffer as ArrayBuffer, t.data.byteOffset, t.data.byteLength)),
});

/** Models whose operators have the names of 1.1 still; MindSpore 2.7 knows no TensorAdd, GatherV2, make_tuple and so on. */
const isReadLater = /(lenet5|ori_net|relu|dynamic_batch)\.mindir$/;

describe("MindIR export: MindSpore 2.7", function () {
  this.timeout(600_000);
  const python = witnessPython();
  if (python === undefined) {
    console.log("left out: MindSpore loads MindIR files that are written (there is no Python with MindSpore)");
    return;
  }
  const root = mkdtempSync(join(tmpdir(), "sinter-mindspore-"));
  after(() => {
    rmSync(root, { recursive: true });
  });

  it("loads and computes what is written in dialect 2, and in 1.1 where names have not changed", async () => {
    const cases = await witnessCases(root);
    expectMindsporeComputes(python, cases);
  });
});

/** Left out is a model of segments with numbers outside: they are dropped, where MindSpore's scatter refuses them. */
async function witnessCases(root: string): Promise<MindsporeCase[]> {
  const cases: MindsporeCase[] = [];
  const add = async (path: string, dialect: Dialect, inputs: readonly NpyElements[], outputs: readonly NpyElements[]): Promise<void> => {
    const name = `${basename(path)}-${dialect}`;
    const graph = await graphOf(path);
    if (refusal(() => exportMindir(graph, { name, dialect })).length > 0) return;
    cases.push(writeCase(root, name, exportMindir(await graphOf(path), { name: "model", dialect }), inputs, outputs));
  };
  for (const { path, name, inputs, outputs } of ownModels) if (name !== "indices") await add(path, "2", inputs, outputs);
  const shared = join("..", "shared", "models", "mindir");
  const recorded = readdirSync("..").includes("shared") ? recordedModels(shared) : [];
  for (const { path, runs } of recorded) {
    const [run] = runs;
    for (const dialect of isReadLater.test(path) ? dialects : (["2"] as const))
      await add(path, dialect, run!.inputs.map(elementsOf), run!.outputs.map(elementsOf));
  }
  return cases;
}
