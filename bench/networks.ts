/**
 * Every network of MindSpore's zoo at full size with seeded weights, from its definition to its results: what building
 * the C takes, and how fast it runs on one thread.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { writeFiles } from "../cli/write-artifact.ts";
import { compileGraph } from "../codegen/compile.ts";
import { countOperations } from "../codegen/count-operations.ts";
import { findTarget } from "../codegen/targets.ts";
import { networks } from "../frontend/networks/index.ts";
import { type AnyNetwork, buildNetwork, completeOptions, seededParameters } from "../frontend/networks/network.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { add } from "../ir/dim.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { buildC } from "../runtime/node/build-c.ts";
import { Session, type Tensor } from "../runtime/node/session.ts";
import { sampleInput } from "./sample-input.ts";

/** Detectors are told of their images: height, width and scales. */
function sample({ name, tensor }: Value, options: Readonly<Record<string, string | number>>): Tensor {
  const metas = [Number(options["height"]), Number(options["width"]), 1, 1];
  return sampleInput(name, tensor.dtype, tensor.shape as readonly number[], name === "metas" ? metas : undefined);
}

function build(definition: AnyNetwork): Graph {
  return buildNetwork(definition, {}, seededParameters(1)).graph;
}

/** Seconds of the C compiler by the clock, and of the first run in processor time. */
async function buildAndRun(definition: AnyNetwork, dir: string): Promise<{ readonly built: number; readonly ran: number }> {
  const graph = build(definition);
  const options = completeOptions(definition, {});
  const inputs = graph.inputs.map((v) => sample(v, options));
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, findTarget("c")!, { name: definition.name }, diagnostics);
  diagnostics.throwIfErrors();
  writeFiles(artifact, dir);
  const start = performance.now();
  await buildC(dir, artifact.manifest);
  const built = (performance.now() - start) / 1e3;
  const session = await Session.create(dir);
  const before = process.cpuUsage();
  await session.run(Object.fromEntries(session.inputs.map((info, i) => [info.name, inputs[i]!])));
  const { user, system } = process.cpuUsage(before);
  await session.dispose();
  return { built, ran: (user + system) / 1e6 };
}

/** Prints a row per network whose name holds `filter`. */
export async function benchNetworks(filter: string): Promise<void> {
  console.log(`${"network".padEnd(20)} ${["GFLOP", "C compiler, s", "one run, s", "GFLOP/s"].map((t) => t.padStart(14)).join("")}`);
  for (const definition of networks.filter((n) => n.name.includes(filter))) {
    const dir = mkdtempSync(join(tmpdir(), "sinter-bench-"));
    try {
      const operations = Number(add(...countOperations(build(definition)).map((row) => row.operations))) / 1e9;
      const { built, ran } = await buildAndRun(definition, dir);
      const cells = [operations.toFixed(2), built.toFixed(1), ran.toFixed(3), (operations / ran).toFixed(1)];
      console.log(`${definition.name.padEnd(20)} ${cells.map((t) => t.padStart(14)).join("")}`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}
