/** What all parts of one import share: problems, limits, names of extents, the graphs of the model. */
import { Builder } from "../../ir/define.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Graph, Op } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import type { TensorType } from "../../ir/type.ts";
import { ExtentNames, identifierOf } from "../extent-names.ts";
import type { ImportOptions } from "../options.ts";
import { Problems } from "../problems.ts";
import { checkTensorSize } from "../tensor-limits.ts";
import type { GeGraph, GeModel } from "./messages.ts";

/** More ops than any network has, those of graphs used several times counted each time. */
const mostOps = 200_000;
const deepest = 60;
export const mostAxes = 32;

export class Session {
  readonly problems = new Problems();
  readonly graphs: ReadonlyMap<string, GeGraph>;
  private readonly extents = new ExtentNames();
  private ops = 0;
  private depth = 0;

  constructor(
    readonly model: GeModel,
    readonly options: ImportOptions,
  ) {
    this.graphs = new Map(model.graph.slice(1).map((g) => [g.name, g]));
  }

  locate(path: string): Location {
    return path === "" ? { source: this.model.source.name } : { source: this.model.source.name, path };
  }

  /** A builder at the end of `graph` that refuses results no machine has memory for. */
  builder(graph: Graph, location: Location): Builder {
    return new Builder(graph, location, undefined, (op) => this.checkResults(op));
  }

  /** To be called for every op. */
  count(): void {
    if (++this.ops > mostOps) throw CompileError.of("limit", this.locate(""), `the model has more than ${mostOps} ops`);
  }

  /** Runs `f` one graph deeper. */
  nested<T>(f: () => T): T {
    if (this.depth >= deepest) throw CompileError.of("limit", this.locate(""), `graphs nest deeper than ${deepest}`);
    this.depth++;
    try {
      return f();
    } finally {
      this.depth--;
    }
  }

  /** `hint`, or with a number after it where the model has that name already. */
  freshExtent(hint: string): string {
    return this.extents.fresh(identifierOf(hint));
  }

  /** Throws an `OpError` for a tensor that no machine has memory for. */
  checkSize(type: TensorType, what: string): void {
    checkTensorSize(type, what, mostAxes);
  }

  private checkResults(op: Op): void {
    this.count();
    for (const { type } of op.results) if (type.kind === "tensor") this.checkSize(type, `a result of '${op.name}'`);
  }
}
