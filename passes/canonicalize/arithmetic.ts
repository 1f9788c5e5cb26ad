/** Sums, products, quotients and powers: neutral elements, inverses, constants gathered at the right. */
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Abs, Add, Div, FloorDiv, Mul, Neg, Pow, Reciprocal, Rsqrt, Sqrt, Square, Sub } from "../../ir/ops/elementwise.ts";
import { isFloat } from "../../ir/type.ts";
import { any, constant, isUsedOnce, match, type Pattern } from "../pattern.ts";
import { kebab, opRule, rule, type Rewriter, type Rule } from "../rewrite.ts";
import { broadcast, constantOf, filled, isComputed, isFilled, isIeee, isSameTensor, isWrapping, scalar, splatOf } from "./known.ts";

const zeros = (op: Op, r: Rewriter): Value | undefined => filled(r, op.result.tensor, 0);
const binary = (definition: AnyOpDefinition): Pattern<{ a: Value; b: Value }> => match(definition, { a: any("a"), b: any("b") });
const dtypeOf = (v: Value): Parameters<typeof isFloat>[0] => v.tensor.dtype;

/** `x + 0 = x` for integers, `x + -0 = x` for floats. */
const addZero = rule("add-zero", "exact", binary(Add), ({ a, b }, r, op) =>
  isFilled(b, isFloat(dtypeOf(a)) ? -0 : 0) ? broadcast(r, a, op.result.tensor) : undefined,
);

/** `x + 0 = x` but for `-0 + 0 = 0`. */
const addPositiveZero = rule("add-positive-zero", "fast", binary(Add), ({ a, b }, r, op) =>
  isFilled(b, 0) ? broadcast(r, a, op.result.tensor) : undefined,
);

/** `x - 0 = x`, also for x = -0. */
const subZero = rule("sub-zero", "exact", binary(Sub), ({ a, b }, r, op) =>
  isFilled(b, 0) ? broadcast(r, a, op.result.tensor) : undefined,
);

/** `x * 1 = x`, `x / 1 = x`. */
const one = (name: string, definition: AnyOpDefinition): Rule =>
  rule(name, "exact", binary(definition), ({ a, b }, r, op) => (isFilled(b, 1) ? broadcast(r, a, op.result.tensor) : undefined));

/** `1 * c = c` where both are constants, so that neither is at the left of the other. */
const oneTimes = rule("one-times", "exact", binary(Mul), ({ a, b }, r, op) =>
  isFilled(a, 1) ? broadcast(r, b, op.result.tensor) : undefined,
);

/** `floor(x / 1) = x` for integers. */
const floorDivOne = rule("floor-div-one", "exact", binary(FloorDiv), ({ a, b }, r, op) =>
  isWrapping(dtypeOf(a)) && isFilled(b, 1) ? broadcast(r, a, op.result.tensor) : undefined,
);

/** `x * 0 = 0` for integers. */
const mulZero = rule("mul-zero", "exact", binary(Mul), ({ a, b }, r, op) =>
  isWrapping(dtypeOf(a)) && isFilled(b, 0) ? zeros(op, r) : undefined,
);
/** `x * 0 = 0` but for NaN, infinities and the sign of zero. */
const mulZeroFast = rule("mul-float-zero", "fast", binary(Mul), ({ b }, r, op) => (isFilled(b, 0) ? zeros(op, r) : undefined));
/** `x - x = 0` for integers. */
const subSelf = rule("sub-self", "exact", match(Sub, { a: any("x"), b: any("x") }), ({ x }, r, op) =>
  isWrapping(dtypeOf(x)) ? zeros(op, r) : undefined,
);
/** `x - x = 0` but for NaN and infinities. */
const subSelfFast = rule("sub-float-self", "fast", match(Sub, { a: any("x"), b: any("x") }), (_, r, op) => zeros(op, r));
/** `x / x = 1` but for NaN, infinities and zero. */
const divSelfFast = rule("div-float-self", "fast", match(Div, { a: any("x"), b: any("x") }), ({ x }, r, op) =>
  isIeee(dtypeOf(x)) ? filled(r, op.result.tensor, 1) : undefined,
);

const signed = (v: Value): boolean => isIeee(dtypeOf(v)) || isWrapping(dtypeOf(v));

/** `--x = x`. */
const doubleNeg = rule("double-neg", "exact", match(Neg, { x: match(Neg, { x: any("x") }) }), ({ x }) => (signed(x) ? x : undefined));
/** `a + -b = a - b`. */
const addNeg = rule("add-neg", "exact", match(Add, { a: any("a"), b: match(Neg, { x: any("b") }) }), ({ a, b }, r) =>
  signed(a) ? r.create(Sub, { a, b }) : undefined,
);
/** `-a + b = b - a`. */
const negAdd = rule("neg-add", "exact", match(Add, { a: match(Neg, { x: any("a") }), b: any("b") }), ({ a, b }, r) =>
  signed(a) && !constantOf(b) ? r.create(Sub, { a: b, b: a }) : undefined,
);
/** `a - -b = a + b`. */
const subNeg = rule("sub-neg", "exact", match(Sub, { a: any("a"), b: match(Neg, { x: any("b") }) }), ({ a, b }, r) =>
  signed(a) ? r.create(Add, { a, b }) : undefined,
);
/** `-a * -b = a * b`. */
const negMulNeg = rule(
  "neg-mul-neg",
  "exact",
  match(Mul, { a: match(Neg, { x: any("a") }), b: match(Neg, { x: any("b") }) }),
  ({ a, b }, r) => (signed(a) ? r.create(Mul, { a, b }) : undefined),
);
/** `-(a - b) = b - a` for integers. */
const negSub = rule("neg-sub", "exact", match(Neg, { x: match(Sub, { a: any("a"), b: any("b") }).once() }), ({ a, b }, r) =>
  isWrapping(dtypeOf(a)) ? r.create(Sub, { a: b, b: a }) : undefined,
);
/** `(-x)^2 = x^2`, `|x|^2 = x^2`. */
const squareOfSign = [Neg, Abs].map((inner) =>
  rule(`square-of-${kebab(inner)}`, "exact", match(Square, { x: match(inner, { x: any("x") }) }), ({ x }, r) =>
    signed(x) ? r.create(Square, { x }) : undefined,
  ),
);
/** `|-x| = |x|`, `||x|| = |x|`. */
const absOfSign = [Neg, Abs].map((inner) =>
  rule(`abs-of-${kebab(inner)}`, "exact", match(Abs, { x: match(inner, { x: any("x") }) }), ({ x }, r) =>
    signed(x) ? r.create(Abs, { x }) : undefined,
  ),
);

/** `x * x = x^2`. */
const mulSelf = rule("mul-self", "exact", match(Mul, { a: any("x"), b: any("x") }), ({ x }, r) => r.create(Square, { x }));

/** `x - c = x + -c` for a constant, so that sums of constants meet. */
const subConstant = rule("sub-constant", "exact", match(Sub, { a: any("a"), b: constant("c") }), ({ a, c }, r) => {
  const value = splatOf(c);
  if (value === undefined || !signed(a) || constantOf(a)) return undefined;
  const negated = filled(r, c.tensor, -value);
  return negated && r.create(Add, { a, b: negated });
});

/** `(x . c1) . c2 = x . (c1 . c2)` for a sum or a product of integers. */
const gatherConstants = (definition: AnyOpDefinition, integers: boolean): Rule =>
  rule(
    `gather-constants-of-${kebab(definition)}${integers ? "" : "-of-floats"}`,
    integers ? "exact" : "reassociates",
    match(definition, { a: match(definition, { a: any("x"), b: constant("c1") }).once(), b: constant("c2") }),
    ({ x, c1, c2 }, r, op) => {
      if (isWrapping(dtypeOf(x)) !== integers || constantOf(x)) return undefined;
      const c = r.create(definition, { a: c1, b: c2 });
      // Both together must not be larger than one of them, nor stretch what x alone does not.
      if (!isSameTensor(c.tensor, c1.tensor) && !isSameTensor(c.tensor, c2.tensor)) return undefined;
      const made = r.create(definition, { a: x, b: c });
      return isSameTensor(made.tensor, op.result.tensor) ? made : undefined;
    },
  );

/** `1 / x` is the reciprocal. */
const oneOver = rule("one-over", "exact", binary(Div), ({ a, b }, r, op) =>
  isFilled(a, 1) && isFloat(dtypeOf(b)) ? broadcast(r, r.create(Reciprocal, { x: b }), op.result.tensor) : undefined,
);
/** `1 / sqrt(x)` is the reciprocal root. */
const reciprocalOfSqrt = rule("reciprocal-of-sqrt", "exact", match(Reciprocal, { x: match(Sqrt, { x: any("x") }).once() }), ({ x }, r) =>
  isComputed(dtypeOf(x)) ? r.create(Rsqrt, { x }) : undefined,
);
/** `a * (1 / b) = a / b`, rounded once. */
const mulReciprocal = rule(
  "mul-reciprocal",
  "reassociates",
  match(Mul, { a: any("a"), b: match(Reciprocal, { x: any("b") }).once() }),
  ({ a, b }, r) => (isIeee(dtypeOf(a)) ? r.create(Div, { a, b }) : undefined),
);
const reciprocalMul = rule(
  "reciprocal-mul",
  "reassociates",
  match(Mul, { a: match(Reciprocal, { x: any("b") }).once(), b: any("a") }),
  ({ a, b }, r) => (isIeee(dtypeOf(a)) ? r.create(Div, { a, b }) : undefined),
);

/** `x / c = x * (1 / c)` where c is a power of two whose inverse is a normal number, so that neither rounds. */
const divByPowerOfTwo = rule("div-by-power-of-two", "exact", match(Div, { a: any("a"), b: constant("c") }), ({ a, c }, r) => {
  const value = splatOf(c);
  const most = { f16: 14, bf16: 126, f32: 126, f64: 1022 }[dtypeOf(a) as string];
  if (typeof value !== "number" || most === undefined || constantOf(a)) return undefined;
  const exponent = Math.log2(Math.abs(value));
  if (!Number.isInteger(exponent) || Math.abs(exponent) > most) return undefined;
  const inverse = filled(r, c.tensor, 1 / value);
  return inverse && r.create(Mul, { a, b: inverse });
});

type Power = (x: Value, r: Rewriter) => Value;
const square: Power = (x, r) => r.create(Square, { x });

/** `x^2 = x * x`: the correctly rounded value that `pow` comes close to. */
const powRule = (name: string, numerics: Rule["numerics"], exponent: number, make: Power): Rule =>
  rule(name, numerics, match(Pow, { a: any("x"), b: constant("c") }), ({ x, c }, r, op) => {
    const fits = isIeee(dtypeOf(x)) || (isWrapping(dtypeOf(x)) && isWrapping(dtypeOf(c)) && exponent >= 0);
    return fits && isFilled(c, exponent) ? broadcast(r, make(x, r), op.result.tensor) : undefined;
  });

const powers: readonly Rule[] = [
  powRule("pow-one", "exact", 1, (x) => x),
  powRule("pow-two", "exact", 2, square),
  powRule("pow-three", "reassociates", 3, (x, r) => r.create(Mul, { a: square(x, r), b: x })),
  powRule("pow-minus-one", "exact", -1, (x, r) => r.create(Reciprocal, { x })),
  // pow(-0, 1/2) = 0, and pow(-infinity, 1/2) = infinity.
  powRule("pow-half", "fast", 0.5, (x, r) => r.create(Sqrt, { x })),
  powRule("pow-minus-half", "fast", -0.5, (x, r) => r.create(Rsqrt, { x })),
];

/** `x^0 = 1`, also for NaN. */
const powZero = opRule("pow-zero", "exact", Pow, (op, r) => {
  const [, b] = op.operands;
  return isFilled(b, 0) ? filled(r, op.result.tensor, 1) : undefined;
});

/** `sqrt(x^2) = |x|` where x^2 does not overflow. */
const sqrtOfSquare = rule("sqrt-of-square", "fast", match(Sqrt, { x: match(Square, { x: any("x") }) }), ({ x }, r) => r.create(Abs, { x }));

/** `-x * c = x * -c`. */
const negTimesConstant = rule(
  "neg-times-constant",
  "exact",
  match(Mul, { a: match(Neg, { x: any("x") }), b: constant("c") }),
  ({ x, c }, r) => {
    const value = splatOf(c);
    if (value === undefined || !signed(x)) return undefined;
    return r.create(Mul, { a: x, b: broadcast(r, scalar(r, dtypeOf(x), -value), c.tensor) });
  },
);

/** `-(x * c) = x * -c`. */
const negOfTimesConstant = opRule("neg-of-times-constant", "exact", Neg, (op, r) => {
  const product = op.operand(0)!;
  const c = product.op?.operand(1);
  const value = splatOf(c);
  if (product.op?.definition !== Mul || value === undefined || !isUsedOnce(product) || !signed(product)) return undefined;
  return r.create(Mul, { a: product.op.operand(0)!, b: broadcast(r, scalar(r, dtypeOf(product), -value), c!.tensor) });
});

export const arithmeticRules: readonly Rule[] = [
  addZero,
  addPositiveZero,
  subZero,
  one("mul-one", Mul),
  oneTimes,
  one("div-one", Div),
  floorDivOne,
  mulZero,
  mulZeroFast,
  subSelf,
  subSelfFast,
  divSelfFast,
  doubleNeg,
  addNeg,
  negAdd,
  subNeg,
  negMulNeg,
  negSub,
  ...squareOfSign,
  ...absOfSign,
  negTimesConstant,
  negOfTimesConstant,
  mulSelf,
  subConstant,
  ...[Add, Mul].flatMap((d) => [gatherConstants(d, true), gatherConstants(d, false)]),
  oneOver,
  reciprocalOfSqrt,
  mulReciprocal,
  reciprocalMul,
  divByPowerOfTwo,
  powZero,
  ...powers,
  sqrtOfSquare,
];
