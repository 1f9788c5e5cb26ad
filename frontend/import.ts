/** A model file becomes a graph, whatever its format: the only thing of the frontends that others use. */
import type { ByteSource } from "../ir/data.ts";
import { CompileError, formatDiagnostic } from "../ir/diagnostic.ts";
import { verifyGraph } from "../ir/verify.ts";
import { FileSource } from "./bytes.ts";
import { detectFormat, type ModelFormat } from "./detect.ts";
import type { Imported, ImportOptions } from "./options.ts";

type Importer = (source: ByteSource, options: ImportOptions) => Promise<Imported>;

async function importOnnxFile(source: ByteSource, options: ImportOptions): Promise<Imported> {
  const [{ readOnnx }, { importOnnx }] = await Promise.all([import("./onnx/read.ts"), import("./onnx/import.ts")]);
  return importOnnx(readOnnx(source), options);
}

async function importMindirFile(source: ByteSource, options: ImportOptions): Promise<Imported> {
  const [{ readMindir }, { importMindir }] = await Promise.all([import("./mindir/read.ts"), import("./mindir/import.ts")]);
  return importMindir(readMindir(source, { key: options.key }), options);
}

async function importLiteFile(source: ByteSource, options: ImportOptions): Promise<Imported> {
  const [{ readLite }, { importLite }] = await Promise.all([import("./mslite/read.ts"), import("./mslite/import.ts")]);
  return importLite(readLite(source), options);
}

async function importAirFile(source: ByteSource, options: ImportOptions): Promise<Imported> {
  const [{ readAir }, { importAir }] = await Promise.all([import("./air/read.ts"), import("./air/import.ts")]);
  return importAir(readAir(source), options);
}

async function importSirFile(source: ByteSource, options: ImportOptions): Promise<Imported> {
  const { readSir } = await import("./sir.ts");
  return { graph: readSir(source, options), diagnostics: [] };
}

/** By format; each is loaded when it is first needed. */
const importers: Partial<Record<ModelFormat, Importer>> = {
  air: importAirFile,
  mindir: importMindirFile,
  mslite: importLiteFile,
  onnx: importOnnxFile,
  sir: importSirFile,
};

/** The formats that can be imported. */
export const importFormats = Object.keys(importers) as readonly ModelFormat[];

/**
 * The model in the file at `path` as a graph, with what is to be warned of. Rejects with a `CompileError` that names every
 * problem found: the file cannot be read ("usage"), has an unknown or unsupported format ("syntax"), is malformed, or
 * needs what Sinter does not have.
 */
export const importModel = (path: string, options: ImportOptions = {}): Promise<Imported> => importSource(new FileSource(path), options);

/** As `importModel`, for bytes from anywhere. */
export async function importSource(source: ByteSource, options: ImportOptions = {}): Promise<Imported> {
  const where = { source: source.name };
  const format = detectFormat(source);
  if (format === undefined) {
    throw CompileError.of("syntax", where, "this is no model in a format that Sinter knows", {
      expected: Object.keys(importers).join(", "),
    });
  }
  const importer = importers[format];
  if (importer === undefined)
    throw CompileError.of("syntax", where, `a file in the format '${format}' holds weights and no graph`, {
      expected: Object.keys(importers).join(", "),
      remedy: "bind its weights to a model",
    });
  const imported = await importer(source, options);
  const [problem] = verifyGraph(imported.graph);
  if (problem) throw new Error(`the importer of '${format}' made a wrong graph: ${formatDiagnostic(problem)}`);
  return imported;
}
