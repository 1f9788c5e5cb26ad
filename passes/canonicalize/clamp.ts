/**
 * Clamps: `relu`, `relu6`, `clip`, `max` and `min` with a constant are all `min(max(x, low), high)`, and clamps of clamps
 * are clamps: `f(g(x))` of two of them is constant, then x, then constant, and so is given by its values at both ends.
 * `max` and `min` carry NaN, and so do all of these.
 */
import type { Op, Value } from "../../ir/graph.ts";
import { Clip, LeakyRelu, Relu, Relu6, Sigmoid } from "../../ir/ops/activation.ts";
import { Abs, Exp, Max, Min, Mul, Square } from "../../ir/ops/elementwise.ts";
import { Softmax } from "../../ir/ops/softmax.ts";
import type { Scalar } from "../../ir/scalar.ts";
import { integerBits, isFloat, isInteger, isUnsigned, type TensorType } from "../../ir/type.ts";
import { any, constant, match } from "../pattern.ts";
import { kebab, opRule, rule, type Rewriter, type Rule } from "../rewrite.ts";
import { isIeee, isSameTensor, isWrapping, scalar, splatOf } from "./known.ts";

interface Clamp {
  readonly x: Value;
  /** Minus infinity where there is none. */
  readonly low: Scalar;
  readonly high: Scalar;
}

const isZero = (a: Scalar): boolean => a === 0 || a === 0n;
// Of two zeros the positive one is greater, as in Math.max.
const greater = (a: Scalar, b: Scalar): Scalar => (a > b || (isZero(a) && isZero(b) && Object.is(b, -0)) ? a : b);
const smaller = (a: Scalar, b: Scalar): Scalar => (a < b || (isZero(a) && isZero(b) && Object.is(a, -0)) ? a : b);
const clampScalar = (v: Scalar, low: Scalar, high: Scalar): Scalar => smaller(greater(v, low), high);

/** A bound that is one number for all elements; `none` where it is absent. */
function boundOf(v: Value | undefined, none: number): Scalar | undefined {
  const value = v ? splatOf(v) : none;
  return Number.isNaN(value) ? undefined : value;
}

/** The op as a clamp by two numbers. */
function clampOf(op: Op | undefined): Clamp | undefined {
  const x = op?.operand(0);
  if (!op || !x || (!isIeee(x.tensor.dtype) && !isWrapping(x.tensor.dtype))) return undefined;
  const between = (low: Scalar | undefined, high: Scalar | undefined): Clamp | undefined =>
    low === undefined || high === undefined || !isSameTensor(x.tensor, op.result.tensor) ? undefined : { x, low, high };
  switch (op.definition) {
    case Relu:
      return between(0, Infinity);
    case Relu6:
      return between(0, 6);
    case Max:
      return between(boundOf(op.operand(1), NaN), Infinity);
    case Min:
      return between(-Infinity, boundOf(op.operand(1), NaN));
    case Clip:
      return between(boundOf(op.operand(1), -Infinity), boundOf(op.operand(2), Infinity));
    default:
      return undefined;
  }
}

/** The least and the greatest value of the type, infinities for floats. */
function extremes({ dtype }: TensorType): readonly [Scalar, Scalar] {
  if (!isInteger(dtype)) return [-Infinity, Infinity];
  const span = 1n << BigInt(integerBits(dtype));
  return isUnsigned(dtype) ? [0n, span - 1n] : [-span / 2n, span / 2n - 1n];
}

/** The shortest op for `min(max(x, low), high)`. */
function makeClamp(r: Rewriter, { x, low, high }: Clamp): Value {
  const type = x.tensor;
  const [least, greatest] = extremes(type);
  const [isLow, isHigh] = [low > least, high < greatest];
  const isFromZero = isZero(low) && !Object.is(low, -0);
  if (!isLow && !isHigh) return x;
  if (isFromZero && !isHigh) return r.create(Relu, { x });
  if (isFromZero && Number(high) === 6 && isFloat(type.dtype)) return r.create(Relu6, { x });
  const bound = (given: boolean, value: Scalar): Value | undefined => (given ? scalar(r, type.dtype, value) : undefined);
  return r.create(Clip, { x, low: bound(isLow, low), high: bound(isHigh, high) });
}

const clamps = [Relu, Relu6, Clip, Max, Min];

/** A clamp whose clamped value is a clamp. */
const clampOfClamp: readonly Rule[] = clamps.map((d) =>
  opRule(`clamp-of-clamp-by-${kebab(d)}`, "exact", d, (op, r) => {
    const outer = clampOf(op);
    const inner = outer && clampOf(outer.x.op);
    if (!inner) return undefined;
    const ends = [inner.low, inner.high].map((end) => clampScalar(end, outer.low, outer.high));
    return makeClamp(r, { x: inner.x, low: ends[0]!, high: ends[1]! });
  }),
);

/** A clamp in its shortest form: `max(x, 0) = relu(x)`, `clip(x, 0, 6) = relu6(x)`, no bound that nothing is beyond. */
const shortestClamp: readonly Rule[] = [Clip, Max, Min].map((d) =>
  opRule(`shortest-clamp-for-${kebab(d)}`, "exact", d, (op, r) => {
    const clamp = clampOf(op);
    if (!clamp) return undefined;
    const made = makeClamp(r, clamp);
    return made.op?.definition === Clip && d === Clip && isSameClip(op, made.op) ? undefined : made;
  }),
);

const isSameClip = (a: Op, b: Op): boolean =>
  [1, 2].every((i) => (a.operand(i) === undefined) === (b.operand(i) === undefined) && (a.operand(i)?.tensor.shape.length ?? 0) === 0);

/** `clip(x) = x` without bounds. */
const clipWithoutBounds = opRule("clip-without-bounds", "exact", Clip, (op) =>
  op.operand(1) || op.operand(2) ? undefined : op.operand(0),
);

const positive = new Set<unknown>([Exp, Sigmoid, Softmax]);

/** Whether every element is NaN or above zero, or a zero that is positive. */
export function isNeverNegative(v: Value): boolean {
  const { op } = v;
  if (!op || !isFloat(v.tensor.dtype)) return false;
  return positive.has(op.definition) || op.definition === Square || op.definition === Abs;
}

/** `max(x, 0) = x` where x is never negative. */
const reluOfPositive = rule("relu-of-positive", "exact", match(Relu, { x: any("x") }), ({ x }) => (isNeverNegative(x) ? x : undefined));
/** `|x| = x` where x is never negative. */
const absOfPositive = rule("abs-of-positive", "exact", match(Abs, { x: any("x") }), ({ x }) => (isNeverNegative(x) ? x : undefined));

/** `max(x, x) = x`, `min(x, x) = x`. */
const extremeOfSame = [Max, Min].map((d) => rule(`${kebab(d)}-of-same`, "exact", match(d, { a: any("x"), b: any("x") }), ({ x }) => x));

/** `max(x, a * x) = leaky_relu(x)` for 0 < a < 1: below zero the product is the greater one. */
const leakyRelu = rule(
  "max-of-scaled",
  "exact",
  match(Max, { a: any("x"), b: match(Mul, { a: any("x"), b: constant("c") }).once() }),
  ({ x, c }, r, op) => {
    const alpha = splatOf(c);
    const fits = typeof alpha === "number" && alpha > 0 && alpha < 1 && isIeee(x.tensor.dtype) && isSameTensor(x.tensor, op.result.tensor);
    return fits ? r.create(LeakyRelu, { x }, { alpha }) : undefined;
  },
);

export const clampRules: readonly Rule[] = [
  clipWithoutBounds,
  reluOfPositive,
  absOfPositive,
  ...extremeOfSame,
  leakyRelu,
  ...clampOfClamp,
  ...shortestClamp,
];
