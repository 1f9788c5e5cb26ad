/** A graph as a MindSpore Lite model of the schema of 1.2 and later. */
import { type Diagnostic, OpError } from "../../ir/diagnostic.ts";
import type { Decompose } from "../../ir/replace-by.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import { formatType } from "../../ir/type.ts";
import { removeUnused } from "../../ir/remove-unused.ts";
import { defaultExternalAbove, type Exported, type ExportOptions } from "../exported.ts";
import { expansionOf } from "../expansions/index.ts";
import { legalize } from "../legalize.ts";
import { Problems } from "../problems.ts";
import { emitCustom } from "./export/custom.ts";
import { constantView, Emitter, LostValue } from "./export/emitter.ts";
import { ModelMessage } from "./export/model.ts";
import { dequantisedTensor } from "./export/quantize.ts";
import { rowOf } from "./export/rows.ts";

/**
 * The model's files: images with channels last between convolutions, biases and activations as part of the nodes before
 * them, quantised constants as quantised tensors. Inputs and outputs stay as the graph has them. Ops that Lite has no
 * primitive for become Custom nodes that only Sinter understands, with a warning. Throws a `CompileError` where an
 * element type cannot be written.
 */
export function exportLite(graph: Graph, options: ExportOptions): Exported {
  const problems = new Problems();
  removeUnused(graph);
  legalizeForLite(graph, problems);
  problems.throwIfErrors();
  removeUnused(graph);
  const model = new ModelMessage();
  const main = model.reserveGraph();
  const emit = (e: Emitter, op: Op): void => {
    emitOp(e, op, problems);
  };
  const emitter = new Emitter(model, { emit, dequantise: dequantisedTensor });
  const border: Place = { location: { source: "<graph>" } };
  const inputs = graph.inputs.flatMap((v) => {
    const index = attempt(problems, `the input '${v.name}'`, border, () => inputTensor(emitter, v));
    if (index === undefined) emitter.lose([v]);
    return index ?? [];
  });
  emitter.ops(graph);
  problems.throwIfErrors();
  const outputs = attempt(problems, "the outputs", border, () => emitter.outputs(graph.outputs, inputs)) ?? [];
  problems.throwIfErrors();
  model.setGraph(main, { name: graph.name, inputIndices: inputs, outputIndices: outputs, nodeIndices: emitter.nodes });
  return {
    files: model.files(options.name, inputs, outputs, options.externalAbove ?? defaultExternalAbove),
    diagnostics: problems.diagnostics,
  };
}

/** Ops become those that primitives say; what is made of nothing smaller and holds no graphs is left for Custom nodes. */
function legalizeForLite(graph: Graph, problems: Problems): void {
  const custom = new WeakSet<Op>();
  const isSaid = (op: Op): boolean => op.name === "constant" || rowOf(op) !== undefined || custom.has(op);
  const isAtomic = (op: Op): boolean => op.definition.decompose === undefined && op.regions.length === 0;
  const expansions = (op: Op): Decompose | undefined => {
    const expand = expansionOf(op);
    if (!expand || !isAtomic(op)) return expand;
    return (operands, attributes, builder) => {
      const made = expand(operands, attributes, builder);
      if (made !== undefined) return made;
      const copy = builder.createOp(op.definition, operands as never, attributes as never);
      custom.add(copy);
      return copy.results;
    };
  };
  legalize(graph, (op) => isSaid(op) || (isAtomic(op) && expansionOf(op) === undefined), problems, expansions);
}

/** What is told of a problem beside its message. */
type Place = Pick<Diagnostic, "location" | "op">;

/** What `f` gives; undefined where it fails, which is reported but for what follows from a value that was lost. */
function attempt<T>(problems: Problems, what: string, place: Place, f: () => T): T | undefined {
  try {
    return f();
  } catch (e) {
    if (e instanceof OpError) problems.error(e.code, place.location, `${what}: ${e.message}`, { ...place, ...e.more });
    else if (!(e instanceof LostValue)) throw e;
    return undefined;
  }
}

function expectTensor({ type }: Value): void {
  if (type.kind !== "tensor") throw new OpError(`the format has no ${formatType(type)}`, "unsupported-type");
}

function inputTensor(e: Emitter, v: Value): number {
  expectTensor(v);
  return e.result(v);
}

function emitOp(e: Emitter, op: Op, problems: Problems): void {
  if (e.absorbed.has(op) || op.name === "constant" || constantView(op.result)) return;
  const row = rowOf(op);
  const isDone = attempt(problems, op.name, { location: op.location, op: op.name }, () => {
    for (const v of [...op.operands, ...op.results]) if (v) expectTensor(v);
    if (row) row.emit(e, op);
    else emitCustom(e, op);
    return true;
  });
  if (!isDone) return e.lose(op.results);
  if (row) return;
  problems.warn("unsupported-op", op.location, `MindSpore Lite has no primitive for '${op.name}': it is written as a Custom node`, {
    op: op.name,
    remedy: "its runtime needs a kernel for it; Sinter reads it back",
  });
}
