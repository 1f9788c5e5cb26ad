/**
 * What is small enough to keep of a recording: how many parameters and ops there are of which kind, what comes out. Holds
 * networks where the recordings themselves are not there. `networks-recorded.test.ts` compares the file with the recordings,
 * and with `UPDATE=1` writes it.
 */
import { expect } from "chai";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type AnyNetwork, buildNetwork, seededParameters } from "../../frontend/networks/network.ts";
import type { Graph } from "../../ir/graph.ts";
import { formatType, type TensorType } from "../../ir/type.ts";
import { optimize, readPassRun } from "../optimize.ts";
import { expectVerified } from "../round-trip.ts";

export interface Digest {
  /** How many parameters there are, and a hash of their names and types, in order of names. */
  readonly parameters: number;
  readonly names: string;
  /** How many ops of each name there are, equal ones counted once, without those that come and go with constants. */
  readonly ops: Readonly<Record<string, number>>;
  readonly outputs: readonly string[];
}

const digestFile = resolve("tests", "networks", "digests.json");
/** By names of recordings. */
export const readDigests = (): Readonly<Record<string, Digest>> => JSON.parse(readFileSync(digestFile, "utf8")) as Record<string, Digest>;

/** One line each. */
export function writeDigests(digests: Readonly<Record<string, Digest>>): void {
  const lines = Object.entries(digests).map(([name, digest]) => `  ${JSON.stringify(name)}: ${JSON.stringify(digest)}`);
  writeFileSync(digestFile, `{\n${lines.join(",\n")}\n}\n`);
}

/** A recording computes these once where its network does each time, or makes constants by them. */
const uncounted = new Set(["constant", "identity", "reshape", "expand", "add", "where"]);

/** Of a graph, whose equal ops are merged, and of the parameters that its network has. */
export function digestOf(graph: Graph, parameters: ReadonlyMap<string, TensorType>): Digest {
  optimize(graph, { ...readPassRun(["cse", "dce"]), verifyEach: false });
  const ops = new Map<string, number>();
  for (const op of graph.ops()) if (!uncounted.has(op.name)) ops.set(op.name, (ops.get(op.name) ?? 0) + 1);
  const names = [...parameters].map(([name, type]) => `${name}: ${formatType(type)}\n`).sort();
  return {
    parameters: parameters.size,
    names: createHash("sha256").update(names.join("")).digest("hex").slice(0, 16),
    ops: Object.fromEntries([...ops].sort(([a], [b]) => (a < b ? -1 : 1))),
    outputs: graph.outputs.map((v) => formatType(v.type)),
  };
}

/** Checks a network, whose graph must verify, against the digest of a recording. */
export function expectDigest(definition: AnyNetwork, options: Readonly<Record<string, string | number>>, recording: string): void {
  const { graph, parameters } = buildNetwork(definition, options, seededParameters(1));
  expectVerified(graph);
  const found = digestOf(graph, new Map(parameters.map(({ name, type }) => [name, type])));
  expect(found).to.deep.equal(readDigests()[recording]);
}
