/** One conformance test: import, print and parse, compile, run all data sets, compare. */
import { importOnnx } from "../../frontend/onnx/import.ts";
import { readOnnx } from "../../frontend/onnx/read.ts";
import type { OnnxModel } from "../../frontend/onnx/messages.ts";
import { FileSource } from "../../frontend/bytes.ts";
import type { Constant } from "../../ir/attribute.ts";
import { CompileError, type Diagnostic } from "../../ir/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Type } from "../../ir/type.ts";
import { expectRoundTrip } from "../round-trip.ts";
import { differenceOf, onnxTolerance, type Tolerance } from "./compare.ts";
import { constantOf, type DataSet, dataSetsOf, type TestCase } from "./suite.ts";
import type { ConformanceTarget } from "./targets.ts";
import type { HostValue } from "./values.ts";

export interface Outcome {
  readonly result: "pass" | "unsupported" | "fail";
  /** Why not, in one line. */
  readonly reason?: string;
  /** Inputs that had to be fixed at compile time. */
  readonly fixed?: readonly string[];
  /** Results are random: only their types were compared. */
  readonly isRandom?: boolean;
}

/** Rounds of fixing inputs, as one may bring out the need for another. */
const mostRounds = 4;

/** Never throws: whatever goes wrong is an outcome. */
export async function runTest(test: TestCase, target: ConformanceTarget, tolerance: Tolerance = onnxTolerance): Promise<Outcome> {
  const fixed = new Set<string>();
  try {
    const model = readOnnx(new FileSource(test.model));
    const sets = dataSetsOf(test.model, model);
    let isRandom = false;
    for (const set of sets) {
      const graph = byWayOfText(importFor(model, set, fixed));
      isRandom ||= isImpure(graph);
      const reason = await runSet(graph, set, (g) => target(g, test.name), isImpure(graph), tolerance);
      if (reason !== undefined) return { result: "fail", reason, fixed: [...fixed] };
    }
    return { result: "pass", fixed: [...fixed], ...(isRandom && { isRandom }) };
  } catch (error) {
    return { ...outcomeOf(error), fixed: [...fixed] };
  }
}

/** The graph, with those inputs as constants that the import asks for. */
function importFor(model: OnnxModel, set: DataSet, fixed: Set<string>): Graph {
  for (let round = 0; ; round++) {
    try {
      return importOnnx(model, { inputValues: valuesOf(set, fixed) }).graph;
    } catch (error) {
      const asked = error instanceof CompileError ? error.diagnostics.flatMap((d) => d.inputs ?? []) : [];
      const more = asked.filter((name) => !fixed.has(name));
      if (more.length === 0 || round === mostRounds) throw error;
      for (const name of more) fixed.add(name);
    }
  }
}

/** The graph that its text gives back, which must be the same; strings have no text. */
function byWayOfText(graph: Graph): Graph {
  const isText = (t: Type): boolean =>
    t.kind === "tensor" ? t.dtype === "string" : t.kind === "tuple" ? t.elements.some(isText) : isText(t.element);
  const holdsText = (g: Graph): boolean =>
    [...g.inputs, ...[...g.ops()].flatMap((op) => op.results)].some((v) => isText(v.type)) ||
    [...g.ops()].some((op) => op.regions.some(holdsText));
  return holdsText(graph) ? graph : expectRoundTrip(graph);
}

function valuesOf(set: DataSet, fixed: ReadonlySet<string>): Map<string, Constant> {
  const values = new Map<string, Constant>();
  for (const name of fixed) {
    const value = set.inputs.get(name);
    const constant = value && constantOf(value);
    if (constant) values.set(name, constant);
  }
  return values;
}

const isImpure = (graph: Graph): boolean => [...graph.ops()].some((op) => op.definition.impure === true || op.regions.some(isImpure));

async function runSet(
  graph: Graph,
  set: DataSet,
  target: ConformanceTarget,
  onlyTypes: boolean,
  tolerance: Tolerance,
): Promise<string | undefined> {
  const run = await target(graph);
  const inputs = graph.inputs.map((v) => set.inputs.get(v.name));
  const missing = inputs.findIndex((v) => v === undefined);
  if (missing >= 0) return `the test has no data for the input '${graph.inputs[missing]!.name}'`;
  const outputs = await run(inputs as readonly HostValue[]);
  for (const [i, want] of set.outputs.entries()) {
    const difference = differenceOf(outputs[i], want, tolerance, onlyTypes);
    if (difference !== undefined) return `output ${i} ${difference}`;
  }
  return undefined;
}

/** What is not carried is unsupported; all else that stops a valid test is a failure. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof CompileError)) return { result: "fail", reason: describe(error) };
  const errors = error.diagnostics.filter((d) => d.severity === "error");
  const isRefusal = (d: Diagnostic): boolean => d.code.startsWith("unsupported") || d.code === "unknown-op" || d.code === "limit";
  const wrong = errors.find((d) => !isRefusal(d));
  if (wrong) return { result: "fail", reason: `${wrong.code}: ${wrong.message}` };
  const refused = errors.find((d) => d.inputs === undefined) ?? errors[0];
  return { result: "unsupported", reason: refused?.message ?? "unknown" };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const place =
    cause.stack
      ?.split("\n")[1]
      ?.trim()
      .replace(/\(.*\/build[^/]*\//, "(") ?? "";
  return `crash: ${cause.message.split("\n")[0] ?? ""} ${place}`;
}
