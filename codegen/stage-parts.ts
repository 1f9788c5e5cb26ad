/** What a stage is made of, and the same stage with other parts. */
import type { Dim } from "../ir/dim.ts";
import { type Expr, index } from "../ir/expr.ts";
import type { Stage } from "../ir/stage.ts";

/** Every expression of the stage, those of its indices too. */
export function stageExprs(s: Stage): Expr[] {
  const fold = s.fold ? [...s.fold.state.map((x) => x.init), ...s.fold.step] : [];
  return [...fold, ...s.results.map((r) => r.value), ...s.results.flatMap((r) => r.at.map(index))];
}

/** The stage with its expressions and dims replaced; its axes stay. */
export function mapStage(s: Stage, f: (e: Expr) => Expr, d: (d: Dim) => Dim): Stage {
  return {
    axes: s.axes,
    ...(s.fold && {
      fold: { ...s.fold, state: s.fold.state.map((x) => ({ ...x, init: f(x.init) })), step: s.fold.step.map(f), merge: s.fold.merge },
    }),
    results: s.results.map((r) => ({ out: r.out, at: r.at.map(d), value: f(r.value) })),
  };
}
