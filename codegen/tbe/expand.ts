/** Functions that the tensor DSL lacks, in terms of those it has. */
import { add, constantLike, div, type Expr, lt, mul, select, sub, unary } from "../../ir/expr.ts";
import type { UnaryOp } from "../../ir/scalar.ts";

const c = (x: Expr, value: number): Expr => constantLike(x, value);
const abs = (x: Expr): Expr => unary("abs", x);
const exp = (x: Expr): Expr => unary("exp", x);

/** `x (1 - e^(-2|x|)) / ((|x| + tiny) (1 + e^(-2|x|)))`; tiny, the least normal f32, keeps 0 / 0 away. */
function tanh(x: Expr): Expr {
  const power = exp(mul(c(x, -2), abs(x)));
  const tiny = c(x, 2 ** -126);
  return div(mul(x, sub(c(x, 1), power)), mul(add(abs(x), tiny), add(c(x, 1), power)));
}

/** To 1.5e-7: Abramowitz and Stegun 7.1.26. */
function erf(x: Expr): Expr {
  const t = div(c(x, 1), add(c(x, 1), mul(abs(x), c(x, 0.3275911))));
  const [first, ...rest] = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const p = rest.reduce((sum, k) => add(mul(sum, t), c(x, k)), c(x, first));
  const size = sub(c(x, 1), mul(mul(p, t), exp(unary("neg", mul(x, x)))));
  return select(lt(x, c(x, 0)), unary("neg", size), size);
}

/** By the plain formulas, whose error near zero is that of the sum `1 + x`. */
const expansions: Partial<Record<UnaryOp, (x: Expr) => Expr>> = {
  tanh,
  erf,
  expm1: (x) => sub(exp(x), c(x, 1)),
  log1p: (x) => unary("log", add(c(x, 1), x)),
};

/** `op(x)` by functions of the DSL; undefined where there is no need or no way. */
export const expand = (op: UnaryOp, x: Expr): Expr | undefined => expansions[op]?.(x);
