/**
 * The nodes of one graph, region or function while it is written. Element types that an operator does not take at the
 * chosen version are converted around it, to a type that holds them, and back.
 */
import type { Constant } from "../../../ir/attribute.ts";
import { memoryData } from "../../../ir/data.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Scalar } from "../../../ir/scalar.ts";
import { writeElements } from "../../../ir/storage.ts";
import { computeType, type DType, tensor, type TensorType, type Type } from "../../../ir/type.ts";
import { type ExtentSource, ExtentValues } from "./extents.ts";
import { elementTypes, firstVersion, versionWith } from "./operators.ts";
import type { ExportSession } from "./session.ts";
import { type Attributes, type Name, NeedsOpsetError, type Node, type Term } from "./term.ts";

/** Types that hold all values of a type, the best one first. */
function widerTypes(dtype: DType): readonly DType[] {
  if (dtype === "f32") return ["f64"];
  if (dtype === "u32") return ["i64"];
  if (dtype === "i32") return ["i64"];
  if (dtype === "bool") return ["u8", "i32", "i64", "f32"];
  const work = computeType(dtype);
  return work === "f32" ? ["f32", "f64"] : work === "i32" ? ["i32", "i64", "f32"] : [];
}

export interface NodeOptions {
  /** Element types of the results; undefined for that of the main operand. Default: one result of that type. */
  readonly results?: readonly (DType | undefined)[];
  /** Which input is the main operand; default 0. */
  readonly main?: number;
}

export class Body {
  readonly nodes: Node[] = [];
  readonly inputs: { readonly name: Name; readonly type: Type }[] = [];
  outputs: { readonly name: Name; readonly type: Type }[] = [];
  /** Types of values inside, for readers. */
  readonly types: { readonly name: Name; readonly type: Type }[] = [];
  private readonly sizes: ExtentValues;

  constructor(
    readonly session: ExportSession,
    readonly parent: Body | undefined,
    /** Functions hold their constants as nodes and see nothing from outside. */
    readonly isFunction = false,
  ) {
    this.sizes = new ExtentValues(this, parent?.sizes);
  }

  /** A body, branch or step inside this one. */
  inner(): Body {
    return new Body(this.session, this, this.isFunction);
  }

  /** An input more. */
  input(hint: string, type: TensorType): Term {
    const name: Name = { text: undefined, hint };
    this.inputs.push({ name, type });
    return { name, dtype: type.dtype };
  }

  output({ name }: Term, type: Type): void {
    this.outputs.push({ name, type });
  }

  get opset(): number {
    return this.session.opset;
  }

  /** Whether the operator exists at the version that is written. */
  has(operator: string): boolean {
    return (firstVersion(operator) ?? 1) <= this.opset;
  }

  /** A node with one result. */
  op(operator: string, inputs: readonly (Term | undefined)[], attributes: Attributes = {}, result?: DType): Term {
    return this.ops(operator, inputs, attributes, { results: [result] })[0]!;
  }

  /** A node with any results. Throws where the operator is not there, or takes no type that holds the main operand's. */
  ops(
    operator: string,
    inputs: readonly (Term | undefined)[],
    attributes: Attributes,
    { results = [undefined], main = 0 }: NodeOptions,
  ): Term[] {
    const since = firstVersion(operator) ?? 1;
    if (since > this.opset) throw new NeedsOpsetError(since, `the operator '${operator}'`);
    const dtype = inputs[main]?.dtype;
    const types = elementTypes(operator, this.opset);
    if (dtype === undefined || !types || types.has(dtype))
      return this.plain(
        operator,
        inputs,
        attributes,
        results.map((r) => r ?? dtype ?? "f32"),
      );
    const work = this.workType(operator, dtype, types);
    const raised = inputs.map((t) => (t?.dtype === dtype ? this.cast(t, work) : t));
    const made = this.plain(
      operator,
      raised,
      attributes,
      results.map((r) => r ?? work),
    );
    return made.map((t, i) => (results[i] === undefined ? this.cast(t, dtype) : t));
  }

  private workType(operator: string, dtype: DType, types: ReadonlySet<DType>): DType {
    const work = widerTypes(dtype).find((w) => types.has(w));
    if (work !== undefined) return work;
    const later = versionWith(operator, dtype);
    if (later !== undefined && later > this.opset) throw new NeedsOpsetError(later, `'${operator}' of elements of type ${dtype}`);
    throw new OpError(`the operator '${operator}' takes no elements of type ${dtype}`, "unsupported-type");
  }

  /** A node as it is given, of any domain. */
  plain(operator: string, inputs: readonly (Term | undefined)[], attributes: Attributes, results: readonly DType[], domain = ""): Term[] {
    const names = [...inputs];
    // A loop names its count and condition even where it has neither.
    while (names.length > (operator === "Loop" ? 2 : 0) && names.at(-1) === undefined) names.pop();
    const outputs = results.map((): Name => ({ text: undefined, hint: operator.toLowerCase() }));
    const { location } = this.session;
    this.nodes.push({ operator, domain, inputs: names.map((t) => t?.name), outputs, attributes, location });
    return outputs.map((name, i) => ({ name, dtype: results[i]! }));
  }

  cast(x: Term, to: DType): Term {
    if (x.dtype === to) return x;
    for (const dtype of [x.dtype, to]) this.session.expectDType(dtype);
    return this.plain("Cast", [x], { to: this.session.code(to) }, [to])[0]!;
  }

  /** The operand in the type that its elements are computed in. */
  lift(x: Term): Term {
    return this.cast(x, computeType(x.dtype));
  }

  constant(value: Constant, hint = "constant"): Term {
    const { dtype } = value.type;
    if (!this.isFunction) return { name: this.session.shared(value, hint), dtype };
    return this.plain("Constant", [], { value: { tensor: value } }, [dtype])[0]!;
  }

  values(dtype: DType, shape: readonly number[], values: readonly Scalar[]): Term {
    return this.constant({ type: tensor(dtype, shape), data: memoryData(writeElements(dtype, values)) });
  }

  scalar(dtype: DType, value: number): Term {
    const isBig = computeType(dtype) === "i64" || computeType(dtype) === "u64";
    return this.values(dtype, [], [isBig ? BigInt(value) : value]);
  }

  /** A scalar of the type of `x`. */
  like(x: Term, value: number): Term {
    return this.scalar(x.dtype, value);
  }

  /** An i64 vector. */
  ints(values: readonly number[]): Term {
    return this.values("i64", [values.length], values.map(BigInt));
  }

  /** Sizes as an i64 vector. */
  dims(dims: readonly Dim[]): Term {
    return this.sizes.vector(dims);
  }

  /** A size as an i64 scalar. */
  size(d: Dim): Term {
    return typeof d === "number" ? this.scalar("i64", d) : this.reshape(this.sizes.vector([d]), []);
  }

  reshape(x: Term, shape: readonly Dim[]): Term {
    // A zero stands for the operand's extent where it is not said to be one.
    const mayBeZero = shape.some((d) => typeof d !== "number" || d === 0);
    if (this.opset < 14 && shape.includes(0)) return this.op("Expand", [this.like(x, 0), this.dims(shape)]);
    return this.op("Reshape", [x, this.dims(shape)], mayBeZero && this.opset >= 14 ? { allowzero: 1 } : {});
  }

  /** The same value under another name. */
  copy(x: Term, type: Type): Term {
    const since = type.kind === "tensor" ? 13 : type.kind === "sequence" ? 14 : 16;
    if (this.opset < since) throw new NeedsOpsetError(since, `the copy of a ${type.kind}`);
    return this.plain("Identity", [x], {}, [x.dtype])[0]!;
  }

  /** From here on the extents of that name can be told by a value. */
  learn(extent: string, source: ExtentSource): void {
    this.sizes.learn(extent, source);
  }

  /** The named extents that the type's axes give, where nothing else has given them yet. */
  learnFrom(term: Term, type: Type): void {
    this.sizes.learnFrom(term, type);
  }
}
