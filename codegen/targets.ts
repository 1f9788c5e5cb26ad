/** The registry of targets. */
import { cTarget } from "./c/target.ts";
import { jsTarget } from "./js/target.ts";
import type { Target } from "./target.ts";
import { wgslTarget } from "./wgsl/target.ts";

export const targets: readonly Target[] = [cTarget, jsTarget, wgslTarget];

export const findTarget = (name: string): Target | undefined => targets.find((t) => t.name === name);
