/** What was written, as the messages of the format. Nothing here decides anything. */
import type { Constant } from "../../../ir/attribute.ts";
import { asAtom, type Dim } from "../../../ir/dim.ts";
import { readData } from "../../../ir/data.ts";
import type { Type } from "../../../ir/type.ts";
import { dtypeCode } from "../tensor-data.ts";
import type { Body } from "./body.ts";
import { fixedNames, Namer } from "./names.ts";
import { packedData } from "./packed.ts";
import type { AttributeValue, Name, Node } from "./term.ts";

type Message = Readonly<Record<string, unknown>>;

const text = new TextEncoder();

/** `AttributeProto.AttributeType`. */
const kinds = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8, type: 13 } as const;

/** Where the bytes of a constant go: into the message, or beside the model. */
export type Store = (value: Constant) => Message;

export const inMessage: Store = (value) => ({ rawData: packedData(value) });

export const tensorMessage = (name: string, value: Constant, store: Store = inMessage): Message => ({
  dims: value.type.shape,
  dataType: dtypeCode(value.type.dtype),
  name,
  ...store(value),
});

function dimension(d: Dim): Message {
  if (typeof d === "number") return { dimValue: d };
  const atom = asAtom(d);
  return atom?.kind === "extent" ? { dimParam: atom.name } : {};
}

function typeMessage(t: Type): Message {
  switch (t.kind) {
    case "tensor":
      return { tensorType: { elemType: dtypeCode(t.dtype), shape: { dim: t.shape.map(dimension) } } };
    case "sequence":
      return { sequenceType: { elemType: typeMessage(t.element) } };
    case "optional":
      return { optionalType: { elemType: typeMessage(t.element) } };
    case "tuple":
      throw new Error("a tuple is written");
  }
}

const isGraph = (value: AttributeValue | undefined): value is { readonly graph: Body } => typeof value === "object" && "graph" in value;

function attributeMessage(name: string, value: AttributeValue, namer: Namer): Message {
  if (typeof value === "number" || typeof value === "bigint") return { name, type: kinds.int, i: BigInt(value) };
  if (typeof value === "boolean") return { name, type: kinds.int, i: value ? 1n : 0n };
  if (typeof value === "string") return { name, type: kinds.string, s: text.encode(value) };
  if (isGraph(value)) return { name, type: kinds.graph, g: graphMessage(value.graph, name, namer) };
  if ("float" in value) return { name, type: kinds.float, f: value.float };
  if ("floats" in value) return { name, type: kinds.floats, floats: value.floats };
  if ("strings" in value) return { name, type: kinds.strings, strings: value.strings.map((s) => text.encode(s)) };
  if ("tensor" in value) return { name, type: kinds.tensor, t: tensorMessage("", value.tensor) };
  if ("type" in value) return { name, type: kinds.type, tp: typeMessage(value.type) };
  return { name, type: kinds.ints, ints: value.map(BigInt) };
}

function nodeMessage(node: Node, namer: Namer): Message {
  const { path } = node.location;
  return {
    input: node.inputs.map((name) => (name ? namer.text(name) : "")),
    output: node.outputs.map((name) => namer.text(name)),
    name: namer.node(path ?? ""),
    opType: node.operator,
    domain: node.domain,
    attribute: Object.entries(node.attributes).flatMap(([name, value]) =>
      value === undefined ? [] : [attributeMessage(name, value, namer)],
    ),
  };
}

const valueMessage = ({ name, type }: { readonly name: Name; readonly type: Type }, namer: Namer): Message => ({
  name: namer.text(name),
  type: typeMessage(type),
});

/** A graph or region; results of ops have their types with them, other values inside have none. */
export function graphMessage(body: Body, name: string, namer: Namer, initializers: readonly Message[] = []): Message {
  const outputs = new Set(body.outputs.map((v) => v.name));
  return {
    node: body.nodes.map((node) => nodeMessage(node, namer)),
    name,
    initializer: initializers,
    input: body.inputs.map((v) => valueMessage(v, namer)),
    output: body.outputs.map((v) => valueMessage(v, namer)),
    valueInfo: body.types.filter((v) => !outputs.has(v.name)).map((v) => valueMessage(v, namer)),
  };
}

export function functionMessage(name: string, domain: string, body: Body): Message {
  const namer = new Namer(fixedNames(body));
  return {
    name,
    input: body.inputs.map((v) => namer.text(v.name)),
    output: body.outputs.map((v) => namer.text(v.name)),
    node: body.nodes.map((node) => ({ ...nodeMessage(node, namer), name: "" })),
    opsetImport: [{ domain: "", version: body.opset }],
    domain,
  };
}

/** Equal for functions that do the same. */
export const functionText = (body: Body): string =>
  JSON.stringify(functionMessage("", "", body), (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "object" && value !== null && "source" in value && "byteLength" in value) {
      return Buffer.from(readData(value as Constant["data"])).toString("base64");
    }
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : Object.is(value, -0) ? "-0" : value;
  });
