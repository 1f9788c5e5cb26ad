/** How an op of ours is written: rows of the tables `frontend/onnx/export/<family>.ts`. */
import type { AnyOpDefinition, AttributesFor, OperandsFor } from "../../../ir/define.ts";
import type { DType, TensorType, Type } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import type { Operand, Term } from "./term.ts";

/** Terms for the op's results; those of another element type than the result's are converted. */
export type Written = Term | readonly (Term | undefined)[];

/** What is known of the op beside operands and attributes. */
export interface Context {
  readonly results: readonly Type[];
  /** The type of the first result. */
  readonly result: TensorType;
  /** Whether anything needs result `i`. */
  readonly isUsed: (i: number) => boolean;
  /** A graph attribute, written with the given types for its inputs. */
  readonly region: (name: string, hint: string) => Body;
  /** The nodes of a graph attribute in place, with terms for its inputs; gives terms for its outputs. */
  readonly inlined: (name: string, inputs: readonly Term[]) => readonly Term[];
}

export type Emit<D extends AnyOpDefinition> = (
  n: Body,
  operands: OperandsFor<D, Operand>,
  attributes: AttributesFor<D>,
  context: Context,
) => Written;

export interface Row {
  readonly definition: AnyOpDefinition;
  readonly emit: (n: Body, operands: unknown, attributes: unknown, context: Context) => Written;
  /** Written as a function where it is more than one node. */
  readonly isFunction: boolean;
}

/** The op as nodes in place. */
export const row = <D extends AnyOpDefinition>(definition: D, emit: Emit<D>): Row => ({
  definition,
  emit: emit as unknown as Row["emit"],
  isFunction: false,
});

/** The op as a function of the name it has here, whose body is the nodes; alone they stand in place. */
export const functionRow = <D extends AnyOpDefinition>(definition: D, emit: Emit<D>): Row => ({
  ...row(definition, emit),
  isFunction: true,
});

/** `x op y` for a list, from the left. */
export const folded = (n: Body, operator: string, terms: readonly Term[], result?: DType): Term =>
  terms.reduce((a, b) => n.op(operator, [a, b], {}, result));
