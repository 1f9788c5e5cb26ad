/** Values of attributes and of constant inputs, and the messages that say them in both dialects of MindIR. */
import type { TensorData } from "../../../ir/data.ts";
import type { DType, TensorType } from "../../../ir/type.ts";
import { MindirAttributeType as Kind, MindirDataType } from "../messages.ts";

/** A number that is a float though it is whole, of f32. */
export interface FloatLiteral {
  readonly float: number;
}
export interface DTypeLiteral {
  readonly dtype: DType;
}
/** Whole numbers are 64-bit integers, others floats; lists are tuples; null is None. */
export type Literal = number | boolean | string | null | FloatLiteral | DTypeLiteral | readonly Literal[];
export type Literals = Readonly<Record<string, Literal>>;

/** What messages of tensors are made of; absent fields are not written. */
export interface TensorMessage {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData?: TensorData;
  readonly externalData?: { readonly location: string; readonly offset: number; readonly length: number };
  readonly refKey?: string;
}
export interface AttributeMessage {
  readonly name?: string;
  readonly type?: number;
  readonly refAttrName?: string;
  readonly i?: bigint;
  readonly f?: number;
  readonly s?: Uint8Array;
  readonly ints?: readonly bigint[];
  readonly floats?: readonly number[];
  readonly strings?: readonly Uint8Array[];
  readonly tensors?: readonly TensorMessage[];
  readonly values?: readonly AttributeMessage[];
}

const dataTypes: Partial<Record<DType, number>> = {
  f16: MindirDataType.float16,
  bf16: MindirDataType.bfloat16,
  f32: MindirDataType.float,
  f64: MindirDataType.double,
  i8: MindirDataType.int8,
  i16: MindirDataType.int16,
  i32: MindirDataType.int32,
  i64: MindirDataType.int64,
  u8: MindirDataType.uint8,
  u16: MindirDataType.uint16,
  u32: MindirDataType.uint32,
  u64: MindirDataType.uint64,
  bool: MindirDataType.bool,
};

/** The `MindirDataType` of an element type; undefined where MindIR has none. */
export const dataTypeOf = (dtype: DType): number | undefined => dataTypes[dtype];

/** Extents that are not numbers are -1. */
export const tensorMessage = ({ dtype, shape }: TensorType, more: Partial<TensorMessage> = {}): TensorMessage => ({
  dims: shape.map((d) => (typeof d === "number" ? d : -1)),
  dataType: dataTypeOf(dtype) ?? MindirDataType.undefined,
  ...more,
});

/** A type as a value: f64 has a number of its own there. */
const dtypeMessage = (dtype: DType, name?: string): TensorMessage => ({
  ...(name !== undefined && { name }),
  dims: [],
  dataType: dtype === "f64" ? MindirDataType.float64 : (dataTypeOf(dtype) ?? MindirDataType.undefined),
});

const encoder = new TextEncoder();

interface Scalar {
  readonly type: number;
  readonly integer?: bigint;
  readonly float?: number;
  readonly text?: Uint8Array;
}

function scalarOf(value: number | boolean | string | FloatLiteral): Scalar {
  if (typeof value === "boolean") return { type: Kind.bool, integer: value ? 1n : 0n };
  if (typeof value === "string") return { type: Kind.string, text: encoder.encode(value) };
  if (typeof value === "object") return { type: Kind.float, float: value.float };
  return Number.isInteger(value) ? { type: Kind.int64, integer: BigInt(value) } : { type: Kind.float, float: value };
}

const isList = (value: Literal): value is readonly Literal[] => Array.isArray(value);
const isDType = (value: Literal): value is DTypeLiteral => typeof value === "object" && value !== null && "dtype" in value;

/** As 1.7 and later say it: by the attribute's type. */
export function typedAttribute(name: string, value: Literal, isElement = false): AttributeMessage {
  if (value === null) return { name, type: Kind.none };
  if (isList(value)) return { name, type: Kind.tuple, values: value.map((v) => typedAttribute("", v, true)) };
  if (isDType(value)) return { name, type: Kind.tensors, tensors: [dtypeMessage(value.dtype)] };
  const { type, integer, float, text } = scalarOf(value);
  return {
    name,
    type,
    ...(integer !== undefined && (isElement ? { ints: [integer] } : { i: integer })),
    ...(float !== undefined && (isElement ? { floats: [float] } : { f: float })),
    ...(text !== undefined && (isElement ? { strings: [text] } : { s: text })),
  };
}

/** As 1.1 says it: flat lists of values, and the structure in `ref_attr_name`. */
export function structuredAttribute(name: string, value: Literal): AttributeMessage {
  if (value === null) return { name, refAttrName: "none" };
  if (isDType(value)) return { name, refAttrName: "type:value0", type: Kind.tensors, tensors: [dtypeMessage(value.dtype, "value0")] };
  if (isList(value)) return structuredList(name, value);
  const { type, integer, float, text } = scalarOf(value);
  return {
    name,
    refAttrName: "scalar:value0",
    type,
    ...(integer !== undefined && { i: integer }),
    ...(float !== undefined && { f: float }),
    ...(text !== undefined && { s: text }),
  };
}

function structuredList(name: string, list: readonly Literal[]): AttributeMessage {
  const found: Scalar[] = [];
  const visit = (value: Literal): string => {
    if (isList(value)) return `Tuple[${value.map((v) => `${visit(v)},`).join("")}]`;
    if (value === null || isDType(value)) throw new Error("a list of what is no scalar");
    found.push(scalarOf(value));
    return `value${found.length}`;
  };
  const refAttrName = `scalar:${visit(list)},`;
  const [ints, floats, strings] = [
    found.flatMap((s) => s.integer ?? []),
    found.flatMap((s) => s.float ?? []),
    found.flatMap((s) => s.text ?? []),
  ];
  return { name, refAttrName, type: found.at(-1)?.type ?? Kind.undefined, ints, floats, strings };
}
