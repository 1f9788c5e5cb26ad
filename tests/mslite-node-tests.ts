/**
 * ONNX's node tests by way of MindSpore Lite: imported, exported to `.ms`, imported again, computed by the reference
 * interpreters. `node build/tests/mslite-node-tests.js [FILTER]` prints what fails, and which ops became Custom nodes.
 */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CompileError, OpError } from "../ir/diagnostic.ts";
import { throughLite } from "./mslite-round-trip.ts";
import { ensureOnnxData } from "./onnx-data.ts";
import { compareNodeTest, loadNodeTest } from "./onnx-node.ts";

export interface NodeOutcome {
  readonly name: string;
  /** What is wrong; undefined where nothing is. */
  readonly failure: string | undefined;
  /** Ops that MindSpore Lite has no primitive for. */
  readonly custom: readonly string[];
}

/** Undefined where the test itself cannot be loaded: what our importer of ONNX refuses. */
export function runThroughLite(folder: string): NodeOutcome | undefined {
  const name = basename(folder);
  let test;
  try {
    test = loadNodeTest(folder);
  } catch {
    return undefined;
  }
  try {
    const { graph, diagnostics } = throughLite(test.graph);
    return { name, failure: compareNodeTest({ ...test, graph }), custom: diagnostics.flatMap((d) => d.op ?? []) };
  } catch (e) {
    const why = e instanceof CompileError || e instanceof OpError ? e.message.split("\n")[0]! : String((e as Error).stack);
    return { name, failure: why, custom: [] };
  }
}

export async function nodeFolders(filter = ""): Promise<string[]> {
  const folder = join(await ensureOnnxData(), "node");
  return readdirSync(folder)
    .filter((name) => name.includes(filter))
    .sort()
    .map((name) => join(folder, name));
}

async function main(filter: string): Promise<void> {
  const outcomes = (await nodeFolders(filter)).flatMap((folder) => runThroughLite(folder) ?? []);
  const failed = outcomes.filter((o) => o.failure !== undefined);
  for (const { name, failure } of failed) console.log(`${name}: ${failure}`);
  const custom = new Map<string, number>();
  for (const op of outcomes.flatMap((o) => [...new Set(o.custom)])) custom.set(op, (custom.get(op) ?? 0) + 1);
  console.log([...custom].map(([op, n]) => `${op} ${n}`).join(", "));
  console.log(`${outcomes.length - failed.length} of ${outcomes.length}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv[2] ?? "");
