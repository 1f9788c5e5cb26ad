/** What the exporter handles in place of names: values of an ONNX graph that get their names when everything is written. */
import type { Constant } from "../../../ir/attribute.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Location } from "../../../ir/location.ts";
import type { DType, Type } from "../../../ir/type.ts";
import type { Body } from "./body.ts";

/** A name to be: `text` where the model or its graph asks for one, else made from `hint`. */
export interface Name {
  text: string | undefined;
  readonly hint: string;
}

/** A value of the graph that is being written. */
export interface Term {
  readonly name: Name;
  readonly dtype: DType;
}

/** A value that is an operand of an op of ours, whose type is known; of sequences and optionals dtype and shape say nothing. */
export interface Operand extends Term {
  /** The elements in row-major order where they are known before the model runs. */
  content(): readonly number[] | undefined;
  readonly type: Type;
  readonly shape: readonly Dim[];
}

/** Integers and lists of them as they are; what else there is says what it is. */
export type AttributeValue =
  | number
  | bigint
  | boolean
  | string
  | readonly (number | bigint)[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Constant }
  | { readonly graph: Body }
  | { readonly type: Type };

/** Undefined ones are left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export interface Node {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly (Name | undefined)[];
  readonly outputs: readonly Name[];
  readonly attributes: Attributes;
  readonly location: Location;
}

/** The op can be written, but only from a later version of the operator set on. */
export class NeedsOpsetError extends OpError {
  constructor(
    readonly opset: number,
    what: string,
  ) {
    super(`${what} needs version ${opset} of the operator set`, "unsupported-op", { remedy: `--opset ${opset}` });
  }
}

/** A function's body cannot say this, as it sees its operands only. */
export class OutsideFunctionError extends Error {}
