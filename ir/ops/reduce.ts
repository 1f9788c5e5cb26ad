/**
 * Reductions: folds over some axes. Floats narrower than 32 bits accumulate in f32, integers in their compute type,
 * means of integers in 64 bits. An axis of extent zero gives the neutral element.
 */
import { type Attribute, flag, ints } from "../attribute.ts";
import { normalizeAxes } from "../axis.ts";
import { defineOp, type NamedTypes, type OpDefinition, operand } from "../define.ts";
import type { Dim } from "../dim.ts";
import { convert, div, type Expr, load, mul, unary } from "../expr.ts";
import { all, any, type Folding, maximum, minimum, productOf, reduction, sum } from "../stage.ts";
import { computeType, type ComputeType, type DType, isFloat } from "../type.ts";
import { expectElements, type TypeClass } from "./map.ts";
import { countAs, extentsOf, realType, reducedType, reductionIndices, storedExtremes } from "./reduction.ts";

interface Reduction {
  readonly name: string;
  readonly on: TypeClass;
  readonly summary: string;
  /** The type in which the fold is done; default: the compute type. */
  readonly work?: (dtype: DType) => ComputeType;
  readonly fold: (x: Expr, dtype: DType) => Folding;
  readonly finish?: (value: Expr, count: Expr) => Expr;
}

const keepdims = flag(false, "whether the axes stay, with extent one");
type ReduceAttributes = { readonly axes: Attribute<readonly number[]>; readonly keepdims: Attribute<boolean> };

function reduceOp({
  name,
  on,
  summary,
  work = computeType,
  fold,
  finish = (v) => v,
}: Reduction): OpDefinition<{ x: typeof operand }, ReduceAttributes> {
  return defineOp<{ x: typeof operand }, ReduceAttributes>({
    name,
    summary,
    operands: { x: operand },
    attributes: { axes: ints(undefined, "the axes that are folded; none of them for an empty list"), keepdims },
    infer({ x }: NamedTypes<{ x: typeof operand }>, attributes) {
      expectElements(x, on, name);
      return reducedType(x, x.dtype, attributes.axes, attributes.keepdims);
    },
    compute({ operands: { x }, attributes, results: [y] }) {
      const axes = normalizeAxes(attributes.axes, x.shape.length);
      const extents = extentsOf(x.shape, axes);
      const type = work(x.dtype);
      const point = (at: readonly Dim[], r: readonly Dim[]): Folding =>
        fold(convert(load(x, reductionIndices(x.shape.length, axes, attributes.keepdims, at, r)), type), x.dtype);
      return [reduction(y!, extents, point, (v) => convert(finish(v, countAs(extents, v.dtype)), computeType(y!.dtype)))];
    },
  });
}

const startingAt = (folding: Folding, init: Expr): Folding => ({ ...folding, state: folding.state.map((s) => ({ ...s, init })) });
const squared = (x: Expr): Expr => mul(x, x);
const meanType = (dtype: DType): ComputeType => (isFloat(dtype) ? computeType(dtype) : dtype === "u64" ? "u64" : "i64");

export const ReduceSum = reduceOp({ name: "reduce_sum", on: "number", summary: "Sum over the axes.", fold: sum });
export const ReduceMean = reduceOp({
  name: "reduce_mean",
  on: "number",
  summary: "Mean over the axes; of integers rounded towards zero.",
  work: meanType,
  fold: sum,
  finish: div,
});
export const ReduceProd = reduceOp({ name: "reduce_prod", on: "number", summary: "Product over the axes.", fold: productOf });
export const ReduceMax = reduceOp({
  name: "reduce_max",
  on: "any",
  summary: "Greatest element over the axes; NaN when there is one.",
  fold: (x, dtype) => startingAt(maximum(x), storedExtremes(dtype).least),
});
export const ReduceMin = reduceOp({
  name: "reduce_min",
  on: "any",
  summary: "Least element over the axes; NaN when there is one.",
  fold: (x, dtype) => startingAt(minimum(x), storedExtremes(dtype).greatest),
});
export const ReduceL1 = reduceOp({
  name: "reduce_l1",
  on: "number",
  summary: "Sum of absolute values.",
  fold: (x) => sum(unary("abs", x)),
});
export const ReduceL2 = reduceOp({
  name: "reduce_l2",
  on: "number",
  summary: "Square root of the sum of squares.",
  work: realType,
  fold: (x) => sum(squared(x)),
  finish: (v) => unary("sqrt", v),
});
export const ReduceSumSquare = reduceOp({
  name: "reduce_sum_square",
  on: "number",
  summary: "Sum of squares.",
  fold: (x) => sum(squared(x)),
});
export const ReduceLogSum = reduceOp({
  name: "reduce_log_sum",
  on: "number",
  summary: "Logarithm of the sum.",
  work: realType,
  fold: sum,
  finish: (v) => unary("log", v),
});
export const ReduceAny = reduceOp({ name: "reduce_any", on: "bool", summary: "Whether any element holds.", fold: any });
export const ReduceAll = reduceOp({ name: "reduce_all", on: "bool", summary: "Whether all elements hold.", fold: all });
