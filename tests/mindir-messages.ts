/** MindIR models written in TypeScript: messages with the fields that nobody gave filled in as the reader does. */
import { MemorySource, memoryData } from "../ir/data.ts";
import { writeElements } from "../ir/storage.ts";
import type {
  MindirAttribute,
  MindirGraph,
  MindirModel,
  MindirNode,
  MindirPrimitive,
  MindirTensor,
  MindirValueInfo,
} from "../frontend/mindir/messages.ts";
import { MindirAttributeType as Type, MindirDataType } from "../frontend/mindir/messages.ts";

const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);

export const tensorMessage = (dims: readonly number[], more: Partial<MindirTensor> = {}): MindirTensor => ({
  name: "",
  dims,
  dataType: MindirDataType.float,
  floatData: [],
  int32Data: [],
  stringData: [],
  int64Data: [],
  doubleData: [],
  uint64Data: [],
  refKey: "",
  minDims: [],
  maxDims: [],
  compressionType: 0,
  quantParams: [],
  ...more,
});

/** A constant or weight of f32. */
export const floats = (name: string, dims: readonly number[], values: readonly number[]): MindirTensor =>
  tensorMessage(dims, { name, rawData: memoryData(writeElements("f32", values)) });

export const attributeMessage = (name: string, type: number, more: Partial<MindirAttribute> = {}): MindirAttribute => ({
  name,
  type,
  refAttrName: "",
  floats: [],
  doubles: [],
  ints: [],
  strings: [],
  tensors: [],
  graphs: [],
  values: [],
  ...more,
});

export type Plain = number | boolean | string | null | readonly Plain[];

/** An attribute as 1.7 and later write it; numbers are integers, `{ float }` is not needed by these tests. */
export function typed(name: string, value: Plain): MindirAttribute {
  if (value === null) return attributeMessage(name, Type.none);
  if (typeof value === "string") return attributeMessage(name, Type.string, { s: bytes(value) });
  if (typeof value === "boolean") return attributeMessage(name, Type.bool, { i: value ? 1n : 0n });
  if (typeof value === "number")
    return Number.isInteger(value)
      ? attributeMessage(name, Type.int64, { i: BigInt(value) })
      : attributeMessage(name, Type.float, { f: value });
  return attributeMessage(name, Type.tuple, { values: value.map((v) => typed("", v)) });
}

/** An attribute as files before 1.7 write it: flat lists and the structure as text. */
export function structured(name: string, value: Plain): MindirAttribute {
  const ints: bigint[] = [];
  const visit = (v: Plain): string => {
    if (Array.isArray(v)) return `Tuple[${(v as readonly Plain[]).map((e) => `${visit(e)},`).join("")}]`;
    ints.push(BigInt(v as number));
    return `value${ints.length}`;
  };
  if (typeof value === "string") return attributeMessage(name, Type.string, { refAttrName: "scalar:value0", s: bytes(value) });
  if (typeof value === "boolean") return attributeMessage(name, Type.bool, { refAttrName: "scalar:value0", i: value ? 1n : 0n });
  if (typeof value === "number") {
    const number = Number.isInteger(value) ? { i: BigInt(value) } : { f: value };
    return attributeMessage(name, Number.isInteger(value) ? Type.int64 : Type.float, { refAttrName: "scalar:value0", ...number });
  }
  const structure = visit(value);
  return attributeMessage(name, Type.int64, { refAttrName: `scalar:${structure},`, ints });
}

type Style = typeof typed;

/** A node; attributes are written in the style. */
export function node(
  style: Style,
  opType: string,
  output: string,
  input: readonly string[],
  attributes: Readonly<Record<string, Plain>> = {},
): MindirNode {
  const attribute = Object.entries(attributes).map(([name, value]) => style(name, value));
  return { input, output: [output], name: output, opType, attribute, domain: `Default/${opType}`, nodeAttr: [], primalAttr: [] };
}

export const constantNode = (style: Style, output: string, value: Plain): MindirNode => node(style, "Constant", output, [], { value });

export const input = (name: string, dims: readonly number[], dataType: number = MindirDataType.float): MindirValueInfo => ({
  name,
  tensor: [tensorMessage(dims, { name, dataType })],
  denotation: "",
});

export const graphMessage = (name: string, more: Partial<MindirGraph>): MindirGraph => ({
  name,
  node: [],
  parameter: [],
  input: [],
  output: [],
  bpropHash: "",
  attribute: [],
  bpropFilepath: "",
  mapParameter: [],
  ...more,
});

export const outputs = (...names: readonly string[]): MindirValueInfo[] => names.map((name) => ({ name, tensor: [], denotation: "" }));

export const modelMessage = (
  graph: MindirGraph,
  functions: readonly MindirGraph[] = [],
  primitives: readonly MindirPrimitive[] = [],
): MindirModel => ({
  source: new MemorySource("made.mindir", new Uint8Array()),
  irVersion: "0.1.0",
  producerName: "MindSpore",
  producerVersion: "",
  domain: "",
  modelVersion: "1.1.0",
  graph,
  functions,
  primitives,
  mindIrVersion: 0,
  userInfo: [],
});
