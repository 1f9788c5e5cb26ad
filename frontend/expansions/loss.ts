/** Losses. */
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Gather, GatherElements } from "../../ir/ops/gather.ts";
import { NegativeLogLikelihoodLoss } from "../../ir/ops/loss.ts";
import { ReduceSum } from "../../ir/ops/reduce.ts";
import { expansion, type NamedExpansion } from "./expander.ts";

/** The scores of the target classes, weighed; the ignored class counts nothing. */
const loss = expansion(NegativeLogLikelihoodLoss, ({ x, target, weight }, { reduction, ignore }, e) => {
  const { f } = e;
  const [images, classes, ...rest] = x.tensor.shape as readonly [Dim, Dim, ...Dim[]];
  if (typeof classes !== "number") return undefined;
  const chosen = f.min(f.max(target, 0), classes - 1);
  const scores = e.create(GatherElements, { x, indices: e.reshape(chosen, [images, 1, ...rest]) }, { axis: 1 });
  const { dtype } = x.tensor;
  const given = weight ? e.create(Gather, { x: weight, indices: chosen }, { axis: 0 }) : e.expand(e.scalar(dtype, 1), target.tensor.shape);
  const counts = ignore === undefined ? given : f.where(f.equal(target, ignore), 0, given);
  const each = f.mul(f.neg(e.reshape(scores, target.tensor.shape)), counts);
  if (reduction === "none") return each;
  const axes = target.tensor.shape.map((_, d) => d);
  const total = (v: Value): Value => e.create(ReduceSum, { x: v }, { axes });
  return reduction === "sum" ? total(each) : f.div(total(each), total(counts));
});

export const lossExpansions: readonly NamedExpansion[] = [loss];
