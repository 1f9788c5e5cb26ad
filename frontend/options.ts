/** What every importer takes and gives. */
import type { Constant } from "../ir/attribute.ts";
import type { Diagnostic } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";

export interface ImportOptions {
  /** Extents by name that are fixed at compile time. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Inputs by name that are fixed at compile time; they are constants of the graph then, and no inputs. */
  readonly inputValues?: ReadonlyMap<string, Constant>;
  /** ONNX: initializers that are listed as inputs too stay inputs. Without it they are constants. */
  readonly keepInitializerInputs?: boolean;
  /** Of encrypted files: 16, 24 or 32 bytes. */
  readonly key?: Uint8Array;
}

/** A model in memory and what is to be said of it: warnings, as errors are thrown. */
export interface Imported {
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
}
