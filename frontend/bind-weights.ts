/**
 * Weights from a file in place of a graph's own, by name. A parameter of a graph is a constant with a name, of floats or of
 * at most 8 bits, with at least one axis; the same name in several regions is one parameter.
 */
import type { Constant } from "../ir/attribute.ts";
import { forgetContent } from "../ir/content.ts";
import type { TensorData } from "../ir/data.ts";
import { isOp } from "../ir/define.ts";
import { CompileError, type Diagnostic } from "../ir/diagnostic.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { nearest } from "../ir/text/suggest.ts";
import { byteSize, type DType, formatType, isFloat, tensor, type TensorType } from "../ir/type.ts";
import { verifyGraph } from "../ir/verify.ts";
import { initOf, randomWeights } from "./random-weights.ts";
import type { TensorValue } from "./tensor-data.ts";

export type Tensors = ReadonlyMap<string, TensorValue>;

/** A parameter whose tensor in the file has another type. */
export interface Mismatch {
  readonly name: string;
  readonly expected: TensorType;
  readonly received: TensorType;
}

/** What fits what. Names are in the order of the graph, of `unexpected` in that of the file. */
export interface BindingReport {
  readonly bound: readonly string[];
  /** Parameters that the file lacks. */
  readonly missing: readonly string[];
  /** Tensors that no constant of the graph is called after: an optimizer's state, say. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly Mismatch[];
}

/** The graph's named constants by name, those of regions too. */
export function namedConstants(graph: Graph): Map<string, Op[]> {
  const found = new Map<string, Op[]>();
  const visit = (g: Graph): void => {
    for (const op of g.ops()) {
      const name = isOp(op, ConstantOp) ? op.result.name : "";
      if (name !== "") found.set(name, [...(found.get(name) ?? []), op]);
      op.regions.forEach(visit);
    }
  };
  visit(graph);
  return found;
}

const constantOf = (op: Op): Constant => op.attributes["data"] as Constant;

const isParameter = ({ type }: Constant): boolean => type.shape.length > 0 && (isFloat(type.dtype) || isSmall(type.dtype));
const isSmall = (dtype: DType): boolean => dtype !== "bool" && byteSize(dtype) === 1;

/** The graph's parameters, and what else of it has a name, as a file of weights takes them; of one name the first. */
export const weightsOf = (graph: Graph): TensorValue[] =>
  Array.from(namedConstants(graph), ([name, [op]]) => {
    const { type, data } = constantOf(op!);
    return { name, dtype: type.dtype, dims: type.shape as readonly number[], data };
  });

/** What `bindWeights` would do. */
export function compareWeights(graph: Graph, tensors: Tensors): BindingReport {
  const constants = namedConstants(graph);
  const bound: string[] = [];
  const missing: string[] = [];
  const mismatched: Mismatch[] = [];
  for (const [name, ops] of constants) {
    const value = tensors.get(name);
    if (value === undefined) {
      if (ops.some((op) => isParameter(constantOf(op)))) missing.push(name);
      continue;
    }
    const misfit = ops.map(constantOf).find(({ type }) => !fits(value, type));
    if (misfit) mismatched.push({ name, expected: misfit.type, received: tensor(value.dtype, value.dims) });
    else bound.push(name);
  }
  return { bound, missing, unexpected: [...tensors.keys()].filter((name) => !constants.has(name)), mismatched };
}

/** As MindSpore does, extents of 1 at the end of a tensor in a file may be more than a parameter has. */
function fits({ dtype, dims }: TensorValue, type: TensorType): boolean {
  const { shape } = type;
  return dtype === type.dtype && shape.every((d, i) => d === dims[i]) && dims.slice(shape.length).every((d) => d === 1);
}

/** Puts seeded numbers in the place of every parameter of floats. */
export function randomizeWeights(graph: Graph, seed: number): void {
  const changed: Value[] = [];
  for (const [name, ops] of namedConstants(graph)) {
    for (const op of ops.filter((o) => isParameter(constantOf(o)) && isFloat(constantOf(o).type.dtype))) {
      const { type } = constantOf(op);
      changed.push(bind(op, randomWeights(seed, name, type, initOf(name, type))));
    }
  }
  forget(changed);
}

export interface Binding {
  readonly report: BindingReport;
  /** Warnings: what the file has and the graph does not need. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Puts the tensors in the places of the graph's constants of their names; `source` is the file that they are from, `unused`
 * are names that the graph has no constant for and yet knows. Throws a `CompileError` that lists all parameters that are
 * missing from the file or have another type there, with the nearest name that the graph does not have; the graph is as it
 * was then.
 */
export function bindWeights(graph: Graph, tensors: Tensors, source: string, unused: ReadonlySet<string> = new Set()): Binding {
  const found = compareWeights(graph, tensors);
  const report = { ...found, unexpected: found.unexpected.filter((name) => !unused.has(name)) };
  const errors = [
    ...report.missing.map((name, i) => missingOf(name, i < mostSuggestions ? report.unexpected.slice(0, mostCandidates) : [], source)),
    ...report.mismatched.map((m) => mismatchOf(m, source)),
  ];
  if (errors.length > 0) throw new CompileError([...errors, ...summaryOf(report, source)]);
  const constants = namedConstants(graph);
  const changed = report.bound.flatMap((name) => constants.get(name)!.map((op) => bind(op, tensors.get(name)!.data)));
  forget(changed);
  const wrong = verifyGraph(graph);
  if (wrong.length > 0) throw new CompileError(wrong);
  return { report, diagnostics: summaryOf(report, source) };
}

function bind(op: Op, data: TensorData): Value {
  op.attributes = { ...op.attributes, data: { type: constantOf(op).type, data } };
  return op.result;
}

/** Elements that were worked out from those of the values are no longer known. */
function forget(values: readonly Value[]): void {
  const waiting = [...values];
  const seen = new Set<Value>();
  for (let value = waiting.pop(); value; value = waiting.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    forgetContent(value);
    for (const { user } of value.uses) waiting.push(...((user instanceof Graph ? user.parent : user)?.results ?? []));
  }
}

/** Looking for near names takes long where nothing fits. */
const mostSuggestions = 50;
const mostCandidates = 5000;

function missingOf(name: string, candidates: readonly string[], source: string): Diagnostic {
  const near = nearest(name, candidates) ?? candidates.find((u) => u.endsWith(`.${name}`) || name.endsWith(`.${u}`));
  const message = `the parameter '${name}' is not in the file`;
  return { ...error(source, name, message), ...(near !== undefined && { remedy: `there is '${near}', which the model does not have` }) };
}

const mismatchOf = ({ name, expected, received }: Mismatch, source: string): Diagnostic => ({
  ...error(source, name, `the parameter '${name}' has another type in the file`),
  expected: formatType(expected),
  received: formatType(received),
});

const error = (source: string, path: string, message: string): Diagnostic => ({
  severity: "error",
  code: "type-mismatch",
  location: { source, path },
  message,
});

const mostNamed = 4;

function summaryOf({ unexpected, bound }: BindingReport, source: string): Diagnostic[] {
  if (unexpected.length === 0) return [];
  const shown = unexpected.slice(0, mostNamed).map((name) => `'${name}'`);
  const rest = unexpected.length - shown.length;
  const names = `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  const message = `${unexpected.length} of ${unexpected.length + bound.length} tensors are not parameters of the model: ${names}`;
  return [{ severity: "warning", code: "ignored", location: { source }, message }];
}
