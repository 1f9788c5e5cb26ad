/** What every exporter takes and gives. */
import type { Diagnostic } from "../ir/diagnostic.ts";

/** Constants of more bytes together than this go to files beside the model, where the format has such. */
export const defaultExternalAbove = 2 ** 30;

export interface ExportOptions {
  /** The model's name: the first file's name without its extension. */
  readonly name: string;
  /** ONNX: version of the operator set. */
  readonly opset?: number | undefined;
  /** MindIR: of MindSpore 1.1, which every later one reads, or of 2.0 and later. */
  readonly dialect?: "1.1" | "2" | undefined;
  /** Bytes of constants; default: 1 GiB. */
  readonly externalAbove?: number | undefined;
}

/** One file, in pieces that are made when they are written. */
export interface ExportedFile {
  /** Relative to the model's folder. */
  readonly name: string;
  readonly content: Iterable<Uint8Array>;
}

/** A model's files, the model itself first, and warnings; errors are thrown. */
export interface Exported {
  readonly files: readonly ExportedFile[];
  readonly diagnostics: readonly Diagnostic[];
}
