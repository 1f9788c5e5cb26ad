/** Normalisation. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Rsqrt } from "../../../ir/ops/elementwise.ts";
import { Lrn } from "../../../ir/ops/lp-norm.ts";
import { BatchNorm, GroupNorm, LayerNorm, Moments, RmsNorm } from "../../../ir/ops/norm.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { computeType, type DType } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { Formula } from "../../formula.ts";
import { channelsBack, channelsSecond, isChannelsLast } from "./nn.ts";

const real = (x: Value): DType => (computeType(x.tensor.dtype) === "f64" ? "f64" : "f32");

/** Zeros or ones with one element per channel. */
function vector(n: NodeContext, like: Value, count: Dim, value: number, dtype = like.tensor.dtype): Value {
  return n.create(Expand, { x: n.scalar(dtype, value) }, { shape: [count] });
}

/** Five results; the ones after the first are what training would need, in inference the given statistics. */
const batchNorm: Lowering = (n) => {
  const isTraining = n.bool([5, "is_training"], false) || n.int([-1, "mode"], 0) === 1 ? n.bool([5, "is_training"], false) : false;
  const isLast = isChannelsLast(n, 8);
  const x = channelsSecond(n, n.input(0), isLast);
  const epsilon = n.float([6, "epsilon"], 1e-5);
  const [scale, bias] = [n.input(1), n.input(2)];
  const [mean, variance] = isTraining ? batchStatistics(n, x) : [n.input(3), n.input(4)];
  const y = n.create(BatchNorm, { x, scale, bias, mean, variance }, { epsilon });
  return [channelsBack(n, y, isLast), mean, variance, mean, variance, mean];
};

/** Mean and variance of the batch per channel. */
function batchStatistics(n: NodeContext, x: Value): readonly [Value, Value] {
  const axes = x.tensor.shape.flatMap((_, d) => (d === 1 ? [] : [d]));
  const [mean, variance] = n.createAll(Moments, { x: n.cast(x, real(x)) }, { axes });
  return [mean!, variance!];
}

/** Absent parameters are ones, zeros, and in training the batch's own statistics. */
const batchNormExt: Lowering = (n) => {
  const x = n.input(0);
  const channels = x.tensor.shape[1] ?? 1;
  const scale = n.optional(1) ?? vector(n, x, channels, 1);
  const bias = n.optional(2) ?? vector(n, x, channels, 0);
  const isTraining = n.bool([5, "training"], false) || !n.optional(3);
  const [mean, variance] = isTraining ? batchStatistics(n, x) : [n.input(3), n.input(4)];
  return [n.create(BatchNorm, { x, scale, bias, mean, variance }, { epsilon: n.float([7, "epsilon", "eps"], 1e-5) }), mean, variance];
};

/** Results: the normalised values, the mean, and the variance (LayerNorm) or one over the deviation (LayerNormExt). */
const layerNorm: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const axis = normalizeAxis(n.int([3, "begin_norm_axis"], 1), rank);
  const parameterAxis = normalizeAxis(n.int([4, "begin_params_axis"], 1), rank);
  const epsilon = n.float([5, "epsilon"], 1e-7);
  const parameter = (v: Value): Value => n.reshape(v, x.tensor.shape.slice(parameterAxis));
  const [y, mean, inverse] = n.createAll(
    LayerNorm,
    { x, scale: parameter(n.input(1)), bias: parameter(n.input(2)) },
    { axis, epsilon, statistics: real(x) },
  );
  const f = new Formula(n);
  const variance = f.sub(f.div(1, f.square(inverse!)), epsilon);
  return [y!, mean!, variance];
};

const layerNormExt: Lowering = (n) => {
  const x = n.input(0);
  const axis = x.tensor.shape.length - n.dims([1, "normalized_shape"]).length;
  const operands = { x, scale: n.optional(2), bias: n.optional(3) };
  return n.createAll(LayerNorm, operands, { axis, epsilon: n.float([4, "eps"], 1e-5), statistics: real(x) });
};

/** The sum of two inputs, normalised; the sum is a result too. */
const addLayerNorm: Lowering = (n) => {
  const x = new Formula(n).add(n.input(0), n.input(1));
  const [y, mean, inverse] = n.createAll(
    LayerNorm,
    { x, scale: n.input(2), bias: n.input(3) },
    { axis: -1, epsilon: n.float([4, "epsilon"], 1e-5), statistics: real(x) },
  );
  return [y!, mean!, inverse!, x];
};

/** Results: the normalised values and one over the root of the mean square. */
const rmsNorm: Lowering = (n) => rms(n, n.input(0), n.input(1), n.float([2, "epsilon"], 1e-6));

function rms(n: NodeContext, x: Value, scale: Value, epsilon: number): readonly Value[] {
  const axis = x.tensor.shape.length - scale.tensor.shape.length;
  const y = n.create(RmsNorm, { x, scale }, { axis, epsilon });
  const f = new Formula(n);
  const axes = x.tensor.shape.map((_, d) => d).slice(axis);
  const squares = f.sum(f.square(n.cast(x, real(x))), axes, true);
  const count = dim.product(x.tensor.shape.slice(axis));
  const mean = f.div(squares, n.tensorOf({ kind: "int", value: count, dtype: real(x) }, real(x)));
  return [y, n.create(Rsqrt, { x: f.add(mean, epsilon) })];
}

const addRmsNorm: Lowering = (n) => {
  const x = new Formula(n).add(n.input(0), n.input(1));
  return [...rms(n, x, n.input(2), n.float([3, "epsilon"], 1e-6)), x];
};

/** Results: the normalised values, the mean and one over the deviation of each group. */
const groupNorm: Lowering = (n) => {
  const x = n.input(0);
  const [images, channels] = x.tensor.shape;
  const groups = n.dim([1, "num_groups"]);
  const epsilon = n.float([4, "eps", "epsilon"], 1e-5);
  const scale = n.optional(2) ?? vector(n, x, channels!, 1);
  const bias = n.optional(3) ?? vector(n, x, channels!, 0);
  const y = n.create(GroupNorm, { x, scale, bias }, { groups, epsilon });
  const rows = n.reshape(n.cast(x, real(x)), [images!, groups, dim.floordiv(dim.product(x.tensor.shape.slice(1)), groups)]);
  const [mean, variance] = n.createAll(Moments, { x: rows }, { axes: [2] });
  return [y, mean!, n.create(Rsqrt, { x: new Formula(n).add(variance!, epsilon) })];
};

/** Statistics of each image and channel; results are the normalised values, means and deviations. */
const instanceNorm: Lowering = (n) => {
  const x = n.input(0);
  const channels = x.tensor.shape[1]!;
  const scale = n.optional(1) ?? vector(n, x, channels, 1);
  const bias = n.optional(2) ?? vector(n, x, channels, 0);
  const epsilon = n.float([-1, "epsilon"], 1e-5);
  const y = n.create(
    GroupNorm,
    { x, scale: n.cast(scale, x.tensor.dtype), bias: n.cast(bias, x.tensor.dtype) },
    { groups: channels, epsilon },
  );
  const [mean, variance] = n.createAll(Moments, { x: n.cast(x, real(x)) }, { axes: x.tensor.shape.map((_, d) => d).slice(2) });
  return [y, mean!, variance!];
};

/** `x / sqrt(max(sum x^2, epsilon))`. */
const l2Normalize: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  const axes = n.ints([-1, "axis"], [0]);
  const squares = f.max(f.sum(f.square(x), axes, true), n.float([-1, "epsilon"], 1e-4));
  return f.mul(x, n.create(Rsqrt, { x: squares }));
};

/** MindSpore's window has `2 * radius + 1` channels and its alpha is not divided by their number. */
const lrn: Lowering = (n) => {
  const size = 2 * n.int([-1, "depth_radius"], 5) + 1;
  const [alpha, beta, bias] = [n.float([-1, "alpha"], 1), n.float([-1, "beta"], 0.5), n.float([-1, "bias"], 1)];
  return n.create(Lrn, { x: n.input(0) }, { size, alpha: alpha * size, beta, bias });
};

export const norm: Lowerings = {
  BatchNorm: batchNorm,
  BatchNormInference: batchNorm,
  BNInfer: batchNorm,
  FusedBatchNorm: batchNorm,
  FusedBatchNormEx: batchNorm,
  BatchNormExt: batchNormExt,
  LayerNorm: layerNorm,
  LayerNormExt: layerNormExt,
  AddLayerNormV2: addLayerNorm,
  RmsNorm: rmsNorm,
  AddRmsNorm: addRmsNorm,
  GroupNorm: groupNorm,
  InstanceNorm: instanceNorm,
  L2Normalize: l2Normalize,
  LRN: lrn,
};
