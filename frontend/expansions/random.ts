/** Draws of other distributions and types from those of the standard ones. The numbers are the same but for f64. */
import type { Dim } from "../../ir/dim.ts";
import { Argmax } from "../../ir/ops/arg-extreme.ts";
import { Less } from "../../ir/ops/compare.ts";
import { Bernoulli, Multinomial, RandomNormal, RandomUniform } from "../../ir/ops/random.ts";
import { expansion, type NamedExpansion } from "./expander.ts";

const uniform = expansion(RandomUniform, (_operands, { shape, low, high, dtype, seed }, e) => {
  if (low === 0 && high === 1 && dtype === "f32") return undefined;
  const unit = e.create(RandomUniform, {}, { shape, seed });
  return e.cast(e.f.add(e.f.mul(unit, high - low), low), dtype);
});

const normal = expansion(RandomNormal, (_operands, { shape, mean, scale, dtype, seed }, e) => {
  if (mean === 0 && scale === 1 && dtype === "f32") return undefined;
  const unit = e.create(RandomNormal, {}, { shape, seed });
  return e.cast(e.f.add(e.f.mul(unit, scale), mean), dtype);
});

const bernoulli = expansion(Bernoulli, ({ p }, { dtype, seed }, e) => {
  const a = e.create(RandomUniform, {}, { shape: p.tensor.shape, seed });
  return e.cast(e.create(Less, { a, b: e.cast(p, "f32") }), dtype);
});

/** Gumbel's trick: the argmax of `logit - log(-log(u))` is distributed as the classes are. */
const multinomial = expansion(Multinomial, ({ logits }, { samples, dtype, seed }, e) => {
  const { f } = e;
  const [rows, classes] = logits.tensor.shape as readonly [Dim, Dim];
  const unit = e.create(RandomUniform, {}, { shape: [rows, samples, classes], seed });
  const gumbel = f.neg(f.log(f.neg(f.log(f.add(f.neg(unit), 1)))));
  const x = f.add(gumbel, e.reshape(e.cast(logits, "f32"), [rows, 1, classes]));
  return e.create(Argmax, { x }, { axis: 2, dtype });
});

export const randomExpansions: readonly NamedExpansion[] = [uniform, normal, bernoulli, multinomial];
