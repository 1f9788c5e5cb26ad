/** What all parts of one import share: options, problems, limits, and which values are only stand-ins. */
import type { Constant } from "../../ir/attribute.ts";
import { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { atomsIn, mapAtoms } from "../../ir/dim-atoms.ts";
import { Graph, type Op, Value } from "../../ir/graph.ts";
import type { Location } from "../../ir/location.ts";
import { contentOf } from "../../ir/content.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { formatType, tensor, type Type } from "../../ir/type.ts";
import type { TensorValue } from "../tensor-data.ts";
import { ExtentNames } from "../extent-names.ts";
import { ExternalFiles } from "../external-files.ts";
import { checkTensorSize } from "../tensor-limits.ts";
import type { ImportOptions } from "../options.ts";
import { functionTable } from "./functions.ts";
import type { OnnxModel, OnnxTensor } from "./messages.ts";
import { Problems } from "../problems.ts";
import type { Scope } from "./scope.ts";
import { onnxTensorValue } from "./tensor-data.ts";
import { mostAxes } from "./types.ts";

/** Nodes that one import works through at most, those of inlined functions and of regions counted each time. */
const mostNodes = 250_000;

export class Session {
  readonly problems = new Problems();
  readonly functions: ReturnType<typeof functionTable>;
  readonly files: ExternalFiles | undefined;
  /** Values that stand in for results of nodes that failed, and what was computed from them. */
  private readonly tainted = new WeakSet<Value>();
  private readonly extentNames = new ExtentNames();
  /** Named extents that options or given inputs make numbers. */
  readonly pins: Map<string, number>;
  private nodes = 0;
  /** The model's main graph. */
  graph: Graph | undefined;

  constructor(
    readonly model: OnnxModel,
    readonly options: ImportOptions,
  ) {
    this.pins = new Map(options.dims ?? []);
    this.functions = functionTable(model);
    this.files = ExternalFiles.beside(model.source);
  }

  locate(path: string): Location {
    return { source: this.model.source.name, path };
  }

  /** A builder at the end of `graph` that refuses results no machine has memory for. */
  builder(graph: Graph): Builder {
    return new Builder(graph, this.locate("graph"), undefined, (op) => this.checkResults(op));
  }

  /** Counts one node; false when there were too many. */
  mayGoOn(): boolean {
    if (this.nodes++ === mostNodes) {
      const message = `the model has more than ${mostNodes} nodes once its functions are inlined`;
      this.problems.end({ severity: "error", code: "limit", location: this.locate("graph"), message });
    }
    return this.nodes <= mostNodes;
  }

  taint(v: Value): void {
    this.tainted.add(v);
  }

  isTainted(v: Value): boolean {
    return this.tainted.has(v);
  }

  /** A value that nothing computes, for what follows a failed node. */
  standIn(name: string, type: Type): Value {
    const v = new Value(type, new Graph("unknown"), 0, name);
    this.taint(v);
    return v;
  }

  /** Marks a name as taken. */
  reserveExtent(name: string): void {
    this.extentNames.add(name);
  }

  hasExtent(name: string): boolean {
    return this.extentNames.has(name);
  }

  get knownExtents(): string[] {
    return this.extentNames.all;
  }

  /** A declared type whose extents are known when the model runs, pinned ones as numbers; else undefined. */
  boundType(t: Type): Type | undefined {
    if (t.kind !== "tensor") return t;
    const names = t.shape.flatMap((d) => [...atomsIn(d)]).map((a) => (a.kind === "opaque" ? "" : a.name));
    if (!names.every((name) => this.hasExtent(name))) return undefined;
    return tensor(
      t.dtype,
      t.shape.map((d) => mapAtoms(d, (a) => (a.kind === "extent" ? this.pins.get(a.name) : undefined))),
    );
  }

  /** `hint`, or `hint_1`, `hint_2`, ... where the model has that already. */
  freshExtent(hint: string): string {
    return this.extentNames.fresh(hint);
  }

  /** A tensor of the file as a constant; strings are refused. */
  constant(tensorMessage: OnnxTensor, where: Location): Constant {
    return this.toConstant(onnxTensorValue(tensorMessage, where, this.files));
  }

  toConstant({ dtype, dims, data }: TensorValue): Constant {
    if (dtype === "string") throw new OpError("constants of strings are not supported", "unsupported-type");
    if (dims.length > mostAxes) throw new OpError(`the constant has ${dims.length} axes, more than ${mostAxes}`, "limit");
    return { type: tensor(dtype, dims), data };
  }

  /** A constant op named `name` in the scope's graph, made when the name is first used. */
  bindConstant(scope: Scope, name: string, value: () => Constant): void {
    const make = (): Value => {
      const { builder } = scope;
      const around = builder.location;
      builder.location = this.locate(name);
      try {
        const v = builder.create(ConstantOp, {}, { data: value() });
        v.name = name;
        return v;
      } finally {
        builder.location = around;
      }
    };
    scope.bind(name, { kind: "lazy", make });
  }

  private checkResults(op: Op): void {
    for (const { type } of op.results) this.checkSize(type, `a result of '${op.name}'`);
  }

  /** Throws an `OpError` for tensors that are no tensors or that no machine has memory for; `what` is what has the type. */
  checkSize(type: Type, what: string): void {
    if (type.kind !== "tensor") return;
    if (type.shape.some((d) => typeof d === "number" && !(Number.isInteger(d) && d >= 0)))
      throw new OpError(`${what} would be ${formatType(type)}`, "type-mismatch");
    checkTensorSize(type, what, mostAxes);
  }

  /** The model's inputs whose data decides what `v` is. */
  originsOf(v: Value): string[] {
    const found = new Set<string>();
    const seen = new Set<Value>([v]);
    for (const at of seen) {
      if (at.def === this.graph) found.add(at.name);
      if (at.type.kind === "tensor" && at.op && contentOf(at)) continue;
      for (const x of at.op?.operands ?? []) if (x) seen.add(x);
    }
    return [...found];
  }
}
