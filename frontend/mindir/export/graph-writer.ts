/**
 * Writes the nodes of one graph. Names stand for values; a value may be written with another integer type than it has,
 * and is cast where somebody wants it as it is.
 */
import { memoryData } from "../../../ir/data.ts";
import type { Value } from "../../../ir/graph.ts";
import type { Location } from "../../../ir/location.ts";
import type { Scalar } from "../../../ir/scalar.ts";
import { writeElements } from "../../../ir/storage.ts";
import { computeType, type DType, tensor, type TensorType } from "../../../ir/type.ts";
import type { Constant } from "../../../ir/attribute.ts";
import { type AttributeMessage, type Literal, type Literals, tensorMessage } from "./literals.ts";
import type { GraphMessage, ModelWriter } from "./model.ts";

/** A name in the file that stands for a tensor, a tuple or a constant. */
export interface Ref {
  readonly ref: string;
  /** The element type of the tensor in the file, where it is not the value's. */
  readonly dtype?: DType;
}
/** Operands of nodes: values of the graph, what was written before, and constants. */
export type Input = Value | Ref | LiteralInput;
export interface LiteralInput {
  readonly literal: Literal;
}
export const literal = (value: Literal): LiteralInput => ({ literal: value });

/** The result of a node with several results. */
export interface Items {
  readonly tuple: Ref;
  /** Result `i`, taken out of the tuple when it is asked for. */
  at(i: number): Ref;
}

export class GraphWriter {
  readonly message: GraphMessage;
  location: Location | undefined;
  /** What the next node is called, where it is free. */
  wanted = "";
  private readonly refs = new Map<Value, Ref>();
  private readonly casts = new Map<Value, Ref>();
  private readonly constants = new Map<string, Ref>();

  constructor(
    readonly model: ModelWriter,
    name: string,
  ) {
    this.message = model.graph(name);
  }

  get name(): string {
    return this.message.name;
  }

  define(value: Value, ref: Ref): void {
    this.refs.set(value, ref);
  }

  isDefined(value: Value): boolean {
    return this.refs.has(value);
  }

  /** As the file has it, of whatever integer type. */
  raw(value: Value): Ref {
    const found = this.refs.get(value);
    if (!found) throw new Error(`the value '${value.name}' was not written`);
    return found;
  }

  /** The name of the value as it is. */
  valueName(value: Value): string {
    const found = this.raw(value);
    const { dtype } = value.tensor;
    if (found.dtype === undefined || found.dtype === dtype) return found.ref;
    let cast = this.casts.get(value);
    if (!cast) {
      cast = this.node("Cast", [{ ref: found.ref }, literal(this.model.dialect.typeInput(dtype))], {}, value.tensor);
      this.casts.set(value, cast);
    }
    return cast.ref;
  }

  inputName(input: Input): string {
    if ("ref" in input) return input.ref;
    return "literal" in input ? this.constant(input.literal).ref : this.valueName(input);
  }

  /** A node with one result. */
  node(operator: string, inputs: readonly Input[], attributes: Literals, type: TensorType | readonly TensorType[]): Ref {
    const names = inputs.map((i) => this.inputName(i));
    const { opType, attribute } = this.model.operator(operator, attributes);
    return this.push(opType, names, [this.model.result(type), ...attribute], operator);
  }

  /** A node of any op type and attributes. */
  push(opType: string, input: readonly string[], attribute: readonly AttributeMessage[], what: string): Ref {
    const name = this.model.unique(`${this.name}:${this.wanted === "" ? what : this.wanted}`);
    this.wanted = "";
    this.message.node.push({ input, output: [name], name, opType, attribute, domain: this.location?.path ?? `Default/${what}` });
    return { ref: name };
  }

  /** A node with several results. */
  items(operator: string, inputs: readonly Input[], attributes: Literals, types: readonly TensorType[]): Items {
    const tuple = this.node(operator, inputs, attributes, types);
    const taken = new Map<number, Ref>();
    return {
      tuple,
      at: (i) => {
        let item = taken.get(i);
        if (!item) taken.set(i, (item = this.node("TupleGetItem", [tuple, literal(i)], {}, types[i]!)));
        return item;
      },
    };
  }

  tuple(inputs: readonly Input[], types: readonly TensorType[]): Ref {
    return this.node("MakeTuple", inputs, {}, types);
  }

  /** A number, string, dtype or tuple of such. */
  constant(value: Literal): Ref {
    const key = JSON.stringify(value, (_, v: unknown) => (typeof v === "number" ? String(v) : v)) + typeof value;
    return this.constantNode(key, () => this.model.dialect.attribute("value", value));
  }

  /** A constant tensor, its elements in the compute type of `dtype`. */
  tensorConstant(dtype: DType, shape: readonly number[], values: readonly number[]): Ref {
    const type = computeType(dtype);
    const scalars: Scalar[] = type === "i64" || type === "u64" ? values.map((v) => BigInt(Math.trunc(v))) : [...values];
    const key = `${dtype}[${shape.join()}] ${values.map((v) => (Object.is(v, -0) ? "-0" : String(v))).join()}`;
    return this.constantNode(key, () => {
      const data = memoryData(writeElements(dtype, scalars));
      return this.model.dialect.tensorValue(tensorMessage(tensor(dtype, shape), { rawData: data }));
    });
  }

  dataConstant({ type, data }: Constant): Ref {
    return this.constantNode("", () => this.model.dialect.tensorValue(tensorMessage(type, { rawData: data })));
  }

  private constantNode(key: string, value: () => AttributeMessage): Ref {
    const known = key === "" ? undefined : this.constants.get(key);
    if (known) return known;
    const name = this.model.unique(`${this.name}:const`);
    this.message.node.push({ input: [], output: [name], name, opType: "Constant", attribute: [value()], domain: "" });
    const ref = { ref: name };
    if (key !== "") this.constants.set(key, ref);
    return ref;
  }
}
