/**
 * A graph of ours as nodes of MindSpore Lite. Each value is known as a tensor of the file in the graph's order of axes or
 * with channels last; the other one is made by a transpose where something needs it.
 */
import type { Constant } from "../../../ir/attribute.ts";
import { memoryData } from "../../../ir/data.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Graph, type Op, type Value } from "../../../ir/graph.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { DequantizeLinear } from "../../../ir/ops/quantize.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { writeElements } from "../../../ir/storage.ts";
import { byteSize, computeType, type DType, tensor, type TensorType } from "../../../ir/type.ts";
import type { FlatMessage } from "../../flatbuffers-reader.ts";
import { permutedData } from "../../permuted-data.ts";
import { type Layout, permuted, toLast, toSecond } from "../layout.ts";
import { idOfDtype } from "../type-id.ts";
import { Sizes } from "./sizes.ts";
import type { ModelMessage, QuantMessage } from "./model.ts";

/** A constant, seen through reshapes and transposes of it that need no computation. */
export interface View {
  readonly constant: Constant;
  readonly name: string;
}

const numbersOf = (shape: readonly Dim[]): number[] => shape.map((d) => (typeof d === "number" ? d : -1));

/** What an emitter asks of the rows. */
export interface EmitterHooks {
  /** Emits one op of a graph. */
  readonly emit: (e: Emitter, op: Op) => void;
  /** The tensor of the real numbers of a dequantize op. */
  readonly dequantise: (e: Emitter, op: Op) => number;
}

/** What the graphs of one file have in common. */
interface Shared {
  readonly constants: Map<Value, Map<Layout, number>>;
  readonly literals: Map<string, number>;
  /** Results of ops that could not be written. */
  readonly failed: Set<Value>;
}

/** Thrown where a value is asked for that could not be written, which is told already. */
export class LostValue extends Error {}

export class Emitter {
  private readonly forms = new Map<Value, Map<Layout, number>>();
  /** Ops that are emitted when their results are first needed. */
  private readonly pending = new Map<Value, () => void>();
  /** Weights in the file as integers, by the value that makes them real. */
  readonly quantised = new Map<Value, ReadonlyMap<Layout, number>>();
  /** Ops that another op's node does too. */
  readonly absorbed = new Set<Op>();
  /** How sizes become tensors. */
  readonly sizes = new Sizes(this);
  /** Set while a node is emitted whose inputs and outputs are quantised. */
  quantType = "QUANT_NONE";

  /** The nodes made, by index. */
  readonly nodes: number[] = [];

  constructor(
    readonly model: ModelMessage,
    private readonly hooks: EmitterHooks,
    private readonly shared: Shared = { constants: new Map(), literals: new Map(), failed: new Set() },
  ) {}

  /** Tells that values could not be written. */
  lose(values: readonly Value[]): void {
    for (const v of values) this.shared.failed.add(v);
  }

  /** Puts an op off until something needs its result, which may not be. */
  putOff(v: Value, emit: () => void): void {
    this.pending.set(v, emit);
  }

  private resolve(v: Value): void {
    const emit = this.pending.get(v);
    this.pending.delete(v);
    emit?.();
  }

  /** Whether the value is known with channels last only. */
  isLast(v: Value): boolean {
    this.resolve(v);
    const forms = this.forms.get(v);
    return forms?.has("last") === true && !forms.has("second");
  }

  define(v: Value, layout: Layout, index: number): void {
    this.sizes.tell(v);
    const forms = this.forms.get(v) ?? new Map<Layout, number>();
    this.forms.set(v, forms.set(layout, index));
  }

  /** The tensor of a value, in the graph's own order of axes (`second`) or with channels last. */
  get(v: Value, layout: Layout = "second"): number {
    this.resolve(v);
    if (this.shared.failed.has(v)) throw new LostValue();
    const forms = constantView(v) ? this.shared.constants : this.forms;
    const known = forms.get(v)?.get(layout);
    if (known !== undefined) return known;
    const made = this.make(v, layout);
    forms.set(v, (forms.get(v) ?? new Map<Layout, number>()).set(layout, made));
    return made;
  }

  private make(v: Value, layout: Layout): number {
    const view = constantView(v);
    if (view) return this.constantTensor(view, layout);
    if (layout === "last" && v.tensor.shape.length !== 4) return this.lowered(v);
    const source = v.op?.definition === Cast ? v.op.operand(0)! : undefined;
    if (source && constantView(source)) return this.castConstant(v, source, layout);
    if (layout === "second" && v.op?.definition === DequantizeLinear && !this.forms.has(v)) return this.hooks.dequantise(this, v.op);
    if (!this.forms.has(v)) throw new Error(`the value '${v.name}' of '${v.op?.name ?? "an input"}' has not been emitted`);
    const { dtype, shape } = v.tensor;
    if (layout === "second") return this.transposed(this.get(v, "last"), dtype, shape, toSecond, v.name);
    return this.transposed(this.get(v, "second"), dtype, permuted(shape, toLast), toLast, "");
  }

  /** A constant of another type, in the order of axes that is needed. */
  private castConstant(v: Value, source: Value, layout: Layout): number {
    const { dtype, shape } = v.tensor;
    const isLast = layout === "last";
    const y = this.addTensor(isLast ? "" : v.name, tensor(dtype, isLast ? permuted(shape, toLast) : shape), isLast ? "NHWC" : "NCHW");
    this.addNode("Cast", {}, [this.get(source, layout), this.int(typeId(dtype))], [y], "QUANT_NONE");
    return y;
  }

  private transposed(x: number, dtype: DType, shape: readonly Dim[], perm: readonly number[], name: string): number {
    const y = this.addTensor(name, tensor(dtype, shape), formatOf(perm));
    this.addNode("Transpose", {}, [x, this.ints(perm)], [y], "QUANT_NONE");
    return y;
  }

  /** A tensor of fewer axes as it broadcasts to images with channels last. */
  private lowered(v: Value): number {
    const { dtype, shape } = v.tensor;
    const raised = raisedShape(shape);
    const x = this.get(v, "second");
    const [, c, h, w] = raised;
    if (h === 1 && w === 1) return this.reshaped(x, dtype, shape.length === 0 ? [] : [c!]);
    const whole = this.reshaped(x, dtype, raised);
    return this.transposed(whole, dtype, permuted(raised, toLast), toLast, "");
  }

  reshaped(x: number, dtype: DType, shape: readonly Dim[]): number {
    const y = this.addTensor("", tensor(dtype, shape), "NCHW");
    this.addNode("Reshape", {}, [x, this.ints(numbersOf(shape))], [y], "QUANT_NONE");
    return y;
  }

  /** A constant in an order of axes; of fewer axes than images have, as it broadcasts to them. */
  private constantTensor({ constant, name }: View, layout: Layout): number {
    const shape = constant.type.shape as readonly number[];
    if (layout === "second") return this.addConstant(name, constant.type, constant.data, "NCHW");
    const raised = raisedShape(shape) as number[];
    const dims = permuted(raised, toLast);
    const isVector = shape.length < 4 && dims[0] === 1 && dims[1] === 1 && dims[2] === 1;
    const kept = isVector ? (shape.length === 0 ? [] : dims.slice(3)) : dims;
    const data = permutedData(constant.data, raised, toLast, byteSize(constant.type.dtype));
    return this.addConstant(name, tensor(constant.type.dtype, kept), data, "NHWC");
  }

  addConstant(name: string, type: TensorType, data: Constant["data"], format: string, quantParams: readonly QuantMessage[] = []): number {
    return this.model.addTensor({ name, dataType: typeId(type.dtype), dims: numbersOf(type.shape), format, data, quantParams });
  }

  /** A tensor for a result. */
  addTensor(name: string, type: TensorType, format: string, quantParams: readonly QuantMessage[] = []): number {
    return this.model.addTensor({ name, dataType: typeId(type.dtype), dims: numbersOf(type.shape), format, quantParams });
  }

  /** The tensor for a result of an op, in an order of axes. */
  result(v: Value, layout: Layout = "second", quantParams: readonly QuantMessage[] = []): number {
    const { dtype, shape } = v.tensor;
    const isImage = layout === "last" && shape.length === 4;
    const index = this.addTensor(
      isImage ? "" : v.name,
      tensor(dtype, isImage ? permuted(shape, toLast) : shape),
      isImage ? "NHWC" : "NCHW",
      quantParams,
    );
    this.define(v, layout, index);
    return index;
  }

  /** The tensors of the graph's outputs, each one of its own and with its value's name. */
  outputs(values: readonly Value[], taken: readonly number[]): number[] {
    const used = new Set(taken);
    return values.map((v) => {
      const index = this.get(v);
      const isOwn = !used.has(index) && constantView(v) === undefined && this.model.rename(index, v.name);
      const output = isOwn ? index : this.copy(index, v);
      used.add(output);
      return output;
    });
  }

  private copy(x: number, v: Value): number {
    const y = this.addTensor(v.name, v.tensor, "NCHW");
    this.addNode("Reshape", {}, [x, this.sizes.reshape(v.tensor.shape, v.tensor.shape)], [y], "QUANT_NONE");
    return y;
  }

  node(type: string, fields: FlatMessage, inputs: readonly number[], outputs: readonly number[]): void {
    this.addNode(type, fields, inputs, outputs, this.quantType);
  }

  addNode(type: string, fields: FlatMessage, inputs: readonly number[], outputs: readonly number[], quantType: string): void {
    this.nodes.push(this.model.addNode(type, fields, inputs, outputs, quantType));
  }

  /** For a graph inside, on the same file; constants are shared. */
  child(): Emitter {
    return new Emitter(this.model, this.hooks, this.shared);
  }

  /** Emits the ops of a graph inside. */
  ops(graph: Graph): void {
    for (const op of graph.ops()) this.hooks.emit(this, op);
  }

  /** A tensor that is a function. */
  functionTensor(): number {
    return this.model.addTensor({ name: "", dataType: 23, dims: [], format: "NCHW" });
  }

  /** Integers that a primitive has as an input: a vector of i32. */
  ints(values: readonly number[]): number {
    return this.literal("i32", [values.length], values);
  }

  matrix(rows: number, columns: number, values: readonly number[]): number {
    return this.literal("i32", [rows, columns], values);
  }

  int(value: number): number {
    return this.literal("i32", [], [value]);
  }

  /** A constant that is not one of the graph's. */
  literal(dtype: DType, shape: readonly number[], values: readonly number[]): number {
    const key = `${dtype} ${shape.join()} ${values.join()}`;
    const type = computeType(dtype);
    const wide = type === "i64" || type === "u64";
    const made = (): number =>
      this.addConstant("", tensor(dtype, shape), memoryData(writeElements(dtype, wide ? values.map(BigInt) : values)), "NCHW");
    const known = this.shared.literals.get(key) ?? made();
    this.shared.literals.set(key, known);
    return known;
  }
}

/** The format of a tensor whose axes were put in the order. */
const formatOf = (perm: readonly number[]): string => (perm === toLast ? "NHWC" : "NCHW");

function typeId(dtype: DType): number {
  const id = idOfDtype(dtype);
  if (id === undefined) throw new OpError(`the format has no element type ${dtype}`, "unsupported-type");
  return id;
}

/** A shape of at most four axes as one of four. */
const raisedShape = (shape: readonly Dim[]): Dim[] => [...new Array<1>(4 - shape.length).fill(1), ...shape];

/** The constant behind a value: its own, or one that a reshape or a transpose only looks at in another way. */
export function constantView(v: Value): View | undefined {
  const { op } = v;
  if (op?.name === "constant") return { constant: op.attributes["data"] as Constant, name: v.name };
  if (op?.definition !== Reshape && op?.definition !== Transpose) return undefined;
  const inner = constantView(op.operand(0)!);
  if (!inner || v.tensor.shape.some((d) => typeof d !== "number")) return undefined;
  const { type, data } = inner.constant;
  if (op.definition === Reshape) return { name: inner.name, constant: { type: tensor(type.dtype, v.tensor.shape), data } };
  const moved = permutedData(data, type.shape as readonly number[], op.attributes["perm"] as readonly number[], byteSize(type.dtype));
  return { name: inner.name, constant: { type: v.tensor, data: moved } };
}

/** The op that alone uses the value, which is no output of a graph. */
export function onlyUser(v: Value): Op | undefined {
  const [use] = v.uses;
  return v.uses.size === 1 && !(use!.user instanceof Graph) && use!.user.graph === v.op?.graph ? use!.user : undefined;
}
