/** What all of one import shares: the model, the problems found, names of extents, constants. */
import type { Constant } from "../../ir/attribute.ts";
import { Builder } from "../../ir/define.ts";
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import type { Graph, Op } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import { ExtentNames } from "../extent-names.ts";
import { ExternalFiles } from "../external-files.ts";
import type { ImportOptions } from "../options.ts";
import { Problems } from "../problems.ts";
import { checkTensorSize } from "../tensor-limits.ts";
import type { LiteModel, LiteTensor } from "./messages.ts";
import { constantOf } from "./tensor-data.ts";

const mostAxes = 64;
/** Nodes that are imported, those of called graphs counted at each call. */
const mostNodes = 250_000;

/** Thrown where something follows from an error that was reported already. */
export class SilencedError extends Error {}

export const isModelError = (e: unknown): e is OpError | CompileError | SilencedError =>
  e instanceof OpError || e instanceof CompileError || e instanceof SilencedError;

export class Session {
  readonly problems = new Problems();
  private readonly files: ExternalFiles | undefined;
  readonly extentNames = new ExtentNames();
  private nodes = 0;

  constructor(
    readonly model: LiteModel,
    readonly options: ImportOptions,
  ) {
    this.files = ExternalFiles.beside(model.source);
  }

  locate(path: string): Location {
    return { source: this.model.source.name, path };
  }

  tensor(index: number): LiteTensor {
    const t = this.model.graph.allTensors[index];
    if (!t) throw new OpError(`there is no tensor ${index}`, "invalid-graph");
    return t;
  }

  /** A builder at the end of `graph` that refuses results no machine has memory for. */
  builder(graph: Graph): Builder {
    return new Builder(graph, this.locate("graph"), undefined, (op) => this.checkResults(op));
  }

  countNode(): void {
    if (this.nodes++ < mostNodes) return;
    throw new OpError(`the model has more than ${mostNodes} nodes once its graphs are inlined`, "limit");
  }

  constant(t: LiteTensor): Constant {
    if (t.dims.length > mostAxes) throw new OpError(`the constant '${t.name}' has ${t.dims.length} axes, more than ${mostAxes}`, "limit");
    return constantOf(t, this.files, this.locate(t.name));
  }

  private checkResults(op: Op): void {
    for (const { type } of op.results) if (type.kind === "tensor") checkTensorSize(type, `a result of '${op.name}'`, mostAxes);
  }
}
