/** The inputs and outputs of real models' runs, as their `.case` folders hold them: `input_0.npy`, or `input_0.K.npy` for run K. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseNpy } from "../cli/npy.ts";
import type { ImportOptions } from "../frontend/options.ts";
import { viewBytes } from "../ir/storage.ts";
import type { DType } from "../ir/type.ts";
import { Tensor } from "../runtime/node/session.ts";
import { filesIn } from "./shared-models.ts";

export interface RecordedRun {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export interface RecordedModel {
  readonly path: string;
  /** With the key, where it is encrypted. */
  readonly options: ImportOptions;
  readonly runs: readonly RecordedRun[];
}

const keys: Readonly<Record<string, string>> = { "add_encrpty_key_0123456789ABCDEF.mindir": "0123456789ABCDEF" };

export function readTensor(path: string): Tensor {
  const { dtype, dims, bytes } = parseNpy(readFileSync(path), path);
  return new Tensor(dtype, viewBytes(dtype as DType, bytes), dims);
}

function readRuns(folder: string): RecordedRun[] {
  const names = readdirSync(folder);
  const numbers = names.flatMap((n) => /^input_0(\.\d+)\.npy$/.exec(n)?.slice(1) ?? []);
  const suffixes = names.includes("input_0.npy") || numbers.length === 0 ? [""] : numbers;
  const all = (kind: string, suffix: string): Tensor[] => {
    const tensors: Tensor[] = [];
    const path = (): string => join(folder, `${kind}_${tensors.length}${suffix}.npy`);
    while (existsSync(path())) tensors.push(readTensor(path()));
    return tensors;
  };
  return suffixes.map((suffix) => ({ inputs: all("input", suffix), outputs: all("output", suffix) }));
}

/** The `.mindir` and `.onnx` files in the folder that have a `.case` folder beside them. */
export function recordedModels(folder: string): RecordedModel[] {
  return [".mindir", ".onnx"].flatMap((extension) =>
    filesIn(folder, extension).flatMap((path) => {
      const recorded = path.replace(/\.\w+$/, ".case");
      const key = keys[basename(path)];
      return existsSync(recorded)
        ? [{ path, runs: readRuns(recorded), options: key === undefined ? {} : { key: new TextEncoder().encode(key) } }]
        : [];
    }),
  );
}
