/** The ops of one graph as they go into an AIR file: names, edges, descriptors, complete attributes. */
import type { Constant } from "../../ir/attribute.ts";
import { memoryData } from "../../ir/data.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { writeElements } from "../../ir/storage.ts";
import { computeType, type DType, formatType, tensor, type TensorType } from "../../ir/type.ts";
import {
  boolsAttribute,
  encodeAttribute,
  intAttribute,
  intsAttribute,
  namesAttribute,
  placesAttribute,
  stringAttribute,
} from "./attributes.ts";
import { parameterOpName, unnamedOpName } from "./constants.ts";
import { fileNumber } from "./data-types.ts";
import type { GeAttribute, GeAttributeEntry } from "./messages.ts";
import { type AttributeValue, type Signature, signatureOf, type Slot } from "./signature.ts";

/** A result of an op in the file. */
export interface Ref {
  readonly op: string;
  readonly index: number;
  readonly type: TensorType;
  readonly isConst: boolean;
}
/** Inputs by the names of their slots. */
export type Inputs = Readonly<Record<string, Ref | readonly Ref[] | undefined>>;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A message that the writer takes: fields that are absent have their default. */
type Message = Readonly<Record<string, unknown>>;

export class GraphWriter {
  readonly ops: Message[] = [];
  readonly outputs: string[] = [];
  private readonly names = new Set<string>();
  private constants = 0;

  constructor(readonly name: string) {}

  get message(): Message {
    return { name: this.name, output: this.outputs, op: this.ops };
  }

  /** `wanted`, or with a number before its suffix where an op has that name already. */
  uniqueName(wanted: string, suffix = ""): string {
    let name = wanted + suffix;
    for (let k = 1; this.names.has(name); k++) name = `${wanted}_${k}${suffix}`;
    this.names.add(name);
    return name;
  }

  /** The graph's input number `index`. */
  data(name: string, type: TensorType, index: number): Ref {
    const unique = this.uniqueName(name);
    const signature = signatureOf("Data")!;
    // Its own slot is not connected, and described all the same.
    const [slots, described] = [filledSlots(signature.inputs, {}), [descriptor(type)]];
    this.push(unique, signature, { slots, attr: attributesOf(signature, { index }), inputDesc: described, outputDesc: described });
    return { op: unique, index: 0, type, isConst: false };
  }

  /** A constant; a parameter where it has a name. */
  constant(name: string, { type, data }: Constant): Ref {
    const unique = name === "" ? this.uniqueName(unnamedOpName(this.constants++)) : this.uniqueName(name, parameterOpName(""));
    const value: GeAttributeEntry = { key: "value", value: { t: { desc: descriptor(type, "ND"), data } as never } };
    this.push(unique, signatureOf("Const")!, { slots: [], attr: [value], inputDesc: [], outputDesc: [descriptor(type)] });
    return { op: unique, index: 0, type, isConst: true };
  }

  numbers(dtype: DType, shape: readonly number[], values: readonly number[]): Ref {
    const kind = computeType(dtype);
    const scalars = kind === "i64" || kind === "u64" ? values.map((v) => BigInt(Math.trunc(v))) : values;
    return this.constant("", { type: tensor(dtype, shape), data: memoryData(writeElements(dtype, scalars)) });
  }

  /** Writes an op; `name` is already unique. Attributes that are not given have their defaults. */
  add(
    name: string,
    type: string,
    inputs: Inputs,
    attributes: Attributes,
    results: readonly TensorType[],
    subgraphs: readonly string[] = [],
  ): Ref[] {
    const signature = signatureOf(type);
    if (!signature) throw new Error(`the operator '${type}' has no signature`);
    const slots = filledSlots(signature.inputs, inputs);
    const inputDesc = slots.map(({ ref }) => (ref ? descriptor(ref.type) : descriptorOfNothing));
    const attr = attributesOf(signature, attributes);
    this.push(name, signature, { slots, attr, inputDesc, outputDesc: results.map((t) => descriptor(t)), subgraphs });
    return results.map((t, index) => ({ op: name, index, type: t, isConst: false }));
  }

  private push(name: string, signature: Signature, { slots, attr, inputDesc, outputDesc, subgraphs }: OpParts): void {
    const isConst = slots.map(({ ref }) => ref?.isConst === true);
    this.ops.push({
      name,
      type: signature.type,
      input: slots.map(({ ref }) => (ref ? `${ref.op}:${ref.index}` : "")),
      attr: [...attr, ...slotAttributes(slots, signature, outputDesc.length), entry("is_input_const", boolsAttribute(isConst))],
      hasOutAttr: true,
      id: this.ops.length,
      isInputConst: isConst,
      inputDesc,
      outputDesc,
      subgraphName: subgraphs ?? [],
    });
  }
}

interface OpParts {
  readonly slots: readonly Filled[];
  readonly attr: readonly GeAttributeEntry[];
  readonly inputDesc: readonly Message[];
  readonly outputDesc: readonly Message[];
  readonly subgraphs?: readonly string[];
}

const entry = (key: string, value: GeAttribute): GeAttributeEntry => ({ key, value });

interface Filled {
  readonly name: string;
  readonly ref: Ref | undefined;
}

/** One per slot in order; those of many inputs numbered. */
function filledSlots(slots: readonly Slot[], inputs: Inputs): Filled[] {
  return slots.flatMap(({ name, arity }): Filled[] => {
    const given = inputs[name];
    if (arity === "many") return ((given ?? []) as readonly Ref[]).map((ref, k) => ({ name: `${name}${k}`, ref }));
    return [{ name, ref: given as Ref | undefined }];
  });
}

function slotAttributes(slots: readonly Filled[], { inputs, outputs }: Signature, results: number): GeAttributeEntry[] {
  const optional = inputs.filter((s) => s.arity === "optional").map((s) => s.name);
  const names = outputs.flatMap(({ name, arity }) =>
    arity === "many" ? Array.from({ length: results - outputs.length + 1 }, (_, k) => `${name}${k}`) : [name],
  );
  return [
    entry("_input_name_key", namesAttribute(slots.map((s) => s.name))),
    entry("_input_name_value", placesAttribute(slots.length)),
    ...(optional.length > 0 ? [entry("_opt_input", namesAttribute(optional))] : []),
    entry("_output_name_key", namesAttribute(names)),
    entry("_output_name_value", placesAttribute(names.length)),
  ];
}

function attributesOf({ type, attributes }: Signature, given: Attributes): GeAttributeEntry[] {
  const unknown = Object.keys(given).find((name) => !attributes.some((a) => a.name === name));
  if (unknown !== undefined) throw new Error(`'${type}' has no attribute '${unknown}'`);
  return attributes.map(({ name, type: kind, fallback }) => {
    const value = given[name] ?? fallback;
    if (value === undefined) throw new Error(`'${type}' needs the attribute '${name}'`);
    return entry(name, encodeAttribute(kind, value));
  });
}

/** Four axes are an image's, unless the tensor is said to be no image. */
function descriptor(type: TensorType, layout = type.shape.length === 4 ? "NCHW" : "ND"): Message {
  const dtype = fileNumber(type.dtype);
  if (dtype === undefined) throw new OpError(`GE has no element type ${type.dtype}`, "unsupported-type", { received: formatType(type) });
  const dim = type.shape.map((d) => (typeof d === "number" ? d : -1));
  return {
    dtype,
    shape: { dim },
    layout,
    attr: [entry("origin_format", stringAttribute(layout)), entry("origin_shape", intsAttribute(dim))],
    hasOutAttr: true,
    deviceType: "NPU",
    realDimCnt: dim.length,
  };
}

/** Of optional inputs that are not there. */
const descriptorOfNothing: Message = { layout: "RESERVED", hasOutAttr: true, deviceType: "NPU" };

/** What every model says of its device. */
export const modelAttributes: readonly GeAttributeEntry[] = [
  ...["event_num", "label_num", "memory_size", "p2p_memory_size", "stream_num"].map((key) => entry(key, intAttribute(0))),
  entry("target_type", stringAttribute("MINI")),
  entry("weight_size", intAttribute(0)),
];
