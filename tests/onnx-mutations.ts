/**
 * Damaged ONNX models as messages: wrong attributes, operands, types, shapes, operators and versions, which damaged bytes
 * seldom give.
 */
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxValueInfo } from "../frontend/onnx/messages.ts";
import type { Constant } from "../ir/attribute.ts";
import { memoryData } from "../ir/data.ts";
import { writeElements } from "../ir/storage.ts";
import { isFloat, tensor } from "../ir/type.ts";
import { randomIntegers } from "./mutations.ts";

type Random = (bound: number) => number;
export interface Damaged {
  readonly model: OnnxModel;
  readonly inputValues: ReadonlyMap<string, Constant>;
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;
const replaceAt = <T>(list: readonly T[], at: number, by: readonly T[]): T[] => [...list.slice(0, at), ...by, ...list.slice(at + 1)];

const oddIntegers = [-1n, 0n, 1n, 2n, 3n, -2n, 7n, 100n, -100n, 1000000n, 2n ** 31n, -(2n ** 31n), 2n ** 40n, 2n ** 62n, -(2n ** 63n)];
const oddFloats = [0, -0, 1, -1, NaN, Infinity, -Infinity, 1e38, 1e-40, 0.5];
const oddStrings = ["", "zzz", "linear", "NOTSET", "SAME_UPPER", "constant", "ij,jk->ik", "reflect", "\u0000", "mean", "bidirectional"];
const oddExtents = [0, 1, 2, 3, 5, 7, 100, 65536, 2 ** 31, 2 ** 40];

function oddAttribute(random: Random, a: OnnxAttribute): OnnxAttribute {
  const encoder = new TextEncoder();
  const kinds: readonly (() => OnnxAttribute)[] = [
    () => ({ ...a, i: pick(random, oddIntegers) }),
    () => ({ ...a, f: pick(random, oddFloats) }),
    () => ({ ...a, s: encoder.encode(pick(random, oddStrings)) }),
    () => ({ ...a, ints: replaceAt(a.ints, random(a.ints.length + 1), [pick(random, oddIntegers)]) }),
    () => ({ ...a, ints: a.ints.slice(1) }),
    () => ({ ...a, ints: [...a.ints, ...a.ints] }),
    () => ({ ...a, floats: replaceAt(a.floats, random(a.floats.length + 1), [pick(random, oddFloats)]) }),
    () => ({ ...a, type: random(15) }),
  ];
  if (a.i !== undefined && random(3) > 0) return kinds[0]!();
  if (a.s !== undefined && random(3) > 0) return kinds[2]!();
  return pick(random, kinds)();
}

const newAttribute = (random: Random, name: string): OnnxAttribute =>
  oddAttribute(random, {
    name,
    type: 2,
    refAttrName: "",
    floats: [],
    ints: [1n, 1n],
    strings: [],
    tensors: [],
    graphs: [],
    typeProtos: [],
    sparseTensors: [],
    i: 1n,
  });

const attributeNames = [
  "axis",
  "axes",
  "keepdims",
  "to",
  "mode",
  "pads",
  "strides",
  "kernel_shape",
  "dilations",
  "group",
  "perm",
  "auto_pad",
  "ceil_mode",
];

function damageNode(random: Random, node: OnnxNode, model: OnnxModel, ops: readonly string[]): OnnxNode {
  const { attribute, input, output } = node;
  const names = ["", "nowhere", ...model.graph.input.map((v) => v.name), ...model.graph.node.flatMap((n) => n.output)];
  const at = random(attribute.length || 1);
  switch (random(9)) {
    case 0:
    case 1:
    case 2:
      return attribute.length > 0
        ? { ...node, attribute: replaceAt(attribute, at, [oddAttribute(random, attribute[at]!)]) }
        : damageNode(random, node, model, ops);
    case 3:
      return { ...node, attribute: [...attribute, newAttribute(random, pick(random, attributeNames))] };
    case 4:
      return { ...node, attribute: replaceAt(attribute, at, []) };
    case 5:
      return { ...node, input: replaceAt(input, random(input.length + 1), [pick(random, names)]) };
    case 6:
      return { ...node, input: input.slice(0, random(input.length + 1)) };
    case 7:
      return { ...node, output: random(2) > 0 ? output.slice(1) : [...output, `extra${random(9)}`] };
    default:
      return { ...node, opType: pick(random, ops) };
  }
}

function damageInput(random: Random, v: OnnxValueInfo): OnnxValueInfo {
  const t = v.type?.tensorType;
  if (!t) return v;
  const dims = t.shape?.dim ?? [];
  const odd = pick(random, [
    { dimValue: pick(random, oddExtents), denotation: "" },
    { dimParam: pick(random, ["n", "m", "N"]), denotation: "" },
    { denotation: "" },
  ]);
  const shapes = [replaceAt(dims, random(dims.length + 1), [odd]), dims.slice(1), [...dims, odd]];
  const changed = random(3) > 0 ? { ...t, shape: { dim: pick(random, shapes) } } : { ...t, elemType: random(27) };
  return { ...v, type: { ...v.type, denotation: "", tensorType: changed } };
}

function damageValue(random: Random, c: Constant): Constant {
  const shape = c.type.shape as readonly number[];
  const wanted = random(3) > 0 ? shape : pick(random, [[], [0], [1], [2], [3], [1, 2], [...shape, 1]]);
  const count = wanted.reduce((a, b) => a * b, 1);
  if (c.type.dtype === "string" || count > 4096) return c;
  const value = (): number | bigint =>
    isFloat(c.type.dtype) ? pick(random, oddFloats) : c.type.dtype === "bool" ? random(2) : Number(pick(random, oddIntegers));
  const narrow = (x: number | bigint): number | bigint => (/64$|u32/.test(c.type.dtype) && !isFloat(c.type.dtype) ? BigInt(x) : x);
  return {
    type: tensor(c.type.dtype, wanted),
    data: memoryData(
      writeElements(
        c.type.dtype,
        Array.from({ length: count }, () => narrow(value())),
      ),
    ),
  };
}

/** `count` damaged forms of a model; `values` are pinned inputs, damaged too. `ops` are the operators to put in for others. */
export function* damagedModels(
  model: OnnxModel,
  values: ReadonlyMap<string, Constant>,
  count: number,
  seed: number,
  ops: readonly string[],
): Generator<Damaged> {
  const random = randomIntegers(seed);
  for (let i = 0; i < count; i++) yield damage(random, model, values, ops, 1 + random(3));
}

function damage(
  random: Random,
  model: OnnxModel,
  inputValues: ReadonlyMap<string, Constant>,
  ops: readonly string[],
  times: number,
): Damaged {
  let damaged: Damaged = { model, inputValues };
  for (let i = 0; i < times; i++) damaged = damageOnce(random, damaged, ops);
  return damaged;
}

function damageOnce(random: Random, { model, inputValues }: Damaged, ops: readonly string[]): Damaged {
  const { graph } = model;
  const kind = random(8);
  if (kind === 0) return { model: { ...model, opsetImport: [{ domain: "", version: 1 + random(27) }] }, inputValues };
  if (kind <= 2 && graph.input.length > 0) {
    const at = random(graph.input.length);
    return {
      model: { ...model, graph: { ...graph, input: replaceAt(graph.input, at, [damageInput(random, graph.input[at]!)]) } },
      inputValues,
    };
  }
  const pinned = [...inputValues];
  if (kind <= 4 && pinned.length > 0) {
    const [name, value] = pick(random, pinned);
    return { model, inputValues: new Map([...pinned, [name, damageValue(random, value)]]) };
  }
  if (graph.node.length === 0) return { model, inputValues };
  const at = random(graph.node.length);
  return {
    model: { ...model, graph: { ...graph, node: replaceAt(graph.node, at, [damageNode(random, graph.node[at]!, model, ops)]) } },
    inputValues,
  };
}
