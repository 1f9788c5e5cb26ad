/** Losses, as graphs that are evaluated rather than trained have them. */
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Sigmoid, Softplus } from "../../../ir/ops/activation.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { OneHot } from "../../../ir/ops/generate.ts";
import { NegativeLogLikelihoodLoss } from "../../../ir/ops/loss.ts";
import { ReduceMean, ReduceSum } from "../../../ir/ops/reduce.ts";
import { LogSoftmax, Softmax } from "../../../ir/ops/softmax.ts";
import type { Argument, Lowering, Lowerings, NodeContext } from "../node.ts";
import { Formula } from "../../formula.ts";
import { promote } from "./promote.ts";

/** MindSpore's numbers of reductions. */
const reductions = ["sum", "mean", "none"];

function reduced(n: NodeContext, x: Value, argument: Argument, fallback: string): Value {
  const how = n.string(argument, fallback, reductions);
  const axes = x.tensor.shape.map((_, d) => d);
  if (how === "none") return x;
  return n.create(how === "mean" ? ReduceMean : ReduceSum, { x }, { axes });
}

/** logits, labels as probabilities: the loss of each row and its gradient. */
const softmaxCrossEntropy: Lowering = (n) => {
  const [x, labels] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  const loss = f.neg(f.sum(f.mul(labels, n.create(LogSoftmax, { x }, { axes: [1] })), [1]));
  return [loss, f.sub(n.create(Softmax, { x }, { axes: [1] }), labels)];
};

/** logits, labels as classes: the mean loss, or its gradient. */
const sparseSoftmaxCrossEntropy: Lowering = (n) => {
  const [x, labels] = [n.input(0), n.input(1)];
  const f = new Formula(n);
  if (!n.bool([2, "is_grad"], false)) {
    const loss = n.create(
      NegativeLogLikelihoodLoss,
      { x: n.create(LogSoftmax, { x }, { axes: [1] }), target: labels },
      { reduction: "mean" },
    );
    return loss;
  }
  const [on, off] = [n.scalar(x.tensor.dtype, 1), n.scalar(x.tensor.dtype, 0)];
  const target = n.create(OneHot, { indices: labels, on, off }, { depth: x.tensor.shape[1]! });
  const rows = n.tensorOf({ kind: "int", value: x.tensor.shape[0]!, dtype: x.tensor.dtype }, x.tensor.dtype);
  return f.div(f.sub(n.create(Softmax, { x }, { axes: [1] }), target), rows);
};

/** logits, labels, weight: the loss and the sum of the weights of the labels. */
const nllLoss: Lowering = (n) => {
  const [x, target] = [n.input(0), n.input(1)];
  const weight = n.optional(2);
  const how = n.string([3, "reduction"], "mean", reductions);
  const reduction = how === "sum" || how === "none" ? how : "mean";
  const ignore = n.int([4, "ignore_index"], -100);
  const loss = n.create(NegativeLogLikelihoodLoss, { x, target, weight }, { reduction, ignore });
  const f = new Formula(n);
  const weights = weight
    ? n.create(Gather, { x: weight, indices: f.max(target, 0) }, { axis: 0 })
    : f.add(f.mul(n.cast(target, x.tensor.dtype), 0), 1);
  const counted = f.where(f.equal(target, ignore), 0, weights);
  return [
    loss,
    f.sum(
      counted,
      counted.tensor.shape.map((_, d) => d),
    ),
  ];
};

/** Logarithms are no less than that of the least normal number, as MindSpore's kernel has it. */
const leastLog = 1e-12;

/** probabilities, labels, weight, reduction. */
const binaryCrossEntropy: Lowering = (n) => {
  const [x, labels] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  const logOf = (v: Value): Value => f.log(f.add(v, leastLog));
  const hit = f.mul(labels, logOf(x));
  const miss = f.mul(f.sub(1, labels), logOf(f.sub(1, x)));
  const loss = f.neg(f.add(hit, miss));
  const weight = n.optional(2);
  return reduced(n, weight ? f.mul(loss, weight) : loss, [3, "reduction"], "mean");
};

/** logits, labels, weight, weight of the hits, reduction. */
const bceWithLogits: Lowering = (n) => {
  const [x, labels] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  const positive = n.optional(3);
  const softplus = n.create(Softplus, { x: f.neg(x) });
  const factor = positive ? f.add(f.mul(f.sub(positive, 1), labels), 1) : undefined;
  const tail = factor ? f.mul(factor, softplus) : softplus;
  const loss = f.add(f.mul(f.sub(1, labels), x), tail);
  const weight = n.optional(2);
  return reduced(n, weight ? f.mul(loss, weight) : loss, [4, "reduction"], "mean");
};

/** Without weights or reduction. */
const sigmoidCrossEntropy: Lowering = (n) => {
  const [x, labels] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  return f.add(f.mul(f.sub(1, labels), x), n.create(Softplus, { x: f.neg(x) }));
};

const sigmoidCrossEntropyGrad: Lowering = (n) => {
  const f = new Formula(n);
  return f.mul(f.sub(n.create(Sigmoid, { x: n.input(0) }), n.input(1)), n.input(2));
};

/** Quadratic up to `beta`, linear beyond. */
const smoothL1: Lowering = (n) => {
  const [x, target] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  const beta = n.float([2, "beta"], 1);
  const distance = f.abs(f.sub(x, target));
  if (beta === 0) return reduced(n, distance, [3, "reduction"], "none");
  const inner = f.div(f.mul(f.square(distance), 0.5), beta);
  return reduced(n, f.where(f.less(distance, beta), inner, f.sub(distance, 0.5 * beta)), [3, "reduction"], "none");
};

const squaredError: Lowering = (n) => {
  const [x, target] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  return reduced(n, f.square(f.sub(x, target)), [2, "reduction"], "mean");
};

const absoluteError: Lowering = (n) => {
  const [x, target] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  return reduced(n, f.abs(f.sub(x, target)), [2, "reduction"], "mean");
};

/** `target * (log target - x)`, zero where the target is not positive; "batchmean" divides by the rows. */
const klDivergence: Lowering = (n) => {
  const isFunctional = n.operator.name === "KLDiv";
  const [x, target] = promote(n, n.items[0], n.items[1]);
  const f = new Formula(n);
  const isLog = isFunctional && n.bool([3, "log_target"], false);
  const loss = isLog ? f.mul(f.exp(target), f.sub(target, x)) : f.where(f.greater(target, 0), f.mul(target, f.sub(f.log(target), x)), 0);
  const how = n.string([isFunctional ? 2 : -1, "reduction"], "mean", reductions);
  if (how !== "batchmean") return reduced(n, loss, [isFunctional ? 2 : -1, "reduction"], "mean");
  const rows = n.tensorOf({ kind: "int", value: dim.max(1, x.tensor.shape[0] ?? 1), dtype: x.tensor.dtype }, x.tensor.dtype);
  return f.div(n.create(ReduceSum, { x: loss }, { axes: loss.tensor.shape.map((_, d) => d) }), rows);
};

export const loss: Lowerings = {
  SoftmaxCrossEntropyWithLogits: softmaxCrossEntropy,
  SparseSoftmaxCrossEntropyWithLogits: sparseSoftmaxCrossEntropy,
  NLLLoss: nllLoss,
  BinaryCrossEntropy: binaryCrossEntropy,
  BCEWithLogitsLoss: bceWithLogits,
  SigmoidCrossEntropyWithLogits: sigmoidCrossEntropy,
  SigmoidCrossEntropyWithLogitsGrad: sigmoidCrossEntropyGrad,
  SmoothL1Loss: smoothL1,
  MSELossExt: squaredError,
  L1LossExt: absoluteError,
  KLDivLoss: klDivergence,
  KLDiv: klDivergence,
};
