/** Model-local functions: which there are, and their bodies with a call's attributes put in. */
import { OpError } from "../../ir/diagnostic.ts";
import type { OnnxAttribute, OnnxFunction, OnnxModel, OnnxNode } from "./messages.ts";

/** Names of operator sets that mean ONNX's own. */
export const domainOf = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

const keyOf = (domain: string, name: string, overload: string): string => JSON.stringify([domainOf(domain), name, overload]);

export const callKey = (node: OnnxNode): string => keyOf(node.domain, node.opType, node.overload);

/** The model's functions by `callKey` of the nodes that call them. */
export const functionTable = (model: OnnxModel): Map<string, OnnxFunction> =>
  new Map(model.functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]));

/** What `ref_attr_name` may name inside the body: the call's attributes and the defaults of those it leaves out. */
export function callAttributes(f: OnnxFunction, call: OnnxNode): Map<string, OnnxAttribute> {
  const given = new Map(call.attribute.map((a) => [a.name, a]));
  const missing = f.attribute.find((name) => !given.has(name));
  if (missing !== undefined) throw new OpError(`the function '${f.name}' needs the attribute '${missing}'`, "bad-attribute");
  return new Map([...f.attributeProto.map((a) => [a.name, a] as const), ...given]);
}

/** The node with its references to the function's attributes resolved; one that is not given falls away. */
export function resolveNode(node: OnnxNode, attributes: ReadonlyMap<string, OnnxAttribute> | undefined): OnnxNode {
  if (!attributes || node.attribute.every((a) => a.refAttrName === "")) return node;
  const resolved = node.attribute.flatMap((a) => {
    if (a.refAttrName === "") return [a];
    const given = attributes.get(a.refAttrName);
    return given ? [{ ...given, name: a.name }] : [];
  });
  return { ...node, attribute: resolved };
}
