/** Graphs compiled and run, against outputs that were recorded. */
import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import { Session, type Tensor } from "../runtime/node/session.ts";
import type { RecordedRun } from "./recorded-runs.ts";

/** Relative and absolute, as the models' README states them; other types must be equal. */
const tolerances: Readonly<Record<string, readonly [number, number]>> = { f32: [1e-4, 1e-5], f64: [1e-10, 1e-10], f16: [2e-3, 2e-3] };

function expectClose(actual: Tensor, wanted: Tensor, what: string): void {
  expect(actual.dtype, what).to.equal(wanted.dtype);
  expect(actual.dims, what).to.deep.equal(wanted.dims);
  const [rtol, atol] = tolerances[wanted.dtype] ?? [0, 0];
  const [got, want] = [actual, wanted].map((t) =>
    readElements(t.dtype as DType, new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength)).map(Number),
  );
  const bad = want!.findIndex((w, i) => !(Object.is(got![i], w) || got![i] === w || Math.abs(got![i]! - w) <= atol + rtol * Math.abs(w)));
  expect(bad, `${what}: element ${bad} is ${got![bad]}, not ${want![bad]}`).to.equal(-1);
}

/** Every run of the graph on the target gives the recorded outputs. */
export async function expectRuns(graph: Graph, targetName: string, runs: readonly RecordedRun[]): Promise<void> {
  const diagnostics = new Diagnostics();
  const { artifact } = compileGraph(graph, findTarget(targetName)!, { name: "model", verifyEach: true }, diagnostics);
  diagnostics.throwIfErrors();
  const folder = mkdtempSync(join(tmpdir(), "sinter-model-"));
  try {
    for (const [file, content] of artifact.files) writeFileSync(join(folder, file), content);
    const session = await Session.create(folder);
    for (const [k, run] of runs.entries()) {
      const results = await session.run(Object.fromEntries(session.inputs.map((info, i) => [info.name, run.inputs[i]!])));
      session.outputs.forEach(({ name }, i) => {
        expectClose(results[name]!, run.outputs[i]!, `run ${k}, output ${i}`);
      });
    }
    await session.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
