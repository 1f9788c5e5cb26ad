/** A graph as a MindIR model. */
import type { Graph } from "../../ir/graph.ts";
import type { Exported, ExportOptions } from "../exported.ts";
import { Problems } from "../problems.ts";
import { hoistWeights, writeMain } from "./export/body.ts";
import { modelFiles } from "./export/files.ts";
import { legalizeForMindir } from "./export/legalize.ts";
import { ModelWriter } from "./export/model.ts";

/**
 * The files of a MindIR model: `NAME.mindir`, and its weights beside it where they are more than `externalAbove` bytes.
 * Named constants become parameters under their names, others constants inside the graph. Extents that are not fixed are
 * written as unknown ones.
 *
 * The default dialect is that of 2.0, which MindSpore 2.7 loads and computes. Throws a `CompileError` that lists every op
 * and type that MindIR cannot say; the dialect 1.1 has no inner graphs.
 */
export function exportMindir(graph: Graph, options: ExportOptions): Exported {
  const dialect = options.dialect ?? "2";
  const problems = new Problems();
  legalizeForMindir(graph, dialect, problems);
  problems.throwIfErrors();
  const model = new ModelWriter(dialect);
  hoistWeights(graph);
  writeMain(graph, model);
  return { files: modelFiles(model, options), diagnostics: problems.diagnostics };
}
