/** Activation functions, softmax, clipping, dropout in inference. */
import * as op from "../../../ir/ops/activation.ts";
import { Hardmax, LogSoftmax, Softmax } from "../../../ir/ops/softmax.ts";
import { row } from "../export-node.ts";
import type { Lowering } from "../node.ts";
import { alike, type Family, together } from "./family.ts";

const same = alike({
  HardSwish: op.HardSwish,
  LogSigmoid: op.LogSigmoid,
  Mish: op.Mish,
  Relu: op.Relu,
  Relu6: op.Relu6,
  Sigmoid: op.Sigmoid,
  Softplus: op.Softplus,
  Softsign: op.Softsign,
});

/** The slope is one number or one per channel, which are on axis 1. */
const prelu: Lowering = (n) => {
  const [x, slope] = [n.input("x"), n.input("weight")];
  const [count] = slope.tensor.shape;
  const rank = x.tensor.shape.length;
  const isOne = slope.tensor.shape.length === 0 || count === 1;
  const shape = isOne ? [1] : x.tensor.shape.map((_, axis) => (axis === Math.min(1, rank - 1) ? count! : 1));
  return n.create(op.Prelu, { x, slope: n.reshape(slope, rank === 0 ? [] : shape) });
};

/** As f32 has them: GE's constants. */
const seluConstants = { alpha: Math.fround(1.6732632423543772), gamma: Math.fround(1.0507009873554805) };
const isNear = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6;

/** No axes are the last one. */
const axesOr = (axes: readonly number[]): readonly number[] => (axes.length === 0 ? [-1] : axes);

const dropout: Lowering = (n) => n.first;

const others: Family = {
  imports: {
    CeluV2: (n) => n.create(op.Celu, { x: n.input("x") }, { alpha: n.float("alpha") }),
    ClipByValue: (n) =>
      n.create(op.Clip, {
        x: n.input("x"),
        low: n.reshape(n.input("clip_value_min"), []),
        high: n.reshape(n.input("clip_value_max"), []),
      }),
    Dropout: dropout,
    DropOutDoMask: dropout,
    Elu: (n) => n.create(op.Elu, { x: n.input("x") }, { alpha: n.float("alpha") }),
    FastGelu: (n) => n.create(op.Swish, { x: n.input("x") }, { alpha: 1.702 }),
    Gelu: (n) => n.create(op.Gelu, { x: n.input("x") }, { approximate: "tanh" }),
    GeluV2: (n) => n.create(op.Gelu, { x: n.input("x") }, { approximate: n.string("approximate") === "tanh" ? "tanh" : "none" }),
    HardMax: (n) => n.create(Hardmax, { x: n.input("x") }, { axes: [n.int("axis")] }),
    HardShrink: (n) => n.create(op.Shrink, { x: n.input("input_x") }, { lambda: n.float("lambd"), bias: 0 }),
    HardSigmoid: (n) => n.create(op.HardSigmoid, { x: n.input("input_x") }, { alpha: n.float("alpha"), beta: n.float("beta") }),
    LeakyRelu: (n) => n.create(op.LeakyRelu, { x: n.input("x") }, { alpha: n.float("negative_slope") }),
    LogSoftmaxV2: (n) => n.create(LogSoftmax, { x: n.input("logits") }, { axes: axesOr(n.ints("axes")) }),
    PRelu: prelu,
    Selu: (n) => n.create(op.Selu, { x: n.input("x") }, seluConstants),
    Shrink: (n) => n.create(op.Shrink, { x: n.input("input_x") }, { lambda: n.float("lambd"), bias: n.float("bias") }),
    SoftShrink: (n) => n.create(op.Shrink, { x: n.input("input_x") }, { lambda: n.float("lambd"), bias: n.float("lambd") }),
    SoftmaxV2: (n) => n.create(Softmax, { x: n.input("x") }, { axes: axesOr(n.ints("axes")) }),
    Swish: (n) => n.create(op.Swish, { x: n.input("x") }, { alpha: n.float("scale") }),
    ThresholdedRelu: (n) => n.create(op.ThresholdedRelu, { x: n.input("x") }, { alpha: n.float("alpha") }),
  },
  exports: [
    row(op.Celu, (e, { alpha }) => e.emit("CeluV2", { x: e.in(0) }, { alpha })),
    row(op.Clip, (e) => {
      const [x, low, high] = [e.in(0), e.optional(1), e.optional(2)];
      if (low && high) return e.emit("ClipByValue", { x, clip_value_min: low, clip_value_max: high });
      if (low) return e.emit("Maximum", { x1: x, x2: low });
      return high ? e.emit("Minimum", { x1: x, x2: high }) : x;
    }),
    row(op.Elu, (e, { alpha }) => e.emit("Elu", { x: e.in(0) }, { alpha })),
    row(op.Gelu, (e, { approximate }) =>
      approximate === "tanh" ? e.emit("Gelu", { x: e.in(0) }) : e.emit("GeluV2", { x: e.in(0) }, { approximate }),
    ),
    row(Hardmax, (e, { axes }) =>
      axes.length === 1 ? e.emit("HardMax", { x: e.in(0) }, { axis: axes[0]! }) : e.refuse("it is over several axes"),
    ),
    row(op.HardSigmoid, (e, { alpha, beta }) => e.emit("HardSigmoid", { input_x: e.in(0) }, { alpha, beta })),
    row(op.LeakyRelu, (e, { alpha }) => e.emit("LeakyRelu", { x: e.in(0) }, { negative_slope: alpha })),
    row(LogSoftmax, (e, { axes }) => e.emit("LogSoftmaxV2", { logits: e.in(0) }, { axes })),
    row(op.Prelu, (e) => {
      const [x, slope] = [e.in(0), e.in(1)];
      const axis = slope.type.shape.findIndex((d) => d !== 1);
      const fromEnd = slope.type.shape.length - axis;
      if (axis < 0) return e.emit("PRelu", { x, weight: e.reshape(slope, [1]) });
      const isPerChannel = x.type.shape.length - fromEnd === 1 && slope.type.shape.every((d, i) => i === axis || d === 1);
      if (!isPerChannel) return e.refuse("its slopes are not one per channel");
      return e.emit("PRelu", { x, weight: e.reshape(slope, [slope.type.shape[axis]!]) });
    }),
    row(op.Selu, (e, { alpha, gamma }) =>
      isNear(alpha, seluConstants.alpha) && isNear(gamma, seluConstants.gamma)
        ? e.emit("Selu", { x: e.in(0) })
        : e.refuse(`selu with alpha ${alpha} and gamma ${gamma}`),
    ),
    row(op.Shrink, (e, { lambda, bias }) => e.emit("Shrink", { input_x: e.in(0) }, { lambd: lambda, bias })),
    row(Softmax, (e, { axes }) => e.emit("SoftmaxV2", { x: e.in(0) }, { axes })),
    row(op.Swish, (e, { alpha }) => e.emit("Swish", { x: e.in(0) }, { scale: alpha })),
    row(op.ThresholdedRelu, (e, { alpha }) => e.emit("ThresholdedRelu", { x: e.in(0) }, { alpha })),
  ],
};

export const activationFamily = together(same, others);
