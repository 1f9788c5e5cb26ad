/** A graph becomes a model file, in any format that can be written: the counterpart of `import.ts`. */
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import type { ModelFormat } from "./detect.ts";
import type { Exported, ExportOptions } from "./exported.ts";

type Exporter = (graph: Graph, options: ExportOptions) => Promise<Exported>;

async function exportAirFile(graph: Graph, options: ExportOptions): Promise<Exported> {
  const { exportAir } = await import("./air/export.ts");
  return exportAir(graph, options);
}

async function exportOnnxFile(graph: Graph, options: ExportOptions): Promise<Exported> {
  const { exportOnnx } = await import("./onnx/export.ts");
  return exportOnnx(graph, options);
}

async function exportMindirFile(graph: Graph, options: ExportOptions): Promise<Exported> {
  const { exportMindir } = await import("./mindir/export.ts");
  return exportMindir(graph, options);
}

async function exportLiteFile(graph: Graph, options: ExportOptions): Promise<Exported> {
  const { exportLite } = await import("./mslite/export.ts");
  return exportLite(graph, options);
}

/** By format; each is loaded when it is first needed. */
const exporters: Partial<Record<ModelFormat, Exporter>> = {
  air: exportAirFile,
  mindir: exportMindirFile,
  onnx: exportOnnxFile,
  mslite: exportLiteFile,
};

/** The extension of each format's files. */
const extensions: Readonly<Record<string, ModelFormat>> = { ".mindir": "mindir", ".onnx": "onnx", ".air": "air", ".ms": "mslite" };

/** The format that a file of this name is to have, and the name without what says so. */
export function formatOfName(fileName: string): { readonly format: ModelFormat; readonly name: string } | undefined {
  const extension = Object.keys(extensions).find((e) => fileName.endsWith(e));
  return extension === undefined ? undefined : { format: extensions[extension]!, name: fileName.slice(0, -extension.length) };
}

/**
 * The files that say the graph in `format`. The graph is given away: it may be changed, and constants are read while the
 * files' contents are. Rejects with a `CompileError` that lists every op the format cannot say.
 */
export async function exportGraph(graph: Graph, format: ModelFormat, options: ExportOptions): Promise<Exported> {
  const exporter = exporters[format];
  if (exporter === undefined) {
    throw CompileError.of("usage", { source: options.name }, `models in the format '${format}' cannot be written`, {
      expected: Object.keys(exporters).join(", "),
    });
  }
  return exporter(graph, options);
}
