/** ONNX's normalisations, dropout and losses. */
import type { Value } from "../../../ir/graph.ts";
import { Add, Div, Mul, Sqrt, Sub } from "../../../ir/ops/elementwise.ts";
import { NegativeLogLikelihoodLoss } from "../../../ir/ops/loss.ts";
import { LpNorm, Lrn } from "../../../ir/ops/lp-norm.ts";
import * as norm from "../../../ir/ops/norm.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { LogSoftmax } from "../../../ir/ops/softmax.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { onnxDType } from "../tensor-data.ts";

const epsilonOf = (n: NodeContext): number => n.float("epsilon", 1e-5);

/** `share * a + (1 - share) * b`. */
function blend(n: NodeContext, share: number, a: Value, b: Value): Value {
  if (!isFloat(a.tensor.dtype)) n.unsupported(`running statistics of type ${a.tensor.dtype}`, "unsupported-type");
  const part = (x: Value, by: number): Value => n.create(Mul, { a: x, b: n.scalar(x.tensor.dtype, by) });
  return n.create(Add, { a: part(a, share), b: part(n.cast(b, a.tensor.dtype), 1 - share) });
}

const batchNormInputs = (n: NodeContext): [Value, Value, Value, Value, Value] => [
  n.input(0),
  n.input(1),
  n.input(2),
  n.input(3),
  n.input(4),
];

/** Statistics of the batch normalise it and are blended into the running ones. */
function trainBatchNorm(n: NodeContext): readonly Value[] {
  const [x, scale, bias, mean, variance] = batchNormInputs(n);
  const axes = Array.from({ length: n.rank(0) }, (_, d) => d).filter((d) => d !== 1);
  const [batchMean, batchVariance] = n.createAll(norm.Moments, { x }, { axes }) as [Value, Value];
  const y = n.create(norm.BatchNorm, { x, scale, bias, mean: batchMean, variance: batchVariance }, { epsilon: epsilonOf(n) });
  const momentum = n.float("momentum", 0.9);
  return [y, blend(n, momentum, mean, batchMean), blend(n, momentum, variance, batchVariance)];
}

const batchNorm: Lowering = (n) => {
  if (n.opset < 9 && n.int("spatial", 1) === 0) n.unsupported("statistics for each position (spatial = 0) are not supported");
  const isTraining = n.opset < 14 ? [1, 2, 3, 4].some((i) => n.hasOutput(i)) : n.int("training_mode", 0) !== 0;
  if (isTraining && n.opset < 14)
    n.unsupported("the statistics of training are not computed", "unsupported-attribute", "export the model for inference");
  if (isTraining) return trainBatchNorm(n);
  const [x, scale, bias, mean, variance] = batchNormInputs(n);
  return n.create(norm.BatchNorm, { x, scale, bias, mean, variance }, { epsilon: epsilonOf(n) });
};

/** The type in which the statistics are given out, by attribute `stash_type`. */
const statisticsType = (n: NodeContext): DType => {
  const number = n.int("stash_type", 1);
  return onnxDType(number) ?? n.unsupported(`the stash type ${number} is not carried`, "unsupported-type");
};

const layerNorm: Lowering = (n) => {
  const bias = n.optional(2);
  return n.createAll(
    norm.LayerNorm,
    { x: n.input(0), scale: n.input(1), ...(bias && { bias }) },
    { axis: n.int("axis", -1), epsilon: epsilonOf(n), statistics: statisticsType(n) },
  );
};

const rmsNorm: Lowering = (n) =>
  n.create(norm.RmsNorm, { x: n.input(0), scale: n.input(1) }, { axis: n.int("axis", -1), epsilon: epsilonOf(n) });

const instanceNorm: Lowering = (n) =>
  n.create(
    norm.GroupNorm,
    { x: n.input(0), scale: n.input(1), bias: n.input(2) },
    { groups: n.type(0).shape[1] ?? n.unsupported("the operand has no channels", "type-mismatch"), epsilon: epsilonOf(n) },
  );

const groupNorm: Lowering = (n) =>
  n.create(norm.GroupNorm, { x: n.input(0), scale: n.input(1), bias: n.input(2) }, { groups: n.int("num_groups"), epsilon: epsilonOf(n) });

const lrn: Lowering = (n) =>
  n.create(
    Lrn,
    { x: n.input(0) },
    { size: n.int("size"), alpha: n.float("alpha", 1e-4), beta: n.float("beta", 0.75), bias: n.float("bias", 1) },
  );

/** `(x - mean) / (sqrt(variance) + 1e-9)`: the constant is that of the operator's function body. */
const meanVarianceNorm: Lowering = (n) => {
  const x = n.input(0);
  const [mean, variance] = n.createAll(norm.Moments, { x }, { axes: n.ints("axes", [0, 2, 3]), keepdims: true }) as [Value, Value];
  const deviation = n.create(Add, { a: n.create(Sqrt, { x: variance }), b: n.scalar(x.tensor.dtype, 1e-9) });
  return n.create(Div, { a: n.create(Sub, { a: x, b: mean }), b: deviation });
};

/** A mask that keeps everything; before version 10 it has the operand's element type. */
function fullMask(n: NodeContext): Value {
  const { dtype, shape } = n.type(0);
  return n.create(Expand, { x: n.scalar(n.opset < 10 ? dtype : "bool", 1) }, { shape });
}

/** In inference, and in training at a ratio of zero, all elements are kept. */
const dropout: Lowering = (n) => {
  const isTraining = n.optional(2) !== undefined && n.numbers(2, "whether dropout is training")[0] !== 0;
  const ratio = n.opset >= 12 && n.optional(1) ? n.knownNumbers(1)?.[0] : 0.5;
  if (isTraining && ratio !== 0)
    n.unsupported("dropout in training draws random numbers", "unsupported-attribute", "export the model for inference");
  return n.hasOutput(1) ? [n.input(0), fullMask(n)] : n.input(0);
};

function negativeLogLikelihood(n: NodeContext, x: Value): Value {
  const weight = n.optional(2);
  const reduction = n.string("reduction", "mean");
  if (reduction !== "none" && reduction !== "mean" && reduction !== "sum")
    return n.unsupported(`the reduction '${reduction}' is not known`, "bad-attribute");
  return n.create(
    NegativeLogLikelihoodLoss,
    { x, target: n.input(1), ...(weight && { weight }) },
    { reduction, ...(n.has("ignore_index") && { ignore: n.int("ignore_index") }) },
  );
}

const crossEntropy: Lowering = (n) => {
  const logProbabilities = n.create(LogSoftmax, { x: n.input(0) }, { axes: [1] });
  return [negativeLogLikelihood(n, logProbabilities), logProbabilities];
};

export const normLowerings: Lowerings = {
  BatchNormalization: batchNorm,
  Dropout: dropout,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  LRN: lrn,
  LayerNormalization: layerNorm,
  LpNormalization: (n) => n.create(LpNorm, { x: n.input(0) }, { axis: n.int("axis", -1), p: n.int("p", 2) }),
  MeanVarianceNormalization: meanVarianceNorm,
  NegativeLogLikelihoodLoss: (n) => negativeLogLikelihood(n, n.input(0)),
  RMSNormalization: rmsNorm,
  SoftmaxCrossEntropyLoss: crossEntropy,
};
