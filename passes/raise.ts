/**
 * raise: formulas that exporters wrote out op by op become the op that they are: activations, softmax, normalisations.
 * One op can be computed better than its parts, and says what it is. Runs after `canonicalize`, on whose forms it relies.
 */
import type { Pass } from "./pass.ts";
import { activationRules } from "./raise/activations.ts";
import { normalisationRules } from "./raise/normalisation.ts";
import { applyRules, type Rule } from "./rewrite.ts";

export const raiseRules: readonly Rule[] = [...activationRules, ...normalisationRules];

export const raise: Pass = {
  name: "raise",
  summary: "activations, softmax and normalisations written out become one op",
  run(graph, context) {
    applyRules(graph, raiseRules, context);
  },
};
