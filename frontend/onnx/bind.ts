/** What goes into a scope besides the results of nodes, and how nodes are called in diagnostics. */
import type { Constant } from "../../ir/attribute.ts";
import type { Location } from "../../ir/location.ts";
import { domainOf } from "./functions.ts";
import type { OnnxGraph, OnnxNode, OnnxSparseTensor, OnnxTensor, OnnxValueInfo } from "./messages.ts";
import type { Scope } from "./scope.ts";
import type { Session } from "./session.ts";
import { onnxSparseTensorValue } from "./tensor-data.ts";
import { importType, namedExtents } from "./types.ts";

/** The operator, with its domain where that is not ONNX's own. */
export const nameOf = (node: OnnxNode): string => (domainOf(node.domain) === "" ? node.opType : `${node.domain}.${node.opType}`);

/** `/layer/Conv` where the node has a name, else its number. */
export function pathOf(scope: Scope, node: OnnxNode, index: number): string {
  const name = node.name || `node ${index}`;
  const { path } = scope.context;
  return path === "" ? name : `${path}/${name.replace(/^\//, "")}`;
}

/** Outputs of a node that failed: stand-ins of their declared types, else unknown. */
export function bindFailed(session: Session, scope: Scope, node: OnnxNode): void {
  for (const name of node.output) {
    if (name === "" || scope.defines(name)) continue;
    const type = scope.declared(name);
    if (type) scope.bindValue(name, session.standIn(name, type));
    else scope.bind(name, { kind: "unknown" });
  }
}

/** Initializers and declared types of a graph, put into its scope. Names that inputs have already are left alone. */
export function bindGraph(session: Session, scope: Scope, graph: OnnxGraph): void {
  const bind = (name: string, value: () => Constant): void => {
    if (!scope.defines(name)) session.bindConstant(scope, name, value);
    else session.problems.error("invalid-graph", session.locate(name), `'${name}' is defined twice`);
  };
  const where = (name: string): Location => session.locate(name);
  graph.initializer.forEach((t: OnnxTensor) => bind(t.name, () => session.constant(t, where(t.name))));
  graph.sparseInitializer.forEach((t: OnnxSparseTensor) => {
    const name = t.values?.name ?? "";
    bind(name, () => session.toConstant(onnxSparseTensorValue(t, where(name), session.files)));
  });
  declareTypes(scope, [...graph.valueInfo, ...graph.output]);
}

/** Declared types whose extents are all known by number or name. */
export function declareTypes(scope: Scope, values: readonly OnnxValueInfo[], extents = namedExtents): void {
  for (const v of values) {
    const t = importType(v.type, extents);
    if ("type" in t) scope.declare(v.name, t.type);
  }
}
