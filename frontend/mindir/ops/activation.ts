/** Activation functions, softmax, clipping, dropout in inference. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import type { Value } from "../../../ir/graph.ts";
import * as op from "../../../ir/ops/activation.ts";
import { Expm1, Tanh } from "../../../ir/ops/elementwise.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { LogSoftmax, Softmax } from "../../../ir/ops/softmax.ts";
import type { Argument, Lowering, Lowerings, NodeContext } from "../node.ts";
import { isValue } from "../values.ts";
import { Formula } from "../../formula.ts";
import { floats, promote } from "./promote.ts";

const of =
  (definition: AnyOpDefinition): Lowering =>
  (n) =>
    n.create(definition, { x: n.input(0) });

/** The value of an argument that is a tensor whose content only data tells. */
const dataArgument = (n: NodeContext, argument: Argument): Value | undefined => {
  const item = n.argument(argument);
  return isValue(item) && !n.isKnown(argument) ? item : undefined;
};

/** MindSpore takes and gives f32 whatever the type; for f64 its result is the f32 nearest to the true one. */
const celu: Lowering = (n) => {
  const given = n.input(0);
  const { dtype } = given.tensor;
  const rounded = n.cast(given, "f32");
  if (dtype !== "f64") return n.cast(celuOf(n, rounded), dtype);
  return n.cast(n.cast(celuOf(n, n.cast(rounded, "f64")), "f32"), "f64");
};

function celuOf(n: NodeContext, x: Value): Value {
  const alpha = dataArgument(n, [1, "alpha"]);
  if (!alpha) return n.create(op.Celu, { x }, { alpha: n.float([1, "alpha"], 1) });
  const f = new Formula(n);
  const scale = n.cast(alpha, x.tensor.dtype);
  const below = f.mul(scale, n.create(Expm1, { x: f.div(x, scale) }));
  return f.add(f.max(x, 0), f.min(below, 0));
}

/** MindSpore's constants are f32 for every type. */
const selu: Lowering = (n) =>
  n.create(op.Selu, { x: n.input(0) }, { alpha: Math.fround(1.6732632423543772), gamma: Math.fround(1.0507009873554805) });

const softplus: Lowering = (n) => {
  const [beta, threshold] = [n.float([1, "beta"], 1), n.float([2, "threshold"], 20)];
  const x = floats(n, 0);
  if (n.operator.name === "Softplus" || (beta === 1 && threshold >= 20)) return n.create(op.Softplus, { x });
  const f = new Formula(n);
  const scaled = f.mul(x, beta);
  return f.where(f.greater(scaled, threshold), x, f.div(n.create(op.Softplus, { x: scaled }), beta));
};

/** The slope is one number or one per channel, which are on axis 1. */
const prelu: Lowering = (n) => {
  const x = n.input(0);
  const slope = n.cast(n.input(1), x.tensor.dtype);
  const [count] = slope.tensor.shape;
  const rank = x.tensor.shape.length;
  const isOne = slope.tensor.shape.length === 0 || count === 1;
  const shape = isOne ? [1] : x.tensor.shape.map((_, axis) => (axis === Math.min(1, rank - 1) ? count! : 1));
  return n.create(op.Prelu, { x, slope: n.reshape(slope, rank === 0 ? [] : shape) });
};

const softmaxAxes = (n: NodeContext): readonly number[] => {
  const axes = n.ints([1, "axis", "dim"], [-1]);
  return axes.length === 0 ? [-1] : axes;
};

const softmax =
  (definition: typeof Softmax | typeof LogSoftmax): Lowering =>
  (n) => {
    const x = n.has([2, "dtype"]) ? n.cast(n.input(0), n.dtype([2, "dtype"])) : floats(n, 0);
    if (x.tensor.shape.length === 0) return n.reshape(n.create(definition, { x: n.reshape(x, [1]) }, { axes: [0] }), []);
    return n.create(definition, { x }, { axes: softmaxAxes(n) });
  };

/** Bounds are numbers or tensors, either may be absent; the type is the promoted one of what is there. */
const clamp: Lowering = (n) => {
  const f = new Formula(n);
  let x = n.input(0);
  for (const [i, name] of [
    [1, "min"],
    [2, "max"],
  ] as const) {
    const bound = n.argument([i, name, `clip_value_${name}`]);
    if (bound === undefined || !n.has([i, name, `clip_value_${name}`])) continue;
    const [a, b] = promote(n, x, bound);
    x = i === 1 ? f.max(a, b) : f.min(a, b);
  }
  return x;
};

const hardTanh: Lowering = (n) => {
  const x = n.input(0);
  const bound = (i: number, name: string, fallback: number): Value => new Formula(n).number(n.float([i, name], fallback), x);
  return n.create(op.Clip, { x, low: bound(1, "min_val", -1), high: bound(2, "max_val", 1) });
};

const threshold: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  return f.where(f.greater(x, n.float([1, "threshold"])), x, n.float([2, "value"]));
};

/** The first half along the axis times the sigmoid of the second. */
const glu: Lowering = (n) => {
  const halves = n.scope.apply({ ...n.operator, name: "Split", attributes: new Map() }, [
    n.input(0),
    { kind: "int", value: n.int([1, "axis", "dim"], -1), dtype: "i64" },
    { kind: "int", value: 2, dtype: "i64" },
  ]);
  const [a, b] = (halves as { readonly elements: readonly Value[] }).elements as [Value, Value];
  return new Formula(n).mul(a, n.create(op.Sigmoid, { x: b }));
};

const swiGlu: Lowering = (n) => {
  const halves = n.scope.apply({ ...n.operator, name: "Split", attributes: new Map() }, [
    n.input(0),
    { kind: "int", value: n.int([1, "dim"], -1), dtype: "i64" },
    { kind: "int", value: 2, dtype: "i64" },
  ]);
  const [a, b] = (halves as { readonly elements: readonly Value[] }).elements as [Value, Value];
  return new Formula(n).mul(n.create(op.Swish, { x: a }), b);
};

/** In inference dropout hands its input on; the mask, where there is one, is all ones. */
const dropout: Lowering = (n) => {
  const x = n.input(0);
  const type = n.operator.name === "Dropout" ? x.tensor.dtype : "bool";
  const one = n.scalar(type, 1);
  return [x, x.tensor.shape.length === 0 ? one : n.create(Expand, { x: one }, { shape: x.tensor.shape })];
};

const reluWithMask: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  return [n.create(op.Relu, { x }), n.cast(f.greater(x, 0), "u8")];
};

const gelu: Lowering = (n) =>
  n.create(
    op.Gelu,
    { x: n.input(0) },
    { approximate: n.string([1, "approximate"], "none", ["none", "tanh"]) === "tanh" ? "tanh" : "none" },
  );

const shrink =
  (isSoft: boolean): Lowering =>
  (n) => {
    const lambda = n.float([1, "lambd"], 0.5);
    return n.create(op.Shrink, { x: n.input(0) }, { lambda, bias: isSoft ? lambda : 0 });
  };

export const activation: Lowerings = {
  ReLU: of(op.Relu),
  ReLUV3: of(op.Relu),
  ReLUV2: reluWithMask,
  ReLU6: of(op.Relu6),
  Sigmoid: (n) => n.create(op.Sigmoid, { x: floats(n, 0) }),
  LogSigmoid: of(op.LogSigmoid),
  LogSigmoidExt: (n) => [n.create(op.LogSigmoid, { x: n.input(0) }), n.input(0)],
  Softplus: softplus,
  SoftplusExt: softplus,
  Softsign: of(op.Softsign),
  Mish: of(op.Mish),
  MishExt: of(op.Mish),
  SiLU: of(op.Swish),
  Silu: of(op.Swish),
  HSwish: of(op.HardSwish),
  HSigmoid: (n) => n.create(op.HardSigmoid, { x: n.input(0) }, { alpha: 1 / 6, beta: 0.5 }),
  GeLU: (n) => n.create(op.Gelu, { x: n.input(0) }, { approximate: "tanh" }),
  Gelu: (n) => n.create(op.Gelu, { x: n.input(0) }, { approximate: "tanh" }),
  GeluExt: gelu,
  FastGeLU: (n) => n.create(op.Swish, { x: n.input(0) }, { alpha: 1.702 }),
  FastGelu: (n) => n.create(op.Swish, { x: n.input(0) }, { alpha: 1.702 }),
  Elu: (n) => n.create(op.Elu, { x: n.input(0) }, { alpha: n.float([1, "alpha"], 1) }),
  EluExt: (n) => n.create(op.Elu, { x: n.input(0) }, { alpha: n.float([1, "alpha"], 1) }),
  SeLU: selu,
  SeLUExt: selu,
  CeLU: celu,
  CeluV2: celu,
  LeakyReLU: (n) => n.create(op.LeakyRelu, { x: n.input(0) }, { alpha: n.float([1, "alpha", "negative_slope"], 0.2) }),
  LeakyReLUExt: (n) => n.create(op.LeakyRelu, { x: n.input(0) }, { alpha: n.float([1, "negative_slope"], 0.01) }),
  PReLU: prelu,
  HShrink: shrink(false),
  SoftShrink: shrink(true),
  Softshrink: shrink(true),
  Hardtanh: hardTanh,
  Threshold: threshold,
  TanhShrink: (n) => new Formula(n).sub(n.input(0), n.create(Tanh, { x: n.input(0) })),
  GLU: glu,
  Swiglu: swiGlu,
  ClampScalar: clamp,
  ClampTensor: clamp,
  Clamp: clamp,
  ClipByValue: clamp,
  Softmax: softmax(Softmax),
  SoftmaxExt: softmax(Softmax),
  LogSoftmax: softmax(LogSoftmax),
  LogSoftmaxExt: softmax(LogSoftmax),
  Dropout: dropout,
  Dropout2D: dropout,
  Dropout3D: dropout,
  DropoutExt: dropout,
};
