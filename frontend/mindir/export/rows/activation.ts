/** Activation functions and softmax. */
import * as op from "../../../../ir/ops/activation.ts";
import { LogSoftmax, Softmax } from "../../../../ir/ops/softmax.ts";
import { type NamedRow, row, same, since2 } from "../row.ts";
import { float } from "./names.ts";

const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.abs(b);

const celu = row(op.Celu, ({ x }, { alpha }, n) =>
  x.tensor.dtype === "f32" ? n.node("CeLU", [x], { alpha: float(alpha) }) : n.cannot("of other types than f32"),
);

const selu = row(op.Selu, ({ x }, { alpha, gamma }, n) =>
  isNear(alpha, 1.6732632423543772) && isNear(gamma, 1.0507009873554805)
    ? n.node("SeLU", [x])
    : n.cannot("with other numbers than its own"),
);

const shrink = row(op.Shrink, ({ x }, { lambda, bias }, n) => {
  if (lambda < 0) return n.cannot("with a negative lambda");
  if (bias === 0) return n.node("HShrink", [x], { lambd: float(lambda) });
  return bias === lambda ? n.node("SoftShrink", [x], { lambd: float(lambda) }) : n.cannot("whose bias is not lambda");
});

export const activationRows: readonly NamedRow[] = [
  ...same([
    [op.Relu, "ReLU"],
    [op.Relu6, "ReLU6"],
    [op.Sigmoid, "Sigmoid"],
    [op.Softplus, "Softplus"],
    [op.Softsign, "Softsign"],
    [op.HardSwish, "HSwish"],
  ]),
  ...since2(...same([[op.Mish, "Mish"]]), celu, selu, shrink),
  row(op.HardSigmoid, ({ x }, { alpha, beta }, n) =>
    isNear(alpha, 1 / 6) && beta === 0.5 ? n.node("HSigmoid", [x]) : n.cannot("with other numbers than 1/6 and 1/2"),
  ),
  row(op.Gelu, ({ x }, { approximate }, n) =>
    approximate === "tanh" ? n.node("GeLU", [x], { input_names: ["x"], output_names: ["output"] }) : n.cannot("by the error function"),
  ),
  row(op.Swish, ({ x }, { alpha }, n) => {
    if (isNear(alpha, 1.702)) return n.node("FastGeLU", [x]);
    return alpha === 1 && n.dialect === "2" ? n.node("SiLU", [x]) : n.cannot("with that alpha");
  }),
  row(op.Elu, ({ x }, { alpha }, n) => (alpha === 1 ? n.node("Elu", [x], { alpha: float(1) }) : n.cannot("with an alpha other than 1"))),
  row(op.Prelu, ({ x, slope }, _a, n) => {
    const shape = slope.tensor.shape;
    const rank = x.tensor.shape.length;
    if (rank < 2) return n.cannot("of less than two axes");
    if (shape.every((d) => d === 1)) return n.node("PReLU", [x, n.reshape(slope, shape, [1], slope.tensor.dtype)]);
    const lead = rank - shape.length;
    const channels = shape[1 - lead];
    const isPerChannel =
      typeof channels === "number" && lead < 2 && shape.every((d, i) => i + lead === 1 || d === 1) && channels === x.tensor.shape[1];
    return isPerChannel
      ? n.node("PReLU", [x, n.reshape(slope, shape, [channels], slope.tensor.dtype)])
      : n.cannot("with slopes that are not those of channels");
  }),
  row(Softmax, ({ x }, { axes }, n) =>
    axes.length === 1
      ? n.node("Softmax", [x], { axis: axes, input_names: ["x"], output_names: ["output"] })
      : n.cannot("over several axes"),
  ),
  row(LogSoftmax, ({ x }, { axes }, n) =>
    axes.length === 1 ? n.node("LogSoftmax", [x], { axis: axes[0]! }) : n.cannot("over several axes"),
  ),
];
