/** Builds the ops that stand for one op which a format has not. */
import type { AnyOpDefinition, AttributesFor, Builder, OperandsFor } from "../../ir/define.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Range } from "../../ir/ops/generate.ts";
import { Expand, Transpose } from "../../ir/ops/shape.ts";
import { Slice } from "../../ir/ops/slice.ts";
import { computeType, type DType, sameShape } from "../../ir/type.ts";
import { Formula, type FormulaScope } from "../formula.ts";
import type { Decompose } from "../../ir/replace-by.ts";
import { TensorOps } from "../tensor-ops.ts";

/** Sequences that are longer would make graphs that nobody wants. */
export const mostSteps = 1024;

/** Constants that are larger are not worth having. */
export const mostElements = 2 ** 22;

export const fixed = (dims: readonly Dim[]): dims is readonly number[] => dims.every((d) => typeof d === "number");

/** All indices of a tensor in order. */
export const points = (extents: readonly number[]): readonly (readonly number[])[] =>
  extents.reduce<readonly (readonly number[])[]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]]);

/** The type that is computed in where sums must not lose digits. */
export const realOf = (x: Value): "f32" | "f64" => (computeType(x.tensor.dtype) === "f64" ? "f64" : "f32");

export class Expander extends TensorOps implements FormulaScope {
  readonly f = new Formula(this);

  constructor(readonly builder: Builder) {
    super();
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((p, i) => p === i) ? x : this.create(Transpose, { x }, { perm });
  }

  /** Undoes `transpose` by `perm`. */
  transposeBack(x: Value, perm: readonly number[]): Value {
    return this.transpose(
      x,
      perm.map((_, d) => perm.indexOf(d)),
    );
  }

  expand(x: Value, shape: readonly Dim[]): Value {
    return sameShape(x.tensor.shape, shape) ? x : this.create(Expand, { x }, { shape });
  }

  /** 0, 1, 2, ... of an integer type. */
  counting(dtype: DType, length: Dim): Value {
    if (typeof length !== "number") return this.create(Range, { start: this.scalar(dtype, 0), delta: this.scalar(dtype, 1) }, { length });
    const numbers = Array.from({ length }, (_, i) => i);
    return this.constant(dtype, [length], numbers);
  }

  /** `size` elements of one axis from `start` on. */
  part(x: Value, axis: number, start: Dim, size: Dim, step = 1): Value {
    const { shape } = x.tensor;
    if (start === 0 && step === 1 && size === shape[axis]) return x;
    const pick = <T>(own: T, other: (d: Dim) => T): T[] => shape.map((d, i) => (i === axis ? own : other(d)));
    return this.create(Slice, { x }, { starts: pick<Dim>(start, () => 0), sizes: pick<Dim>(size, (d) => d), steps: pick(step, () => 1) });
  }
}

export interface NamedExpansion {
  readonly definition: AnyOpDefinition;
  readonly expand: Decompose;
}

/** How one op is made of others: one value per result; undefined where it cannot be. */
export const expansion = <D extends AnyOpDefinition>(
  definition: D,
  expand: (operands: OperandsFor<D, Value>, attributes: AttributesFor<D>, e: Expander) => Value | readonly Value[] | undefined,
): NamedExpansion => ({
  definition,
  expand: (operands, attributes, builder) =>
    expand(operands as OperandsFor<D, Value>, attributes as AttributesFor<D>, new Expander(builder)),
});
