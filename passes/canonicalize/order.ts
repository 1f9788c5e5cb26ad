/** One order of operands: constants stand at the right, so that rules look for them at one place only. */
import type { AnyOpDefinition } from "../../ir/define.ts";
import {
  BitwiseAnd, BitwiseOr, BitwiseXor, Equal, Greater, GreaterEqual, Less, LessEqual, LogicalAnd, LogicalOr, LogicalXor, NotEqual,
} from "../../ir/ops/compare.ts";
import { Add, Max, Min, Mul, SquaredDifference } from "../../ir/ops/elementwise.ts";
import { any, constant, match } from "../pattern.ts";
import { rule, type Rule } from "../rewrite.ts";
import { splatOf } from "./known.ts";

/** `c . x = x . c`, or `c < x` as `x > c`. */
const constantRight = (from: AnyOpDefinition, to: AnyOpDefinition): Rule =>
  rule(`constant-right-of-${from.name}`, "exact", match(from, { a: constant("c"), b: any("x") }), ({ c, x }, r) =>
    x.op?.name === "constant" ? undefined : r.create(to, { a: x, b: c }),
  );

/** As above, where the constant is one that was repeated. */
const repeatedRight = (from: AnyOpDefinition, to: AnyOpDefinition): Rule =>
  rule(`repeated-constant-right-of-${from.name}`, "exact", match(from, { a: any("c"), b: any("x") }), ({ c, x }, r) =>
    splatOf(c) === undefined || splatOf(x) !== undefined || x.op?.name === "constant" ? undefined : r.create(to, { a: x, b: c }),
  );

const commutative = [
  Add, Mul, Max, Min, SquaredDifference, Equal, NotEqual, LogicalAnd, LogicalOr, LogicalXor, BitwiseAnd, BitwiseOr, BitwiseXor,
];
const mirrored: readonly (readonly [AnyOpDefinition, AnyOpDefinition])[] = [
  ...commutative.map((d) => [d, d] as const),
  [Less, Greater], [Greater, Less], [LessEqual, GreaterEqual], [GreaterEqual, LessEqual],
];

export const orderRules: readonly Rule[] = mirrored.flatMap(([from, to]) => [constantRight(from, to), repeatedRight(from, to)]);
