/** Elementary functions by way of a few: exponential, logarithm, hyperbolic tangent, root; tests for what is no number. */
import { IsInf, IsNan, NotEqual } from "../../ir/ops/compare.ts";
import * as op from "../../ir/ops/elementwise.ts";
import type { Value } from "../../ir/graph.ts";
import { isFloat } from "../../ir/type.ts";
import { type Expander, expansion, type NamedExpansion, realOf } from "./expander.ts";

/** Of one float, computed in f32 or f64. */
const elementary = (definition: typeof op.Sinh, formula: (e: Expander, x: Value) => Value): NamedExpansion =>
  expansion(definition, ({ x }, _a, e) => e.cast(formula(e, e.cast(x, realOf(x))), x.tensor.dtype));

/** An odd function, from what it is of `|x|`; zeros keep their sign. */
function odd({ f }: Expander, x: Value, ofAbsolute: (a: Value) => Value): Value {
  const y = ofAbsolute(f.abs(x));
  return f.where(f.equal(x, 0), x, f.where(f.less(x, 0), f.neg(y), y));
}

/** The half of exp(a), which has no greater numbers on the way. */
function halfExp({ f }: Expander, a: Value): Value {
  const root = f.exp(f.mul(a, 0.5));
  return f.mul(f.mul(root, 0.5), root);
}

const tanh = (e: Expander, x: Value): Value => e.create(op.Tanh, { x });
const log1p = (e: Expander, x: Value): Value => e.create(op.Log1p, { x });

/** With t = tanh(x / 2): 2 t / (1 - t) near zero and below, where nothing cancels. */
const expm1 = elementary(op.Expm1, (e, x) => {
  const { f } = e;
  const t = tanh(e, f.mul(x, 0.5));
  return f.where(f.less(x, 1), f.div(f.mul(t, 2), f.add(f.neg(t), 1)), f.sub(f.exp(x), 1));
});

/** With t = tanh(a / 2): 2 t / (1 - t t) near zero. */
const sinh = elementary(op.Sinh, (e, x) =>
  odd(e, x, (a) => {
    const { f } = e;
    const t = tanh(e, f.mul(a, 0.5));
    const far = f.sub(halfExp(e, a), f.mul(f.exp(f.neg(a)), 0.5));
    return f.where(f.less(a, 1), f.div(f.mul(t, 2), f.add(f.neg(f.square(t)), 1)), far);
  }),
);

const cosh = elementary(op.Cosh, (e, x) => {
  const a = e.f.abs(x);
  return e.f.add(halfExp(e, a), e.f.mul(e.f.exp(e.f.neg(a)), 0.5));
});

/** From here on `x x + 1` is `x x`, which does not overflow before. */
const far = 1e9;

/** log(2 a), for large `a`. */
const logOfTwice = ({ f }: Expander, a: Value): Value => f.add(f.log(a), Math.LN2);

const asinh = elementary(op.Asinh, (e, x) =>
  odd(e, x, (a) => {
    const { f } = e;
    const squared = f.square(a);
    const near = log1p(e, f.add(a, f.div(squared, f.add(f.sqrt(f.add(squared, 1)), 1))));
    return f.where(f.less(a, far), near, logOfTwice(e, a));
  }),
);

/** With t = x - 1: log1p(t + sqrt(t) sqrt(t + 2)), whose roots are no numbers below one. */
const acosh = elementary(op.Acosh, (e, x) => {
  const { f } = e;
  const t = f.sub(x, 1);
  const near = log1p(e, f.add(t, f.mul(f.sqrt(t), f.sqrt(f.add(x, 1)))));
  return f.where(f.less(x, far), near, logOfTwice(e, x));
});

const atanh = elementary(op.Atanh, (e, x) => e.f.mul(e.f.sub(log1p(e, x), log1p(e, e.f.neg(x))), 0.5));

/** Terms of the series of the arc tangent that numbers below a fifth need. */
const terms = 11;

/**
 * Above one by the reciprocal; then the angle is halved twice, atan(z) = 2 atan(z / (1 + sqrt(1 + z z))), and is that of a
 * number below a fifth, whose series ends soon.
 */
function arcTangent(e: Expander, x: Value): Value {
  const { f } = e;
  return odd(e, x, (a) => {
    const isSteep = f.greater(a, 1);
    const halved = (z: Value): Value => f.div(z, f.add(f.sqrt(f.add(f.square(z), 1)), 1));
    const z = halved(halved(f.where(isSteep, f.div(f.number(1, a), a), a)));
    const negated = f.neg(f.square(z));
    let sum = f.number(1 / (2 * terms - 1), z);
    for (let k = terms - 2; k >= 0; k--) sum = f.add(f.mul(sum, negated), 1 / (2 * k + 1));
    const angle = f.mul(f.mul(z, sum), 4);
    return f.where(isSteep, f.add(f.neg(angle), Math.PI / 2), angle);
  });
}

const atan = elementary(op.Atan, arcTangent);

const asin = elementary(op.Asin, (e, x) => {
  const { f } = e;
  return arcTangent(e, f.div(x, f.sqrt(f.mul(f.add(f.neg(x), 1), f.add(x, 1)))));
});

const acos = elementary(op.Acos, (e, x) => {
  const { f } = e;
  return f.mul(arcTangent(e, f.sqrt(f.div(f.add(f.neg(x), 1), f.add(x, 1)))), 2);
});

/** `f(a, b)`, and zero where `tested` is, in each element. */
const unlessZero = (e: Expander, tested: Value, y: Value): Value => e.f.where(e.f.equal(tested, 0), 0, y);

const isNanOf = (e: Expander, x: Value): Value => e.create(NotEqual, { a: x, b: x });

/** A product with zeros that stay zero, where the other factor is a number. */
const zeroTimes = (definition: typeof op.Xlogy, product: (e: Expander, a: Value, b: Value) => Value): NamedExpansion =>
  expansion(definition, ({ a, b }, _a, e) => {
    const y = product(e, a, b);
    return e.f.where(isNanOf(e, b), y, unlessZero(e, a, y));
  });

const isNan = expansion(IsNan, ({ x }, _a, e) => isNanOf(e, x));

const isInf = expansion(IsInf, ({ x }, { negative, positive }, e) => {
  if (!negative && !positive) return undefined;
  return e.f.equal(negative && positive ? e.f.abs(x) : x, positive ? Infinity : -Infinity);
});

/** Of integers a quotient by zero is zero already. */
const divNoNan = (e: Expander, a: Value, b: Value): Value => {
  const y = e.f.div(a, b);
  return isFloat(a.tensor.dtype) ? unlessZero(e, b, y) : y;
};

export const elementaryExpansions: readonly NamedExpansion[] = [
  expm1,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,
  atan,
  asin,
  acos,
  isNan,
  isInf,
  expansion(op.Erfc, ({ x }, _a, e) => e.f.add(e.f.neg(e.create(op.Erf, { x })), 1)),
  expansion(op.DivNoNan, ({ a, b }, _a, e) => divNoNan(e, a, b)),
  zeroTimes(op.Xlogy, (e, a, b) => e.f.mul(a, e.f.log(b))),
  zeroTimes(op.Xdivy, (e, a, b) => e.f.div(a, b)),
];
