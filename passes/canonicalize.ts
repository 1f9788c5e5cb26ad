/**
 * canonicalize: one form for each of the many ways to write a thing. The rules are in `canonicalize/`, by theme; none
 * makes code worse, and all end: each drops an op, moves a constant to the right or makes a shape smaller.
 */
import { arithmeticRules } from "./canonicalize/arithmetic.ts";
import { castRules } from "./canonicalize/cast.ts";
import { clampRules } from "./canonicalize/clamp.ts";
import { compareSelectRules } from "./canonicalize/compare-select.ts";
import { emptyRules } from "./canonicalize/empty.ts";
import { movementRules } from "./canonicalize/movement.ts";
import { orderRules } from "./canonicalize/order.ts";
import { partRules } from "./canonicalize/parts.ts";
import { productRules } from "./canonicalize/product.ts";
import { reduceRules } from "./canonicalize/reduce.ts";
import { windowRules } from "./canonicalize/window.ts";
import type { Pass } from "./pass.ts";
import { applyRules, type Rule } from "./rewrite.ts";

export const canonicalizeRules: readonly Rule[] = [
  ...emptyRules,
  ...castRules,
  ...orderRules,
  ...arithmeticRules,
  ...clampRules,
  ...compareSelectRules,
  ...movementRules,
  ...partRules,
  ...reduceRules,
  ...productRules,
  ...windowRules,
];

export const canonicalize: Pass = {
  name: "canonicalize",
  summary: "identities removed, constants to the right, movements joined",
  run(graph, context) {
    applyRules(graph, canonicalizeRules, context);
  },
};
