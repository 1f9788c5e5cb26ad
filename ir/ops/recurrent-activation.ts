/** The activation functions of recurrent nets, by name, with ONNX's formulas and default parameters. */
import { OpError } from "../diagnostic.ts";
import { add, constantLike, div, type Expr, le, lt, max, min, mul, select, sub, unary } from "../expr.ts";

interface Activation {
  /** Defaults of the parameters it takes. */
  readonly alpha?: number;
  readonly beta?: number;
  readonly of: (x: Expr, alpha: Expr, beta: Expr) => Expr;
}

const zero = (x: Expr): Expr => constantLike(x, 0);
const one = (x: Expr): Expr => constantLike(x, 1);
const call =
  (op: "exp" | "tanh" | "abs" | "neg" | "log1p" | "expm1") =>
  (x: Expr): Expr =>
    unary(op, x);
const [exp, tanh, abs, negate, log1p, expm1] = [call("exp"), call("tanh"), call("abs"), call("neg"), call("log1p"), call("expm1")];

const activations: Readonly<Record<string, Activation>> = {
  sigmoid: { of: (x) => div(one(x), add(one(x), exp(negate(x)))) },
  tanh: { of: tanh },
  relu: { of: (x) => max(x, zero(x)) },
  affine: { alpha: 1, beta: 0, of: (x, alpha, beta) => add(mul(alpha, x), beta) },
  leaky_relu: { alpha: 0.01, of: (x, alpha) => select(lt(x, zero(x)), mul(alpha, x), x) },
  thresholded_relu: { alpha: 1, of: (x, alpha) => select(le(alpha, x), x, zero(x)) },
  scaled_tanh: { alpha: 1, beta: 1, of: (x, alpha, beta) => mul(alpha, tanh(mul(beta, x))) },
  hard_sigmoid: { alpha: 0.2, beta: 0.5, of: (x, alpha, beta) => min(one(x), max(zero(x), add(mul(alpha, x), beta))) },
  elu: { alpha: 1, of: (x, alpha) => select(lt(x, zero(x)), mul(alpha, expm1(x)), x) },
  softsign: { of: (x) => div(x, add(one(x), abs(x))) },
  softplus: { of: (x) => add(max(x, zero(x)), log1p(exp(negate(abs(x))))) },
};

export const activationNames: readonly string[] = Object.keys(activations);

/** The default parameters of an activation; undefined where it takes none. Throws an `OpError` for an unknown name. */
export function activationDefaults(name: string): { readonly alpha: number | undefined; readonly beta: number | undefined } {
  const a = activations[name];
  if (!a) throw new OpError(`there is no activation '${name}'`, "unsupported-attribute", { expected: activationNames.join(", ") });
  return { alpha: a.alpha, beta: a.beta };
}

/** The activation of `x`, for an `x` clipped to -clip .. clip when `clip` is given. */
export function activate(name: string, alpha: number, beta: number, clip: number | undefined, x: Expr): Expr {
  const clipped = clip === undefined ? x : max(constantLike(x, -clip), min(constantLike(x, clip), x));
  return activations[name]!.of(clipped, constantLike(x, alpha), constantLike(x, beta));
}

/** `a` for a gate of 1, `b` for a gate of 0. */
export const blend = (gate: Expr, a: Expr, b: Expr): Expr => add(mul(gate, a), mul(sub(one(gate), gate), b));
