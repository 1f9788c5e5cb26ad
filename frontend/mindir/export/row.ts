/** Rows of the exporter: how an op of ours is said by operators of MindSpore. */
import type { AnyOpDefinition, AttributesFor, OperandsFor } from "../../../ir/define.ts";
import { namedOperands } from "../../../ir/define.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { type DType, tensor, type TensorType } from "../../../ir/type.ts";
import type { DialectName } from "./dialect.ts";
import { type GraphWriter, type Input, type Items, literal, type LiteralInput, type Ref } from "./graph-writer.ts";
import type { Literals } from "./literals.ts";

/** One op while it is written. */
export class RowContext {
  constructor(
    readonly op: Op,
    readonly writer: GraphWriter,
  ) {}

  get dialect(): DialectName {
    return this.writer.model.dialect.name;
  }

  /** The type of result `i`. */
  type(i = 0): TensorType {
    return this.op.results[i]!.tensor;
  }

  /** A node whose result has the type of the op's first result, or the given one. */
  node(operator: string, inputs: readonly Input[], attributes: Literals = {}, type: TensorType | readonly TensorType[] = this.type()): Ref {
    return this.writer.node(operator, inputs, attributes, type);
  }

  items(operator: string, inputs: readonly Input[], attributes: Literals, types: readonly TensorType[]): Items {
    return this.writer.items(operator, inputs, attributes, types);
  }

  tuple(values: readonly Value[]): Ref {
    return this.writer.tuple(
      values,
      values.map((v) => v.tensor),
    );
  }

  /** Result `i` of several, left out where nobody uses it. */
  used(i: number, f: () => Ref): Ref | undefined {
    return this.op.results[i]!.uses.size > 0 ? f() : undefined;
  }

  /** Extents as a tuple; refused where more than `open` of them are no numbers, which are -1. */
  dims(dims: readonly Dim[], open = 0): LiteralInput {
    return literal(this.numbers(dims, open));
  }

  numbers(dims: readonly Dim[], open = 0): readonly number[] {
    if (dims.filter((d) => typeof d !== "number").length > open) this.cannot("of extents that are not fixed");
    return dims.map((d) => (typeof d === "number" ? d : -1));
  }

  scalar(dtype: DType, value: number): Ref {
    return this.writer.tensorConstant(dtype, [], [value]);
  }

  /** A reshaped tensor, without a node where the shape stays. */
  reshape(input: Input, from: readonly Dim[], to: readonly number[], dtype: DType): Input {
    const same = from.length === to.length && from.every((d, i) => d === to[i]);
    return same ? input : this.node("Reshape", [input, literal(to)], {}, tensor(dtype, to));
  }

  /** Refuses the op as it is: it is replaced by smaller ones, or reported. */
  cannot(reason: string): never {
    throw new NotCarried(reason);
  }
}

/** Why MindIR has no operator for an op: "of extents that are not fixed". */
export class NotCarried extends Error {
  override readonly name = "NotCarried";
}

/** What a row gives for each result: what was written, or another value that it is the same as. */
export type RowResult = Ref | Value | undefined;

export type Row = (n: RowContext) => RowResult | readonly RowResult[];

export interface NamedRow {
  readonly definition: AnyOpDefinition;
  readonly write: Row;
}

/** The row of one op. */
export const row = <D extends AnyOpDefinition>(
  definition: D,
  write: (operands: OperandsFor<D, Value>, attributes: AttributesFor<D>, n: RowContext) => RowResult | readonly RowResult[],
): NamedRow => ({
  definition,
  write: (n) => write(namedOperands(n.op, (v) => v) as OperandsFor<D, Value>, n.op.attributes as AttributesFor<D>, n),
});

/** Rows whose operators MindSpore 1.1 did not have: in its dialect their ops are made of others, or refused. */
export const since2 = (...rows: readonly NamedRow[]): NamedRow[] =>
  rows.map(({ definition, write }) => ({
    definition,
    write: (n) => (n.dialect === "1.1" ? n.cannot("in MindSpore 1.1") : write(n)),
  }));

/** Rows of ops that are one operator with the same operands and no attributes. */
export const same = (names: readonly (readonly [AnyOpDefinition, string])[]): NamedRow[] =>
  names.map(([definition, operator]) => ({
    definition,
    write: (n) =>
      n.node(
        operator,
        n.op.operands.map((v) => v!),
      ),
  }));
