/** Conversion between element types. */
import { choice, dtype, flag } from "../attribute.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { constantLike, convert, div, type Expr, le, load, lt, max, min, mul, round, select, unary } from "../expr.ts";
import { floatFormats, type MinifloatType, roundToFormat } from "../minifloat.ts";
import { pointwise } from "../stage.ts";
import { byteSize, computeType, type DType, integerBits, isInteger, tensor } from "../type.ts";
import { expectElements } from "./map.ts";

type Rounding = "up" | "down" | "nearest";
const isNarrowFloat = (to: DType): to is MinifloatType => to.startsWith("f8") || to.startsWith("f4");
/** The greatest finite value of a format. */
const largestOf = (to: MinifloatType): number => roundToFormat(floatFormats[to], 1e30, true);

/** Values beyond the greatest finite one become it, infinity too. */
function saturated(x: Expr, to: MinifloatType): Expr {
  const largest = largestOf(to);
  return min(max(x, constantLike(x, -largest)), constantLike(x, largest));
}

/**
 * Values that round beyond the greatest finite one become infinity where the format has it, else NaN. The first such
 * value lies half a step above; it is itself among them where rounding to even leads upwards.
 */
function overflowing(x: Expr, to: MinifloatType): Expr {
  const { mantissaBits, special } = floatFormats[to];
  const largest = largestOf(to);
  const step = 2 ** (Math.floor(Math.log2(largest)) - mantissaBits);
  const border = constantLike(x, largest + step / 2);
  const isEven = Math.round(largest / step) % 2 === 0;
  const magnitude = unary("abs", x);
  const isOver = isEven ? lt(border, magnitude) : le(border, magnitude);
  const infinity = select(lt(x, constantLike(x, 0)), constantLike(x, -Infinity), constantLike(x, Infinity));
  return select(isOver, special === "ieee" ? infinity : constantLike(x, NaN), x);
}

/** A power of two: the next one at or above `x`, at or below it, or the nearer of those, the upper one when both are. */
function powerOfTwo(x: Expr, rounding: Rounding): Expr {
  const two = constantLike(x, 2);
  const near = round(x, "f8e8m0");
  const above = select(lt(near, x), mul(near, two), near);
  const up = select(le(x, div(above, two)), div(above, two), above);
  if (rounding === "up") return up;
  const down = select(lt(x, up), div(up, two), up);
  return rounding === "down" ? down : select(lt(x, mul(down, constantLike(x, 1.5))), down, mul(down, two));
}

/** `x` as an element of type `to` is read back, before it is rounded by the store. */
export function castExpr(x: Expr, to: DType, saturate = true, rounding: Rounding = "up"): Expr {
  const value = convert(x, computeType(to));
  if (to === "f8e8m0") return powerOfTwo(value, rounding);
  if (!isNarrowFloat(to)) return value;
  return saturate || to === "f4e2m1" ? saturated(value, to) : overflowing(value, to);
}

export const Cast = defineOp({
  name: "cast",
  summary:
    "`x` with another element type. Floats become integers by truncation, saturating at the ends of the type computed in, and wrap in narrower ones; " +
    "everything but zero becomes true. What does not fit an 8-bit float becomes its greatest value, or without `saturate` infinity or NaN.",
  operands: { x: operand },
  attributes: {
    to: dtype(),
    saturate: flag(true),
    rounding: choice(["up", "down", "nearest"], "up", "how values between two powers of two become f8e8m0"),
  },
  infer({ x }, { to }) {
    expectElements(x, "any", "cast");
    if (to === "string") throw new OpError("a number cannot be cast to a string", "unsupported-type");
    return tensor(to, x.shape);
  },
  compute: ({ operands: { x }, attributes: { to, saturate, rounding }, results: [y] }) => [
    pointwise(y!, (at) => castExpr(load(x, at), to, saturate, rounding)),
  ],
});

const isBits = (t: DType): boolean => t === "bool" || isInteger(t);

export const BitCast = defineOp({
  name: "bit_cast",
  summary: "The bits of `x` as elements of another type of the same size; between integer types, and bool.",
  operands: { x: operand },
  attributes: { to: dtype() },
  infer({ x }, { to }) {
    const fits = x.dtype === to || (isBits(x.dtype) && isBits(to) && bitsOf(x.dtype) === bitsOf(to));
    if (!fits) throw new OpError(`the bits of ${x.dtype} cannot be read as ${to}`, "unsupported-type");
    return tensor(to, x.shape);
  },
  compute: ({ operands: { x }, results: [y] }) => [pointwise(y!, (at) => convert(load(x, at), computeType(y!.dtype)))],
});

const bitsOf = (t: DType): number => (isInteger(t) ? integerBits(t) : byteSize(t) * 8);
