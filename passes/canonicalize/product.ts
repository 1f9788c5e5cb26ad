/** Matrix products: transposes of the last two axes become flags, factors become `alpha`. */
import { attributesOf, type OpOf } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import { Gemm, Matmul } from "../../ir/ops/matmul.ts";
import { Transpose } from "../../ir/ops/shape.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { isFilled } from "./known.ts";

/** The matrix whose last two axes the value holds swapped. Constants are transposed at compile time instead. */
function untransposed(v: Value): Value | undefined {
  if (v.op?.definition !== Transpose) return undefined;
  const perm = v.op.attributes["perm"] as readonly number[];
  const rank = perm.length;
  const swapsLast = rank >= 2 && perm.every((p, i) => p === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  const x = v.op.operand(0)!;
  return swapsLast && x.op?.name !== "constant" ? x : undefined;
}

interface Product {
  readonly a: Value;
  readonly b: Value;
  readonly c?: Value | undefined;
  readonly trans_a: boolean;
  readonly trans_b: boolean;
  readonly alpha: number;
  readonly beta: number;
}

function withFlags(r: Rewriter, p: Product): Value | undefined {
  const [a, b] = [untransposed(p.a), untransposed(p.b)];
  if (!a && !b) return undefined;
  const { c, alpha, beta } = p;
  return r.create(Gemm, { a: a ?? p.a, b: b ?? p.b, c }, { trans_a: p.trans_a !== !!a, trans_b: p.trans_b !== !!b, alpha, beta });
}

/** `A^T x B` and `A x B^T` by flags. */
const matmulOfTranspose = opRule("matmul-of-transpose", "exact", Matmul, (op, r) => {
  const [a, b] = op.operands as [Value, Value];
  return withFlags(r, { a, b, trans_a: false, trans_b: false, alpha: 1, beta: 1 });
});

/** `A^T^T = A`. */
const gemmOfTranspose = opRule("gemm-of-transpose", "exact", Gemm, (op, r) => {
  const [a, b, c] = op.operands as [Value, Value, Value | undefined];
  return withFlags(r, { a, b, c, ...attributesOf(op as OpOf<typeof Gemm>) });
});

/** A product without flags, factors and addend. */
const plainGemm = opRule("plain-gemm", "exact", Gemm, (op, r) => {
  const [a, b, c] = op.operands as [Value, Value, Value | undefined];
  const { trans_a, trans_b, alpha, beta } = attributesOf(op as OpOf<typeof Gemm>);
  if (c && (beta === 0 || isFilled(c, -0))) return r.create(Gemm, { a, b }, { trans_a, trans_b, alpha });
  return !c && !trans_a && !trans_b && alpha === 1 ? r.create(Matmul, { a, b }) : undefined;
});

export const productRules: readonly Rule[] = [matmulOfTranspose, gemmOfTranspose, plainGemm];
