/** Activations: nodes of their own, and the ones that other nodes apply to their results. */
import type { Builder } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import * as activation from "../../../ir/ops/activation.ts";
import { constantValue } from "../../../ir/ops/constant.ts";
import { Abs, Sign, Tanh } from "../../../ir/ops/elementwise.ts";
import { computeType } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

/** Those that are an op of ours as it is. */
const plain = {
  RELU: activation.Relu,
  SIGMOID: activation.Sigmoid,
  RELU6: activation.Relu6,
  ABS: Abs,
  SOFTSIGN: activation.Softsign,
  SOFTPLUS: activation.Softplus,
  TANH: Tanh,
  HSWISH: activation.HardSwish,
  SIGN: Sign,
  SWISH: activation.Swish,
} as const;

interface Parameters {
  readonly alpha: number;
  readonly low: number;
  readonly high: number;
  readonly approximate: boolean;
}
const defaults: Parameters = { alpha: 0, low: 0, high: 0, approximate: false };

export function activate(b: Builder, x: Value, type: string, p: Parameters = defaults): Value {
  if (Object.hasOwn(plain, type)) return b.create(plain[type as keyof typeof plain], { x });
  switch (type) {
    case "NO_ACTIVATION":
    case "LINEAR":
      return x;
    case "ELU":
      return b.create(activation.Elu, { x }, { alpha: p.alpha });
    case "LEAKY_RELU":
      return b.create(activation.LeakyRelu, { x }, { alpha: p.alpha });
    case "SELU":
      return b.create(activation.Selu, { x });
    case "HSIGMOID":
      return b.create(activation.HardSigmoid, { x }, { alpha: 1 / 6, beta: 0.5 });
    case "THRESHOLDRELU":
      return b.create(activation.ThresholdedRelu, { x }, { alpha: p.alpha });
    case "RELU1":
      return clipped(b, x, -1, 1);
    case "HARD_TANH":
      return clipped(b, x, p.low, p.high);
    case "GELU":
      return b.create(activation.Gelu, { x }, { approximate: p.approximate ? "tanh" : "none" });
    case "FAST_GELU":
      return b.create(activation.Swish, { x }, { alpha: 1.702 });
    default:
      throw new OpError(`the activation '${type}' is unknown`, "unsupported-attribute");
  }
}

/** `x` between two numbers. */
export function clipped(b: Builder, x: Value, low: number, high: number): Value {
  const bound = (v: number): Value => {
    const { dtype } = x.tensor;
    const type = computeType(dtype);
    return constantValue(b, dtype, [], [type === "i64" || type === "u64" ? BigInt(Math.round(v)) : v]);
  };
  return b.create(activation.Clip, { x, low: bound(low), high: bound(high) });
}

/** A result with the activation that its node asks for. */
export const activated = (n: NodeContext, x: Value): Value => activate(n.builder, x, n.choice("activation_type", "NO_ACTIVATION"));

/** Elementwise functions of one input keep the order of axes that it has. */
export const unary =
  (f: (n: NodeContext, x: Value) => Value): Lowering =>
  (n) => {
    const { layout } = n;
    return { layout, value: f(n, n.input(0, layout)) };
  };

const slope: Lowering = (n) => {
  const { layout } = n;
  const x = n.input(0, layout);
  const given = n.input(1, layout);
  const { shape } = given.tensor;
  // A slope per channel stands along the last axis of the file's order, which is axis 1 here.
  const perChannel = layout === "last" || shape.length !== 1 ? given : n.reshape(given, [shape[0]!, 1, 1]);
  return { layout, value: n.create(activation.Prelu, { x, slope: n.cast(perChannel, x.tensor.dtype) }) };
};

export const activationLowerings: Lowerings = {
  Activation: unary((n, x) =>
    activate(n.builder, x, n.choice("activation_type", "NO_ACTIVATION"), {
      alpha: n.float("alpha"),
      low: n.float("min_val"),
      high: n.float("max_val"),
      approximate: n.bool("approximate"),
    }),
  ),
  Elu: unary((n, x) => n.create(activation.Elu, { x }, { alpha: n.float("alpha", 1) })),
  LeakyRelu: unary((n, x) => n.create(activation.LeakyRelu, { x }, { alpha: n.float("negative_slope") })),
  PReLUFusion: slope,
  Clip: unary((n, x) =>
    clipped(
      n.builder,
      x,
      n.has(1) ? n.number(1, "the lower bound") : n.float("min"),
      n.has(2) ? n.number(2, "the upper bound") : n.float("max"),
    ),
  ),
};
