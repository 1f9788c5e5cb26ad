/** The shaders of a graph as text: what the file tests of WGSL compare. */
import { programFor } from "../codegen/compile.ts";
import type { Program } from "../codegen/program.ts";
import { shaderOf, wgslTarget } from "../codegen/wgsl/target.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { formatDim } from "../ir/dim-text.ts";
import type { Graph } from "../ir/graph.ts";

export const wgslProgram = (graph: Graph): Program => programFor(graph, wgslTarget, { name: "main" });

/** Every kernel with its workgroups; throws a `CompileError` for those that WGSL has no form of. */
export function printWgsl(graph: Graph): string {
  const diagnostics = new Diagnostics();
  const shaders = wgslProgram(graph).kernels.map((k) => ({ k, shader: shaderOf(k, diagnostics) }));
  diagnostics.throwIfErrors();
  return shaders
    .map(({ k, shader }) => `// ${k.nest.name}: workgroups ${shader!.workgroups.map(formatDim).join(", ")}\n${shader!.text}`)
    .join("\n");
}
