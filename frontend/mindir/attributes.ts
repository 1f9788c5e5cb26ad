/** MindIR's attributes as items: the types of 1.7 and later, and the mini-language of `ref_attr_name` before. */
import { CompileError } from "../../ir/diagnostic.ts";
import type { DType } from "../../ir/type.ts";
import { MindirAttributeType as Type, type MindirAttribute, type MindirTensor } from "./messages.ts";
import { mindirDType } from "./tensor-data.ts";
import { bigintItem, boolOf, floatOf, type Item, monad, none, tupleOf } from "./values.ts";

const decoder = new TextDecoder();

/** Element types of integer attributes by `MindirAttributeType`. */
const integerTypes: ReadonlyMap<number, DType> = new Map([
  [Type.uint8, "u8"],
  [Type.int8, "i8"],
  [Type.uint16, "u16"],
  [Type.int16, "i16"],
  [Type.int32, "i32"],
  [Type.int64, "i64"],
  [Type.uint32, "u32"],
  [Type.uint64, "u64"],
]);
const floatTypes: ReadonlyMap<number, DType> = new Map([
  [Type.float, "f32"],
  [Type.float16, "f16"],
  [Type.bfloat16, "bf16"],
  [Type.double, "f64"],
]);

const tensorItem = (tensor: MindirTensor): Item => ({ kind: "constant", tensor });
const python = (text: string): Item => ({ kind: "python", text });

/** Nesting beyond this is no model's. */
const deepest = 64;

/** The value of an attribute. Throws a `CompileError` where it contradicts itself. */
export function attributeItem(a: MindirAttribute, depth = 0): Item {
  if (depth > deepest) throw CompileError.of("limit", { source: "<attribute>" }, `the attribute '${a.name}' nests too deep`);
  return a.refAttrName === "" ? typedItem(a, depth) : structuredItem(a);
}

/** The scalar number `k` of an attribute: in the singular field, or, of elements of tuples, in the repeated one. */
function typedItem(a: MindirAttribute, depth: number): Item {
  const scalar = scalarItem(a);
  if (scalar) return scalar;
  switch (a.type) {
    case Type.tensors:
    case Type.tensor:
      return tensorsItem(a);
    case Type.tuple:
    case Type.list:
      return tupleOf(a.values.map((v) => attributeItem(v, depth + 1)));
    case Type.dict:
      return { kind: "dict", entries: new Map(a.values.map((v) => [v.name, v.values[0] ? attributeItem(v.values[0], depth + 2) : none])) };
    case Type.umonad:
    case Type.iomonad:
      return monad;
    case Type.none:
    case Type.typeNull:
      return none;
    case Type.classType:
    case Type.nameSpace:
    case Type.symbol:
      return python(decoder.decode(a.s ?? new Uint8Array()));
    default:
      return python(`a value of the attribute type ${a.type}`);
  }
}

function scalarItem(a: MindirAttribute): Item | undefined {
  const integer = integerTypes.get(a.type);
  if (integer) return bigintItem(a.i ?? a.ints[0] ?? 0n, integer);
  const float = floatTypes.get(a.type);
  if (float) return floatOf(a.type === Type.double ? (a.d ?? a.doubles[0] ?? 0) : (a.f ?? a.floats[0] ?? 0), float);
  if (a.type === Type.bool) return boolOf((a.i ?? a.ints[0] ?? 0n) !== 0n);
  if (a.type === Type.string) return { kind: "string", value: decoder.decode(a.s ?? a.strings[0] ?? new Uint8Array()) };
  return undefined;
}

/** A tensor with data is a constant, one without data stands for its element type. */
function tensorsItem(a: MindirAttribute): Item {
  const [tensor] = a.t ? [a.t] : a.tensors;
  if (!tensor) return none;
  if (tensor.quantParams.length > 0) return python("quantization parameters");
  const isEmpty = tensor.dims.includes(0);
  const hasData = tensor.rawData !== undefined || tensor.externalData !== undefined || isEmpty || hasFieldData(tensor);
  return hasData ? tensorItem(tensor) : dtypeItem(tensor);
}

const hasFieldData = (t: MindirTensor): boolean =>
  [t.floatData, t.int32Data, t.int64Data, t.doubleData, t.uint64Data, t.stringData].some((field) => field.length > 0);

function dtypeItem({ dataType }: MindirTensor): Item {
  const dtype = mindirDType(dataType);
  return dtype === undefined ? python(`the data type ${dataType}`) : { kind: "dtype", dtype };
}

/** `kind:structure` of files before 1.7. */
function structuredItem(a: MindirAttribute): Item {
  const at = a.refAttrName.indexOf(":");
  const kind = at < 0 ? a.refAttrName : a.refAttrName.slice(0, at);
  const structure = at < 0 ? "" : a.refAttrName.slice(at + 1);
  switch (kind) {
    case "scalar":
      return structure.includes("[") ? new Structure(a, structure).item() : elementItem(a, 0);
    case "tensor":
      return a.tensors[0] ? tensorItem(a.tensors[0]) : none;
    case "type":
      return a.tensors[0] ? dtypeItem(a.tensors[0]) : none;
    case "Monad":
      return monad;
    case "none":
      return none;
    default:
      return python(`a value written as '${a.refAttrName.slice(0, 40)}'`);
  }
}

/** Element `k` of the flat lists that a structure is written over; alone, it may stand in the singular field. */
function elementItem(a: MindirAttribute, k: number): Item {
  const tensor = a.tensors[k];
  if (tensor) return tensorItem(tensor);
  const single = k > 0 ? undefined : a;
  return (
    scalarItem({
      ...a,
      ints: a.ints.slice(k, k + 1),
      floats: a.floats.slice(k, k + 1),
      doubles: a.doubles.slice(k, k + 1),
      strings: a.strings.slice(k, k + 1),
      ...(single === undefined && { i: undefined, f: undefined, d: undefined, s: undefined }),
    } as MindirAttribute) ?? none
  );
}

/** `Tuple[value1,Tuple[value2,],]`: words are names of elements, brackets are tuples, everything ends with a comma. */
class Structure {
  private at = 0;

  constructor(
    private readonly attribute: MindirAttribute,
    private readonly text: string,
  ) {}

  item(depth = 0): Item {
    const word = /[^[\],]*/y;
    word.lastIndex = this.at;
    const [name] = word.exec(this.text) ?? [""];
    this.at += name.length;
    if (this.text[this.at] !== "[") return elementItem(this.attribute, Number(/\d+$/.exec(name)?.[0] ?? 1) - 1);
    this.at++;
    const elements: Item[] = [];
    while (this.at < this.text.length && this.text[this.at] !== "]" && depth < deepest) {
      elements.push(this.item(depth + 1));
      if (this.text[this.at] === ",") this.at++;
    }
    this.at++;
    return tupleOf(elements);
  }
}
