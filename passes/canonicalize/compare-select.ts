/** Logic, comparisons and choices. */
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import {
  BitwiseAnd,
  BitwiseNot,
  BitwiseOr,
  BitwiseXor,
  Equal,
  Greater,
  GreaterEqual,
  Less,
  LessEqual,
  LogicalAnd,
  LogicalNot,
  LogicalOr,
  LogicalXor,
  NotEqual,
  Where,
} from "../../ir/ops/compare.ts";
import { isInteger } from "../../ir/type.ts";
import { any, match } from "../pattern.ts";
import { kebab, rule, type Rule } from "../rewrite.ts";
import { broadcast, filled, isFilled } from "./known.ts";

const isBool = (v: Value): boolean => v.tensor.dtype === "bool";
const isTrue = (v: Value): boolean => isBool(v) && isFilled(v, 1);
const isFalse = (v: Value): boolean => isBool(v) && isFilled(v, 0);

/** `x . c` for a constant c: x, its negation, or all true or false. */
const withConstant = (
  name: string,
  definition: AnyOpDefinition,
  constant: (v: Value) => boolean,
  becomes: "x" | "not x" | "true" | "false",
): Rule =>
  rule(name, "exact", match(definition, { a: any("x"), b: any("c") }), ({ x, c }, r, op) => {
    if (!isBool(x) || !constant(c)) return undefined;
    const type = op.result.tensor;
    if (becomes === "true" || becomes === "false") return filled(r, type, becomes === "true" ? 1 : 0);
    return broadcast(r, becomes === "x" ? x : r.create(LogicalNot, { x }), type);
  });

const constantRules: readonly Rule[] = [
  withConstant("and-true", LogicalAnd, isTrue, "x"),
  withConstant("and-false", LogicalAnd, isFalse, "false"),
  withConstant("or-true", LogicalOr, isTrue, "true"),
  withConstant("or-false", LogicalOr, isFalse, "x"),
  withConstant("xor-true", LogicalXor, isTrue, "not x"),
  withConstant("xor-false", LogicalXor, isFalse, "x"),
  withConstant("equal-true", Equal, isTrue, "x"),
  withConstant("equal-false", Equal, isFalse, "not x"),
  withConstant("not-equal-true", NotEqual, isTrue, "not x"),
  withConstant("not-equal-false", NotEqual, isFalse, "x"),
];

/** `x . x`: x itself, or all true or false. NaN differs from itself, so equality asks for integers. */
const withItself = (definition: AnyOpDefinition, becomes: "x" | 0 | 1, integers = false): Rule =>
  rule(`${kebab(definition)}-of-same`, "exact", match(definition, { a: any("x"), b: any("x") }), ({ x }, r, op) => {
    if (integers && !isInteger(x.tensor.dtype) && !isBool(x)) return undefined;
    return becomes === "x" ? x : filled(r, op.result.tensor, becomes);
  });

const sameRules: readonly Rule[] = [
  ...[LogicalAnd, LogicalOr, BitwiseAnd, BitwiseOr].map((d) => withItself(d, "x")),
  withItself(LogicalXor, 0),
  withItself(BitwiseXor, 0),
  withItself(Less, 0),
  withItself(Greater, 0),
  withItself(Equal, 1, true),
  withItself(NotEqual, 0, true),
  withItself(LessEqual, 1, true),
  withItself(GreaterEqual, 1, true),
];

/** `x & -1 = x`, `x | 0 = x`, `x ^ 0 = x`. */
const neutralBits = (
  [
    [BitwiseAnd, -1],
    [BitwiseOr, 0],
    [BitwiseXor, 0],
  ] as const
).map(([d, neutral]) =>
  rule(`${kebab(d)}-neutral`, "exact", match(d, { a: any("x"), b: any("c") }), ({ x, c }, r, op) => {
    const fits = isFilled(c, neutral) && (neutral === 0 || /^i\d/.test(x.tensor.dtype));
    return fits ? broadcast(r, x, op.result.tensor) : undefined;
  }),
);

/** `!!x = x`, `~~x = x`. */
const doubleNot = [LogicalNot, BitwiseNot].map((d) =>
  rule(`double-${kebab(d)}`, "exact", match(d, { x: match(d, { x: any("x") }) }), ({ x }) => x),
);

/** `!(a = b)` is `a != b`; `!(a < b)` is `a >= b` only where there is no NaN. */
const notCompared = (
  [
    [Equal, NotEqual, false],
    [NotEqual, Equal, false],
    [Less, GreaterEqual, true],
    [GreaterEqual, Less, true],
    [Greater, LessEqual, true],
    [LessEqual, Greater, true],
  ] as const
).map(([from, to, integers]) =>
  rule(`not-${kebab(from)}`, "exact", match(LogicalNot, { x: match(from, { a: any("a"), b: any("b") }).once() }), ({ a, b }, r) =>
    integers && !isInteger(a.tensor.dtype) ? undefined : r.create(to, { a, b }),
  ),
);

/** `c ? a : b` for a known c. */
const whereConstant = rule(
  "where-constant",
  "exact",
  match(Where, { condition: any("c"), a: any("a"), b: any("b") }),
  ({ c, a, b }, r, op) => {
    if (isTrue(c)) return broadcast(r, a, op.result.tensor);
    return isFalse(c) ? broadcast(r, b, op.result.tensor) : undefined;
  },
);

/** `c ? x : x = x`. */
const whereSame = rule("where-same", "exact", match(Where, { condition: any("c"), a: any("x"), b: any("x") }), ({ x }, r, op) =>
  broadcast(r, x, op.result.tensor),
);

/** `!c ? a : b = c ? b : a`. */
const whereNot = rule(
  "where-not",
  "exact",
  match(Where, { condition: match(LogicalNot, { x: any("c") }), a: any("a"), b: any("b") }),
  ({ c, a, b }, r) => r.create(Where, { condition: c, a: b, b: a }),
);

/** `c ? true : false = c`, `c ? false : true = !c`. */
const whereBools = rule("where-bools", "exact", match(Where, { condition: any("c"), a: any("a"), b: any("b") }), ({ c, a, b }, r, op) => {
  if (isTrue(a) && isFalse(b)) return broadcast(r, c, op.result.tensor);
  return isFalse(a) && isTrue(b) ? broadcast(r, r.create(LogicalNot, { x: c }), op.result.tensor) : undefined;
});

export const compareSelectRules: readonly Rule[] = [
  ...constantRules,
  ...sameRules,
  ...neutralBits,
  ...doubleNot,
  ...notCompared,
  whereConstant,
  whereSame,
  whereNot,
  whereBools,
];
