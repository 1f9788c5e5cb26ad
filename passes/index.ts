/** The registry of passes, and the order in which they run by default. */
import { canonicalize } from "./canonicalize.ts";
import { cse } from "./cse.ts";
import { dce } from "./dce.ts";
import { decompose } from "./decompose.ts";
import { flattenSequences } from "./flatten-sequences.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { foldConstants } from "./fold-constants.ts";
import { inlineCalls } from "./inline-calls.ts";
import { integerProducts } from "./integer-products.ts";
import type { Pass } from "./pass.ts";
import { raise } from "./raise.ts";

/** Every pass that `--passes` can name. */
export const allPasses: readonly Pass[] = [
  canonicalize,
  cse,
  dce,
  decompose,
  flattenSequences,
  foldBatchNorm,
  foldConstants,
  inlineCalls,
  integerProducts,
  raise,
];

/** The pass of that name. */
export const findPass = (name: string): Pass | undefined => allPasses.find((p) => p.name === name);

/**
 * What runs for every target, before the target's own passes. Equal ops are merged before constants are folded: exporters
 * convert one constant thousands of times.
 */
export const defaultPasses = (): readonly Pass[] => [
  inlineCalls,
  cse,
  canonicalize,
  integerProducts,
  foldConstants,
  inlineCalls,
  flattenSequences,
  canonicalize,
  foldBatchNorm,
  raise,
  foldConstants,
  canonicalize,
  cse,
  dce,
];

/** What runs after a target changed layouts: weights are packed by folding constants, those of many ops once. */
export const passesAfterTarget = (): readonly Pass[] => [cse, foldConstants, canonicalize, cse, dce];
