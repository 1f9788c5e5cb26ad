/** A MindSpore Lite model as a graph: its main graph, with the graphs it calls inlined. Every problem is reported at once. */
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import { type Dim, extent } from "../../ir/dim.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { formatType, sameType, tensor } from "../../ir/type.ts";
import { fitsInput, ownOutputs } from "../graph-borders.ts";
import type { Imported, ImportOptions } from "../options.ts";
import { Frame, operationsOf } from "./frame.ts";
import { inferencePart } from "./inference.ts";
import type { LiteModel, LiteTensor } from "./messages.ts";
import { isModelError, Session } from "./session.ts";
import { dtypeOf } from "./tensor-data.ts";

interface MainGraph {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly nodes: readonly number[];
}

/** Of models with several graphs the first is the main one. */
function mainGraph({ graph }: LiteModel): MainGraph {
  const [main] = graph.subGraph;
  const all = graph.nodes.map((_, i) => i);
  return {
    inputs: graph.inputIndex,
    outputs: graph.outputIndex,
    nodes: main && graph.subGraph.length > 1 ? main.nodeIndices : all,
  };
}

/**
 * The model as a graph of our ops; weights stay in the file, compressed ones are decoded when they are read. Of a graph for
 * training that shows where its loss begins, the part before is taken. Throws a `CompileError` with every problem found.
 */
export function importLite(model: LiteModel, options: ImportOptions = {}): Imported {
  const session = new Session(model, options);
  const graph = new Graph(model.graph.name || "main");
  const frame = new Frame(session, session.builder(graph));
  const attempt = <T>(f: () => T): T | undefined => {
    try {
      return f();
    } catch (e) {
      if (!isModelError(e)) throw e;
      if (e instanceof CompileError) session.problems.take(e);
      if (e instanceof OpError) session.problems.error(e.code, session.locate("graph"), e.message, e.more);
      return undefined;
    }
  };
  attempt(() => {
    const main = mainGraph(model);
    const part = inferencePart(session, operationsOf(session, main.nodes), main.outputs);
    main.inputs.forEach((t, k) => {
      if (part.isNeeded(t)) attempt(() => bindInput(session, frame, graph, t, k));
    });
    checkNames(session, graph);
    if (session.problems.errors === 0) frame.run(part.operations, part.outputs);
    const outputs = part.outputs.flatMap((o) => attempt(() => [outputOf(session, frame, o)]) ?? []);
    graph.setOutputs(ownOutputs(outputs, frame.builder));
    if (session.problems.errors === 0) nameOutputs(session, graph, part.outputs);
  });
  session.problems.throwIfErrors();
  return { graph, diagnostics: session.problems.diagnostics };
}

const inputName = (t: LiteTensor, k: number): string => t.name || `input_${k}`;

function bindInput(session: Session, frame: Frame, graph: Graph, index: number, k: number): void {
  const t = session.tensor(index);
  const name = inputName(t, k);
  const { inputValues } = session.options;
  const given = inputValues?.get(name);
  const type = tensor(
    dtypeOf(t),
    t.dims.map((d, axis) => inputExtent(session, name, d, axis)),
  );
  if (!given) return frame.bindStored(index, graph.addInput(name, type));
  if (!fitsInput(given.type, type))
    return session.problems.error("usage", session.locate(name), `the value given for the input '${name}' does not fit it`, {
      expected: formatType(type),
      received: formatType(given.type),
    });
  const value = frame.builder.create(ConstantOp, {}, { data: given });
  value.name = name;
  frame.bindStored(index, value);
}

/** Extents that the file leaves open are called after the input and the axis. */
function inputExtent(session: Session, input: string, d: number, axis: number): Dim {
  if (d >= 0) return d;
  const name = session.extentNames.fresh(`${input}_${axis}`);
  return session.options.dims?.get(name) ?? extent(name);
}

/** Options may only name inputs and extents that are there. */
function checkNames(session: Session, graph: Graph): void {
  const { options, problems } = session;
  const where = session.locate("graph");
  const extents = session.extentNames.all;
  for (const name of options.dims?.keys() ?? []) {
    const remedy = extents.length > 0 ? `their extents are ${extents.join(", ")}` : "all their extents are numbers";
    if (!extents.includes(name)) problems.error("usage", where, `the model's inputs have no extent named '${name}'`, { remedy });
  }
  const names = session.model.graph.inputIndex.map((i, k) => inputName(session.tensor(i), k));
  for (const name of options.inputValues?.keys() ?? []) {
    const remedy = `its inputs are ${graph.inputs.map((v) => v.name).join(", ")}`;
    if (!names.includes(name)) problems.error("usage", where, `the model has no input named '${name}'`, { remedy });
  }
}

/** Outputs have the names of their tensors, whatever the nodes before call the same values; no name is given twice. */
function nameOutputs(session: Session, graph: Graph, tensors: readonly number[]): void {
  const taken = new Set(graph.inputs.map((v) => v.name));
  graph.outputs.forEach((v, k) => {
    const names = [session.tensor(tensors[k]!).name, v.name];
    v.name = names.find((name) => name !== "" && !taken.has(name)) ?? `output_${k}`;
    taken.add(v.name);
  });
}

function outputOf(session: Session, frame: Frame, index: number): Value {
  const t = session.tensor(index);
  const value = frame.value(index).stored("last");
  const declared = t.dims.length === 0 || t.dims.some((d) => d < 0) ? undefined : tensor(value.tensor.dtype, t.dims);
  if (declared && !sameType(declared, value.type) && value.tensor.shape.every((d) => typeof d === "number"))
    session.problems.warn("type-mismatch", session.locate(t.name), `the shape of the output '${t.name}' is not the declared one`, {
      expected: `[${t.dims.join(",")}]`,
      received: formatType(value.type),
    });
  return value;
}
