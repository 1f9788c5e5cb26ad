/**
 * `node build/tests/networks/full-size.js [NAME...]`: networks (default: all) with default options and seeded weights, compiled
 * to C at -O3 and run, against ONNX Runtime on our ONNX file. Takes minutes for the large ones. Exit code 1 where one differs.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeModel } from "../../cli/write-model.ts";
import { exportGraph } from "../../frontend/export.ts";
import { networks } from "../../frontend/networks/index.ts";
import { type AnyNetwork, buildNetwork, seededParameters } from "../../frontend/networks/network.ts";
import type { Graph } from "../../ir/graph.ts";
import { witnessPython } from "../witness.ts";
import { askOnnxRuntime, compile, expectClose, inputsOf, isHalf, run } from "./runs.ts";

const built = (definition: AnyNetwork): Graph => buildNetwork(definition, {}, seededParameters(1)).graph;

async function check(python: string, definition: AnyNetwork, folder: string): Promise<void> {
  const graph = built(definition);
  const [inputs, half] = [inputsOf(graph), isHalf(graph)];
  const results = await run(compile(graph, "c"), join(folder, "c"), inputs, ["-O3"]);
  mkdirSync(join(folder, "onnx"));
  writeModel(await exportGraph(built(definition), "onnx", { name: "model" }), join(folder, "onnx", "model.onnx"));
  expectClose(results, askOnnxRuntime(python, join(folder, "onnx"), inputs, results.length), "c", half);
}

/** What differs; undefined where nothing does. */
async function difference(python: string, definition: AnyNetwork): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "sinter-full-size-"));
  try {
    await check(python, definition, folder);
    return undefined;
  } catch (e) {
    return (e as Error).message;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const python = witnessPython();
if (python === undefined) throw new Error("there is no Python with ONNX Runtime: .ci/run says how it is set up");
const names = process.argv.slice(2);
for (const definition of networks.filter((n) => names.length === 0 || names.includes(n.name))) {
  const wrong = await difference(python, definition);
  if (wrong !== undefined) process.exitCode = 1;
  console.log(`${definition.name}: ${wrong ?? "the same"}`);
}
