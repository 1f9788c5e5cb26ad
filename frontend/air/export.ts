/** A graph of ours as an AIR file, as MindSpore 1.1 writes them: weights are constants, every attribute is there. */
import type { Constant } from "../../ir/attribute.ts";
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import type { Location } from "../../ir/location.ts";
import { tensor, type TensorType } from "../../ir/type.ts";
import { removeUnused } from "../../ir/remove-unused.ts";
import type { Exported, ExportOptions } from "../exported.ts";
import { legalize } from "../legalize.ts";
import { Problems } from "../problems.ts";
import { MessageWriter } from "../protobuf-writer.ts";
import { controlExports } from "./control-export.ts";
import { waysOf } from "./expansions.ts";
import { ExportNode, type ExportRow, type ExportScope } from "./export-node.ts";
import { GraphWriter, type Inputs, modelAttributes, type Ref } from "./graph-writer.ts";
import { findRow } from "./ops/table.ts";

const controlRows = new Map(controlExports.map((r) => [r.definition.name, r]));

const rowOf = (op: Op): ExportRow | undefined => findRow(op.name) ?? controlRows.get(op.name);

/** Whether the op can be written; where it cannot and there is no other way either, writing it says why. */
function isCarried(op: Op): boolean | string {
  if (op.definition === ConstantOp || op.regions.length > 0) return true;
  const row = rowOf(op);
  if (!row) return false;
  if (!waysOf(op) && !op.definition.decompose) return true;
  try {
    row.write(new ExportNode(op, new Trial()));
    return true;
  } catch (e) {
    if (e instanceof OpError) return e.message;
    throw e;
  }
}

/**
 * The file of the graph, which is given away. Throws a `CompileError` that lists every op and type that GE does not have.
 */
export function exportAir(graph: Graph, options: ExportOptions): Exported {
  const problems = new Problems();
  refuseContainers(graph, problems);
  problems.throwIfErrors();
  removeUnused(graph);
  legalize(graph, isCarried, problems, waysOf);
  removeUnused(graph);
  const model = new ModelExport(problems);
  model.write(graph);
  problems.throwIfErrors();
  const message = { graph: model.graphs.map((g) => g.message), attr: modelAttributes };
  const content = new MessageWriter("ge_ir.proto", "ge.proto").write("ModelDef", message);
  return { files: [{ name: `${options.name}.air`, content }], diagnostics: problems.diagnostics };
}

/** Sequences and optionals are no values of GE. */
function refuseContainers(graph: Graph, problems: Problems): void {
  const check = (v: Value, location: Location): void => {
    if (v.type.kind !== "tensor") problems.error("unsupported-type", location, `GE has no values of the kind '${v.type.kind}'`);
  };
  for (const v of graph.inputs) check(v, { source: "<graph>", path: v.name });
  for (const op of graph.ops()) {
    for (const v of op.results) check(v, op.location);
    for (const region of op.regions) refuseContainers(region, problems);
  }
}

class ModelExport {
  readonly graphs: GraphWriter[] = [];
  private readonly names = new Set<string>();

  constructor(readonly problems: Problems) {}

  write(graph: Graph): void {
    const writer = this.graph(graph.name || "main");
    const scope = new GraphExport(this, writer);
    graph.inputs.forEach((v, i) => {
      this.attempt(undefined, () => {
        scope.bind(v, writer.data(v.name || `input_${i}`, v.tensor, i));
      });
    });
    scope.keepNames(graph);
    scope.writeOps(graph);
    for (const v of graph.outputs) {
      const ref = scope.find(v);
      if (ref) writer.outputs.push(`${ref.op}:${ref.index}`);
    }
  }

  /** A further graph of the model, the main one first. */
  graph(wanted: string): GraphWriter {
    let name = wanted;
    for (let k = 1; this.names.has(name); k++) name = `${wanted}_${k}`;
    this.names.add(name);
    const writer = new GraphWriter(name);
    this.graphs.push(writer);
    return writer;
  }

  /** Runs an action; what GE cannot say is reported. */
  attempt(op: Op | undefined, action: () => void): void {
    try {
      action();
    } catch (e) {
      const location = op?.location ?? { source: "<graph>" };
      if (e instanceof OpError)
        this.problems.error(e.code, location, op ? `'${op.name}': ${e.message}` : e.message, { ...(op && { op: op.name }), ...e.more });
      else if (e instanceof CompileError) this.problems.take(e);
      else if (!(e instanceof UnwrittenError)) throw e;
    }
  }
}

/** An operand could not be written, which is reported already. */
class UnwrittenError extends Error {}

class GraphExport implements ExportScope {
  private readonly refs = new Map<Value, Ref>();
  private readonly inputs: Value[] = [];

  constructor(
    private readonly model: ModelExport,
    readonly writer: GraphWriter,
  ) {}

  /** Names that a reader takes parameters by must not go to other ops. */
  keepNames(graph: Graph): void {
    for (const op of graph.ops()) {
      if (op.definition === ConstantOp && op.result.name !== "") this.model.attempt(op, () => this.constant(op));
    }
  }

  bind(v: Value, ref: Ref): void {
    this.refs.set(v, ref);
    if (v.type.kind === "tensor" && v.op === undefined) this.inputs.push(v);
  }

  find(v: Value): Ref | undefined {
    return this.refs.get(v);
  }

  ref(v: Value): Ref {
    const ref = this.refs.get(v);
    if (!ref) throw new UnwrittenError();
    return ref;
  }

  extentSource(d: Dim): { readonly ref: Ref; readonly axis: number } | undefined {
    for (const v of this.inputs) {
      const axis = v.tensor.shape.indexOf(d);
      if (axis >= 0) return { ref: this.ref(v), axis };
    }
    return undefined;
  }

  step(type: string, inputs: Inputs, result: TensorType): Ref {
    return this.writer.add(this.writer.uniqueName(type), type, inputs, {}, [result])[0]!;
  }

  writeOps(graph: Graph): void {
    for (const op of graph.ops()) this.model.attempt(op, () => this.write(op));
  }

  private write(op: Op): void {
    if (op.definition === ConstantOp) return this.constant(op);
    const row = rowOf(op);
    if (!row) throw new UnwrittenError();
    const written = row.write(new ExportNode(op, this));
    const refs = Array.isArray(written) ? (written as readonly Ref[]) : [written as Ref];
    op.results.forEach((r, i) => {
      const ref = refs[i];
      if (ref) this.refs.set(r, ref);
    });
  }

  private constant(op: Op): void {
    if (!this.refs.has(op.result)) this.refs.set(op.result, this.writer.constant(op.result.name, op.attributes["data"] as Constant));
  }

  build(label: string, types: readonly TensorType[], make: (inner: ExportScope, data: readonly Ref[]) => readonly Ref[]): string {
    const writer = this.model.graph(`${this.writer.name}/${label}`);
    const inner = new GraphExport(this.model, writer);
    const data = types.map((t, i) => writer.data(`input_${i}`, t, i));
    for (const { op, index } of make(inner, data)) writer.outputs.push(`${op}:${index}`);
    return writer.name;
  }
}

/** Writes an op to see whether it can be done. */
class Trial implements ExportScope {
  readonly writer = new GraphWriter("trial");

  ref(v: Value): Ref {
    return { op: "", index: 0, type: v.tensor, isConst: false };
  }

  extentSource(d: Dim): { readonly ref: Ref; readonly axis: number } {
    return { ref: { op: "", index: 0, type: tensor("f32", [d]), isConst: false }, axis: 0 };
  }

  step(_type: string, _inputs: Inputs, result: TensorType): Ref {
    return { op: "", index: 0, type: result, isConst: false };
  }

  build(): string {
    return "";
  }

  bind(): void {
    // Nothing is kept.
  }

  writeOps(): void {
    // Inner graphs are tried by themselves.
  }
}
