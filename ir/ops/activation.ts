/** Activation functions, element by element. */
import { choice, float } from "../attribute.ts";
import { broadcastLoad, broadcastShapes } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add, constantLike, convert, div, type Expr, load, lt, max, min, mul, select, sub, unary } from "../expr.ts";
import { pointwise } from "../stage.ts";
import { formatType, sameShape, type TensorType } from "../type.ts";
import { expectElements, expectSameElements, unaryOp, unaryOpWith } from "./map.ts";

const neg = (x: Expr): Expr => unary("neg", x);
const constantTimes = (value: number, x: Expr): Expr => mul(constantLike(x, value), x);
const isNegative = (x: Expr): Expr => lt(x, constantLike(x, 0));
const bounded = (x: Expr, low: number, high: number): Expr => min(max(x, constantLike(x, low)), constantLike(x, high));

/** `1 / (1 + exp(-x))`. */
function sigmoidExpr(x: Expr): Expr {
  const one = constantLike(x, 1);
  return div(one, add(one, unary("exp", neg(x))));
}

/** `log(1 + exp(x))`, which overflows for no `x`. */
const softplusExpr = (x: Expr): Expr => add(max(x, constantLike(x, 0)), unary("log1p", unary("exp", neg(unary("abs", x)))));

/** `x / 2 * (1 + erf(x / sqrt 2))`: Hendrycks and Gimpel, Gaussian Error Linear Units (2016). */
const gelu = (x: Expr): Expr => mul(constantTimes(0.5, x), add(constantLike(x, 1), unary("erf", constantTimes(Math.SQRT1_2, x))));

/** The approximation of the same paper. */
function geluTanh(x: Expr): Expr {
  const inner = mul(constantLike(x, Math.sqrt(2 / Math.PI)), add(x, constantTimes(0.044715, mul(x, mul(x, x)))));
  return mul(constantTimes(0.5, x), add(constantLike(x, 1), unary("tanh", inner)));
}

/** With `e = exp(x)`, tanh(log(1 + e)) is `w / (w + 2)` for `w = e * (e + 2)`: 1 to the last place of f64 from 20 on. */
function mish(x: Expr): Expr {
  const e = unary("exp", min(x, constantLike(x, 20)));
  const two = constantLike(x, 2);
  const w = mul(e, add(e, two));
  return mul(x, div(w, add(w, two)));
}

const selu = (x: Expr, alpha: number, gamma: number): Expr =>
  constantTimes(gamma, select(lt(constantLike(x, 0), x), x, constantTimes(alpha, unary("expm1", x))));

function celu(x: Expr, alpha: number): Expr {
  const below = constantTimes(alpha, unary("expm1", div(x, constantLike(x, alpha))));
  return add(max(constantLike(x, 0), x), min(constantLike(x, 0), below));
}

/** Of integers in f64, as lambda and bias need not be whole. */
function shrink(x: Expr, lambda: number, bias: number): Expr {
  const real = x.dtype === "f32" ? x : convert(x, "f64");
  const [limit, shift] = [constantLike(real, lambda), constantLike(real, bias)];
  const shrunk = select(lt(real, neg(limit)), add(real, shift), select(lt(limit, real), sub(real, shift), constantLike(real, 0)));
  return convert(shrunk, x.dtype);
}

export const Relu = unaryOp("relu", "number", "`max(x, 0)`.", (x) => max(x, constantLike(x, 0)));
export const Relu6 = unaryOp("relu6", "number", "`min(max(x, 0), 6)`.", (x) => bounded(x, 0, 6));
export const Sigmoid = unaryOp("sigmoid", "float", "`1 / (1 + exp(-x))`.", sigmoidExpr);
export const LogSigmoid = unaryOp("log_sigmoid", "float", "`-log(1 + exp(-x))`.", (x) => neg(softplusExpr(neg(x))));
export const Softplus = unaryOp("softplus", "float", "`log(1 + exp(x))`.", softplusExpr);
export const Softsign = unaryOp("softsign", "float", "`x / (1 + |x|)`.", (x) => div(x, add(constantLike(x, 1), unary("abs", x))));
export const Mish = unaryOp("mish", "float", "`x * tanh(softplus(x))`.", mish);
export const HardSwish = unaryOp("hard_swish", "float", "`x * min(max(x / 6 + 0.5, 0), 1)`.", (x) =>
  mul(x, bounded(add(constantTimes(1 / 6, x), constantLike(x, 0.5)), 0, 1)),
);
export const HardSigmoid = unaryOpWith(
  "hard_sigmoid",
  "float",
  "`min(max(alpha * x + beta, 0), 1)`.",
  { alpha: float(0.2), beta: float(0.5) },
  (x, { alpha, beta }) => bounded(add(constantTimes(alpha, x), constantLike(x, beta)), 0, 1),
);
export const Swish = unaryOpWith(
  "swish",
  "float",
  "`x * sigmoid(alpha * x)`; SiLU for an alpha of one.",
  { alpha: float(1) },
  (x, { alpha }) => mul(x, sigmoidExpr(constantTimes(alpha, x))),
);
export const Gelu = unaryOpWith(
  "gelu",
  "float",
  "`x / 2 * (1 + erf(x / sqrt 2))`, or with `tanh` its approximation `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.",
  { approximate: choice(["none", "tanh"], "none") },
  (x, { approximate }) => (approximate === "tanh" ? geluTanh(x) : gelu(x)),
);
export const Elu = unaryOpWith("elu", "float", "`x`, below zero `alpha * (exp(x) - 1)`.", { alpha: float(1) }, (x, { alpha }) =>
  select(isNegative(x), constantTimes(alpha, unary("expm1", x)), x),
);
export const Selu = unaryOpWith(
  "selu",
  "float",
  "`gamma * x`, at or below zero `gamma * alpha * (exp(x) - 1)`: Klambauer et al., Self-Normalizing Neural Networks (2017).",
  { alpha: float(1.6732632423543772), gamma: float(1.0507009873554805) },
  (x, { alpha, gamma }) => selu(x, alpha, gamma),
);
export const Celu = unaryOpWith(
  "celu",
  "float",
  "`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`.",
  { alpha: float(1) },
  (x, { alpha }) => celu(x, alpha),
);
export const LeakyRelu = unaryOpWith("leaky_relu", "float", "`x`, below zero `alpha * x`.", { alpha: float(0.01) }, (x, { alpha }) =>
  select(isNegative(x), constantTimes(alpha, x), x),
);
export const ThresholdedRelu = unaryOpWith(
  "thresholded_relu",
  "float",
  "`x` above alpha, else zero.",
  { alpha: float(1) },
  (x, { alpha }) => select(lt(constantLike(x, alpha), x), x, constantLike(x, 0)),
);
export const Shrink = unaryOpWith(
  "shrink",
  "number",
  "`x + bias` below `-lambda`, `x - bias` above `lambda`, else zero; of integers rounded towards zero.",
  { lambda: float(0.5), bias: float(0) },
  (x, { lambda, bias }) => shrink(x, lambda, bias),
);

export const Prelu = defineOp({
  name: "prelu",
  summary: "`x`, below zero `slope * x`; the slope broadcasts to `x`.",
  operands: { x: operand, slope: operand },
  attributes: {},
  infer({ x, slope }) {
    expectElements(x, "number", "prelu");
    expectSameElements("prelu", x, slope);
    if (!sameShape(broadcastShapes(x.shape, slope.shape), x.shape)) {
      throw new OpError(`the slope ${formatType(slope)} does not broadcast to ${formatType(x)}`);
    }
    return x;
  },
  compute: ({ operands: { x, slope }, results: [y] }) => [
    pointwise(y!, (at) => select(isNegative(load(x, at)), mul(broadcastLoad(slope, at), load(x, at)), load(x, at))),
  ],
});

const expectBound = (bound: TensorType | undefined, x: TensorType): void => {
  if (!bound) return;
  expectSameElements("clip", x, bound);
  if (!sameShape(broadcastShapes(x.shape, bound.shape), x.shape))
    throw new OpError(`the bound ${formatType(bound)} does not broadcast to ${formatType(x)}`);
};

export const Clip = defineOp({
  name: "clip",
  summary: "`min(max(x, low), high)`, each bound where it is given; bounds broadcast to `x`. NaN stays.",
  operands: { x: operand, low: optionalOperand, high: optionalOperand },
  attributes: {},
  infer({ x, low, high }) {
    expectElements(x, "number", "clip");
    expectBound(low, x);
    expectBound(high, x);
    return x;
  },
  compute({ operands: { x, low, high }, results: [y] }) {
    return [
      pointwise(y!, (at) => {
        const raised = low ? max(load(x, at), broadcastLoad(low, at)) : load(x, at);
        return high ? min(raised, broadcastLoad(high, at)) : raised;
      }),
    ];
  },
});
