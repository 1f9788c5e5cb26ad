/** The registry of passes, and the order in which they run by default. */
import { decompose } from "./decompose.ts";
import type { Pass } from "./pass.ts";

/** Every pass that `--passes` can name. */
export const allPasses: readonly Pass[] = [decompose];

/** What runs for every target, before the target's own passes. */
export const defaultPasses = (): readonly Pass[] => [];

/** What runs after a target changed layouts: weights are packed by folding constants. */
export const passesAfterTarget = (): readonly Pass[] => [];
