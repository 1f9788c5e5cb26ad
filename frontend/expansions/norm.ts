/** Normalisation as arithmetic. */
import { normalizeAxis } from "../../ir/axis.ts";
import { floordiv, product } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Rsqrt } from "../../ir/ops/elementwise.ts";
import { LpNorm } from "../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm, Moments, RmsNorm } from "../../ir/ops/norm.ts";
import { ReduceL1, ReduceL2, ReduceMean } from "../../ir/ops/reduce.ts";
import { type Expander, expansion, type NamedExpansion, realOf } from "./expander.ts";

const mean = (e: Expander, x: Value, axes: readonly number[], keepdims: boolean): Value => e.create(ReduceMean, { x }, { axes, keepdims });

/** Mean and variance of `x`, which is of f32 or f64; the axes stay. */
function statistics(
  e: Expander,
  x: Value,
  axes: readonly number[],
): { readonly mean: Value; readonly centred: Value; readonly variance: Value } {
  const average = mean(e, x, axes, true);
  const centred = e.f.sub(x, average);
  return { mean: average, centred, variance: mean(e, e.f.square(centred), axes, true) };
}

const moments = expansion(Moments, ({ x }, { axes, keepdims }, e) => {
  const { dtype } = x.tensor;
  const wide = e.cast(x, realOf(x));
  const { centred } = statistics(e, wide, axes);
  return [mean(e, wide, axes, keepdims), mean(e, e.f.square(centred), axes, keepdims)].map((v) => e.cast(v, dtype));
});

const axesFrom = (x: Value, axis: number): number[] => x.tensor.shape.map((_, d) => d).slice(axis);

/** Scale and bias that are absent become ones and zeros; statistics that are asked for are computed. */
const layerNorm = expansion(LayerNorm, ({ x, scale, bias }, a, e) => {
  const { f } = e;
  const type = realOf(x);
  const axis = normalizeAxis(a.axis, x.tensor.shape.length);
  const s = statistics(e, e.cast(x, type), axesFrom(x, axis));
  const inverse = e.create(Rsqrt, { x: f.add(s.variance, a.epsilon) });
  const normal = f.mul(s.centred, inverse);
  const scaled = scale ? f.mul(normal, e.cast(scale, type)) : normal;
  const y = bias ? f.add(scaled, e.cast(bias, type)) : scaled;
  return [e.cast(y, x.tensor.dtype), e.cast(s.mean, a.statistics), e.cast(inverse, a.statistics)];
});

const rmsNorm = expansion(RmsNorm, ({ x, scale }, a, e) => {
  const { f } = e;
  const type = realOf(x);
  const wide = e.cast(x, type);
  const axis = normalizeAxis(a.axis, x.tensor.shape.length);
  const inverse = e.create(Rsqrt, { x: f.add(mean(e, f.square(wide), axesFrom(x, axis), true), a.epsilon) });
  const y = f.mul(wide, inverse);
  return e.cast(scale ? f.mul(y, e.cast(scale, type)) : y, x.tensor.dtype);
});

/** Groups of channels as rows. */
const groupNorm = expansion(GroupNorm, ({ x, scale, bias }, { groups, epsilon }, e) => {
  const { f } = e;
  const { shape, dtype } = x.tensor;
  const [images, channels] = shape;
  const type = realOf(x);
  const rows = e.reshape(e.cast(x, type), [images!, groups, floordiv(product(shape.slice(1)), groups)]);
  const s = statistics(e, rows, [2]);
  const normal = f.mul(s.centred, e.create(Rsqrt, { x: f.add(s.variance, epsilon) }));
  const perChannel = (p: Value, v: Value, how: "mul" | "add"): Value => {
    const vector = e.cast(p, type);
    const isGroup = p.tensor.shape[0] !== channels;
    const to = isGroup ? [images!, groups, floordiv(product(shape.slice(1)), groups)] : shape;
    return f[how](e.reshape(v, to), e.reshape(vector, [p.tensor.shape[0]!, ...to.slice(2).map(() => 1)]));
  };
  return e.cast(e.reshape(perChannel(bias, perChannel(scale, normal, "mul"), "add"), shape), dtype);
});

/** Channels on another axis, or on none. */
const batchNorm = expansion(BatchNorm, ({ x, scale, bias, mean: m, variance }, { epsilon, axis }, e) => {
  const { f } = e;
  const rank = x.tensor.shape.length;
  const type = realOf(x);
  const of = (p: Value): Value =>
    e.reshape(e.cast(p, type), axis < rank ? [p.tensor.shape[0]!, ...x.tensor.shape.slice(axis + 1).map(() => 1)] : []);
  const factor = f.mul(e.create(Rsqrt, { x: f.add(of(variance), epsilon) }), of(scale));
  return e.cast(f.add(f.mul(f.sub(e.cast(x, type), of(m)), factor), of(bias)), x.tensor.dtype);
});

/** Zero where the norm is zero. */
const lpNorm = expansion(LpNorm, ({ x }, { axis, p }, e) => {
  const { f } = e;
  const norm = e.create(p === 1 ? ReduceL1 : ReduceL2, { x }, { axes: [axis], keepdims: true });
  const isZero = f.equal(norm, 0);
  return f.where(e.expand(isZero, x.tensor.shape), f.number(0, x), f.div(x, f.where(isZero, 1, norm)));
});

export const normExpansions: readonly NamedExpansion[] = [moments, layerNorm, rmsNorm, groupNorm, batchNorm, lpNorm];
