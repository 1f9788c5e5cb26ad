/**
 * What a file test's `RUN` line can name. A command takes the text of the file up to the expected part and gives the
 * text to compare; diagnostics it throws are printed. To add one, add its line to `fileCommands`.
 */
import { makeBuffer } from "../ir/expr.ts";
import { namedOperands } from "../ir/define.ts";
import { formatDiagnostic } from "../ir/diagnostic.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { printGraph } from "../ir/text/print.ts";
import { BufferNames } from "../ir/text/print-expr.ts";
import { printStmts } from "../ir/text/print-loop.ts";
import { printStages } from "../ir/text/print-stage.ts";
import { verifyGraph } from "../ir/verify.ts";
import { printOptimized } from "./optimize.ts";
import { printTbeText } from "./print-tbe.ts";
import { printWgsl } from "./print-wgsl.ts";
import { expectRoundTrip } from "./round-trip.ts";

/** `file` is the test's name for locations; `args` are the words behind the command in the `RUN` line. */
export type FileCommand = (input: string, file: string, args: readonly string[]) => string | Promise<string>;

export const fileCommands: Readonly<Record<string, FileCommand>> = {
  print: (input, file) => printGraph(parsed(input, file)),
  verify: (input, file) =>
    verifyGraph(parseGraph(input, file))
      .map((d) => `${formatDiagnostic(d, input)}\n`)
      .join("") || "no errors\n",
  opt: (input, file, args) => printOptimized(parsed(input, file), args),
  stages: (input, file) => printMeanings(parsed(input, file)),
  tbe: (input, file, args) => printTbeText(parsed(input, file), args),
  wgsl: (input, file) => printWgsl(parsed(input, file)),
};

/** The graph of the text, which every command that reads one also holds to the round trip. */
export function parsed(input: string, file: string): Graph {
  const graph = parseGraph(input, file, { readWeights: noWeights });
  if (!input.includes("weight(")) expectRoundTrip(graph);
  return graph;
}

/** Weights that file tests name are never read. */
const noWeights = (
  file: string,
  offset: number,
  byteLength: number,
): { source: { name: string; size: number; read: () => never }; offset: number; byteLength: number } => ({
  source: {
    name: file,
    size: offset + byteLength,
    read: () => {
      throw new Error(`'${file}' is not there`);
    },
  },
  offset,
  byteLength,
});

/** Each op of the graph with its stages or loops. */
function printMeanings(graph: Graph): string {
  const made = [...graph.ops()].map((op) => `// ${op.name}\n${printMeaning(op)}\n`);
  return made.join("\n");
}

function printMeaning(op: Op): string {
  const buffer = (v: Value): ReturnType<typeof makeBuffer> => makeBuffer(v.name, v.tensor.dtype, v.tensor.shape);
  const operands = namedOperands(op, buffer);
  const results = op.results.map(buffer);
  const context = { operands, attributes: op.attributes, results };
  const outside = [
    ...Object.values(operands)
      .flat()
      .filter((b) => b !== undefined),
    ...results,
  ];
  if (op.definition.compute) return printStages(op.definition.compute(context), outside);
  if (!op.definition.routine) return op.definition.structural ? "structural" : "decomposes";
  const names = new BufferNames();
  outside.forEach((b) => names.of(b));
  return printStmts(op.definition.routine(context).body, names).trimEnd();
}
