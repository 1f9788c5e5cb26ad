/**
 * Normalisation. Variances are those of the population, in two passes (the mean first, then squared deviations), in the
 * compute type of `x`; parameters of another type are converted to it.
 */
import { dim as dimAttribute, dtype, flag, float, int, ints } from "../attribute.ts";
import { normalizeAxes, normalizeAxis } from "../axis.ts";
import { broadcastLoad, broadcastShapes } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add as addDims, type Dim, floordiv, mod, mul as mulDims } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { add, type Buffer, constantLike, convert, div, type Expr, load, makeBuffer, mul, sub, unary } from "../expr.ts";
import { pointwise, reduction, type Stage, sum } from "../stage.ts";
import { computeType, formatType, sameShape, tensor, type TensorType } from "../type.ts";
import { expectElements } from "./map.ts";
import { countAs, extentsOf, reducedType, reductionIndices } from "./reduction.ts";

/** `parameter[at]`, broadcast, in the compute type of `x`. */
const parameterAt = (parameter: Buffer, x: Buffer, at: readonly Dim[]): Expr => convert(broadcastLoad(parameter, at), computeType(x.dtype));

/** `normal * scale + bias`, each where it is given. */
function scaled(normal: Expr, scale: Expr | undefined, bias: Expr | undefined): Expr {
  const product = scale ? mul(normal, scale) : normal;
  return bias ? add(product, bias) : product;
}

/** `1 / sqrt(variance + epsilon)`. */
const inverseDeviation = (variance: Expr, epsilon: number): Expr =>
  div(constantLike(variance, 1), unary("sqrt", add(variance, constantLike(variance, epsilon))));

interface Groups {
  /** Extents that are folded. */
  readonly extents: readonly Dim[];
  /** The element of `x` at a group and a point of `extents`. */
  readonly element: (group: readonly Dim[], r: readonly Dim[]) => Expr;
}

/** The mean of each group, and `finish` of its variance; one stage each. */
function momentStages(mean: Buffer, spread: Buffer, { extents, element }: Groups, finish: (variance: Expr) => Expr): Stage[] {
  const finished = (value: Expr, out: Buffer): Expr => convert(value, computeType(out.dtype));
  const averaged = (v: Expr): Expr => div(v, countAs(extents, v.dtype));
  return [
    reduction(
      mean,
      extents,
      (at, r) => sum(element(at, r)),
      (v) => finished(averaged(v), mean),
    ),
    reduction(
      spread,
      extents,
      (at, r) => {
        const value = element(at, r);
        const apart = sub(value, convert(load(mean, at), value.dtype));
        return sum(mul(apart, apart));
      },
      (v) => finished(finish(averaged(v)), spread),
    ),
  ];
}

function expectParameter(parameter: TensorType | undefined, x: TensorType, what: string, fits: boolean): void {
  if (!parameter) return;
  expectElements(parameter, "float", what);
  if (!fits) throw new OpError(`the ${what} ${formatType(parameter)} does not fit ${formatType(x)}`);
}

const broadcastsTo = (parameter: TensorType | undefined, x: TensorType): boolean =>
  !parameter || sameShape(broadcastShapes(parameter.shape, x.shape), x.shape);

/** The axis of the channels; a tensor without it has one channel. */
const channelAt = (at: readonly Dim[], axis: number): Dim => at[axis] ?? 0;

const epsilonAttribute = float(1e-5, "added to the variance");

export const BatchNorm = defineOp({
  name: "batch_norm",
  summary: "`(x - mean) / sqrt(variance + epsilon) * scale + bias` with a scale, bias, mean and variance for each channel.",
  operands: { x: operand, scale: operand, bias: operand, mean: operand, variance: operand },
  attributes: { epsilon: epsilonAttribute, axis: int(1, "the axis of the channels") },
  infer({ x, ...parameters }, { axis }) {
    expectElements(x, "float", "batch_norm");
    const channels = x.shape[axis] ?? 1;
    for (const [name, p] of Object.entries(parameters)) {
      const [count] = p.shape;
      const fits = p.shape.length === 1 && (count === channels || typeof count !== "number" || typeof channels !== "number");
      expectParameter(p, x, name, fits);
    }
    return x;
  },
  compute({ operands: { x, scale, bias, mean, variance }, attributes: { epsilon, axis }, results: [y] }) {
    return [
      pointwise(y!, (at) => {
        const of = (p: Buffer): Expr => convert(load(p, [channelAt(at, axis)]), computeType(x.dtype));
        const factor = mul(inverseDeviation(of(variance), epsilon), of(scale));
        return add(mul(sub(load(x, at), of(mean)), factor), of(bias));
      }),
    ];
  },
});

export const Moments = defineOp({
  name: "moments",
  summary: "Mean and variance of the population over the axes.",
  operands: { x: operand },
  attributes: { axes: ints(), keepdims: flag(false, "whether the axes stay, with extent one") },
  results: ["mean", "variance"],
  infer({ x }, { axes, keepdims }) {
    expectElements(x, "float", "moments");
    const type = reducedType(x, x.dtype, axes, keepdims);
    return [type, type];
  },
  compute({ operands: { x }, attributes: { axes: given, keepdims }, results: [mean, variance] }) {
    const axes = normalizeAxes(given, x.shape.length);
    const exact = makeBuffer("exact_mean", computeType(x.dtype), mean!.shape);
    const element = (at: readonly Dim[], r: readonly Dim[]): Expr => load(x, reductionIndices(x.shape.length, axes, keepdims, at, r));
    const stages = momentStages(exact, variance!, { extents: extentsOf(x.shape, axes), element }, (v) => v);
    return [...stages, pointwise(mean!, (at) => load(exact, at))];
  },
});

/** `shape` up to the axis, then ones: where statistics over all axes from `axis` on stand. */
const statisticsShape = (shape: readonly Dim[], axis: number): Dim[] => shape.map((extent, d) => (d < axis ? extent : 1));
const axesFrom = (axis: number, rank: number): number[] => Array.from({ length: rank - axis }, (_, i) => axis + i);

export const LayerNorm = defineOp({
  name: "layer_norm",
  summary: "`(x - mean) / sqrt(variance + epsilon) * scale + bias` over all axes from `axis` on; scale and bias broadcast to `x`.",
  operands: { x: operand, scale: optionalOperand, bias: optionalOperand },
  attributes: { axis: int(-1), epsilon: epsilonAttribute, statistics: dtype("f32", "element type of the mean and the inverse deviation") },
  results: ["y", "mean", "inverse_deviation"],
  infer({ x, scale, bias }, { axis, statistics }) {
    expectElements(x, "float", "layer_norm");
    expectParameter(scale, x, "scale", broadcastsTo(scale, x));
    expectParameter(bias, x, "bias", broadcastsTo(bias, x));
    const type = tensor(statistics, statisticsShape(x.shape, normalizeAxis(axis, x.shape.length)));
    return [x, type, type];
  },
  compute({ operands: { x, scale, bias }, attributes: { axis: given, epsilon }, results: [y, mean, inverse] }) {
    const rank = x.shape.length;
    const axis = normalizeAxis(given, rank);
    const axes = axesFrom(axis, rank);
    const type = computeType(x.dtype);
    const isExact = mean!.dtype === type;
    const [m, s] = isExact
      ? [mean!, inverse!]
      : [makeBuffer("exact_mean", type, mean!.shape), makeBuffer("exact_inverse", type, mean!.shape)];
    const element = (at: readonly Dim[], r: readonly Dim[]): Expr => load(x, reductionIndices(rank, axes, true, at, r));
    const copy = (out: Buffer, from: Buffer): Stage => pointwise(out, (at) => convert(load(from, at), computeType(out.dtype)));
    return [
      ...momentStages(m, s, { extents: extentsOf(x.shape, axes), element }, (v) => inverseDeviation(v, epsilon)),
      pointwise(y!, (at) => {
        const normal = mul(sub(load(x, at), broadcastLoad(m, at)), broadcastLoad(s, at));
        return scaled(normal, scale && parameterAt(scale, x, at), bias && parameterAt(bias, x, at));
      }),
      ...(isExact ? [] : [copy(mean!, m), copy(inverse!, s)]),
    ];
  },
});

export const RmsNorm = defineOp({
  name: "rms_norm",
  summary: "`x / sqrt(mean of x^2 + epsilon) * scale` over all axes from `axis` on: Zhang and Sennrich (2019).",
  operands: { x: operand, scale: optionalOperand },
  attributes: { axis: int(-1), epsilon: epsilonAttribute },
  infer({ x, scale }, { axis }) {
    expectElements(x, "float", "rms_norm");
    expectParameter(scale, x, "scale", broadcastsTo(scale, x));
    normalizeAxis(axis, x.shape.length);
    return x;
  },
  compute({ operands: { x, scale }, attributes: { axis: given, epsilon }, results: [y] }) {
    const rank = x.shape.length;
    const axis = normalizeAxis(given, rank);
    const axes = axesFrom(axis, rank);
    const extents = extentsOf(x.shape, axes);
    const inverse = makeBuffer("inverse", computeType(x.dtype), statisticsShape(x.shape, axis));
    const square = (at: readonly Dim[], r: readonly Dim[]): Expr => {
      const value = load(x, reductionIndices(rank, axes, true, at, r));
      return mul(value, value);
    };
    return [
      reduction(
        inverse,
        extents,
        (at, r) => sum(square(at, r)),
        (v) => inverseDeviation(div(v, countAs(extents, v.dtype)), epsilon),
      ),
      pointwise(y!, (at) => scaled(mul(load(x, at), broadcastLoad(inverse, at)), scale && parameterAt(scale, x, at), undefined)),
    ];
  },
});

/** `scale` and `bias` of group and instance norm are vectors of one element per channel or per group. */
function expectVector(p: TensorType, x: TensorType, what: string, counts: readonly Dim[]): void {
  const fits = p.shape.length === 1 && counts.some((c) => c === p.shape[0] || typeof c !== "number" || typeof p.shape[0] !== "number");
  expectParameter(p, x, what, fits);
}

export const GroupNorm = defineOp({
  name: "group_norm",
  summary:
    "`(x - mean) / sqrt(variance + epsilon) * scale + bias` over each image's groups of consecutive channels: Wu and He (2018). " +
    "`x` is [n, c, ...], scale and bias have one element per channel or per group. As many groups as channels: instance norm.",
  operands: { x: operand, scale: operand, bias: operand },
  attributes: { groups: dimAttribute(), epsilon: epsilonAttribute },
  infer({ x, scale, bias }, { groups }) {
    expectElements(x, "float", "group_norm");
    const [, channels] = x.shape;
    if (channels === undefined) throw new OpError(`group_norm needs channels on axis 1, not ${formatType(x)}`);
    if (groups === 0 || (mod(channels, groups) !== 0 && typeof channels === "number" && typeof groups === "number")) {
      throw new OpError(`${formatDim(channels)} channels do not divide into ${formatDim(groups)} groups`, "bad-attribute");
    }
    expectVector(scale, x, "scale", [channels, groups]);
    expectVector(bias, x, "bias", [channels, groups]);
    return x;
  },
  compute({ operands: { x, scale, bias }, attributes: { groups, epsilon }, results: [y] }) {
    const [images, channels, ...rest] = x.shape as readonly [Dim, Dim, ...Dim[]];
    const width = floordiv(channels, groups);
    const type = computeType(x.dtype);
    const mean = makeBuffer("mean", type, [images, groups]);
    const inverse = makeBuffer("inverse", type, [images, groups]);
    const element = ([n, g]: readonly Dim[], [c, ...at]: readonly Dim[]): Expr => load(x, [n!, addDims(mulDims(g!, width), c!), ...at]);
    const group = (c: Dim): Dim => floordiv(c, width);
    const parameter = (p: Buffer, c: Dim): Expr => convert(load(p, [p.shape[0] === channels ? c : group(c)]), type);
    return [
      ...momentStages(mean, inverse, { extents: [width, ...rest], element }, (v) => inverseDeviation(v, epsilon)),
      pointwise(y!, (at) => {
        const [n, c] = at as readonly [Dim, Dim];
        const normal = mul(sub(load(x, at), load(mean, [n, group(c)])), load(inverse, [n, group(c)]));
        return scaled(normal, parameter(scale, c), parameter(bias, c));
      }),
    ];
  },
});
