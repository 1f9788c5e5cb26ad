/** What lowerings of nodes need of the importer around them, whatever the format. */
import type { Builder } from "../ir/define.ts";
import { type DiagnosticCode, OpError } from "../ir/diagnostic.ts";
import { type Dim, extent } from "../ir/dim.ts";
import { TensorOps } from "./tensor-ops.ts";

export interface ImportScope {
  readonly builder: Builder;
  /** A name for an extent, unlike any other in the model. */
  freshExtent(hint: string): string;
  warn(code: DiagnosticCode, message: string): void;
}

/** A node while it is lowered; each format adds access to its inputs and attributes. */
export abstract class NodeOps<Scope extends ImportScope> extends TensorOps {
  abstract readonly scope: Scope;

  get builder(): Builder {
    return this.scope.builder;
  }

  /** A new named extent, for results whose size is known only when the model runs. */
  freshExtent(hint: string): { name: string; dim: Dim } {
    const name = this.scope.freshExtent(hint);
    return { name, dim: extent(name) };
  }

  warn(code: DiagnosticCode, message: string): void {
    this.scope.warn(code, message);
  }

  /** Refuses the node; every refusal of a model is reported together. */
  unsupported(reason: string, code: DiagnosticCode = "unsupported-attribute", remedy?: string): never {
    throw new OpError(reason, code, remedy === undefined ? {} : { remedy });
  }

  /** Refuses the node because `what` is known only when the model runs. */
  protected needsConstant(what: string): never {
    const remedy = "pin the inputs it comes from, or export the network with fixed shapes";
    return this.unsupported(`${what} must be known at compile time, but depends on data`, "unsupported-attribute", remedy);
  }
}
