/**
 * What MindSpore 1.1 recorded of its networks: every call of a primitive in inference, the parameters, the results. A
 * recording becomes a MindIR model, and by our importer a graph.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { FileSource } from "../../frontend/bytes.ts";
import { importMindir } from "../../frontend/mindir/import.ts";
import {
  type MindirAttribute,
  MindirAttributeType,
  MindirDataType,
  type MindirModel,
  type MindirNode,
} from "../../frontend/mindir/messages.ts";
import { readNpz } from "../../frontend/npz/read.ts";
import type { TensorValue } from "../../frontend/tensor-data.ts";
import { memoryData, type TensorData } from "../../ir/data.ts";
import type { Graph } from "../../ir/graph.ts";
import { writeElements } from "../../ir/storage.ts";
import { type DType, tensor, type TensorType } from "../../ir/type.ts";
import { attributeMessage, graphMessage, input, modelMessage, outputs, type Plain, tensorMessage, typed } from "../mindir-messages.ts";

/** Shape and element type, as "Float32". */
type RecordedType = readonly [shape: readonly number[], dtype: string];

type Reference =
  | { readonly node: number; readonly out: number }
  | { readonly input: string }
  | { readonly param: string }
  | { readonly value: number }
  | { readonly dtype: string }
  | { readonly const: Numbers | string; readonly shape: readonly number[]; readonly dtype: string }
  | readonly Reference[];
/** `null` is not a number. */
type Numbers = number | boolean | null | readonly Numbers[];

interface RecordedNode {
  readonly id: number;
  readonly op: string;
  readonly scope: string;
  readonly attrs: Readonly<Record<string, Plain>>;
  readonly inputs: readonly Reference[];
  readonly outputs: readonly RecordedType[];
}

interface Recording {
  readonly name: string;
  readonly inputs: readonly RecordedType[];
  readonly outputs: readonly RecordedType[];
  readonly output_refs: readonly Reference[];
  readonly params: Readonly<Record<string, readonly [shape: readonly number[], dtype: string, trainable: boolean]>>;
  readonly nodes: readonly RecordedNode[];
}

const types: Readonly<Record<string, readonly [DType, number]>> = {
  Float16: ["f16", MindirDataType.float16],
  Float32: ["f32", MindirDataType.float],
  Float64: ["f64", MindirDataType.double],
  Int32: ["i32", MindirDataType.int32],
  Int64: ["i64", MindirDataType.int64],
  Bool: ["bool", MindirDataType.bool],
};
const typeOf = (name: string): readonly [DType, number] => {
  const found = types[name];
  if (!found) throw new Error(`the recording has the type '${name}'`);
  return found;
};
const tensorType = ([shape, dtype]: RecordedType): TensorType => tensor(typeOf(dtype)[0], shape);

/** A parameter's elements, by its name and type. */
export type DataOf = (name: string, type: TensorType) => TensorData;

/** The names of the recordings in the folder, in order. */
export const recordingsIn = (folder: string): string[] =>
  readdirSync(folder)
    .flatMap((file) => /^(\w+)\.json(\.gz)?$/.exec(file)?.slice(1, 2) ?? [])
    .sort();

export class RecordedNetwork {
  private readonly recording: Recording;
  private readonly arrays: ReadonlyMap<string, TensorValue>;

  /** Reads `NAME.json` or `NAME.json.gz` in the folder, and `NAME.npz`. */
  constructor(folder: string, name: string) {
    const plain = join(folder, `${name}.json`);
    const text = existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
    // Python writes infinities and NaN as words.
    const json = text
      .toString("utf8")
      .replace(/(?<=[[:,\s])(-?)(Infinity|NaN)\b/g, (_, sign: string, word) => (word === "NaN" ? "null" : `${sign}1e999`));
    this.recording = JSON.parse(json) as Recording;
    const archive = join(folder, `${name}.npz`);
    this.arrays = existsSync(archive) ? readNpz(new FileSource(archive)).tensors : new Map();
  }

  get name(): string {
    return this.recording.name;
  }

  /** Of all parameters, those that the outputs do not need among them. */
  get parameters(): ReadonlyMap<string, TensorType> {
    return new Map(Object.entries(this.recording.params).map(([name, [shape, dtype]]) => [name, tensorType([shape, dtype])]));
  }

  get outputs(): readonly TensorType[] {
    return this.recording.outputs.map(tensorType);
  }

  /** The graph that our importer makes. */
  graph(dataOf: DataOf): Graph {
    return importMindir(this.model(dataOf)).graph;
  }

  private model(dataOf: DataOf): MindirModel {
    const { recording } = this;
    const nodes = new Nodes(this.arrays, new Set(recording.nodes.filter((n) => n.outputs.length > 1).map((n) => n.id)));
    for (const node of recording.nodes) nodes.add(node);
    const results = recording.output_refs.map((r) => nodes.nameOf(r));
    const parameter = Object.entries(recording.params).map(([name, [shape, dtype]]) =>
      tensorMessage(shape, {
        name: `$${name}`,
        refKey: name,
        dataType: typeOf(dtype)[1],
        rawData: dataOf(name, tensorType([shape, dtype])),
      }),
    );
    const inputs = recording.inputs.map(([shape, dtype], i) => input(`input${i}`, shape, typeOf(dtype)[1]));
    return modelMessage(graphMessage(recording.name, { node: nodes.messages, parameter, input: inputs, output: outputs(...results) }));
  }
}

/** The nodes of the model: those of the recording, constants, tuples and their elements. */
class Nodes {
  readonly messages: MindirNode[] = [];
  private readonly made = new Set<string>();

  constructor(
    private readonly arrays: ReadonlyMap<string, TensorValue>,
    /** Nodes with several results. */
    private readonly tuples: ReadonlySet<number>,
  ) {}

  add({ id, op, scope, attrs, inputs }: RecordedNode): void {
    const names = inputs.map((r) => this.nameOf(r));
    const attributes = Object.entries(attrs).filter(([, value]) => typeof value !== "string" || !value.startsWith("dtype:"));
    this.push(
      op,
      `n${id}`,
      names,
      attributes.map(([name, value]) => typed(name, value)),
      `${scope}/${op}-op${id}`,
    );
  }

  private push(opType: string, output: string, inputs: readonly string[], attribute: readonly MindirAttribute[], domain = ""): void {
    this.messages.push({ input: inputs, output: [output], name: output, opType, attribute, domain, nodeAttr: [], primalAttr: [] });
  }

  /** The name by which nodes refer to what a recording refers to. */
  nameOf(r: Reference): string {
    if ("input" in r) return r.input;
    if ("param" in r) return `$${r.param}`;
    if ("node" in r) return this.tuples.has(r.node) ? this.element(r.node, r.out) : `n${r.node}`;
    if (Array.isArray(r)) return this.tuple(r as readonly Reference[]);
    return this.constant(`c:${JSON.stringify(r)}`, () => this.value(r as Exclude<Reference, readonly Reference[]>));
  }

  private once(name: string, make: () => void): string {
    if (!this.made.has(name)) make();
    this.made.add(name);
    return name;
  }

  private element(node: number, k: number): string {
    const at = this.constant(`c:{"value":${k}}`, () => typed("value", k));
    return this.once(`n${node}.${k}`, () => {
      this.push("TupleGetItem", `n${node}.${k}`, [`n${node}`, at], []);
    });
  }

  private tuple(list: readonly Reference[]): string {
    const isPlain = list.every((r) => "value" in r);
    if (isPlain)
      return this.constant(`c:${JSON.stringify(list)}`, () =>
        typed(
          "value",
          list.map((r) => (r as { value: number }).value),
        ),
      );
    const names = list.map((r) => this.nameOf(r));
    return this.once(`t:${names.join()}`, () => {
      this.push("MakeTuple", `t:${names.join()}`, names, []);
    });
  }

  private constant(name: string, value: () => MindirAttribute): string {
    return this.once(name, () => {
      this.push("Constant", name, [], [value()]);
    });
  }

  private value(r: Exclude<Reference, readonly Reference[]>): MindirAttribute {
    if ("value" in r) return typed("value", r.value);
    if ("const" in r) return this.tensor(r.const, r.shape, r.dtype);
    const dataType = typeOf((r as { dtype: string }).dtype)[1];
    return attributeMessage("value", MindirAttributeType.tensors, { tensors: [tensorMessage([], { dataType })] });
  }

  private tensor(content: Numbers | string, shape: readonly number[], dtype: string): MindirAttribute {
    const [type, dataType] = typeOf(dtype);
    const data =
      typeof content === "string"
        ? this.array(content)
        : memoryData(
            writeElements(
              type,
              flat(content).map((x) => (type === "i64" ? BigInt(x) : x)),
            ),
          );
    return attributeMessage("value", MindirAttributeType.tensors, {
      tensors: [tensorMessage(shape, { dataType, rawData: data })],
    });
  }

  private array(reference: string): TensorData {
    const found = this.arrays.get(reference.slice("npz:".length));
    if (!found) throw new Error(`the recording has no array '${reference}'`);
    return found.data;
  }
}

const flat = (x: Numbers): number[] => (Array.isArray(x) ? (x as readonly Numbers[]).flatMap(flat) : [x === null ? NaN : Number(x)]);
