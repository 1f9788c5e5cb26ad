/** One op of ours while it is written as ops of GE. */
import type { AnyOpDefinition, AttributesFor } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import { type DType, sameShape, tensor, type TensorType } from "../../ir/type.ts";
import { computedExtent, extentOperatorNames, type ExtentOperators } from "../computed-extent.ts";
import { typeNumber } from "./attributes.ts";
import { isPlaceName } from "./constants.ts";
import type { Attributes, GraphWriter, Inputs, Ref } from "./graph-writer.ts";

export type Written = Ref | readonly Ref[];

/** How ops of one definition are written: refused with an `OpError` where GE cannot say them. */
export interface ExportRow {
  readonly definition: AnyOpDefinition;
  readonly write: (e: ExportNode) => Written;
}

/** A row whose writer knows the attributes. */
export const row = <D extends AnyOpDefinition>(definition: D, write: (e: ExportNode, a: AttributesFor<D>) => Written): ExportRow => ({
  definition,
  write: (e) => write(e, e.op.attributes as AttributesFor<D>),
});

/** What a node needs of the export around it. */
export interface ExportScope {
  readonly writer: GraphWriter;
  ref(v: Value): Ref;
  /** Where the model's input is that has `d` as an extent, if there is one. */
  extentSource(d: Dim): { readonly ref: Ref; readonly axis: number } | undefined;
  /** From here on `v` is written as `ref`. */
  bind(v: Value, ref: Ref): void;
  /** Writes the ops of a graph after those that are there. */
  writeOps(graph: Graph): void;
  /** An op with one result, under a name of no meaning. */
  step(type: string, inputs: Inputs, result: TensorType): Ref;
  /** A graph of its own with inputs of these types; `make` writes it and says what it gives. The graph's name is returned. */
  build(label: string, types: readonly TensorType[], make: (inner: ExportScope, data: readonly Ref[]) => readonly Ref[]): string;
}

export class ExportNode {
  private readonly name: string;

  constructor(
    readonly op: Op,
    readonly scope: ExportScope,
  ) {
    this.name = op.results.find((r) => r.name !== "")?.name ?? placeName(op.name, op.location.path);
  }

  in(i: number): Ref {
    return this.optional(i) ?? this.refuse(`operand ${i} is missing`);
  }

  optional(i: number): Ref | undefined {
    const v = this.op.operand(i);
    return v && this.scope.ref(v);
  }

  /** All operands from number `from`. */
  ins(from: number): Ref[] {
    return this.op.operands.slice(from).map((_, k) => this.in(from + k));
  }

  get types(): TensorType[] {
    return this.op.results.map((r) => r.tensor);
  }

  /** The op of GE that gives the results of the op of ours; it has its name. */
  emit(type: string, inputs: Inputs, attributes: Attributes = {}, results: readonly TensorType[] = this.types): Ref[] {
    return this.scope.writer.add(this.scope.writer.uniqueName(this.name), type, inputs, attributes, results);
  }

  /** An op with one result on the way there. */
  step(type: string, inputs: Inputs, attributes: Attributes, result: TensorType): Ref {
    const name = this.scope.writer.uniqueName(`${this.name}/${type}`);
    return this.scope.writer.add(name, type, inputs, attributes, [result])[0]!;
  }

  steps(type: string, inputs: Inputs, attributes: Attributes, results: readonly TensorType[]): Ref[] {
    return this.scope.writer.add(this.scope.writer.uniqueName(`${this.name}/${type}`), type, inputs, attributes, results);
  }

  /** An op that has graphs. */
  emitWithGraphs(type: string, inputs: Inputs, graphs: readonly string[], results: readonly TensorType[] = this.types): Ref[] {
    return this.scope.writer.add(this.scope.writer.uniqueName(this.name), type, inputs, {}, results, graphs);
  }

  scalar(dtype: DType, value: number): Ref {
    return this.scope.writer.numbers(dtype, [], [value]);
  }

  ints(values: readonly number[], dtype: DType = "i64"): Ref {
    return this.scope.writer.numbers(dtype, [values.length], values);
  }

  /** Sizes as an input: a constant, or put together from the extents of the model's inputs. */
  sizes(values: readonly Dim[]): Ref {
    if (values.every((d) => typeof d === "number")) return this.ints(values);
    const parts = values.map((d) => computedExtent(d, this.extents));
    if (parts.length === 1) return parts[0]!;
    return this.step("ConcatD", { x: parts }, { concat_dim: 0, N: parts.length }, tensor("i64", [parts.length]));
  }

  private readonly extents: ExtentOperators<Ref> = {
    number: (value) => this.ints([value]),
    known: (d) => {
      const source = this.scope.extentSource(d);
      if (!source) return undefined;
      const rank = source.ref.type.shape.length;
      const shape = this.step("Shape", { x: source.ref }, { dtype: typeNumber("i64") }, tensor("i64", [rank]));
      return this.step("SliceD", { x: shape }, { offsets: [source.axis], size: [1] }, tensor("i64", [1]));
    },
    binary: (operator, x1, x2) => this.step(extentOperatorNames[operator], { x1, x2 }, {}, tensor("i64", [1])),
    refuse: () => this.refuse("an extent is not that of any input"),
  };

  reshape(x: Ref, shape: readonly Dim[]): Ref {
    return sameShape(x.type.shape, shape) ? x : this.step("Reshape", { x, shape: this.sizes(shape) }, {}, tensor(x.type.dtype, shape));
  }

  transpose(x: Ref, perm: readonly number[]): Ref {
    const shape = perm.map((d) => x.type.shape[d]!);
    return this.step("TransposeD", { x }, { perm }, tensor(x.type.dtype, shape));
  }

  cast(x: Ref, dtype: DType): Ref {
    return x.type.dtype === dtype ? x : this.step("Cast", { x }, { dst_type: typeNumber(dtype) }, tensor(dtype, x.type.shape));
  }

  /** Numbers that must be fixed when the model is written. */
  fixed(values: readonly Dim[], what: string): number[] {
    return values.map((d) => (typeof d === "number" ? d : this.refuse(`${what} must be fixed in GE's operator`)));
  }

  /** GE cannot say the op; every refusal of a model is reported together. */
  refuse(reason: string): never {
    throw new OpError(reason, "unsupported-attribute");
  }
}

/** As MindSpore names ops by their place in the network; such names are no names of values. */
const placeName = (name: string, path: string | undefined): string =>
  path !== undefined && isPlaceName(path) ? path : `Default/${path ?? name}-op`;
