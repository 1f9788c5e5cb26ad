/** Arithmetic and elementary functions as ONNX's operators. */
import * as math from "../../../ir/ops/elementwise.ts";
import { isFloat, isUnsigned } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { functionRow, row, type Row } from "./row.ts";
import type { Operand, Term } from "./term.ts";

type UnaryDefinition = typeof math.Abs;
type BinaryDefinition = typeof math.Add;

/** The op is the operator of that name. */
const unary = (definition: UnaryDefinition, operator: string): Row => row(definition, (n, { x }) => n.op(operator, [x]));
const binary = (definition: BinaryDefinition, operator: string): Row => row(definition, (n, { a, b }) => n.op(operator, [a, b]));
/** A formula in the type that elements are computed in. */
const formula = (definition: UnaryDefinition, f: (n: Body, x: Term) => Term): Row => functionRow(definition, (n, { x }) => f(n, n.lift(x)));
const formula2 = (definition: BinaryDefinition, f: (n: Body, a: Term, b: Term) => Term): Row =>
  functionRow(definition, (n, { a, b }) => f(n, n.lift(a), n.lift(b)));

export const where = (n: Body, condition: Term, a: Term, b: Term): Term => n.ops("Where", [condition, a, b], {}, { main: 1 })[0]!;
export const less = (n: Body, a: Term, b: Term): Term => n.op("Less", [a, b], {}, "bool");
export const equal = (n: Body, a: Term, b: Term): Term => n.op("Equal", [a, b], {}, "bool");
export const and = (n: Body, a: Term, b: Term): Term => n.op("And", [a, b]);
export const or = (n: Body, a: Term, b: Term): Term => n.op("Or", [a, b]);
export const not = (n: Body, a: Term): Term => n.op("Not", [a]);
const zero = (n: Body, x: Term): Term => n.like(x, 0);

/** Whether no element of the operand is zero, as far as is known. */
const isNeverZero = (b: Operand): boolean => b.content()?.every((v) => v !== 0) ?? false;

/** `f(a, b)` for integers, zero where `b` is zero, which ONNX leaves open. */
function guarded(n: Body, a: Term, b: Term, known: boolean, f: (a: Term, b: Term) => Term): Term {
  if (known) return f(a, b);
  const isZero = equal(n, b, zero(n, b));
  const quotient = f(a, where(n, isZero, n.like(b, 1), b));
  return where(n, isZero, zero(n, quotient), quotient);
}

/** An operator on integers that divides. */
const division = (
  definition: BinaryDefinition,
  ofFloats: (n: Body, a: Term, b: Term) => Term,
  f: (n: Body, a: Term, b: Term) => Term,
): Row =>
  functionRow(definition, (n, { a, b }) => (isFloat(a.dtype) ? ofFloats(n, a, b) : guarded(n, a, b, isNeverZero(b), (p, q) => f(n, p, q))));

const divide = (n: Body, a: Term, b: Term): Term => n.op("Div", [a, b]);
const remainder = (n: Body, a: Term, b: Term): Term => n.op("Mod", [a, b], { fmod: 1 });
const floorMod = (n: Body, a: Term, b: Term): Term => n.op("Mod", [a, b]);
const floorDiv = (n: Body, a: Term, b: Term): Term =>
  isUnsigned(a.dtype) ? divide(n, a, b) : divide(n, n.op("Sub", [a, floorMod(n, a, b)]), b);

/** `a - floor(a / b) * b`, as a remainder with the sign of the divisor. */
function floatFloorMod(n: Body, x: Term, y: Term): Term {
  const [a, b] = [n.lift(x), n.lift(y)];
  const rest = remainder(n, a, b);
  const isNegative = (t: Term): Term => less(n, t, zero(n, t));
  const differs = n.op("Xor", [isNegative(rest), isNegative(b)]);
  return where(n, and(n, not(n, equal(n, rest, zero(n, rest))), differs), n.op("Add", [rest, b]), rest);
}

/** `2 t / (1 - t)` with `t = tanh(x / 2)`, which keeps what is small; above one the plain difference. */
export function expm1(n: Body, x: Term): Term {
  const t = n.op("Tanh", [n.op("Mul", [x, n.like(x, 0.5)])]);
  const near = divide(n, n.op("Add", [t, t]), n.op("Sub", [n.like(x, 1), t]));
  return where(n, n.op("Greater", [x, n.like(x, 1)], {}, "bool"), n.op("Sub", [n.op("Exp", [x]), n.like(x, 1)]), near);
}

/** `2 atanh(x / (2 + x))`, which keeps what is small; above one the plain logarithm. */
function log1p(n: Body, x: Term): Term {
  const t = n.op("Atanh", [divide(n, x, n.op("Add", [x, n.like(x, 2)]))]);
  const far = n.op("Log", [n.op("Add", [x, n.like(x, 1)])]);
  return where(n, n.op("Greater", [x, n.like(x, 1)], {}, "bool"), far, n.op("Add", [t, t]));
}

/** Whether the sign bit is set, for zeros too. */
function hasSign(n: Body, x: Term): Term {
  const isZero = equal(n, x, zero(n, x));
  return or(n, less(n, x, zero(n, x)), and(n, isZero, less(n, n.op("Reciprocal", [x]), zero(n, x))));
}

/** The arc tangent of `a / b`, half a turn away where `b` is negative; of two infinities that of their signs. */
function atan2(n: Body, y: Term, x: Term): Term {
  const isInfinite = (t: Term): Term => n.op("IsInf", [t], {}, "bool");
  const both = and(n, isInfinite(y), isInfinite(x));
  const [a, b] = [y, x].map((t) => where(n, both, n.op("Sign", [t]), t)) as [Term, Term];
  const turned = (turn: number): Term => where(n, hasSign(n, a), n.like(a, -turn), n.like(a, turn));
  const plain = n.op("Atan", [divide(n, a, b)]);
  const behind = n.op("Add", [n.op("Atan", [divide(n, a, b)]), turned(Math.PI)]);
  const onAxis = where(n, equal(n, a, zero(n, a)), where(n, hasSign(n, b), turned(Math.PI), a), turned(Math.PI / 2));
  const bent = where(n, less(n, b, zero(n, b)), behind, plain);
  const angle = where(n, equal(n, b, zero(n, b)), onAxis, bent);
  return where(n, or(n, n.op("IsNaN", [a], {}, "bool"), n.op("IsNaN", [b], {}, "bool")), n.op("Add", [a, b]), angle);
}

/** Zero where `a` is zero and `b` is a number, else the value. */
const unlessZero = (n: Body, a: Term, b: Term, value: Term): Term =>
  where(n, and(n, equal(n, a, zero(n, a)), not(n, n.op("IsNaN", [b], {}, "bool"))), zero(n, a), value);

const squared = (n: Body, x: Term): Term => n.op("Mul", [x, x]);

function noNan(n: Body, b: Term, value: Term): Term {
  return where(n, equal(n, b, zero(n, b)), zero(n, b), value);
}

export const elementwiseRows: readonly Row[] = [
  unary(math.Abs, "Abs"),
  row(math.Neg, (n, { x }) => (isUnsigned(x.dtype) ? n.op("Sub", [zero(n, x), x]) : n.op("Neg", [x]))),
  unary(math.Sign, "Sign"),
  unary(math.Floor, "Floor"),
  unary(math.Ceil, "Ceil"),
  unary(math.Round, "Round"),
  functionRow(math.Trunc, (n, { x }) => where(n, less(n, x, zero(n, x)), n.op("Ceil", [x]), n.op("Floor", [x]))),
  unary(math.Reciprocal, "Reciprocal"),
  unary(math.Sqrt, "Sqrt"),
  formula(math.Rsqrt, (n, x) => n.op("Reciprocal", [n.op("Sqrt", [x])])),
  row(math.Square, (n, { x }) => squared(n, x)),
  unary(math.Exp, "Exp"),
  formula(math.Expm1, expm1),
  unary(math.Log, "Log"),
  formula(math.Log1p, log1p),
  unary(math.Sin, "Sin"),
  unary(math.Cos, "Cos"),
  unary(math.Tan, "Tan"),
  unary(math.Asin, "Asin"),
  unary(math.Acos, "Acos"),
  unary(math.Atan, "Atan"),
  unary(math.Sinh, "Sinh"),
  unary(math.Cosh, "Cosh"),
  unary(math.Tanh, "Tanh"),
  unary(math.Asinh, "Asinh"),
  unary(math.Acosh, "Acosh"),
  unary(math.Atanh, "Atanh"),
  unary(math.Erf, "Erf"),
  formula(math.Erfc, (n, x) => n.op("Sub", [n.like(x, 1), n.op("Erf", [x])])),
  binary(math.Add, "Add"),
  binary(math.Sub, "Sub"),
  binary(math.Mul, "Mul"),
  division(math.Div, divide, divide),
  division(math.FloorDiv, (n, a, b) => n.op("Floor", [divide(n, n.lift(a), n.lift(b))]), floorDiv),
  division(math.FloorMod, floatFloorMod, floorMod),
  division(math.Rem, remainder, remainder),
  binary(math.Max, "Max"),
  binary(math.Min, "Min"),
  formula2(math.Atan2, atan2),
  formula2(math.SquaredDifference, (n, a, b) => squared(n, n.op("Sub", [a, b]))),
  formula2(math.Xlogy, (n, a, b) => unlessZero(n, a, b, n.op("Mul", [a, n.op("Log", [b])]))),
  formula2(math.Xdivy, (n, a, b) => unlessZero(n, a, b, divide(n, a, b))),
  functionRow(math.DivNoNan, (n, { a, b }) =>
    isFloat(a.dtype) ? noNan(n, n.lift(b), divide(n, n.lift(a), n.lift(b))) : guarded(n, a, b, isNeverZero(b), (p, q) => divide(n, p, q)),
  ),
  formula2(math.MulNoNan, (n, a, b) => noNan(n, b, n.op("Mul", [a, b]))),
  row(math.Pow, (n, { a, b }) => n.op("Pow", [a, isFloat(b.dtype) ? n.lift(b) : b])),
];
