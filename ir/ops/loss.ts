/** Losses: what is left of an op that training graphs end in when the graph is only evaluated. */
import { choice, int, maybe } from "../attribute.ts";
import { defineOp, type Named, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { type Dim, max as maxDim, min as minDim, sub } from "../dim.ts";
import {
  add,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  load,
  mul,
  select,
  toDim,
  unary,
  variable,
} from "../expr.ts";
import { type Folding, pointwise, reduction, type State } from "../stage.ts";
import { computeType, formatType, sameShape, tensor } from "../type.ts";
import { expectElements } from "./map.ts";

const operands = { x: operand, target: operand, weight: optionalOperand };

/** The weight of the target class at a point of the target, zero for the class that is ignored; and minus its score. */
function scoreAt(
  { x, target, weight }: Named<typeof operands, Buffer>,
  ignored: number | undefined,
  at: readonly Dim[],
): { weight: Expr; loss: Expr } {
  const type = computeType(x.dtype);
  const label = load(target, at);
  const chosen = minDim(sub(x.shape[1]!, 1), maxDim(0, toDim(convert(label, "i64"))));
  const one = constant(type, 1);
  const given = weight ? convert(load(weight, [chosen]), type) : one;
  const counts = ignored === undefined ? given : select(eq(label, constantLike(label, ignored)), constant(type, 0), given);
  const score = load(x, [at[0]!, chosen, ...at.slice(1)]);
  const loss = mul(unary("neg", score), given);
  return { weight: counts, loss: ignored === undefined ? loss : select(eq(label, constantLike(label, ignored)), constant(type, 0), loss) };
}

/** Two sums side by side; the value is the first over the second, or the first alone. */
function sums(loss: Expr, weight: Expr, mean: boolean): Folding {
  const names = ["loss", "weight"] as const;
  const { dtype } = loss;
  const [acc, right] = ["", "_right"].map((suffix) => names.map((n) => variable(n + suffix, dtype))) as [Expr[], Expr[]];
  const state: State[] = names.map((name) => ({ name, dtype, init: constant(dtype, 0) }));
  const kept = mean ? 2 : 1;
  return {
    state: state.slice(0, kept),
    step: [add(acc[0]!, loss), add(acc[1]!, weight)].slice(0, kept),
    merge: [add(acc[0]!, right[0]!), add(acc[1]!, right[1]!)].slice(0, kept),
    value: mean ? div(acc[0]!, acc[1]!) : acc[0]!,
  };
}

export const NegativeLogLikelihoodLoss = defineOp({
  name: "negative_log_likelihood_loss",
  summary:
    "`-weight[t] * x[n, t, ...]` for the target class `t` of each point, zero for the class to ignore; the sum of all, or with `mean` that over the sum of weights. " +
    "`x` is [n, c, ...] of log-probabilities, `target` [n, ...] of integers, `weight` [c]. A target outside the classes counts as the nearest one.",
  operands,
  attributes: { reduction: choice(["none", "mean", "sum"], "mean"), ignore: maybe(int()) },
  infer({ x, target, weight }, { reduction: how }) {
    expectElements(x, "float", "negative_log_likelihood_loss");
    expectElements(target, "integer", "negative_log_likelihood_loss");
    const points = x.shape.filter((_, d) => d !== 1);
    const fits =
      x.shape.length >= 2 &&
      points.length === target.shape.length &&
      points.every((d, i) => typeof d !== "number" || typeof target.shape[i] !== "number" || d === target.shape[i]);
    if (!fits) throw new OpError(`the targets ${formatType(target)} do not fit the scores ${formatType(x)}`);
    if (weight && !sameShape(weight.shape, [x.shape[1]!]))
      throw new OpError(`the weights ${formatType(weight)} do not fit the scores ${formatType(x)}`);
    return tensor(x.dtype, how === "none" ? target.shape : []);
  },
  compute({ operands: given, attributes: { reduction: how, ignore }, results: [y] }) {
    if (how === "none") return [pointwise(y!, (at) => scoreAt(given, ignore, at).loss)];
    return [
      reduction(y!, given.target.shape, (_at, r) => {
        const { loss, weight } = scoreAt(given, ignore, r);
        return sums(loss, weight, how === "mean");
      }),
    ];
  },
});
