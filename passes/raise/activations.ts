/** Activation functions that were written out. */
import type { Value } from "../../ir/graph.ts";
import { Clip, Gelu, HardSigmoid, HardSwish, Mish, Relu6, Sigmoid, Softplus, Swish } from "../../ir/ops/activation.ts";
import { Div, Erf, Exp, Mul, Reciprocal, Tanh } from "../../ir/ops/elementwise.ts";
import { sameShape } from "../../ir/type.ts";
import { isComputed } from "../canonicalize/known.ts";
import type { NumericsClass } from "../pass.ts";
import { isUsedOnce } from "../pattern.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { argument, isNear, multipleOf, numberOf, plusConstant, polynomialIn, producer, productOf } from "./formula.ts";

/** A rule for `constant * x * h`, where `h` is a function of x: `make` is given x and h, in either order. */
const productRule = (
  name: string,
  numerics: NumericsClass,
  constant: number,
  make: (r: Rewriter, x: Value, h: Value) => Value | undefined,
): Rule[] =>
  [Mul, Div].map((d) =>
    opRule(name, numerics, d, (op, r) => {
      const product = productOf(op.result);
      const [a, b] = product.factors as [Value, Value];
      const isConstant = Number.isInteger(2 * constant) ? product.constant === constant : isNear(product.constant, constant);
      if (product.factors.length !== 2 || !isConstant) return undefined;
      const fits = (x: Value, h: Value): boolean => sameShape(x.tensor.shape, op.result.tensor.shape) && isUsedOnce(h);
      return (fits(a, b) ? make(r, a, b) : undefined) ?? (fits(b, a) ? make(r, b, a) : undefined);
    }),
  );

/** `x / 2 * (1 + erf(x / sqrt 2))`. */
const gelu = productRule("gelu", "reassociates", 0.5, (r, x, h) =>
  isNear(multipleOf(argument(plusConstant(h, 1), Erf), x), Math.SQRT1_2) ? r.create(Gelu, { x }) : undefined,
);

/** `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`. */
const geluTanh = productRule("gelu-tanh", "reassociates", 0.5, (r, x, h) => {
  const p = polynomialIn(x, argument(plusConstant(h, 1), Tanh));
  const k = Math.sqrt(2 / Math.PI);
  const fits = p?.length === 4 && p[0] === 0 && p[2] === 0 && isNear(p[1], k) && isNear(p[3], 0.044715 * k);
  return fits ? r.create(Gelu, { x }, { approximate: "tanh" }) : undefined;
});

/** A quotient by alpha is not the product with 1 / alpha to the last bit. */
const isQuotient = (v: Value | undefined): boolean => producer(v, Div) !== undefined;

/** `x * sigmoid(alpha * x)`: the same operations as in the op, where values are stored as computed. */
const swishRule = (exact: boolean): Rule[] =>
  productRule(exact ? "swish" : "swish-of-narrow", exact ? "exact" : "reassociates", 1, (r, x, h) => {
    const alpha = multipleOf(argument(h, Sigmoid), x);
    return alpha !== undefined && !isQuotient(argument(h, Sigmoid)) && isComputed(x.tensor.dtype) === exact
      ? r.create(Swish, { x }, { alpha })
      : undefined;
  });

/** `x * hard_sigmoid(x)` with slope 1/6 and offset 1/2. */
const hardSwish = productRule("hard-swish", "reassociates", 1, (r, x, h) => {
  const inner = producer(h, HardSigmoid);
  const fits =
    inner?.operand(0) === x && isNear(inner.attributes["alpha"] as number, 1 / 6) && isNear(inner.attributes["beta"] as number, 0.5);
  return fits ? r.create(HardSwish, { x }) : undefined;
});

/** `x` where `v = min(max(x + 3, 0), 6)`. */
function shiftedRelu6(v: Value): Value | undefined {
  const clip = producer(v, Clip);
  const isSix = clip && clip.operand(1) && numberOf(clip.operand(1)) === 0 && numberOf(clip.operand(2)) === 6;
  return plusConstant(isSix ? clip.operand(0) : argument(v, Relu6), 3);
}

/** `x * min(max(x + 3, 0), 6) / 6`. */
const hardSwishOfRelu6 = productRule("hard-swish-of-relu6", "reassociates", 1 / 6, (r, x, h) =>
  shiftedRelu6(h) === x ? r.create(HardSwish, { x }) : undefined,
);

/** `min(max(x + 3, 0), 6) / 6`. */
const hardSigmoid = [Mul, Div].map((d) =>
  opRule("hard-sigmoid", "reassociates", d, (op, r) => {
    const { constant, factors } = productOf(op.result);
    const x = factors.length === 1 && isNear(constant, 1 / 6) ? shiftedRelu6(factors[0]!) : undefined;
    return x && r.create(HardSigmoid, { x }, { alpha: 1 / 6, beta: 0.5 });
  }),
);

/** `x * tanh(softplus(x))`. */
const mish = productRule("mish", "reassociates", 1, (r, x, h) =>
  argument(argument(h, Tanh), Softplus) === x ? r.create(Mish, { x }) : undefined,
);

/** `x` where `v = exp(-x) + 1`. */
function logistic(v: Value | undefined): Value | undefined {
  const power = argument(plusConstant(v, 1), Exp);
  if (!power) return undefined;
  const { constant, factors } = productOf(power);
  return constant === -1 && factors.length === 1 ? factors[0] : undefined;
}

/** `1 / (1 + exp(-x))`. */
const sigmoid = opRule("sigmoid", "reassociates", Reciprocal, (op, r) => {
  const x = logistic(op.operand(0));
  return x && r.create(Sigmoid, { x });
});

/** `x / (1 + exp(-x))`. */
const swishOfQuotient = opRule("swish-of-quotient", "reassociates", Div, (op, r) => {
  const [x, divisor] = op.operands as [Value, Value];
  return logistic(divisor) === x ? r.create(Swish, { x }) : undefined;
});

/** `log(1 + exp(x))` overflows, which softplus does not. */
const softplus = ["log1p", "log"].map((name) =>
  opRule("softplus", "approximates", undefined, (op, r) => {
    if (op.name !== name) return undefined;
    const inside = name === "log" ? plusConstant(op.operand(0), 1) : op.operand(0);
    const x = argument(inside, Exp);
    return x && r.create(Softplus, { x });
  }),
);

export const activationRules: readonly Rule[] = [
  ...gelu,
  ...geluTanh,
  ...swishRule(true),
  ...swishRule(false),
  ...hardSwish,
  ...hardSwishOfRelu6,
  ...hardSigmoid,
  ...mish,
  sigmoid,
  swishOfQuotient,
  ...softplus,
];
