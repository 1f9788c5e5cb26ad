/** Losses, as graphs that are evaluated rather than trained have them, and the operators around quantised layers. */
import type { Value } from "../../../ir/graph.ts";
import { Relu, Softplus } from "../../../ir/ops/activation.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { Ceil, Floor, Round, Trunc } from "../../../ir/ops/elementwise.ts";
import { ReduceMean, ReduceSum } from "../../../ir/ops/reduce.ts";
import { LogSoftmax, Softmax } from "../../../ir/ops/softmax.ts";
import { Formula } from "../../formula.ts";
import type { Lowering } from "../node.ts";
import type { Family } from "./family.ts";

/** The loss of each row, and its gradient. */
const softmaxCrossEntropy: Lowering = (n) => {
  const [x, labels] = [n.input("features"), n.input("labels")];
  const f = new Formula(n);
  const loss = f.neg(f.sum(f.mul(labels, n.create(LogSoftmax, { x }, { axes: [1] })), [1]));
  return [loss, f.sub(n.create(Softmax, { x }, { axes: [1] }), labels)];
};

const sigmoidCrossEntropy: Lowering = (n) => {
  const [x, labels] = [n.input("predict"), n.input("target")];
  const f = new Formula(n);
  return f.add(f.mul(f.sub(1, labels), x), n.create(Softplus, { x: f.neg(x) }));
};

/** Logarithms are those of a little more, so that zero has one. */
const leastLog = 1e-12;

const binaryCrossEntropy: Lowering = (n) => {
  const [x, labels] = [n.input("x"), n.input("y")];
  const f = new Formula(n);
  const logOf = (v: Value): Value => f.log(f.add(v, leastLog));
  const loss = f.neg(f.add(f.mul(labels, logOf(x)), f.mul(f.sub(1, labels), logOf(f.sub(1, x)))));
  const weight = n.optional("weight");
  const weighted = weight ? f.mul(loss, weight) : loss;
  const how = n.string("reduction");
  const axes = weighted.tensor.shape.map((_, d) => d);
  return how === "none" ? weighted : n.create(how === "mean" ? ReduceMean : ReduceSum, { x: weighted }, { axes });
};

/** Quadratic up to `sigma`, linear beyond. */
const smoothL1: Lowering = (n) => {
  const f = new Formula(n);
  const sigma = n.float("sigma");
  const distance = f.abs(f.sub(n.input("predict"), n.input("label")));
  if (sigma === 0) return distance;
  const inner = f.div(f.mul(f.square(distance), 0.5), sigma);
  return f.where(f.less(distance, sigma), inner, f.sub(distance, 0.5 * sigma));
};

const roundings = { round: Round, floor: Floor, ceil: Ceil, trunc: Trunc } as const;

/** `round(x * scale + offset)` in i8; with `sqrt_mode` the scale is applied twice. */
const quant: Lowering = (n) => {
  const f = new Formula(n);
  const scale = n.float("scale");
  const x = f.mul(n.input("x"), n.bool("sqrt_mode") ? scale * scale : scale);
  const offset = n.float("offset");
  const mode = n.string("round_mode");
  const round = mode in roundings ? roundings[mode as keyof typeof roundings] : n.unsupported(`the rounding '${mode}' is unknown`);
  const whole = n.create(round, { x: offset === 0 ? x : f.add(x, offset) });
  return n.create(Cast, { x: f.min(f.max(whole, -128), 127) }, { to: "i8" });
};

/** Sums in i32 times a scale, of which there is one or one per channel. Scales that are packed bits are refused. */
const dequant: Lowering = (n) => {
  const x = n.input("x");
  const scale = n.input("deq_scale");
  if (scale.tensor.dtype === "u64" || scale.tensor.dtype === "i64") return n.unsupported("scales that are packed for the chip");
  const to = n.declared() ?? n.dtype("dtype");
  const f = new Formula(n);
  const [count] = scale.tensor.shape;
  const perChannel =
    count !== undefined && count !== 1
      ? n.reshape(
          scale,
          x.tensor.shape.slice(1).map((_, d) => (d === 0 ? count : 1)),
        )
      : n.reshape(scale, []);
  const once = f.mul(n.cast(x, "f32"), n.cast(perChannel, "f32"));
  const y = n.bool("sqrt_mode") ? f.mul(once, n.cast(perChannel, "f32")) : once;
  return n.cast(n.bool("relu_flag") ? n.create(Relu, { x: y }) : y, to);
};

export const lossFamily: Family = {
  imports: {
    AscendDequant: dequant,
    AscendQuant: quant,
    BinaryCrossEntropy: binaryCrossEntropy,
    SigmoidCrossEntropyWithLogits: sigmoidCrossEntropy,
    SmoothL1Loss: smoothL1,
    SoftmaxCrossEntropyWithLogits: softmaxCrossEntropy,
  },
  exports: [],
};
