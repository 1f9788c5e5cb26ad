/** What every reader of a file of weights gives, and every writer takes. */
import type { Diagnostic } from "../ir/diagnostic.ts";
import type { ExportedFile } from "./exported.ts";
import type { TensorValue } from "./tensor-data.ts";

/** Files that hold named tensors and no graph. */
export type WeightsFormat = "checkpoint" | "safetensors" | "npz";

export interface WeightsFile {
  readonly format: WeightsFormat;
  /** By name, in the file's order. Their elements stay in the file. */
  readonly tensors: ReadonlyMap<string, TensorValue>;
  /** Warnings; errors are thrown. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A file to write, and warnings of what it cannot hold. */
export interface WrittenWeights {
  readonly files: readonly [ExportedFile];
  readonly diagnostics: readonly Diagnostic[];
}
