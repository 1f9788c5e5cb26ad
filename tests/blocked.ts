/** What tests of blocked layouts share. */
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { blockLayout } from "../passes/block-layout.ts";
import { defaultNumerics } from "../passes/pass.ts";
import { expectVerified } from "./round-trip.ts";

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Whole numbers, whose sums are exact in any order. */
export const wholes = (count: number, seed: number): number[] => Array.from({ length: count }, (_, i) => (((i + seed) * 7919) % 23) - 11);

/** Blocks the graph by four lanes and verifies it; the names of its ops. */
export function blocked(graph: Graph): string[] {
  blockLayout({ lanes: 4, vectors: 2, image: "u8" }).run(graph, { diagnostics: new Diagnostics(), numerics: defaultNumerics });
  expectVerified(graph);
  return [...graph.ops()].map((op) => op.name);
}
