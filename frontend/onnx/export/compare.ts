/** Comparisons, logic, operations on bits and conversions as ONNX's operators. */
import { BitCast, Cast } from "../../../ir/ops/cast.ts";
import * as compare from "../../../ir/ops/compare.ts";
import { computeType, isUnsigned } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { less, or, where } from "./elementwise.ts";
import { functionRow, row, type Row } from "./row.ts";
import { NeedsOpsetError, type Term } from "./term.ts";

type BinaryDefinition = typeof compare.Equal;

const comparison = (definition: BinaryDefinition, operator: string): Row =>
  row(definition, (n, { a, b }) => n.op(operator, [a, b], {}, "bool"));
const logic = (definition: BinaryDefinition, operator: string): Row => row(definition, (n, { a, b }) => n.op(operator, [a, b]));

/** All ones, in the type of `x`. */
const ones = (n: Body, x: Term): Term =>
  n.values(x.dtype, [], [x.dtype === "u64" ? 2n ** 64n - 1n : computeType(x.dtype) === "i32" ? -1 : -1n]);
const flipped = (n: Body, x: Term): Term => (n.has("BitwiseNot") ? n.op("BitwiseNot", [x]) : n.op("Sub", [ones(n, x), x]));

/** ONNX shifts unsigned integers by less than their width. */
function shift(n: Body, given: Term, by: Term, direction: "LEFT" | "RIGHT"): Term {
  const [x, count] = [n.lift(given), n.lift(by)];
  const width = n.like(count, x.dtype === "i32" ? 32 : 64);
  const tooFar = n.op("GreaterOrEqual", [count, width], {}, "bool");
  const isOff = isUnsigned(count.dtype) ? tooFar : or(n, tooFar, less(n, count, n.like(count, 0)));
  const amount = where(n, isOff, n.like(count, 0), count);
  const bits = x.dtype === "i32" ? "u32" : "u64";
  const shifted = (t: Term): Term => n.cast(n.op("BitShift", [n.cast(t, bits), n.cast(amount, bits)], { direction }), x.dtype);
  const keepsSign = direction === "RIGHT" && !isUnsigned(x.dtype);
  const moved = keepsSign ? where(n, less(n, x, n.like(x, 0)), flipped(n, shifted(flipped(n, x))), shifted(x)) : shifted(x);
  return where(n, isOff, n.like(x, 0), moved);
}

export const compareRows: readonly Row[] = [
  comparison(compare.Equal, "Equal"),
  functionRow(compare.NotEqual, (n, { a, b }) => n.op("Not", [n.op("Equal", [a, b], {}, "bool")])),
  comparison(compare.Less, "Less"),
  comparison(compare.LessEqual, "LessOrEqual"),
  comparison(compare.Greater, "Greater"),
  comparison(compare.GreaterEqual, "GreaterOrEqual"),
  row(compare.IsNan, (n, { x }) => n.op("IsNaN", [x], {}, "bool")),
  functionRow(compare.IsFinite, (n, { x }) => less(n, n.op("Abs", [n.lift(x)]), n.scalar(computeType(x.dtype), Infinity))),
  row(compare.IsInf, (n, { x }, { negative, positive }) =>
    n.op("IsInf", [x], { detect_negative: negative, detect_positive: positive }, "bool"),
  ),
  logic(compare.LogicalAnd, "And"),
  logic(compare.LogicalOr, "Or"),
  logic(compare.LogicalXor, "Xor"),
  row(compare.LogicalNot, (n, { x }) => n.op("Not", [x])),
  logic(compare.BitwiseAnd, "BitwiseAnd"),
  logic(compare.BitwiseOr, "BitwiseOr"),
  logic(compare.BitwiseXor, "BitwiseXor"),
  row(compare.BitwiseNot, (n, { x }) => flipped(n, x)),
  functionRow(compare.ShiftLeft, (n, { a, b }) => shift(n, a, b, "LEFT")),
  functionRow(compare.ShiftRight, (n, { a, b }) => shift(n, a, b, "RIGHT")),
  row(compare.Where, (n, { condition, a, b }) => where(n, condition, a, b)),
  row(Cast, (n, { x }, { to, saturate, rounding }) => {
    for (const dtype of [x.dtype, to]) n.session.expectDType(dtype);
    if (rounding !== "up" && n.opset < 24) throw new NeedsOpsetError(24, "the rounding of a cast");
    const attributes = {
      to: n.session.code(to),
      saturate: saturate ? undefined : 0,
      round_mode: rounding === "up" ? undefined : rounding,
    };
    return x.dtype === to ? n.op("Identity", [x]) : n.op("Cast", [x], attributes, to);
  }),
  row(BitCast, (n, { x }, { to }) => (x.dtype === to ? n.op("Identity", [x]) : n.cast(x, to))),
];
