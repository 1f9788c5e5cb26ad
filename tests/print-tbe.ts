/** The TBE operators of a graph as text: what the file tests of TBE compare. */
import { operatorInfo, printTbe, type TbeKernel } from "../codegen/tbe/print.ts";
import { type Soc, socs } from "../codegen/tbe/support.ts";
import { CompileError, Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";

/** The kernels; throws a `CompileError` with every op that has none. */
export function tbeKernels(graph: Graph, soc: Soc): TbeKernel[] {
  const diagnostics = new Diagnostics();
  const kernels = printTbe(graph, soc, diagnostics);
  diagnostics.throwIfErrors();
  return kernels;
}

/** `args`: the chip, Ascend910 when absent; `info` adds the operator information. */
export function printTbeText(graph: Graph, args: readonly string[]): string {
  const soc = socs.find((s) => args.includes(s)) ?? "Ascend910";
  const unknown = args.find((a) => a !== "info" && !socs.some((s) => s === a));
  if (unknown !== undefined) throw CompileError.of("usage", { source: "RUN" }, `'${unknown}' is no chip`);
  const kernels = tbeKernels(graph, soc);
  const files = kernels.map((k) => `# ${k.name}.py\n${k.text}`);
  return [...files, ...(args.includes("info") ? [`# ops-info.json\n${operatorInfo(kernels)}`] : [])].join("\n");
}
