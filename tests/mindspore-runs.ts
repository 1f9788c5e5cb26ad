/** MindIR files computed by MindSpore itself. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatNpy } from "../cli/npy.ts";
import { writeModel } from "../cli/write-model.ts";
import type { Exported } from "../frontend/exported.ts";
import { writeElements } from "../ir/storage.ts";
import { expectClose } from "./mindir-runs.ts";
import { expect } from "chai";
import { type NpyElements, parseNpySeries } from "./npy-series.ts";

export interface MindsporeCase {
  readonly folder: string;
  readonly name: string;
  readonly outputs: readonly NpyElements[];
}

/** Writes a model with its inputs into a folder of `root` for MindSpore. */
export function writeCase(
  root: string,
  name: string,
  model: Exported,
  inputs: readonly NpyElements[],
  outputs: readonly NpyElements[],
): MindsporeCase {
  const folder = join(root, name);
  mkdirSync(folder);
  writeModel(model, join(folder, "model.mindir"));
  inputs.forEach((x, k) => {
    writeFileSync(join(folder, `input_${k}.npy`), formatNpy({ dtype: x.dtype, dims: x.dims, bytes: writeElements(x.dtype, x.values) }));
  });
  return { folder, name, outputs };
}

/** MindSpore loads all models and computes the outputs that are expected. */
export function expectMindsporeComputes(python: string, cases: readonly MindsporeCase[]): void {
  const said = execFileSync(python, [join("tests", "witness", "run_mindir.py"), ...cases.map((c) => c.folder)], {
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 26,
  });
  const results = said
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("result: "))
    .map((line) => JSON.parse(line.slice(8)) as string | null);
  expect(results.length).to.equal(cases.length);
  const failed = cases.flatMap(({ name }, i) => (typeof results[i] !== "string" ? [] : [`${name}: ${results[i]}`]));
  expect(failed).to.deep.equal([]);
  for (const { folder, name, outputs } of cases) {
    outputs.forEach((wanted, k) => {
      const file = join(folder, `output_${k}.npy`);
      expectClose(parseNpySeries(readFileSync(file), file)[0]!, wanted, `${name}, output ${k}`);
    });
  }
}
