/** Comparisons, logic, operations on bits, and the choice between two tensors. */
import { flag } from "../attribute.ts";
import { broadcastLoad, broadcastShapes } from "../broadcast.ts";
import { defineOp, operand } from "../define.ts";
import { and, binary, bool, constantLike, eq, le, lt, ne, not, or, select, unary } from "../expr.ts";
import { pointwise } from "../stage.ts";
import { tensor } from "../type.ts";
import { binaryOp, expectElements, expectSameElements, unaryOp, unaryOpWith } from "./map.ts";
import { isFiniteExpr } from "./elementwise.ts";

export const Equal = binaryOp("equal", "any", "Whether the elements are equal; NaN equals nothing.", eq, "bool");
export const NotEqual = binaryOp("not_equal", "any", "Whether the elements differ; NaN differs from everything.", ne, "bool");
export const Less = binaryOp("less", "number", "`a < b`.", lt, "bool");
export const LessEqual = binaryOp("less_equal", "number", "`a <= b`.", le, "bool");
export const Greater = binaryOp("greater", "number", "`a > b`.", (a, b) => lt(b, a), "bool");
export const GreaterEqual = binaryOp("greater_equal", "number", "`a >= b`.", (a, b) => le(b, a), "bool");

export const IsNan = unaryOp("is_nan", "float", "Whether `x` is not a number.", (x) => unary("isnan", x), "bool");
export const IsFinite = unaryOp("is_finite", "float", "Whether `x` is neither infinite nor NaN.", isFiniteExpr, "bool");
export const IsInf = unaryOpWith(
  "is_inf",
  "float",
  "Whether `x` is infinite, of a sign that is asked for.",
  { negative: flag(true), positive: flag(true) },
  (x, { negative, positive }) => {
    const below = negative ? eq(x, constantLike(x, -Infinity)) : bool(false);
    return or(below, positive ? eq(x, constantLike(x, Infinity)) : bool(false));
  },
  "bool",
);

export const LogicalAnd = binaryOp("and", "bool", "Whether both hold.", (a, b) => and(a, b));
export const LogicalOr = binaryOp("or", "bool", "Whether either holds.", (a, b) => or(a, b));
export const LogicalXor = binaryOp("xor", "bool", "Whether exactly one holds.", ne);
export const LogicalNot = unaryOp("not", "bool", "Whether `x` does not hold.", not);

export const BitwiseAnd = binaryOp("bitwise_and", "integer", "The bits that both have.", (a, b) => binary("and", a, b));
export const BitwiseOr = binaryOp("bitwise_or", "integer", "The bits that either has.", (a, b) => binary("or", a, b));
export const BitwiseXor = binaryOp("bitwise_xor", "integer", "The bits that exactly one has.", (a, b) => binary("xor", a, b));
export const BitwiseNot = unaryOp("bitwise_not", "integer", "All bits flipped.", not);
export const ShiftLeft = binaryOp("shift_left", "integer", "`a * 2^b`, wrapped; zero for shifts by the width or more.", (a, b) =>
  binary("shl", a, b),
);
export const ShiftRight = binaryOp("shift_right", "integer", "The bits of `a` moved down by `b`; signed types keep the sign.", (a, b) =>
  binary("shr", a, b),
);

export const Where = defineOp({
  name: "where",
  summary: "`a` where the condition holds, else `b`; all three broadcast.",
  operands: { condition: operand, a: operand, b: operand },
  attributes: {},
  infer({ condition, a, b }) {
    expectElements(condition, "bool", "where");
    expectSameElements("where", a, b);
    expectElements(a, "any", "where");
    return tensor(a.dtype, broadcastShapes(condition.shape, a.shape, b.shape));
  },
  compute: ({ operands: { condition, a, b }, results: [y] }) => [
    pointwise(y!, (at) => select(broadcastLoad(condition, at), broadcastLoad(a, at), broadcastLoad(b, at))),
  ],
});
