/** What a pass is: a named change of a graph that keeps its meaning. The graph verifies before and after. */
import type { Constant } from "../ir/attribute.ts";
import type { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph, Op } from "../ir/graph.ts";

/**
 * How far a rewrite may change results: `exact`, not at all (which bits a NaN has does not count); `reassociates`, sums
 * and products in another order or rounded less often; `fast`, as if there were no NaN, infinities or signed zeros;
 * `approximates`, formulas replaced by close ones.
 */
export const numericsClasses = ["exact", "reassociates", "fast", "approximates"] as const;
export type NumericsClass = (typeof numericsClasses)[number];

export interface PassContext {
  readonly diagnostics: Diagnostics;
  /** Classes of rewrites that are allowed; `exact` always is. */
  readonly numerics: ReadonlySet<NumericsClass>;
  /** The results of an op whose operands are all constants; undefined when it cannot be computed now. */
  readonly evaluate?: (op: Op) => readonly Constant[] | undefined;
  /** Told of every rewrite that was applied, before the op is replaced. */
  readonly trace?: (rule: string, op: Op) => void;
}

export interface Pass {
  /** kebab-case, as typed after `--passes`; the file's name. */
  readonly name: string;
  /** One line for `sinter list passes`. */
  readonly summary: string;
  run(graph: Graph, context: PassContext): void;
}

/** What ONNX Runtime does by default too: sums may be reordered (folding batch normalisation), nothing more. */
export const defaultNumerics: ReadonlySet<NumericsClass> = new Set<NumericsClass>(["exact", "reassociates"]);
