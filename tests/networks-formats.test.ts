/**
 * Every network, with seeded random weights, written in every format and read again: the same graph, or where a format has
 * other forms the same results; and the same results on JavaScript, C and, from our ONNX file, ONNX Runtime.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeModel } from "../cli/write-model.ts";
import { exportGraph } from "../frontend/export.ts";
import { importModel } from "../frontend/import.ts";
import { networks } from "../frontend/networks/index.ts";
import { type AnyNetwork, buildNetwork, seededParameters } from "../frontend/networks/network.ts";
import type { Graph } from "../ir/graph.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import type { Tensor } from "../runtime/node/session.ts";
import { difference } from "./networks/equal.ts";
import { askOnnxRuntime, compile, expectClose, inputsOf, isHalf, run } from "./networks/runs.ts";
import { sameKernels, smallOptions } from "./networks/small.ts";
import { optimize, readPassRun } from "./optimize.ts";
import { witnessPython } from "./witness.ts";

const python = witnessPython();

const built = (definition: AnyNetwork): Graph => buildNetwork(definition, smallOptions[definition.name] ?? {}, seededParameters(1)).graph;

/** The graph in its usual form, without the copies that some formats need for inputs that are outputs as well. */
function canonical(graph: Graph): Graph {
  optimize(graph, readPassRun(["canonicalize", "cse", "dce"]));
  graph.outputs.forEach((v, i) => {
    if (v.op?.name === "identity" && v.op.operand(0)!.def === graph) graph.setOutput(i, v.op.operand(0)!);
  });
  return graph;
}

const extensions = { onnx: ".onnx", mindir: ".mindir", air: ".air", mslite: ".ms" } as const;

/** The network's file in `format`, in a folder of its own; written when it is first asked for. */
async function asFile(definition: AnyNetwork, format: keyof typeof extensions, folder: string): Promise<string> {
  const path = join(folder, format, `model${extensions[format]}`);
  if (existsSync(path)) return path;
  mkdirSync(join(folder, format));
  writeModel(await exportGraph(built(definition), format, { name: "model" }), path);
  return path;
}

for (const definition of networks) {
  describe(`${definition.name} in every format`, function () {
    this.timeout(300_000);
    let folder = "";
    let inputs: readonly Tensor[] = [];
    let wanted: readonly Tensor[] = [];
    let usual: Graph;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "sinter-networks-"));
      usual = canonical(built(definition));
      inputs = inputsOf(usual);
      wanted = await run(compile(built(definition), "js"), join(folder, "js"), inputs);
    });
    after(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    for (const format of ["mindir", "air"] as const) {
      it(`is the same graph through ${format}`, async () => {
        const { graph } = await importModel(await asFile(definition, format, folder));
        const found = difference(usual, canonical(graph));
        if (found !== undefined) throw new Error(found);
      });
    }

    for (const format of ["onnx", "mslite"] as const) {
      it(`is the same graph through ${format}, or computes the same`, async () => {
        const path = await asFile(definition, format, folder);
        if (difference(usual, canonical((await importModel(path)).graph)) === undefined) return;
        const { graph } = await importModel(path);
        expectClose(await run(compile(graph, "js"), join(folder, `${format}-js`), inputs), wanted, format);
      });
    }

    if (python !== undefined) {
      it("computes the same in ONNX Runtime", async () => {
        const path = await asFile(definition, "onnx", folder);
        expectClose(askOnnxRuntime(python, dirname(path), inputs, wanted.length), wanted, "ONNX Runtime", isHalf(usual));
      });
    }

    if (sameKernels.has(definition.name)) return;
    it("computes the same in C", async function () {
      if (findCompiler() === undefined) this.skip();
      expectClose(await run(compile(built(definition), "c"), join(folder, "c"), inputs), wanted, "c", isHalf(usual));
    });
  });
}
if (python === undefined) console.log("left out: networks against ONNX Runtime (its Python is not set up)");
