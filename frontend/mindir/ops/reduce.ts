/** Reductions and running sums. */
import type { Attribute } from "../../../ir/attribute.ts";
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import type { OpDefinition, operand } from "../../../ir/define.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Argmax, Argmin } from "../../../ir/ops/arg-extreme.ts";
import { NotEqual } from "../../../ir/ops/compare.ts";
import { Cumprod, Cumsum } from "../../../ir/ops/cumulative.ts";
import { Moments } from "../../../ir/ops/norm.ts";
import * as op from "../../../ir/ops/reduce.ts";
import { ReduceLogSumExp } from "../../../ir/ops/softmax.ts";
import { type DType, isFloat, isInteger } from "../../../ir/type.ts";
import type { Argument, Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue } from "../values.ts";
import { Formula } from "../../formula.ts";
import { floats } from "./promote.ts";

type Reduction = OpDefinition<
  { x: typeof operand },
  { readonly axes: Attribute<readonly number[]>; readonly keepdims: Attribute<boolean> }
>;

/** The axes that an argument names; all for none and for an empty list. */
export function axesOf(n: NodeContext, x: Value, argument: Argument): readonly number[] {
  const rank = x.tensor.shape.length;
  const axes = n.ints(argument, []);
  return axes.length === 0 ? x.tensor.shape.map((_, d) => d) : rank === 0 ? [] : normalizeAxes(axes, rank);
}

const reduction =
  (definition: Reduction, prepare: (n: NodeContext) => Value = (n) => n.input(0)): Lowering =>
  (n) => {
    const x = prepare(n);
    const isSkipped = n.bool([3, "skip_mode"], false) && n.ints([1, "axis"], []).length === 0;
    return isSkipped ? x : n.create(definition, { x }, { axes: axesOf(n, x, [1, "axis"]), keepdims: n.bool([2, "keep_dims"], false) });
  };

const asBool = (n: NodeContext): Value => n.cast(n.input(0), "bool");

/** Integers and bools are summed as the file declares, i64 by default. */
function summed(n: NodeContext, at: number): Value {
  const x = n.input(0);
  if (n.has([at, "dtype"])) return n.cast(x, n.dtype([at, "dtype"]));
  return isFloat(x.tensor.dtype) ? x : n.cast(x, n.declared?.dtype ?? "i64");
}

/** x, dim, keepdim, dtype. */
const reduceExt =
  (definition: Reduction, prepare: (n: NodeContext) => Value = (n) => summed(n, 3)): Lowering =>
  (n) => {
    const x = prepare(n);
    return n.create(definition, { x }, { axes: axesOf(n, x, [1, "dim", "axis"]), keepdims: n.bool([2, "keepdim"], false) });
  };

const meanInput = (n: NodeContext): Value => (n.has([3, "dtype"]) ? n.cast(n.input(0), n.dtype([3, "dtype"])) : floats(n, 0));

/** Variance over the axes with `correction` taken from the count, and the mean. */
function spread(
  n: NodeContext,
  x: Value,
  axes: readonly number[],
  keepdims: boolean,
  correction: number,
): { variance: Value; mean: Value } {
  const [mean, variance] = n.createAll(Moments, { x }, { axes, keepdims });
  const f = new Formula(n);
  const count = dim.product(axes.map((a) => x.tensor.shape[a]!));
  if (correction === 0) return { variance: variance!, mean: mean! };
  if (typeof count === "number") return { variance: f.mul(variance!, count / Math.max(0, count - correction)), mean: mean! };
  const size = n.tensorOf({ kind: "int", value: count, dtype: x.tensor.dtype }, x.tensor.dtype);
  return { variance: f.mul(variance!, f.div(size, f.sub(size, correction))), mean: mean! };
}

/** x, axis, unbiased, keep_dims: the deviation and the mean. */
const reduceStd: Lowering = (n) => {
  const x = floats(n, 0);
  const { variance, mean } = spread(
    n,
    x,
    axesOf(n, x, [1, "axis"]),
    n.bool([3, "keep_dims"], false),
    n.bool([2, "unbiased"], true) ? 1 : 0,
  );
  return [new Formula(n).sqrt(variance), mean];
};

/** x, dim, correction, keepdim. */
const variance =
  (results: (f: Formula, s: { variance: Value; mean: Value }) => Value | readonly Value[]): Lowering =>
  (n) => {
    const x = floats(n, 0);
    const s = spread(n, x, axesOf(n, x, [1, "dim"]), n.bool([3, "keepdim"], false), n.int([2, "correction"], 1));
    return results(new Formula(n), s);
  };

/** `(sum |x|^p)^(1/p)`; p may be infinite or zero. */
function norm(n: NodeContext, x: Value, p: number, axes: readonly number[], keepdims: boolean): Value {
  const f = new Formula(n);
  const attributes = { axes, keepdims };
  if (p === 2) return n.create(op.ReduceL2, { x }, attributes);
  if (p === 1) return n.create(op.ReduceL1, { x }, attributes);
  if (p === 0) return f.sum(n.cast(n.create(NotEqual, { a: x, b: f.number(0, x) }), x.tensor.dtype), axes, keepdims);
  if (!Number.isFinite(p)) return n.create(p > 0 ? op.ReduceMax : op.ReduceMin, { x: f.abs(x) }, attributes);
  return f.pow(f.sum(f.pow(f.abs(x), p), axes, keepdims), 1 / p);
}

/** x, p or ord, dim, keepdim, dtype. */
const vectorNorm: Lowering = (n) => {
  const x = n.has([4, "dtype"]) ? n.cast(n.input(0), n.dtype([4, "dtype"])) : floats(n, 0);
  return norm(n, x, n.float([1, "ord", "p"], 2), axesOf(n, x, [2, "dim"]), n.bool([3, "keepdim"], false));
};

/** The 1.x operator with attributes only. */
const lpNorm: Lowering = (n) => {
  const x = floats(n, 0);
  return norm(n, x, n.float([-1, "p"], 2), axesOf(n, x, [-1, "axis"]), n.bool([-1, "keep_dims"], false));
};

const extreme = (isMax: boolean) => ({ value: isMax ? op.ReduceMax : op.ReduceMin, place: isMax ? Argmax : Argmin });

/** The place along an axis; over all elements where there is no axis. */
function placeOf(n: NodeContext, isMax: boolean, x: Value, axis: number | undefined, keepdims: boolean, dtype: DType): Value {
  const { place } = extreme(isMax);
  const rank = x.tensor.shape.length;
  if (axis !== undefined && rank > 0) return n.create(place, { x }, { axis, keepdims, dtype });
  const flat = n.reshape(x, [dim.product(x.tensor.shape)]);
  const found = n.create(place, { x: flat }, { axis: 0, keepdims: false, dtype });
  return keepdims ? n.reshape(found, new Array<number>(rank).fill(1)) : found;
}

const arg =
  (isMax: boolean): Lowering =>
  (n) =>
    placeOf(
      n,
      isMax,
      n.input(0),
      n.int([1, "axis"], -1),
      n.bool([-1, "keep_dims"], false),
      n.dtype([2, "output_type", "output_dtype"], n.declared?.dtype ?? "i32"),
    );

/** x, dim, keepdim. */
const argExt =
  (isMax: boolean): Lowering =>
  (n) =>
    placeOf(n, isMax, n.input(0), n.has([1, "dim"]) ? n.int([1, "dim"]) : undefined, n.bool([2, "keepdim"], false), "i64");

/** The index first, or the value first. */
const withPlace =
  (isMax: boolean, isValueFirst: boolean): Lowering =>
  (n) => {
    const x = n.input(0);
    const [axis, keepdims] = [n.int([1, "axis", "dimension", "dim"], 0), n.bool([2, "keep_dims", "keepdim"], false)];
    const declared = n.declaredAt(isValueFirst ? 1 : 0)?.dtype;
    const dtype = declared !== undefined && isInteger(declared) ? declared : isValueFirst ? "i64" : "i32";
    const index = placeOf(n, isMax, x, axis, keepdims, dtype);
    const value = x.tensor.shape.length === 0 ? x : n.create(extreme(isMax).value, { x }, { axes: [axis], keepdims });
    return isValueFirst ? [value, index] : [index, value];
  };

const whole =
  (definition: Reduction): Lowering =>
  (n) => {
    const x = n.input(0);
    return n.create(definition, { x }, { axes: x.tensor.shape.map((_, d) => d) });
  };

const cumulative =
  (definition: typeof Cumsum): Lowering =>
  (n) => {
    const x = n.input(0);
    const type = isFloat(x.tensor.dtype) || isInteger(x.tensor.dtype) ? x : n.cast(x, "i64");
    const axis = normalizeAxis(n.int([1, "axis"]), x.tensor.shape.length);
    return n.create(definition, { x: type }, { axis, exclusive: n.bool([2, "exclusive"], false), reverse: n.bool([3, "reverse"], false) });
  };

/** x, dim, dtype. */
const cumsumExt: Lowering = (n) => {
  const x = summed(n, 2);
  return n.create(Cumsum, { x }, { axis: normalizeAxis(n.int([1, "dim"]), x.tensor.shape.length) });
};

const countNonZero: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  const isSet = x.tensor.dtype === "bool" ? x : n.create(NotEqual, { a: x, b: f.number(0, x) });
  return f.sum(n.cast(isSet, n.declared?.dtype ?? "i64"), axesOf(n, x, [1, "dim", "dims"]));
};

const logSumExp: Lowering = (n) => {
  const x = floats(n, 0);
  return n.create(ReduceLogSumExp, { x }, { axes: axesOf(n, x, [1, "dim"]), keepdims: n.bool([2, "keepdim"], false) });
};

const isTuple = (n: NodeContext): boolean => isKind(n.items[0], "tuple") || (n.items.length > 1 && n.items.every(isValue));

/** Of one tensor the extreme of all elements; of several the elementwise one is `Maximum`. */
const wholeExtreme =
  (definition: Reduction): Lowering =>
  (n) =>
    isTuple(n) ? n.unsupported("several tensors have no single extreme") : whole(definition)(n);

export const reduce: Lowerings = {
  ReduceSum: reduction(op.ReduceSum),
  ReduceMean: reduction(op.ReduceMean),
  ReduceMax: reduction(op.ReduceMax),
  ReduceMin: reduction(op.ReduceMin),
  ReduceProd: reduction(op.ReduceProd),
  ReduceAll: reduction(op.ReduceAll, asBool),
  ReduceAny: reduction(op.ReduceAny, asBool),
  ReduceStd: reduceStd,
  SimpleMean: (n) => n.create(op.ReduceMean, { x: n.input(0) }, { axes: [2, 3], keepdims: true }),
  SumExt: reduceExt(op.ReduceSum),
  MeanExt: reduceExt(op.ReduceMean, meanInput),
  ProdExt: reduceExt(op.ReduceProd),
  AMaxExt: reduceExt(op.ReduceMax, (n) => n.input(0)),
  Max: wholeExtreme(op.ReduceMax),
  Min: wholeExtreme(op.ReduceMin),
  Var: variance((_f, s) => s.variance),
  Std: variance((f, s) => f.sqrt(s.variance)),
  VarMean: variance((_f, s) => [s.variance, s.mean]),
  StdMean: variance((f, s) => [f.sqrt(s.variance), s.mean]),
  Norm: vectorNorm,
  LinalgVectorNorm: vectorNorm,
  LpNorm: lpNorm,
  LpNormV2: vectorNorm,
  LogSumExp: logSumExp,
  Argmax: arg(true),
  Argmin: arg(false),
  ArgMaxExt: argExt(true),
  ArgMinExt: argExt(false),
  ArgMaxWithValue: withPlace(true, false),
  ArgMinWithValue: withPlace(false, false),
  MaxDim: withPlace(true, true),
  MinDim: withPlace(false, true),
  CumSum: cumulative(Cumsum),
  CumProd: cumulative(Cumprod),
  CumsumExt: cumsumExt,
  CountNonZero: countNonZero,
  L2Loss: (n) => new Formula(n).div(n.create(op.ReduceSumSquare, { x: n.input(0) }, { axes: n.type(0).shape.map((_, d) => d) }), 2),
};
