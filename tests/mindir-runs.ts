/** Graphs run on the JavaScript target, for tests that have recorded results. */
import { expect } from "chai";
import { optimize, programFor } from "../codegen/compile.ts";
import { loadProgram, tensorOf } from "../codegen/js/execute.ts";
import { findTarget } from "../codegen/targets.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { readElements } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import type { NpyElements } from "./npy-series.ts";

const tolerances: Readonly<Record<string, readonly [number, number]>> = { f32: [1e-4, 1e-5], f64: [1e-10, 1e-10], f16: [2e-3, 2e-3] };

/** The outputs of a graph on the JavaScript target. */
export function runOnJs(graph: Graph, inputs: readonly NpyElements[]): NpyElements[] {
  const types = graph.outputs.map((v) => v.tensor.dtype);
  const target = findTarget("js")!;
  optimize(graph, target, { name: "model" }, new Diagnostics());
  const results = loadProgram(programFor(graph, target, { name: "model" })).run(inputs.map((x) => tensorOf(x.dtype, x.dims, x.values)));
  return results.map(({ data, dims }, i) => {
    const dtype = types[i] as DType;
    return { dtype, dims, values: readElements(dtype, new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)) };
  });
}

export function expectClose(got: NpyElements, wanted: NpyElements, what: string): void {
  expect(got.dtype, what).to.equal(wanted.dtype);
  expect(got.dims, what).to.deep.equal(wanted.dims);
  const [rtol, atol] = tolerances[wanted.dtype] ?? [0, 0];
  const bad = wanted.values.findIndex((w, i) => {
    const [g, e] = [Number(got.values[i]), Number(w)];
    return !(Object.is(g, e) || g === e || Math.abs(g - e) <= atol + rtol * Math.abs(e));
  });
  expect(bad, `${what}: element ${bad} is ${String(got.values[bad])}, not ${String(wanted.values[bad])}`).to.equal(-1);
}
