/** The types that a MindIR file declares for the results of nodes and for the inputs of graphs. */
import { type Dim, extent } from "../../ir/dim.ts";
import type { Graph } from "../../ir/graph.ts";
import { tensor, type TensorType } from "../../ir/type.ts";
import { MindirAttributeType as Type, type MindirAttribute, type MindirNode, type MindirTensor } from "./messages.ts";
import { mindirDType } from "./tensor-data.ts";
import { type Item, monad, tupleOf, unknown } from "./values.ts";

/** Gives the extent of an axis whose size the file leaves open. */
export type OpenExtent = (axis: number) => Dim;

/** Sizes past this are not exact numbers any more, and no model's. */
const mostExtent = 2 ** 48;
const mostAxes = 32;

/** The type of a tensor message, or in words why there is none. */
export function declaredType(t: MindirTensor, open: OpenExtent): TensorType | string {
  const dtype = mindirDType(t.dataType);
  if (dtype === undefined) return t.dataType === 0 ? "it has no type" : `the data type ${t.dataType} is not carried`;
  if (t.dims.includes(-2)) return "its number of axes is not known";
  if (t.dims.length > mostAxes) return `it has ${t.dims.length} axes, more than ${mostAxes}`;
  if (t.dims.some((d) => d > mostExtent)) return "its extents are too large";
  return tensor(
    dtype,
    t.dims.map((d, axis) => (d < 0 ? open(axis) : d)),
  );
}

/** A value of `graph` with the type that the node declares, where it declares one; else unknown. */
export function declaredItem(node: MindirNode, graph: Graph): Item {
  const shape = shapeAttribute(node);
  if (!shape) return unknown;
  if (shape.refAttrName !== "") {
    const items = shape.tensors.map((t) => placeholder(t, graph));
    const isTuple = shape.refAttrName.startsWith("shape:Tuple");
    return isTuple ? tupleOf(items) : (items[0] ?? (shape.refAttrName.includes("Monad") ? monad : unknown));
  }
  return abstractItem(shape, graph, 0);
}

/** The tensor type that a node declares for its result `i`, or for its only one; extents it leaves open are named "?". */
export function declaredResult(node: MindirNode, i: number): TensorType | undefined {
  const shape = shapeAttribute(node);
  const isSingle = shape?.refAttrName === "" ? shape.type === Type.tensors : !shape?.refAttrName.startsWith("shape:Tuple");
  const t = isSingle ? shape?.tensors[i] : (shape?.values[i]?.tensors[0] ?? shape?.tensors[i]);
  const type = t && declaredType(t, () => extent("?"));
  return typeof type === "string" ? undefined : type;
}

const shapeAttribute = (node: MindirNode): MindirAttribute | undefined =>
  node.attribute.find((a) => (a.name === "shape" && !a.refAttrName.startsWith("scalar:")) || a.refAttrName.startsWith("shape:"));

function abstractItem(a: MindirAttribute, graph: Graph, depth: number): Item {
  if (a.type === Type.umonad || a.type === Type.iomonad) return monad;
  if ((a.type === Type.tuple || a.type === Type.list) && depth < 16) return tupleOf(a.values.map((v) => abstractItem(v, graph, depth + 1)));
  const [t] = a.tensors;
  return t && a.type === Type.tensors ? placeholder(t, graph) : unknown;
}

function placeholder(t: MindirTensor, graph: Graph): Item {
  const type = declaredType(t, () => 1);
  return typeof type === "string" || t.dims.some((d) => d < 0) ? unknown : graph.addInput("", type);
}
