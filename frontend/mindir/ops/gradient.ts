/** Gradients, as the graphs of backward passes have them. */
import type { Value } from "../../../ir/graph.ts";
import { Sigmoid } from "../../../ir/ops/activation.ts";
import { LessEqual } from "../../../ir/ops/compare.ts";
import { Cosh, Rsqrt, Sinh } from "../../../ir/ops/elementwise.ts";
import { isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { tupleOf } from "../values.ts";
import { Formula } from "../../formula.ts";
import { pair } from "./promote.ts";

type Two = (f: Formula, a: Value, b: Value, n: NodeContext) => Value;

/** Of two inputs of one element type. */
const two =
  (formula: Two): Lowering =>
  (n) => {
    const [a, b] = pair(n);
    return formula(new Formula(n), a, b, n);
  };

/** A gradient summed over the axes that broadcasting made. */
function unbroadcast(n: NodeContext, gradient: Value, like: Value): Value {
  const lead = gradient.tensor.shape.length - like.tensor.shape.length;
  const axes = gradient.tensor.shape.flatMap((d, axis) => (axis < lead || (like.tensor.shape[axis - lead] === 1 && d !== 1) ? [axis] : []));
  return axes.length === 0 ? gradient : n.reshape(new Formula(n).sum(gradient, axes), like.tensor.shape);
}

/** x, y, dout: what goes to the side that was chosen. */
const extremeGrad =
  (isMax: boolean): Lowering =>
  (n) => {
    const [x, y] = pair(n);
    const dout = n.input(2);
    const f = new Formula(n);
    const isFirst = isMax ? n.create(LessEqual, { a: y, b: x }) : n.create(LessEqual, { a: x, b: y });
    return tupleOf([unbroadcast(n, f.where(isFirst, dout, 0), x), unbroadcast(n, f.where(isFirst, 0, dout), y)]);
  };

/** dout times what the mask keeps, over the probability to keep. */
const maskedDropout: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  const keep = n.argument([2, "keep_prob"]);
  const mask = n.cast(n.input(1), x.tensor.dtype);
  if (mask.tensor.shape.length !== x.tensor.shape.length) return n.unsupported("a mask of packed bits is not supported");
  return keep === undefined ? f.mul(x, mask) : f.div(f.mul(x, mask), n.cast(n.tensorOf(keep, x.tensor.dtype), x.tensor.dtype));
};

const softmaxGrad: Lowering = (n) => {
  const [y, dy] = [n.input(0), n.input(1)];
  const f = new Formula(n);
  return f.mul(
    y,
    f.sub(
      dy,
      f.sum(
        f.mul(y, dy),
        n.ints([2, "axis", "dim"], [-1]).map((a) => (a < 0 ? a + y.tensor.shape.length : a)),
        true,
      ),
    ),
  );
};

/** The log-probabilities, dout, axis. */
const logSoftmaxGrad: Lowering = (n) => {
  const [y, dy] = [n.input(0), n.input(1)];
  const f = new Formula(n);
  const axis = n.int([2, "axis"], -1);
  return f.sub(dy, f.mul(f.exp(y), f.sum(dy, [axis < 0 ? axis + y.tensor.shape.length : axis], true)));
};

const biasGrad: Lowering = (n) => {
  const dout = n.input(0);
  const format = n.string([1, "format", "data_format"], "nchw", ["nchw", "nhwc"]);
  const channel = format === "nhwc" ? dout.tensor.shape.length - 1 : 1;
  return new Formula(n).sum(
    dout,
    dout.tensor.shape.map((_, d) => d).filter((d) => d !== channel),
  );
};

/** Gradient of the approximation by tanh: dy, x, y. */
const geluGrad: Lowering = (n) => {
  const [dy, x] = [n.input(0), n.input(1)];
  const f = new Formula(n);
  const scale = Math.sqrt(2 / Math.PI);
  const inner = f.mul(f.add(x, f.mul(f.mul(f.square(x), x), 0.044715)), scale);
  const t = f.sub(f.mul(n.create(Sigmoid, { x: f.mul(inner, 2) }), 2), 1);
  const slope = f.mul(f.add(f.mul(f.square(x), 3 * 0.044715), 1), scale);
  const left = f.mul(f.add(t, 1), 0.5);
  const right = f.mul(f.mul(f.mul(x, 0.5), f.sub(1, f.square(t))), slope);
  return f.mul(dy, f.add(left, right));
};

/** Where `x` lies strictly between both, dout, else zero. */
const between =
  (low: number, high: number, factor: number): Two =>
  (f, dout, x) =>
    f.where(f.less(x, high), f.where(f.greater(x, low), factor === 1 ? dout : f.mul(dout, factor), 0), 0);

const hardSwishGrad: Two = (f, dout, x) => {
  const inner = f.mul(dout, f.add(f.div(x, 3), 0.5));
  return f.where(f.less(x, -3), 0, f.where(f.greater(x, 3), dout, inner));
};

const siluGrad: Two = (f, dout, x, n) => {
  const s = n.create(Sigmoid, { x });
  return f.mul(dout, f.mul(s, f.add(f.mul(x, f.sub(1, s)), 1)));
};

/** dout, y: below zero the slope is `y + alpha`. */
const eluGrad: Two = (f, dout, y) => f.where(f.less(y, 0), f.mul(dout, f.add(y, 1)), dout);

const seluGrad: Two = (f, dout, y) => {
  const [scale, alpha] = [1.0507009873554805, 1.6732632423543772];
  return f.where(f.less(y, 0), f.mul(dout, f.add(y, scale * alpha)), f.mul(dout, scale));
};

const reluGradMasked: Lowering = (n) => {
  const dout = n.input(0);
  const mask = n.input(1);
  return new Formula(n).where(isFloat(mask.tensor.dtype) ? new Formula(n).greater(mask, 0) : n.cast(mask, "bool"), dout, 0);
};

const overRoot = (f: Formula, dout: Value, x: Value): Value => f.mul(dout, x);

export const gradient: Lowerings = {
  ReluGrad: two((f, dout, y) => f.where(f.greater(y, 0), dout, 0)),
  ReLUGrad: two((f, dout, y) => f.where(f.greater(y, 0), dout, 0)),
  ReluGradV2: reluGradMasked,
  ReLU6Grad: two(between(0, 6, 1)),
  EluGrad: two(eluGrad),
  SeLUGrad: two(seluGrad),
  HSigmoidGrad: two(between(-3, 3, 1 / 6)),
  HSwishGrad: two(hardSwishGrad),
  SiLUGrad: two(siluGrad),
  SigmoidGrad: two((f, y, dout) => f.mul(dout, f.mul(y, f.sub(1, y)))),
  TanhGrad: two((f, y, dout) => f.mul(dout, f.sub(1, f.square(y)))),
  SqrtGrad: two((f, y, dout) => f.div(f.mul(dout, 0.5), y)),
  RsqrtGrad: two((f, y, dout) => f.mul(f.mul(dout, -0.5), f.mul(y, f.square(y)))),
  ReciprocalGrad: two((f, y, dout) => f.neg(f.mul(dout, f.square(y)))),
  InvGrad: two((f, y, dout) => f.neg(f.mul(dout, f.square(y)))),
  AbsGrad: two((f, x, dout, n) =>
    f.mul(dout, n.cast(f.sub(n.cast(f.greater(x, 0), x.tensor.dtype), n.cast(f.less(x, 0), x.tensor.dtype)), x.tensor.dtype)),
  ),
  SoftplusGrad: two((f, dout, x, n) => f.mul(dout, n.create(Sigmoid, { x }))),
  SoftsignGrad: two((f, dout, x) => f.div(dout, f.square(f.add(f.abs(x), 1)))),
  AsinGrad: two((f, x, dout, n) => overRoot(f, dout, n.create(Rsqrt, { x: f.sub(1, f.square(x)) }))),
  ACosGrad: two((f, x, dout, n) => f.neg(overRoot(f, dout, n.create(Rsqrt, { x: f.sub(1, f.square(x)) })))),
  AtanGrad: two((f, x, dout) => f.div(dout, f.add(f.square(x), 1))),
  AsinhGrad: two((f, y, dout, n) => f.div(dout, n.create(Cosh, { x: y }))),
  AcoshGrad: two((f, y, dout, n) => f.div(dout, n.create(Sinh, { x: y }))),
  GeLUGrad: geluGrad,
  MaximumGrad: extremeGrad(true),
  MinimumGrad: extremeGrad(false),
  DropoutGrad: maskedDropout,
  DropoutDoMask: maskedDropout,
  SoftmaxGrad: softmaxGrad,
  LogSoftmaxGrad: logSoftmaxGrad,
  BiasAddGrad: biasGrad,
};
