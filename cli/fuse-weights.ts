/** What MindSpore's converter does to a model for devices, beyond what the format itself says: normalisations go into weights. */
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { BatchNorm } from "../ir/ops/norm.ts";
import { DequantizeLinear } from "../ir/ops/quantize.ts";
import { canonicalize } from "../passes/canonicalize.ts";
import { cse } from "../passes/cse.ts";
import { dce } from "../passes/dce.ts";
import { foldBatchNorm } from "../passes/fold-batch-norm.ts";
import { foldConstants } from "../passes/fold-constants.ts";
import { runPasses } from "../passes/pipeline.ts";
import { passContext } from "../codegen/compile.ts";

/** Only where there are normalisations, and no weights that are integers already. */
export function fuseWeights(graph: Graph): void {
  const definitions = new Set([...graph.ops()].map((op) => op.definition));
  if (!definitions.has(BatchNorm) || definitions.has(DequantizeLinear)) return;
  runPasses(graph, [cse, canonicalize, foldBatchNorm, foldConstants, canonicalize, cse, dce], passContext(new Diagnostics()));
}
