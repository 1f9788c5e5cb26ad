/**
 * The meaning of scalar arithmetic, once, for the constant folder, the interpreter and every target.
 *
 * i32, i64 and u64 wrap. Integer division truncates and a zero divisor gives zero. A shift by the width or more gives
 * zero. Floats become integers by truncation, saturating at the ends of the type, NaN becoming zero. `max` and `min`
 * carry NaN, `maxnum` and `minnum` prefer the number. Values: `number` for f32, f64, i32 and bool (0 or 1), `bigint`
 * for i64 and u64.
 */
import { floatFormats, isMinifloat, roundToFormat } from "./minifloat.ts";
import { type ComputeType, type DType, integerBits, isInteger, isUnsigned } from "./type.ts";

export type Scalar = number | bigint;

export const unaryOps = [
  "neg",
  "abs",
  "floor",
  "ceil",
  "rint",
  "trunc",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "not",
  "isnan",
] as const;
export type UnaryOp = (typeof unaryOps)[number];

export const binaryOps = [
  "add",
  "sub",
  "mul",
  "div",
  "rem",
  "max",
  "min",
  "maxnum",
  "minnum",
  "pow",
  "atan2",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "eq",
  "ne",
  "lt",
  "le",
] as const;
export type BinaryOp = (typeof binaryOps)[number];

const comparisons: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["eq", "ne", "lt", "le"]);
export const isComparison = (op: BinaryOp): boolean => comparisons.has(op);

/** `x` brought into the range of a compute type: rounded, wrapped, or made 0 or 1. */
export function normalize(dtype: ComputeType, x: Scalar): Scalar {
  switch (dtype) {
    case "f32":
      return Math.fround(Number(x));
    case "f64":
      return Number(x);
    case "i32":
      return typeof x === "bigint" ? Number(BigInt.asIntN(32, x)) : x | 0;
    case "i64":
      return BigInt.asIntN(64, BigInt(x));
    case "u64":
      return BigInt.asUintN(64, BigInt(x));
    case "bool":
      return x ? 1 : 0;
  }
}

const limits = { i32: [-(2n ** 31n), 2n ** 31n - 1n], i64: [-(2n ** 63n), 2n ** 63n - 1n], u64: [0n, 2n ** 64n - 1n] } as const;

/** Conversion between compute types. */
export function convertScalar(from: ComputeType, to: ComputeType, x: Scalar): Scalar {
  if (to === "bool") return Number(x) === 0 ? 0 : 1;
  if (to === "f32" || to === "f64" || (from !== "f32" && from !== "f64")) return normalize(to, x);
  const value = Number(x);
  if (Number.isNaN(value)) return normalize(to, 0);
  const [low, high] = limits[to];
  if (value <= Number(low)) return normalize(to, low);
  if (value >= Number(high)) return normalize(to, high);
  return normalize(to, BigInt(Math.trunc(value)));
}

/** `x`, a value of `computeType(storage)`, as it comes back after being stored as `storage`. */
export function roundScalar(storage: DType, x: Scalar): Scalar {
  if (isMinifloat(storage)) return roundToFormat(floatFormats[storage], Number(x));
  if (!isInteger(storage)) return x;
  const bits = integerBits(storage);
  const wrapped = isUnsigned(storage) ? BigInt.asUintN(bits, BigInt(x)) : BigInt.asIntN(bits, BigInt(x));
  return typeof x === "bigint" ? wrapped : Number(wrapped);
}

/** Nearest integer, ties to even; keeps the sign of zero. */
export function rint(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const r = Math.round(x);
  const even = Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
  return even === 0 && (x < 0 || Object.is(x, -0)) ? -0 : even;
}

/**
 * The error function to about 1e-16: the Maclaurin series below 2, the continued fraction of erfc above
 * (Abramowitz and Stegun 7.1.5 and 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a > 6) return Math.sign(x);
  if (a < 2) {
    let sum = x;
    let t = x;
    for (let n = 1; n < 60 && Math.abs(t) > 1e-18 * Math.abs(sum); n++) {
      t *= (-x * x) / n;
      sum += t / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 80; k > 0; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

const floatUnary: Record<UnaryOp, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  rint,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  not: (x) => (x === 0 ? 1 : 0),
  isnan: (x) => (Number.isNaN(x) ? 1 : 0),
};

/** `isnan` and `not` of a bool give a bool; `not` of an integer flips its bits; all else keeps the type of `x`. */
export function evaluateUnary(op: UnaryOp, dtype: ComputeType, x: Scalar): Scalar {
  if (op === "isnan") return Number.isNaN(x) ? 1 : 0;
  if (dtype === "bool") return op === "not" ? 1 - Number(x) : x;
  if (dtype === "f32" || dtype === "f64") return normalize(dtype, floatUnary[op](Number(x)));
  if (op === "neg") return normalize(dtype, -x);
  if (op === "abs") return normalize(dtype, x < 0 ? -x : x);
  if (op === "not") return normalize(dtype, ~x);
  return x; // rounding leaves integers alone; no other op is built on them
}

const nanOr = (f: (a: number, b: number) => number) => (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : f(a, b));
const numberOr = (f: (a: number, b: number) => number) => (a: number, b: number) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : f(a, b));

const floatBinary: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  max: nanOr(Math.max),
  min: nanOr(Math.min),
  maxnum: numberOr(Math.max),
  minnum: numberOr(Math.min),
  pow: cPow,
  atan2: Math.atan2,
};

/** C's pow, which unlike JavaScript's gives 1 for a base of 1 and for a base of -1 with an infinite exponent. */
export function cPow(a: number, b: number): number {
  return a === 1 || (a === -1 && (b === Infinity || b === -Infinity)) ? 1 : a ** b;
}

export function integerPower(a: bigint, b: bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  let base = a;
  for (let e = b; e > 0n; e >>= 1n) {
    if (e & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
}

const width = (dtype: ComputeType): bigint => (dtype === "i32" ? 32n : 64n);

function integerBinary(op: BinaryOp, dtype: ComputeType, a: bigint, b: bigint): bigint {
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return b === 0n ? 0n : a / b;
    case "rem":
      return b === 0n ? 0n : a % b;
    case "max":
    case "maxnum":
      return a > b ? a : b;
    case "min":
    case "minnum":
      return a < b ? a : b;
    case "pow":
      return integerPower(a, b);
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return b < 0n || b >= width(dtype) ? 0n : a << b;
    case "shr":
      return b < 0n || b >= width(dtype) ? 0n : a >> b;
    default:
      throw new Error(`'${op}' is not defined on ${dtype}`);
  }
}

function compare(op: BinaryOp, a: Scalar, b: Scalar): boolean {
  switch (op) {
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
    case "lt":
      return a < b;
    default:
      return a <= b;
  }
}

/** Both operands are of type `dtype`; comparisons give a bool, all else gives `dtype`. */
export function evaluateBinary(op: BinaryOp, dtype: ComputeType, a: Scalar, b: Scalar): Scalar {
  if (isComparison(op)) return compare(op, a, b) ? 1 : 0;
  if (dtype === "f32" || dtype === "f64") {
    const f = floatBinary[op];
    if (!f) throw new Error(`'${op}' is not defined on ${dtype}`);
    return normalize(dtype, f(Number(a), Number(b)));
  }
  return normalize(dtype, integerBinary(op, dtype, BigInt(a), BigInt(b)));
}
