/** The property that every graph a test makes must have: its text gives it back. */
import { expect } from "chai";
import { MemorySource, readData, type TensorData } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { printGraph } from "../ir/text/print.ts";
import { verifyGraph } from "../ir/verify.ts";
import { formatDiagnostic } from "../ir/diagnostic.ts";
import { WeightPlacer } from "../frontend/sir.ts";

interface Printed {
  readonly text: string;
  /** What would be the file beside the text. */
  readonly weights: Uint8Array;
}

/** The text and the large constants, in memory. */
export function printToMemory(graph: Graph): Printed {
  const parts: { readonly data: TensorData; readonly offset: number }[] = [];
  const text = printGraph(graph, {
    weights: new WeightPlacer("weights.bin", (data, offset) => {
      parts.push({ data, offset });
    }),
  });
  const last = parts.at(-1);
  const weights = new Uint8Array(last ? last.offset + last.data.byteLength : 0);
  for (const { data, offset } of parts) weights.set(readData(data), offset);
  return { text, weights };
}

/** The graph that a text printed to memory says. */
export function parseFromMemory({ text, weights }: Printed): Graph {
  const source = new MemorySource("weights.bin", weights);
  return parseGraph(text, "printed.sir", { readWeights: (_file, offset, byteLength) => ({ source, offset, byteLength }) });
}

/**
 * Checks that the graph verifies, that its text parses, verifies too and prints as the same text with the same bytes.
 * Gives the graph that was parsed, which computes the same.
 */
export function expectRoundTrip(graph: Graph): Graph {
  expectVerified(graph);
  const first = printToMemory(graph);
  const parsed = parseFromMemory(first);
  const second = printToMemory(parsed);
  expect(second.text).to.equal(first.text);
  expect(Buffer.compare(second.weights, first.weights), "bytes of the constants").to.equal(0);
  expectVerified(parsed);
  return parsed;
}

/** Checks that the verifier finds nothing. */
export function expectVerified(graph: Graph): void {
  expect(verifyGraph(graph).map((d) => formatDiagnostic(d))).to.deep.equal([]);
}
