/** Activation functions as arithmetic. */
import * as op from "../../ir/ops/activation.ts";
import { Argmax } from "../../ir/ops/arg-extreme.ts";
import { Erf, Expm1, Tanh } from "../../ir/ops/elementwise.ts";
import { OneHot } from "../../ir/ops/generate.ts";
import { Hardmax, LogSoftmax, Softmax } from "../../ir/ops/softmax.ts";
import { type Dim, product } from "../../ir/dim.ts";
import { normalizeAxes } from "../../ir/axis.ts";
import type { Value } from "../../ir/graph.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

/** `f` of the axes as one axis, which is the last one then. */
function overOneAxis(e: Expander, x: Value, axes: readonly number[], f: (x: Value, axis: number) => Value): Value {
  const { shape } = x.tensor;
  const folded = normalizeAxes(axes, shape.length);
  const others = shape.map((_, d) => d).filter((d) => !folded.includes(d));
  const perm = [...others, ...folded];
  const moved = e.transpose(x, perm);
  const rows: Dim[] = others.map((d) => shape[d]!);
  const y = f(e.reshape(moved, [...rows, product(folded.map((d) => shape[d]!))]), rows.length);
  return e.transposeBack(e.reshape(y, moved.tensor.shape), perm);
}

const softmax = (definition: typeof Softmax | typeof LogSoftmax): NamedExpansion =>
  expansion(definition, ({ x }, { axes }, e) =>
    axes.length === 1 ? undefined : overOneAxis(e, x, axes, (v, axis) => e.create(definition, { x: v }, { axes: [axis] })),
  );

/** One at the first greatest element. */
const hardmax = expansion(Hardmax, ({ x }, { axes }, e) =>
  overOneAxis(e, x, axes, (v, axis) => {
    const depth = v.tensor.shape[axis]!;
    const indices = e.create(Argmax, { x: v }, { axis, dtype: "i32" });
    const [on, off] = [e.scalar(x.tensor.dtype, 1), e.scalar(x.tensor.dtype, 0)];
    return e.create(OneHot, { indices, on, off }, { depth, axis });
  }),
);

/** `0.5 x (1 + erf(x / sqrt 2))`, or with the tangent. */
const gelu = expansion(op.Gelu, ({ x }, { approximate }, e) => {
  const { f } = e;
  const inner =
    approximate === "none"
      ? e.create(Erf, { x: f.mul(x, Math.SQRT1_2) })
      : e.create(Tanh, { x: f.mul(f.add(x, f.mul(f.mul(f.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI)) });
  return f.mul(f.mul(x, 0.5), f.add(inner, 1));
});

/** What is below zero bent exponentially: `max(x, 0) + alpha * expm1(min(x, 0) / scale)`. */
function bent(e: Expander, x: Value, alpha: number, scale: number): Value {
  const { f } = e;
  const below = f.min(x, 0);
  return f.add(f.max(x, 0), f.mul(e.create(Expm1, { x: scale === 1 ? below : f.div(below, scale) }), alpha));
}

const clip = expansion(op.Clip, ({ x, low, high }, _a, { f }) => {
  const raised = low ? f.max(x, low) : x;
  return high ? f.min(raised, high) : raised;
});

const shrink = expansion(op.Shrink, ({ x }, { lambda, bias }, { f }) => {
  const zero = f.number(0, x);
  return f.where(f.less(x, -lambda), f.add(x, bias), f.where(f.greater(x, lambda), f.sub(x, bias), zero));
});

export const activationExpansions: readonly NamedExpansion[] = [
  gelu,
  expansion(op.Swish, ({ x }, { alpha }, e) => e.f.mul(x, e.create(op.Sigmoid, { x: alpha === 1 ? x : e.f.mul(x, alpha) }))),
  expansion(op.Elu, ({ x }, { alpha }, e) => bent(e, x, alpha, 1)),
  expansion(op.Celu, ({ x }, { alpha }, e) => bent(e, x, alpha, alpha)),
  expansion(op.Selu, ({ x }, { alpha, gamma }, e) => e.f.mul(bent(e, x, alpha, 1), gamma)),
  expansion(op.Mish, ({ x }, _a, e) => e.f.mul(x, e.create(Tanh, { x: e.create(op.Softplus, { x }) }))),
  expansion(op.LogSigmoid, ({ x }, _a, e) => e.f.neg(e.create(op.Softplus, { x: e.f.neg(x) }))),
  expansion(op.HardSigmoid, ({ x }, { alpha, beta }, { f }) => f.min(f.max(f.add(f.mul(x, alpha), beta), 0), 1)),
  expansion(op.HardSwish, ({ x }, _a, { f }) => f.mul(x, f.min(f.max(f.add(f.mul(x, 1 / 6), 0.5), 0), 1))),
  clip,
  shrink,
  expansion(op.LeakyRelu, ({ x }, { alpha }, { f }) => f.where(f.less(x, 0), f.mul(x, alpha), x)),
  expansion(op.ThresholdedRelu, ({ x }, { alpha }, { f }) => f.where(f.greater(x, alpha), x, f.number(0, x))),
  expansion(op.Prelu, ({ x, slope }, _a, { f }) => f.where(f.less(x, 0), f.mul(slope, x), x)),
  softmax(Softmax),
  softmax(LogSoftmax),
  hardmax,
];
