/** Files of weights where commands take models: listed by `sinter inspect`, converted by `sinter convert`. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import { weightsOf } from "../frontend/bind-weights.ts";
import { FileSource } from "../frontend/bytes.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import { detectWeights, readWeights, weightsExtensions, weightsFormatOfName, writeWeights } from "../frontend/weights.ts";
import type { WeightsFile } from "../frontend/weights-file.ts";
import type { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { byteSize } from "../ir/type.ts";
import { printDiagnostics, UsageError } from "./failure.ts";
import { formatTable, grouped, toJson } from "./table.ts";
import { writeModel } from "./write-model.ts";

/** The file at the path, where it holds weights and no graph; of networks and folders undefined. */
export function weightsFileAt(path: string): FileSource | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const source = new FileSource(path);
  return detectWeights(source) === undefined ? undefined : source;
}

/** Prints the tensors in the file: name, type, bytes. */
export async function inspectWeights(source: FileSource, key: Uint8Array | undefined, json: boolean): Promise<void> {
  const file = await readWeights(source, { key });
  printDiagnostics(file.diagnostics);
  const tensors = Array.from(file.tensors.values(), rowOf);
  const bytes = tensors.reduce((sum, t) => sum + t.bytes, 0);
  if (json) console.log(toJson({ format: file.format, bytes, tensors }));
  else console.log(`${tableOf(tensors)}\n\n${totalsOf(file, bytes)}`);
}

interface Row {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Of texts. */
  readonly strings?: readonly string[];
}

const rowOf = ({ name, dtype, dims, data, strings }: TensorValue): Row => ({
  name,
  dtype,
  shape: dims,
  bytes: data.byteLength,
  ...(strings && { strings }),
});

const tableOf = (rows: readonly Row[]): string =>
  formatTable(
    ["tensor", "type", "bytes"],
    rows.map((r) => [r.name, `${r.dtype}[${r.shape.join(",")}]`, grouped(r.bytes)]),
  );

function totalsOf({ format, tensors }: WeightsFile, bytes: number): string {
  const elements = [...tensors.values()].reduce((sum, t) => sum + t.data.byteLength / (byteSize(t.dtype) || 1), 0);
  return `${format}: ${grouped(tensors.size)} tensors, ${grouped(elements)} elements, ${grouped(bytes)} bytes`;
}

/** Where weights are written, and how. */
export interface WeightsOutput {
  readonly output: string;
  readonly crc?: boolean | undefined;
}

/** Converts a file of weights to another one. */
export async function convertWeights(
  source: FileSource,
  key: Uint8Array | undefined,
  to: WeightsOutput,
  diagnostics: Diagnostics,
): Promise<void> {
  if (weightsFormatOfName(to.output) === undefined) {
    throw new UsageError(
      `'${source.name}' holds weights and no graph: the output's extension is one of ${weightsExtensions.join(" ")}, or give a model and --weights`,
    );
  }
  const { tensors, diagnostics: warnings } = await readWeights(source, { key });
  for (const d of warnings) diagnostics.report(d);
  await writeTensors(tensors.values(), to, diagnostics);
}

/** Writes the graph's parameters to a file of weights; false where the output's name says that it is none. */
export async function extractWeights(graph: Graph, to: WeightsOutput, diagnostics: Diagnostics): Promise<boolean> {
  if (weightsFormatOfName(to.output) === undefined) return false;
  await writeTensors(weightsOf(graph), to, diagnostics);
  return true;
}

async function writeTensors(tensors: Iterable<TensorValue>, { output, crc }: WeightsOutput, diagnostics: Diagnostics): Promise<void> {
  const made = await writeWeights(tensors, weightsFormatOfName(output)!, { name: basename(output), crc });
  for (const d of made.diagnostics) diagnostics.report(d);
  writeModel(made, output);
}
