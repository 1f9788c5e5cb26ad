/** One order of operands: constants stand at the right, so that rules look for them at one place only. */
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import {
  BitwiseAnd,
  BitwiseOr,
  BitwiseXor,
  Equal,
  Greater,
  GreaterEqual,
  Less,
  LessEqual,
  LogicalAnd,
  LogicalOr,
  LogicalXor,
  NotEqual,
} from "../../ir/ops/compare.ts";
import { Add, Max, Min, Mul, SquaredDifference } from "../../ir/ops/elementwise.ts";
import { any, match } from "../pattern.ts";
import { kebab, rule, type Rule } from "../rewrite.ts";
import { splatOf } from "./known.ts";

const isConstant = (v: Value): boolean => v.op?.name === "constant" || splatOf(v) !== undefined;

/** `c . x = x . c`, or `c < x` as `x > c`; a constant that was repeated is one too. */
const constantRight = (from: AnyOpDefinition, to: AnyOpDefinition): Rule =>
  rule(`constant-right-of-${kebab(from)}`, "exact", match(from, { a: any("c"), b: any("x") }), ({ c, x }, r) =>
    isConstant(c) && !isConstant(x) ? r.create(to, { a: x, b: c }) : undefined,
  );

const commutative = [
  Add,
  Mul,
  Max,
  Min,
  SquaredDifference,
  Equal,
  NotEqual,
  LogicalAnd,
  LogicalOr,
  LogicalXor,
  BitwiseAnd,
  BitwiseOr,
  BitwiseXor,
];
const mirrored: readonly (readonly [AnyOpDefinition, AnyOpDefinition])[] = [
  ...commutative.map((d) => [d, d] as const),
  [Less, Greater],
  [Greater, Less],
  [LessEqual, GreaterEqual],
  [GreaterEqual, LessEqual],
];

export const orderRules: readonly Rule[] = mirrored.map(([from, to]) => constantRight(from, to));
