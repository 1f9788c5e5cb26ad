/** Normalisations and losses as ONNX's operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { NegativeLogLikelihoodLoss } from "../../../ir/ops/loss.ts";
import { LpNorm, Lrn } from "../../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm, Moments, RmsNorm } from "../../../ir/ops/norm.ts";
import { sameShape, staticShape } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { reduced } from "./reduce.ts";
import { functionRow, row, type Row } from "./row.ts";
import type { Operand, Term } from "./term.ts";

const sub = (n: Body, a: Term, b: Term): Term => n.op("Sub", [a, b]);
const mul = (n: Body, a: Term, b: Term): Term => n.op("Mul", [a, b]);
const add = (n: Body, a: Term, b: Term): Term => n.op("Add", [a, b]);

/** `1 / sqrt(variance + epsilon)`. */
const inverseDeviation = (n: Body, variance: Term, epsilon: number): Term =>
  n.op("Reciprocal", [n.op("Sqrt", [add(n, variance, n.like(variance, epsilon))])]);

/** Mean, deviation from it and variance over the axes, which stay with extent one. */
function moments(n: Body, x: Term, axes: readonly number[]): { readonly mean: Term; readonly apart: Term; readonly variance: Term } {
  const mean = reduced(n, "ReduceMean", x, axes, true);
  const apart = sub(n, x, mean);
  return { mean, apart, variance: reduced(n, "ReduceMean", mul(n, apart, apart), axes, true) };
}

function scaled(n: Body, normal: Term, scale: Term | undefined, bias: Term | undefined): Term {
  const product = scale ? mul(n, normal, n.cast(scale, normal.dtype)) : normal;
  return bias ? add(n, product, n.cast(bias, normal.dtype)) : product;
}

interface Parameters {
  readonly scale: Operand;
  readonly bias: Operand;
  readonly mean: Operand;
  readonly variance: Operand;
}

function batchNorm(n: Body, x: Operand, p: Parameters, epsilon: number, axis: number): Term {
  if (axis === 1 && x.shape.length >= 2) {
    const operands = [x, ...[p.scale, p.bias, p.mean, p.variance].map((v) => n.cast(v, x.dtype))];
    return n.op("BatchNormalization", operands, { epsilon: { float: epsilon } });
  }
  const lifted = n.lift(x);
  const behind = Math.max(0, x.shape.length - 1 - axis);
  const column = (v: Operand): Term => {
    const value = n.cast(v, lifted.dtype);
    return behind === 0 ? value : n.op("Reshape", [value, n.ints([-1, ...new Array<number>(behind).fill(1)])]);
  };
  const factor = mul(n, inverseDeviation(n, column(p.variance), epsilon), column(p.scale));
  return add(n, mul(n, sub(n, lifted, column(p.mean)), factor), column(p.bias));
}

const axesFrom = (axis: number, rank: number): number[] => Array.from({ length: rank - axis }, (_, i) => axis + i);

interface LayerOperands {
  readonly x: Operand;
  readonly scale: Operand | undefined;
  readonly bias: Operand | undefined;
}

/** ONNX's operator takes parameters of the shape that is normalised, and a scale always. */
function fitsLayerNorm(n: Body, { x, scale, bias }: LayerOperands, axis: number): boolean {
  const inner = x.shape.slice(axis);
  const fits = [scale, bias].every((p) => p === undefined || sameShape(p.shape, inner));
  return n.has("LayerNormalization") && x.dtype !== "f64" && fits && (scale !== undefined || staticShape(inner) !== undefined);
}

function layerNorm(n: Body, o: LayerOperands, axis: number, epsilon: number): readonly Term[] {
  const { x, scale, bias } = o;
  if (!fitsLayerNorm(n, o, axis)) return writtenOutLayerNorm(n, o, axis, epsilon);
  const factor = scale ? n.cast(scale, x.dtype) : n.op("Expand", [n.like(x, 1), n.dims(x.shape.slice(axis))]);
  const attributes = { axis, epsilon: { float: epsilon } };
  return n.ops("LayerNormalization", [x, factor, bias && n.cast(bias, x.dtype)], attributes, { results: [undefined, "f32", "f32"] });
}

function writtenOutLayerNorm(n: Body, { x, scale, bias }: LayerOperands, axis: number, epsilon: number): readonly Term[] {
  const { mean, apart, variance } = moments(n, n.lift(x), axesFrom(axis, x.shape.length));
  const inverse = inverseDeviation(n, variance, epsilon);
  return [scaled(n, mul(n, apart, inverse), scale, bias), mean, inverse];
}

function rmsNorm(n: Body, x: Operand, scale: Operand | undefined, axis: number, epsilon: number): Term {
  const fits = scale && sameShape(scale.shape, x.shape.slice(axis)) && x.dtype !== "f64";
  if (n.has("RMSNormalization") && fits) {
    return n.op("RMSNormalization", [x, n.cast(scale, x.dtype)], { axis, epsilon: { float: epsilon } });
  }
  const lifted = n.lift(x);
  const mean = reduced(n, "ReduceMean", mul(n, lifted, lifted), axesFrom(axis, x.shape.length), true);
  return scaled(n, mul(n, lifted, inverseDeviation(n, mean, epsilon)), scale, undefined);
}

/** A parameter per channel as `[c, 1, ...]`, one per group repeated for the channels of each. */
function perChannel(n: Body, p: Operand, channels: Dim, groups: Dim, dtype: Term["dtype"], behind: number): Term {
  const value = n.cast(p, dtype);
  const ones = new Array<number>(behind).fill(1);
  if (p.shape[0] === channels) return n.reshape(value, [channels, ...ones]);
  const each = n.op("Expand", [n.reshape(value, [groups, 1]), n.dims([groups, dim.floordiv(channels, groups)])]);
  return n.reshape(each, [channels, ...ones]);
}

function groupNorm(n: Body, x: Operand, scale: Operand, bias: Operand, groups: Dim, epsilon: number): Term {
  const [images, channels] = x.shape as [Dim, Dim];
  const isPerChannel = [scale, bias].every((p) => p.shape[0] === channels);
  const [factor, shift] = [scale, bias].map((p) => n.cast(p, x.dtype));
  const attributes = { epsilon: { float: epsilon } };
  if (groups === channels && x.shape.length >= 3) return n.op("InstanceNormalization", [x, factor, shift], attributes);
  if (n.has("GroupNormalization") && isPerChannel && typeof groups === "number" && x.shape.length >= 3) {
    return n.op("GroupNormalization", [x, factor, shift], { num_groups: groups, ...attributes });
  }
  const lifted = n.lift(x);
  const { apart, variance } = moments(n, n.reshape(lifted, [images, groups, dim.floordiv(dim.product(x.shape.slice(1)), groups)]), [2]);
  const normal = n.reshape(mul(n, apart, inverseDeviation(n, variance, epsilon)), x.shape);
  const parameter = (p: Operand): Term => perChannel(n, p, channels, groups, lifted.dtype, x.shape.length - 2);
  return scaled(n, normal, parameter(scale), parameter(bias));
}

export const normRows: readonly Row[] = [
  functionRow(BatchNorm, (n, { x, ...parameters }, { epsilon, axis }) => batchNorm(n, x, parameters, epsilon, axis)),
  functionRow(Moments, (n, { x }, { axes, keepdims }) => {
    if (axes.length === 0) return [n.op("Identity", [x]), n.op("Sub", [x, x])];
    const lifted = n.lift(x);
    const { mean, variance } = moments(n, lifted, axes);
    return keepdims ? [mean, variance] : [mean, variance].map((t) => n.op("Squeeze", [t, n.ints(axes)]));
  }),
  functionRow(LayerNorm, (n, o, { axis, epsilon }) => layerNorm(n, o, normalizeAxis(axis, o.x.shape.length), epsilon)),
  functionRow(RmsNorm, (n, { x, scale }, { axis, epsilon }) => rmsNorm(n, x, scale, normalizeAxis(axis, x.shape.length), epsilon)),
  functionRow(GroupNorm, (n, { x, scale, bias }, { groups, epsilon }) => groupNorm(n, x, scale, bias, groups, epsilon)),
  row(LpNorm, (n, { x }, { axis, p }) => n.op("LpNormalization", [x], { axis, p })),
  row(Lrn, (n, { x }, { size, alpha, beta, bias }) =>
    n.op("LRN", [x], { size, alpha: { float: alpha }, beta: { float: beta }, bias: { float: bias } }),
  ),
  row(NegativeLogLikelihoodLoss, (n, { x, target, weight }, { reduction, ignore }) => {
    const index = target.dtype === "i32" || target.dtype === "i64" ? target : n.cast(target, "i64");
    return n.op("NegativeLogLikelihoodLoss", [x, index, weight && n.cast(weight, x.dtype)], { reduction, ignore_index: ignore });
  }),
];
