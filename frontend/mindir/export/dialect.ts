/** What MindIR of 1.1 and of 2.0 and later write differently. */
import type { DType, TensorType } from "../../../ir/type.ts";
import { MindirAttributeType as Kind } from "../messages.ts";
import { numberOfDType } from "../type-id.ts";
import { type AttributeMessage, type Literal, structuredAttribute, tensorMessage, type TensorMessage, typedAttribute } from "./literals.ts";

export type DialectName = "1.1" | "2";

export interface Dialect {
  readonly name: DialectName;
  attribute(name: string, value: Literal): AttributeMessage;
  /** An element type where an operator takes it as an input. */
  typeInput(dtype: DType): Literal;
  /** The value of a constant that is a tensor. */
  tensorValue(tensor: TensorMessage): AttributeMessage;
  /** The attribute that tells a node's result: a type, or a tuple of types. */
  result(types: TensorType | readonly TensorType[]): AttributeMessage;
  /** The name that an operator has, by its name since 1.2. */
  operator(name: string): string;
  /** The names that an attribute is written under: those of 1.1 and of later readers. */
  attributeNames(operator: string, name: string): readonly string[];
}

/** Names in 1.1 (1.1.0) by those since 1.2. */
const oldOperators: Readonly<Record<string, string>> = {
  Add: "TensorAdd",
  Conv2DTranspose: "Conv2DBackpropInput",
  FastGeLU: "FastGelu",
  Gather: "GatherV2",
  GeLU: "Gelu",
  MakeTuple: "make_tuple",
  Stack: "Pack",
  TupleGetItem: "tuple_getitem",
  Unstack: "Unpack",
};

const oldPool = { kernel_size: "ksize", pad_mode: "padding" };
const oldAttributes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MaxPool: oldPool,
  AvgPool: oldPool,
  MaxPoolWithArgmax: oldPool,
};

const ofOne: Dialect = {
  name: "1.1",
  attribute: structuredAttribute,
  typeInput: (dtype) => ({ dtype }),
  tensorValue: (tensor) => ({ name: "value", refAttrName: "tensor:value0", type: Kind.tensors, tensors: [{ ...tensor, name: "value0" }] }),
  result(types) {
    const list = isTuple(types) ? types : [types];
    const names = list.map((_, i) => `shape${i + 1},`).join("");
    return {
      refAttrName: isTuple(types) ? `shape:Tuple[${names}],` : `shape:${names}`,
      tensors: list.map((t, i) => tensorMessage(t, { name: `shape${i + 1}` })),
    };
  },
  operator: (name) => oldOperators[name] ?? name,
  attributeNames(operator, name) {
    const old = oldAttributes[operator]?.[name] ?? (name === "format" ? "data_format" : undefined);
    return old === undefined ? [name] : [old, name];
  },
};

const typedTensor = (type: TensorType): AttributeMessage => ({ type: Kind.tensors, tensors: [tensorMessage(type)] });

const ofTwo: Dialect = {
  name: "2",
  attribute: typedAttribute,
  // A number since 2.3; MindSpore 2.7 takes no other.
  typeInput: (dtype) => numberOfDType(dtype) ?? { dtype },
  tensorValue: (tensor) => ({ name: "value", type: Kind.tensors, tensors: [tensor] }),
  result: (types) =>
    isTuple(types) ? { name: "shape", type: Kind.tuple, values: types.map(typedTensor) } : { name: "shape", ...typedTensor(types) },
  operator: (name) => name,
  attributeNames: (_operator, name) => [name],
};

const isTuple = (types: TensorType | readonly TensorType[]): types is readonly TensorType[] => Array.isArray(types);

export const dialects: Readonly<Record<DialectName, Dialect>> = { "1.1": ofOne, "2": ofTwo };
