/** A graph as a MindSpore Lite model of the schema of 1.2 and later. */
import { OpError } from "../../ir/diagnostic.ts";
import type { Decompose } from "../../ir/replace-by.ts";
import type { Graph, Op } from "../../ir/graph.ts";
import { defaultExternalAbove, type Exported, type ExportOptions } from "../exported.ts";
import { expansionOf } from "../expansions/index.ts";
import { dropUnused } from "../drop-unused.ts";
import { legalize } from "../legalize.ts";
import { Problems } from "../problems.ts";
import { emitCustom } from "./export/custom.ts";
import { constantView, Emitter } from "./export/emitter.ts";
import { ModelMessage } from "./export/model.ts";
import { dequantisedTensor } from "./export/quantize.ts";
import { rowOf } from "./export/rows.ts";
import { Sizes } from "./export/sizes.ts";

/**
 * The model's files: images with channels last between convolutions, biases and activations as part of the nodes before
 * them, quantised constants as quantised tensors. Inputs and outputs stay as the graph has them. Ops that Lite has no
 * primitive for become Custom nodes that only Sinter understands, with a warning. Throws a `CompileError` where an
 * element type cannot be written.
 */
export function exportLite(graph: Graph, options: ExportOptions): Exported {
  const problems = new Problems();
  dropUnused(graph);
  legalizeForLite(graph, problems);
  problems.throwIfErrors();
  dropUnused(graph);
  const model = new ModelMessage();
  const main = model.reserveGraph();
  const emitter = new Emitter(model, {
    emit: (e, op) => {
      emitOp(e, op, problems);
    },
    dequantise: dequantisedTensor,
  });
  emitter.sizes = new Sizes(emitter, graph.inputs);
  const inputs = graph.inputs.map((v) => emitter.result(v));
  emitter.ops(graph);
  problems.throwIfErrors();
  const outputs = emitter.outputs(graph.outputs, inputs);
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

function emitOp(e: Emitter, op: Op, problems: Problems): void {
  if (e.absorbed.has(op) || op.name === "constant" || constantView(op.result)) return;
  // What needs a result that could not be written cannot be either, and that is told already.
  if (op.operands.some((v) => v && e.failed.has(v))) return fail(e, op);
  try {
    const row = rowOf(op);
    if (row) return row.emit(e, op);
    emitCustom(e, op);
    problems.warn("unsupported-op", op.location, `MindSpore Lite has no primitive for '${op.name}': it is written as a Custom node`, {
      op: op.name,
      remedy: "its runtime needs a kernel for it; Sinter reads it back",
    });
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    problems.error(error.code, op.location, `${op.name}: ${error.message}`, { op: op.name, ...error.more });
    fail(e, op);
  }
}

function fail(e: Emitter, op: Op): void {
  for (const r of op.results) e.failed.add(r);
}
