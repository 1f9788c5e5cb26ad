/**
 * An ONNX model as a graph: its inputs, initializers, nodes and outputs. Every problem of the model is reported at once.
 */
import type { Constant } from "../../ir/attribute.ts";
import { isModelError, Scope } from "./scope.ts";
import { type Dim, extent } from "../../ir/dim.ts";
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { formatType, type TensorType, type Type } from "../../ir/type.ts";
import type { Imported, ImportOptions } from "../options.ts";
import { domainOf } from "./functions.ts";
import type { OnnxGraph, OnnxModel, OnnxValueInfo } from "./messages.ts";
import { bindGraph } from "./bind.ts";
import { importNodes } from "./nodes.ts";
import { Session } from "./session.ts";
import { importType } from "./types.ts";

/** The newest operator set whose changes are known. */
const newestOpset = 26;

/**
 * The model as a graph of our ops. Functions of the model are inlined; weights stay in their files. Throws a
 * `CompileError` with every problem that was found: operators, attributes and types that are not carried, operands that
 * must be known at compile time, graphs that are not well formed.
 */
export function importOnnx(model: OnnxModel, options: ImportOptions = {}): Imported {
  const session = new Session(model, options);
  const graph = new Graph(model.graph.name || "main");
  session.graph = graph;
  const scope = new Scope(session.builder(graph), { path: "", opsets: opsetsOf(session), calls: [] });
  bindInputs(session, scope, graph);
  bindGraph(session, scope, withoutInputs(model.graph, options));
  importNodes(session, scope, model.graph.node);
  graph.setOutputs(bindOutputs(session, scope));
  session.problems.throwIfErrors();
  return { graph, diagnostics: session.problems.diagnostics };
}

function opsetsOf(session: Session): Map<string, number> {
  const { model, problems } = session;
  const opsets = new Map(model.opsetImport.map((o) => [domainOf(o.domain), o.version]));
  const version = opsets.get("") ?? 1;
  const where = session.locate("opset_import");
  if (version > newestOpset)
    problems.warn("unsupported-op", where, `the operator set ${version} is newer than ${newestOpset}, the last one that is known`);
  if (version < 1) problems.error("invalid-graph", where, `there is no operator set ${version}`);
  return opsets;
}

const initializerNames = (g: OnnxGraph): Set<string> =>
  new Set([...g.initializer.map((t) => t.name), ...g.sparseInitializer.map((t) => t.values?.name ?? "")]);

/** Initializers that stay inputs are no constants. */
function withoutInputs(g: OnnxGraph, options: ImportOptions): OnnxGraph {
  const names = new Set(g.input.map((v) => v.name));
  const stays = (name: string): boolean =>
    names.has(name) && (options.keepInitializerInputs === true || options.inputValues?.has(name) === true);
  return {
    ...g,
    initializer: g.initializer.filter((t) => !stays(t.name)),
    sparseInitializer: g.sparseInitializer.filter((t) => !stays(t.values?.name ?? "")),
  };
}

/** The model's inputs become the graph's, but for initializers and those whose value is given. */
function bindInputs(session: Session, scope: Scope, graph: Graph): void {
  const { model, options, problems, pins } = session;
  const unfit = new Set(model.graph.input.filter((v) => !pinByValue(session, v, pins)).map((v) => v.name));
  const constants = options.keepInitializerInputs ? new Set<string>() : initializerNames(model.graph);
  const seen = new Set<string>();
  for (const v of model.graph.input) {
    if (seen.has(v.name)) problems.error("invalid-graph", session.locate(v.name), `there are two inputs named '${v.name}'`);
    else if (v.name === "") problems.error("invalid-graph", session.locate("graph"), "an input has no name");
    else if (unfit.has(v.name)) scope.bind(v.name, { kind: "unknown" });
    else if (options.inputValues?.has(v.name)) session.bindConstant(scope, v.name, () => options.inputValues!.get(v.name)!);
    else if (!constants.has(v.name)) bindInput(session, scope, graph, v, pins);
    seen.add(v.name);
  }
  refuseUnknownNames(session, seen, pins);
}

function bindInput(session: Session, scope: Scope, graph: Graph, v: OnnxValueInfo, pins: Map<string, number>): void {
  const t = importType(v.type, (name, axis) => inputExtent(session, v.name, name, axis, pins));
  if ("type" in t) {
    scope.bindValue(v.name, graph.addInput(v.name, t.type));
    reporting(session, v.name, () => session.checkSize(t.type, `the input '${v.name}'`));
    return;
  }
  session.problems.error("unsupported-type", session.locate(v.name), `the input '${v.name}' cannot be carried: ${t.reason}`);
  scope.bind(v.name, { kind: "unknown" });
}

/** The extent `name`; one without a name is called after the input and the axis. */
function inputExtent(session: Session, input: string, name: string, axis: number, pins: Map<string, number>): Dim {
  const called = name || `${input}_${axis}`;
  session.reserveExtent(called);
  return pins.get(called) ?? extent(called);
}

/** An input's value must fit its declared type, and fixes the named extents in it; false where it does not. */
function pinByValue(session: Session, v: OnnxValueInfo, pins: Map<string, number>): boolean {
  const value = session.options.inputValues?.get(v.name);
  if (!value) return true;
  const t = importType(v.type, (name, axis) => inputExtent(session, v.name, name, axis, new Map()));
  if (!("type" in t)) return true;
  const fits = t.type.kind === "tensor" && t.type.dtype === value.type.dtype && t.type.shape.length === value.type.shape.length;
  if (fits) return pinExtents(session, v, value, pins);
  session.problems.error("usage", session.locate(v.name), `the value given for the input '${v.name}' does not fit it`, {
    expected: formatType(t.type),
    received: formatType(value.type),
  });
  return false;
}

function pinExtents(session: Session, { name, type }: OnnxValueInfo, { type: given }: Constant, pins: Map<string, number>): boolean {
  let fits = true;
  type?.tensorType?.shape?.dim.forEach(({ dimValue, dimParam }, axis) => {
    const size = given.shape[axis] as number;
    const known = dimValue !== undefined && dimValue >= 0 ? dimValue : dimParam ? pins.get(dimParam) : undefined;
    if (known === undefined && dimParam) pins.set(dimParam, size);
    if (known === undefined || known === size) return;
    fits = false;
    const message = `the value given for the input '${name}' has ${size} elements along axis ${axis}`;
    session.problems.error("usage", session.locate(name), message, { expected: String(known) });
  });
  return fits;
}

function refuseUnknownNames(session: Session, inputs: ReadonlySet<string>, pins: ReadonlyMap<string, number>): void {
  const { options, problems } = session;
  for (const name of options.inputValues?.keys() ?? []) {
    if (!inputs.has(name))
      problems.error("usage", session.locate("graph"), `the model has no input named '${name}'`, {
        remedy: `its inputs are ${[...inputs].join(", ")}`,
      });
  }
  for (const [name, size] of pins) {
    const known = session.hasExtent(name);
    if (!known) problems.error("usage", session.locate("graph"), `the model's inputs have no extent named '${name}'`, remedyOf(session));
    else if (!(Number.isInteger(size) && size >= 0))
      problems.error("usage", session.locate("graph"), `the extent '${name}' cannot be ${size}`);
  }
}

function remedyOf(session: Session): { remedy: string } {
  const names = session.knownExtents;
  return { remedy: names.length > 0 ? `their extents are ${names.join(", ")}` : "all their extents are numbers" };
}

/** The values of the model's outputs, each under the model's name for it. */
function bindOutputs(session: Session, scope: Scope): Value[] {
  const taken = new Set<Value>();
  return session.model.graph.output.flatMap((v) => {
    const value = bindOutput(session, scope, v, taken);
    if (!value) return [];
    taken.add(value);
    checkDeclared(session, v.name, value.type, scope.declared(v.name));
    return [value];
  });
}

function bindOutput(session: Session, scope: Scope, { name }: OnnxValueInfo, taken: ReadonlySet<Value>): Value | undefined {
  return reporting(session, name || "graph", () => {
    const binding = scope.lookup(name);
    if (binding?.kind === "value") return nameOutput(session, scope, binding.value, name, taken);
    if (!binding) throw new OpError(`the output '${name}' is not defined`, "invalid-graph");
    return undefined;
  });
}

/** What `action` gives; undefined, and its errors reported at `path`, where the model is at fault. */
function reporting<T>(session: Session, path: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (e) {
    if (!isModelError(e)) throw e;
    if (e instanceof CompileError) session.problems.take(e);
    if (e instanceof OpError) session.problems.error(e.code, session.locate(path), e.message, e.more);
    return undefined;
  }
}

/** A value with another name that others see too gets a copy under this one. */
function nameOutput(session: Session, scope: Scope, v: Value, name: string, taken: ReadonlySet<Value>): Value {
  if (v.name === name && !taken.has(v) && v.op) return v;
  if ((v.op && !taken.has(v)) || v.type.kind !== "tensor" || v.type.dtype === "string" || session.isTainted(v)) {
    if (v.op) v.name = name;
    return v;
  }
  scope.builder.location = session.locate(name);
  const copy = scope.builder.create(IdentityOp, { x: v });
  copy.name = name;
  return copy;
}

/** A declared type that says something else is only worth a warning: exporters get them wrong. */
function checkDeclared(session: Session, name: string, inferred: Type, declared: Type | undefined): void {
  if (!declared || inferred.kind !== "tensor" || declared.kind !== "tensor" || agree(inferred, declared)) return;
  session.problems.warn("type-mismatch", session.locate(name), `the type of the output '${name}' is not the declared one`, {
    expected: formatType(declared),
    received: formatType(inferred),
  });
}

const agree = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype &&
  a.shape.length === b.shape.length &&
  a.shape.every((d, i) => typeof d !== "number" || typeof b.shape[i] !== "number" || d === b.shape[i]);
