/** Arithmetic for lowerings that are formulas; a number stands for a scalar of the other operand's type. Every format's node can build them. */
import type { Value } from "../ir/graph.ts";
import { Equal, Greater, Less, Where } from "../ir/ops/compare.ts";
import * as op from "../ir/ops/elementwise.ts";
import { ReduceSum } from "../ir/ops/reduce.ts";
import type { AnyOpDefinition, AttributesFor, OperandsFor } from "../ir/define.ts";
import type { DType } from "../ir/type.ts";

type Term = Value | number;

/** What a formula needs of the node that is lowered. */
export interface FormulaScope {
  create<D extends AnyOpDefinition>(definition: D, operands: Partial<OperandsFor<D, Value>>, attributes?: Partial<AttributesFor<D>>): Value;
  scalar(dtype: DType, value: number): Value;
}

export class Formula {
  constructor(private readonly n: FormulaScope) {}

  /** A scalar of the element type of `like`. */
  number(value: number, like: Value): Value {
    return this.n.scalar(like.tensor.dtype, value);
  }

  private both(a: Term, b: Term): { a: Value; b: Value } {
    if (typeof a !== "number") return { a, b: typeof b === "number" ? this.number(b, a) : b };
    if (typeof b === "number") throw new Error("a formula of two numbers");
    return { a: this.number(a, b), b };
  }

  add(a: Term, b: Term): Value {
    return this.n.create(op.Add, this.both(a, b));
  }

  sub(a: Term, b: Term): Value {
    return this.n.create(op.Sub, this.both(a, b));
  }

  mul(a: Term, b: Term): Value {
    return this.n.create(op.Mul, this.both(a, b));
  }

  div(a: Term, b: Term): Value {
    return this.n.create(op.Div, this.both(a, b));
  }

  max(a: Term, b: Term): Value {
    return this.n.create(op.Max, this.both(a, b));
  }

  min(a: Term, b: Term): Value {
    return this.n.create(op.Min, this.both(a, b));
  }

  pow(a: Term, b: Term): Value {
    return this.n.create(op.Pow, this.both(a, b));
  }

  neg(x: Value): Value {
    return this.n.create(op.Neg, { x });
  }

  abs(x: Value): Value {
    return this.n.create(op.Abs, { x });
  }

  exp(x: Value): Value {
    return this.n.create(op.Exp, { x });
  }

  log(x: Value): Value {
    return this.n.create(op.Log, { x });
  }

  sqrt(x: Value): Value {
    return this.n.create(op.Sqrt, { x });
  }

  square(x: Value): Value {
    return this.n.create(op.Square, { x });
  }

  less(a: Term, b: Term): Value {
    return this.n.create(Less, this.both(a, b));
  }

  greater(a: Term, b: Term): Value {
    return this.n.create(Greater, this.both(a, b));
  }

  equal(a: Term, b: Term): Value {
    return this.n.create(Equal, this.both(a, b));
  }

  where(condition: Value, a: Term, b: Term): Value {
    return this.n.create(Where, { condition, ...this.both(a, b) });
  }

  sum(x: Value, axes: readonly number[], keepdims = false): Value {
    return this.n.create(ReduceSum, { x }, { axes, keepdims });
  }
}
