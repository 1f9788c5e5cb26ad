/** Arithmetic and elementary functions, element by element. Integers wrap; what floats do is `ir/scalar.ts`. */
import { broadcastLoad, broadcastShapes } from "../broadcast.ts";
import { defineOp, operand } from "../define.ts";
import {
  add,
  binary,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  floordiv,
  floormod,
  lt,
  max,
  min,
  mul,
  not,
  select,
  sub,
  unary,
} from "../expr.ts";
import type { UnaryOp } from "../scalar.ts";
import { pointwise } from "../stage.ts";
import { computeType, type ComputeType, type DType, integerBits, isFloat, tensor } from "../type.ts";
import { binaryOp, expectElements, unaryOp } from "./map.ts";

const of =
  (op: UnaryOp) =>
  (x: Expr): Expr =>
    unary(op, x);

const sign = (x: Expr): Expr => {
  const [zero, one, minusOne] = [0, 1, -1].map((v) => constantLike(x, v)) as [Expr, Expr, Expr];
  const notPositive = x.dtype === "u64" ? zero : select(lt(x, zero), minusOne, select(eq(x, zero), zero, x));
  return select(lt(zero, x), one, notPositive);
};

export const Abs = unaryOp("abs", "number", "Absolute value; the least integer stays as it is.", of("abs"));
export const Neg = unaryOp("neg", "number", "Negation.", of("neg"));
export const Sign = unaryOp("sign", "number", "1, 0 or -1; NaN stays.", sign);
export const Floor = unaryOp("floor", "float", "The greatest integer not above `x`.", of("floor"));
export const Ceil = unaryOp("ceil", "float", "The least integer not below `x`.", of("ceil"));
export const Round = unaryOp("round", "float", "The nearest integer, ties to the even one.", of("rint"));
export const Trunc = unaryOp("trunc", "float", "The integer part.", of("trunc"));
export const Reciprocal = unaryOp("reciprocal", "float", "`1 / x`.", (x) => div(constantLike(x, 1), x));
export const Sqrt = unaryOp("sqrt", "float", "Square root; NaN below zero.", of("sqrt"));
export const Rsqrt = unaryOp("rsqrt", "float", "`1 / sqrt(x)`.", (x) => div(constantLike(x, 1), unary("sqrt", x)));
export const Square = unaryOp("square", "number", "`x * x`.", (x) => mul(x, x));
export const Exp = unaryOp("exp", "float", "e to the power of `x`.", of("exp"));
export const Expm1 = unaryOp("expm1", "float", "`exp(x) - 1`, accurate near zero.", of("expm1"));
export const Log = unaryOp("log", "float", "Natural logarithm.", of("log"));
export const Log1p = unaryOp("log1p", "float", "`log(1 + x)`, accurate near zero.", of("log1p"));
export const Sin = unaryOp("sin", "float", "Sine of radians.", of("sin"));
export const Cos = unaryOp("cos", "float", "Cosine of radians.", of("cos"));
export const Tan = unaryOp("tan", "float", "Tangent of radians.", of("tan"));
export const Asin = unaryOp("asin", "float", "Arc sine, in radians.", of("asin"));
export const Acos = unaryOp("acos", "float", "Arc cosine, in radians.", of("acos"));
export const Atan = unaryOp("atan", "float", "Arc tangent, in radians.", of("atan"));
export const Sinh = unaryOp("sinh", "float", "Hyperbolic sine.", of("sinh"));
export const Cosh = unaryOp("cosh", "float", "Hyperbolic cosine.", of("cosh"));
export const Tanh = unaryOp("tanh", "float", "Hyperbolic tangent.", of("tanh"));
export const Asinh = unaryOp("asinh", "float", "Inverse hyperbolic sine.", of("asinh"));
export const Acosh = unaryOp("acosh", "float", "Inverse hyperbolic cosine.", of("acosh"));
export const Atanh = unaryOp("atanh", "float", "Inverse hyperbolic tangent.", of("atanh"));
export const Erf = unaryOp("erf", "float", "The error function.", of("erf"));
export const Erfc = unaryOp("erfc", "float", "`1 - erf(x)`.", (x) => sub(constantLike(x, 1), unary("erf", x)));

const whenZero = (tested: Expr, otherwise: Expr): Expr => select(eq(tested, constantLike(tested, 0)), constantLike(tested, 0), otherwise);
const xTimes = (x: Expr, y: Expr, product: Expr): Expr => select(not(unary("isnan", y)), whenZero(x, product), product);
const logOf = (x: Expr): Expr => unary("log", x);
const squared = (x: Expr): Expr => mul(x, x);

export const Add = binaryOp("add", "number", "Sum.", add);
export const Sub = binaryOp("sub", "number", "Difference.", sub);
export const Mul = binaryOp("mul", "number", "Product.", mul);
export const Div = binaryOp("div", "number", "Quotient; of integers rounded towards zero, and zero for a zero divisor.", div);
export const FloorDiv = binaryOp("floor_div", "number", "Quotient rounded towards minus infinity.", floordiv);
export const FloorMod = binaryOp("floor_mod", "number", "Remainder with the sign of the divisor, as Python's `%`.", floormod);
export const Rem = binaryOp("rem", "number", "Remainder with the sign of the dividend, as C's `%` and `fmod`.", (a, b) =>
  binary("rem", a, b),
);
export const Max = binaryOp("max", "number", "The greater one; NaN when either is.", max);
export const Min = binaryOp("min", "number", "The smaller one; NaN when either is.", min);
export const Atan2 = binaryOp("atan2", "float", "The angle of the point (`b`, `a`), in radians.", (a, b) => binary("atan2", a, b));
export const SquaredDifference = binaryOp("squared_difference", "number", "`(a - b) * (a - b)`.", (a, b) => squared(sub(a, b)));
export const Xlogy = binaryOp("xlogy", "float", "`a * log(b)`, zero where `a` is zero and `b` is a number.", (a, b) =>
  xTimes(a, b, mul(a, logOf(b))),
);
export const Xdivy = binaryOp("xdivy", "float", "`a / b`, zero where `a` is zero and `b` is a number.", (a, b) => xTimes(a, b, div(a, b)));
export const DivNoNan = binaryOp("div_no_nan", "number", "`a / b`, zero where `b` is zero.", (a, b) => whenZero(b, div(a, b)));
export const MulNoNan = binaryOp("mul_no_nan", "number", "`a * b`, zero where `b` is zero.", (a, b) => whenZero(b, mul(a, b)));

/** Of two integer types the wider compute type; with a float exponent a float type that holds the base. */
function powerType(base: DType, exponent: DType): ComputeType {
  const [a, b] = [computeType(base), computeType(exponent)];
  if (isFloat(base)) return a;
  if (isFloat(exponent)) return b === "f64" || integerBits(base) > 16 ? "f64" : "f32";
  return a === "u64" || b === "u64" ? "u64" : a === "i64" || b === "i64" ? "i64" : "i32";
}

export const Pow = defineOp({
  name: "pow",
  summary: "`a` to the power of `b`, which may have another element type; the result has that of `a`. Integers wrap.",
  operands: { a: operand, b: operand },
  attributes: {},
  infer({ a, b }) {
    for (const t of [a, b]) expectElements(t, "number", "pow");
    return tensor(a.dtype, broadcastShapes(a.shape, b.shape));
  },
  compute({ operands: { a, b }, results: [y] }) {
    const work = powerType(a.dtype, b.dtype);
    const power = (at: Parameters<typeof broadcastLoad>[1]): Expr =>
      binary("pow", convert(broadcastLoad(a, at), work), convert(broadcastLoad(b, at), work));
    return [pointwise(y!, (at) => convert(power(at), computeType(y!.dtype)))];
  },
});

/** Whether `x` is neither infinite nor NaN. */
export const isFiniteExpr = (x: Expr): Expr => lt(unary("abs", x), constantLike(x, Infinity));
