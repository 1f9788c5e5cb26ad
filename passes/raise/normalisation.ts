/** Softmax and normalisations that were written out, and factors and addends that they can take in. */
import { broadcastShapes } from "../../ir/broadcast.ts";
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Abs, Add, Div, Exp, Log, Mul, Rsqrt, Sqrt, Square, SquaredDifference, Sub } from "../../ir/ops/elementwise.ts";
import { LpNorm } from "../../ir/ops/lp-norm.ts";
import { LayerNorm, RmsNorm } from "../../ir/ops/norm.ts";
import { ReduceL1, ReduceL2, ReduceMax, ReduceMean, ReduceSum, ReduceSumSquare } from "../../ir/ops/reduce.ts";
import { LogSoftmax, ReduceLogSumExp, Softmax } from "../../ir/ops/softmax.ts";
import { sameShape } from "../../ir/type.ts";
import { isComputed, isIeee } from "../canonicalize/known.ts";
import { any, isUsedOnce, match } from "../pattern.ts";
import { opRule, rule, type Rewriter, type Rule } from "../rewrite.ts";
import { argument, keptReduction, numberOf, producer, type Reduction, sameAxes, trailingAxis } from "./formula.ts";

const isStoredAsComputed = (v: Value): boolean => isComputed(v.tensor.dtype);

/** `x` and the axes where `v = exp(x - max x)`. */
function shiftedPower(v: Value): Reduction | undefined {
  const difference = producer(argument(v, Exp), Sub);
  const [x, max] = (difference?.operands ?? []) as [Value?, Value?];
  const greatest = keptReduction(max, ReduceMax);
  return greatest && greatest.x === x ? greatest : undefined;
}

/** `exp(x - max x) / sum of exp(x - max x)`, step by step what the op does; rounded less often in narrow types. */
const softmaxRule = (exact: boolean): Rule =>
  opRule(exact ? "softmax" : "softmax-of-narrow", exact ? "exact" : "reassociates", Div, (op, r) => {
    const [powers, total] = op.operands as [Value, Value];
    const sum = keptReduction(total, ReduceSum);
    const shifted = sum?.x === powers ? shiftedPower(powers) : undefined;
    const fits = shifted && sum && sameAxes(sum.axes, shifted.axes) && isStoredAsComputed(powers) === exact;
    return fits ? r.create(Softmax, { x: shifted.x }, { axes: sum.axes }) : undefined;
  });

/** `exp(x) / sum of exp(x)`, which overflows where softmax does not. */
const softmaxWithoutShift = opRule("softmax-without-shift", "fast", Div, (op, r) => {
  const [powers, total] = op.operands as [Value, Value];
  const sum = keptReduction(total, ReduceSum);
  const x = sum?.x === powers ? argument(powers, Exp) : undefined;
  return x && sum ? r.create(Softmax, { x }, { axes: sum.axes }) : undefined;
});

/** `log(sum of exp(x))`, which overflows where the op does not. */
const logSumExp = opRule("log-sum-exp", "fast", Log, (op, r) => {
  const sum = producer(op.operand(0), ReduceSum);
  const x = argument(sum?.operand(0), Exp);
  return (
    x && r.create(ReduceLogSumExp, { x }, { axes: sum!.attributes["axes"] as number[], keepdims: sum!.attributes["keepdims"] as boolean })
  );
});

/** `log(sum of exp(x - max x)) + max x`; infinite elements give NaN where the op gives infinity. */
const shiftedLogSumExp = opRule("shifted-log-sum-exp", "fast", Add, (op, r) => {
  const [log, max] = op.operands as [Value, Value];
  const sum = keptReduction(log, ReduceLogSumExp);
  const difference = producer(sum?.x, Sub);
  const greatest = keptReduction(max, ReduceMax);
  const fits =
    sum && greatest && difference?.operand(1) === max && difference.operand(0) === greatest.x && sameAxes(greatest.axes, sum.axes);
  return fits ? r.create(ReduceLogSumExp, { x: greatest.x }, { axes: sum.axes, keepdims: true }) : undefined;
});

/** `log(softmax(x))`, which is minus infinity where softmax is too small to be told from zero. */
const logOfSoftmax = rule(
  "log-of-softmax",
  "approximates",
  match(Log, { x: match(Softmax, { x: any("x") }, "softmax").once() }),
  ({ x, softmax }, r) => r.create(LogSoftmax, { x }, { axes: softmax.attributes["axes"] as number[] }),
);

/** `x - log(sum of exp(x))`. */
const logSoftmax = opRule("log-softmax", "fast", Sub, (op, r) => {
  const [x, sum] = op.operands as [Value, Value];
  const reduced = keptReduction(sum, ReduceLogSumExp);
  return reduced?.x === x ? r.create(LogSoftmax, { x }, { axes: reduced.axes }) : undefined;
});

/** The sum of absolute values or of squares; a square is rounded only where types are narrow. */
const sumRules: readonly Rule[] = [
  rule("reduce-l1", "exact", match(ReduceSum, { x: match(Abs, { x: any("x") }).once() }), ({ x }, r, op) =>
    r.create(ReduceL1, { x }, sumAttributes(op)),
  ),
  rule("reduce-sum-square", "exact", match(ReduceSum, { x: match(Square, { x: any("x") }).once() }), ({ x }, r, op) =>
    isStoredAsComputed(x) ? r.create(ReduceSumSquare, { x }, sumAttributes(op)) : undefined,
  ),
  rule("reduce-l2", "exact", match(Sqrt, { x: match(ReduceSumSquare, { x: any("x") }, "sum").once() }), ({ x, sum }, r) =>
    isStoredAsComputed(x) ? r.create(ReduceL2, { x }, sumAttributes(sum)) : undefined,
  ),
];
const sumAttributes = (op: Op): { axes: readonly number[]; keepdims: boolean } =>
  op.attributes as { axes: readonly number[]; keepdims: boolean };

/** `x / |x|`, but that of zeros is zero, not NaN. */
const normalise = ([ReduceL1, ReduceL2] as const).map((d, i) =>
  opRule(`l${i + 1}-normalise`, "fast", Div, (op, r) => {
    const [x, norm] = op.operands as [Value, Value];
    const reduced = keptReduction(norm, d);
    return reduced?.x === x && reduced.axes.length === 1 ? r.create(LpNorm, { x }, { axis: reduced.axes[0]!, p: i + 1 }) : undefined;
  }),
);

/** `s` and how it is applied where the op is `x / sqrt(s)` or `x * 1 / sqrt(s)`. */
function rootScaled(op: Op): { readonly x: Value; readonly s: Value } | undefined {
  const [a, b] = op.operands as [Value, Value];
  if (op.definition === Div) {
    const s = argument(b, Sqrt);
    return s && { x: a, s };
  }
  const [left, right] = [argument(a, Rsqrt), argument(b, Rsqrt)];
  return right ? { x: a, s: right } : left && { x: b, s: left };
}

/** `v` and epsilon where `s = v + epsilon`. */
function withEpsilon(s: Value): { readonly v: Value; readonly epsilon: number } | undefined {
  const sum = producer(s, Add);
  const epsilon = numberOf(sum?.operand(1));
  return sum && epsilon !== undefined && isUsedOnce(s) ? { v: sum.operand(0)!, epsilon } : undefined;
}

/** `x` and the axes where `d = x - mean x`. */
function deviation(d: Value): Reduction | undefined {
  const difference = producer(d, Sub);
  const mean = keptReduction(difference?.operand(1), ReduceMean);
  return mean && mean.x === difference!.operand(0) ? mean : undefined;
}

/** `(x - mean) / sqrt(mean of (x - mean)^2 + epsilon)`. */
const layerNorm = [Div, Mul].map((d) =>
  opRule("layer-norm", "reassociates", d, (op, r) => {
    const root = rootScaled(op);
    const spread = root && withEpsilon(root.s);
    const centred = root && deviation(root.x);
    const variance = spread && keptReduction(spread.v, ReduceMean);
    if (!variance || !centred || !sameAxes(variance.axes, centred.axes) || !isUsedOnce(spread.v)) return undefined;
    const axis = trailingAxis(centred);
    if (!isSquareOf(variance.x, root.x) || axis === undefined || !isIeee(centred.x.tensor.dtype)) return undefined;
    return r.create(LayerNorm, { x: centred.x }, { axis, epsilon: spread.epsilon });
  }),
);

/** `v = d^2` for a deviation d, which may have been computed twice. */
function isSquareOf(v: Value, d: Value): boolean {
  if (argument(v, Square) === d) return true;
  const difference = producer(d, Sub)!;
  const other = producer(v, SquaredDifference);
  return other !== undefined && other.operand(0) === difference.operand(0) && other.operand(1) === difference.operand(1);
}

/** `x * f + (bias - mean * f)` with `f = scale / sqrt(variance + epsilon)`: as TensorFlow writes it. */
const affineLayerNorm = opRule("affine-layer-norm", "reassociates", Add, (op, r) => {
  const [product, rest] = op.operands as [Value, Value];
  const outer = producer(product, Mul);
  const difference = producer(rest, Sub);
  const inner = producer(difference?.operand(1), Mul);
  if (!outer || !difference || !inner) return undefined;
  const [x, f] = outer.operands as [Value, Value];
  const scaled = producer(f, Mul);
  const [mean, bias] = [keptReduction(inner.operand(0), ReduceMean), difference.operand(0)!];
  const spread = scaled && withEpsilon(argument(scaled.operand(0), Rsqrt) ?? x);
  const variance = spread && keptReduction(spread.v, ReduceMean);
  if (!mean || mean.x !== x || inner.operand(1) !== f || !variance || !sameAxes(variance.axes, mean.axes)) return undefined;
  const squared = producer(variance.x, SquaredDifference) ?? producer(argument(variance.x, Square), Sub);
  const axis = trailingAxis(mean);
  if (squared?.operand(0) !== x || squared.operand(1) !== inner.operand(0) || axis === undefined || !isIeee(x.tensor.dtype))
    return undefined;
  return r.create(LayerNorm, { x, scale: scaled.operand(1), bias }, { axis, epsilon: spread.epsilon });
});

/** `x / sqrt(mean of x^2 + epsilon)`. */
const rmsNorm = [Div, Mul].map((d) =>
  opRule("rms-norm", "reassociates", d, (op, r) => {
    const root = rootScaled(op);
    const spread = root && withEpsilon(root.s);
    const mean = spread && keptReduction(spread.v, ReduceMean);
    const x = argument(mean?.x, Square);
    const axis = mean && trailingAxis(mean);
    if (!x || x !== root!.x || axis === undefined || !isIeee(x.tensor.dtype) || !isUsedOnce(spread!.v)) return undefined;
    return r.create(RmsNorm, { x }, { axis, epsilon: spread!.epsilon });
  }),
);

/** A constant that broadcasts to `y` without changing its shape, of its element type. */
const isParameterOf = (p: Value, y: Value): boolean =>
  p.op?.name === "constant" &&
  p.tensor.dtype === y.tensor.dtype &&
  sameShape(broadcastShapes(p.tensor.shape, y.tensor.shape), y.tensor.shape);

/** The normalisation whose result, alone of its results and at one place only, the value is. */
function normalisation(v: Value, d: typeof LayerNorm | typeof RmsNorm): Op | undefined {
  const op = producer(v, d);
  return op && isUsedOnce(v) && op.results.slice(1).every((s) => s.uses.size === 0) ? op : undefined;
}

/** `norm(x) * scale`, `norm(x) + bias`: rounded less often in narrow types. */
const parameterRule = (name: string, root: AnyOpDefinition, make: (r: Rewriter, y: Value, p: Value) => Value | undefined): Rule[] =>
  [true, false].map((exact) =>
    opRule(exact ? name : `${name}-of-narrow`, exact ? "exact" : "reassociates", root, (op, r) => {
      const [y, p] = op.operands as [Value, Value];
      return isParameterOf(p, y) && isStoredAsComputed(y) === exact ? make(r, y, p) : undefined;
    }),
  );

const scaleRules = parameterRule("scale-of-norm", Mul, (r, y, scale) => {
  const rms = normalisation(y, RmsNorm);
  if (rms && !rms.operand(1)) return r.create(RmsNorm, { x: rms.operand(0)!, scale }, rms.attributes);
  const layer = normalisation(y, LayerNorm);
  return layer && !layer.operand(1) && !layer.operand(2)
    ? r.create(LayerNorm, { x: layer.operand(0)!, scale }, layer.attributes)
    : undefined;
});

const biasRules = parameterRule("bias-of-norm", Add, (r, y, bias) => {
  const layer = normalisation(y, LayerNorm);
  return layer && !layer.operand(2)
    ? r.create(LayerNorm, { x: layer.operand(0)!, scale: layer.operand(1), bias }, layer.attributes)
    : undefined;
});

export const normalisationRules: readonly Rule[] = [
  softmaxRule(true),
  softmaxRule(false),
  softmaxWithoutShift,
  logSumExp,
  shiftedLogSumExp,
  logOfSoftmax,
  logSoftmax,
  ...sumRules,
  ...normalise,
  ...layerNorm,
  affineLayerNorm,
  ...rmsNorm,
  ...scaleRules,
  ...biasRules,
];
