/**
 * MindIR of MindSpore 1.0, which was written in ONNX's schema: names of operators and the structures of attributes are
 * those of 1.1, the fields are ONNX's. The messages become those of later files.
 */
import type { ByteSource } from "../../ir/data.ts";
import { Schema } from "../protobuf.ts";
import {
  type MindirAttribute,
  MindirAttributeType as Kind,
  type MindirGraph,
  type MindirModel,
  type MindirNode,
  type MindirTensor,
  type MindirValueInfo,
} from "./messages.ts";

const schema = new Schema(
  "onnx.proto",
  "onnx",
  new Set(["raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"].map((field) => `TensorProto.${field}`)),
);

/** The fields that are read, as the schema names them. */
type OldTensor = Pick<
  MindirTensor,
  "name" | "dims" | "dataType" | "rawData" | "floatData" | "int32Data" | "stringData" | "int64Data" | "doubleData" | "uint64Data"
>;
type OldAttribute = Pick<MindirAttribute, "name" | "type" | "refAttrName" | "f" | "i" | "s" | "floats" | "ints" | "strings"> & {
  readonly tensors: readonly OldTensor[];
  readonly t?: OldTensor;
};
type OldNode = Pick<MindirNode, "input" | "output" | "name" | "opType" | "domain"> & { readonly attribute: readonly OldAttribute[] };
interface OldValueInfo {
  readonly name: string;
  readonly type?: { readonly tensorType?: { readonly elemType: number; readonly shape?: { readonly dim: readonly OldExtent[] } } };
}
interface OldExtent {
  readonly dimValue?: number | bigint;
}
interface OldGraph {
  readonly name: string;
  readonly node: readonly OldNode[];
  readonly initializer: readonly OldTensor[];
  readonly input: readonly OldValueInfo[];
  readonly output: readonly OldValueInfo[];
}
interface OldModel {
  readonly producerName: string;
  readonly opsetImport: readonly unknown[];
  readonly graph?: OldGraph;
}

/** The model in `source`; undefined where it is an ONNX model. Throws a `CompileError` where it is malformed. */
export function readOldMindir(source: ByteSource): MindirModel | undefined {
  const { producerName, opsetImport, graph } = schema.read<OldModel>("ModelProto", source);
  if (producerName !== "MindSpore" || opsetImport.length > 0 || !graph) return undefined;
  const none = { producerVersion: "", domain: "", modelVersion: "1.0", functions: [], primitives: [], userInfo: [], mindIrVersion: 0 };
  return { ...none, source, irVersion: "", producerName, graph: graphOf(graph) };
}

/** Weights are inputs as well. */
function graphOf({ name, node, initializer, input, output }: OldGraph): MindirGraph {
  const weights = new Set(initializer.map((t) => t.name));
  const none = { bpropHash: "", attribute: [], bpropFilepath: "", mapParameter: [] };
  return {
    ...none,
    name,
    node: node.map(nodeOf),
    parameter: initializer.map(tensorOf),
    input: input.filter((i) => !weights.has(i.name)).map(valueInfoOf),
    output: output.map(valueInfoOf),
  };
}

/** Without ONNX's own fields for data elsewhere, which 1.0 did not write. */
const tensorOf = (t: OldTensor): MindirTensor => ({
  name: t.name,
  dims: t.dims,
  dataType: t.dataType,
  ...(t.rawData !== undefined && { rawData: t.rawData }),
  floatData: t.floatData,
  int32Data: t.int32Data,
  stringData: t.stringData,
  int64Data: t.int64Data,
  doubleData: t.doubleData,
  uint64Data: t.uint64Data,
  refKey: "",
  minDims: [],
  maxDims: [],
  compressionType: 0,
  quantParams: [],
});

const nodeOf = (n: OldNode): MindirNode => ({ ...n, attribute: n.attribute.map(attributeOf), nodeAttr: [], primalAttr: [] });

/** The kind of a value follows from the field that it is in; bools are integers with the type of bools. */
function attributeOf(a: OldAttribute): MindirAttribute {
  const { name, refAttrName, f, i, s, floats, ints, strings, t } = a;
  const hasInts = i !== undefined || ints.length > 0;
  const hasFloats = f !== undefined || floats.length > 0;
  const type = hasInts ? (a.type === Kind.bool ? Kind.bool : Kind.int64) : hasFloats ? Kind.float : Kind.string;
  const given = { ...(f !== undefined && { f }), ...(i !== undefined && { i }), ...(s !== undefined && { s }) };
  const tensors = [...(t ? [t] : []), ...a.tensors].map(tensorOf);
  return { name, refAttrName, ...given, floats, ints, strings, tensors, type, doubles: [], graphs: [], values: [] };
}

function valueInfoOf({ name, type }: OldValueInfo): MindirValueInfo {
  const t = type?.tensorType;
  const dims = t?.shape?.dim.map((d) => Number(d.dimValue ?? -1)) ?? [];
  const empty = { floatData: [], int32Data: [], stringData: [], int64Data: [], doubleData: [], uint64Data: [] };
  return { name, denotation: "", tensor: t ? [tensorOf({ name: "", dims, dataType: t.elemType, ...empty })] : [] };
}
