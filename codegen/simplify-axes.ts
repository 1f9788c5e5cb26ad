/**
 * Stages over flat memory with as few axes as possible: loads and stores become flat offsets into roots, axes of one
 * element vanish, and neighbouring axes that every access walks through as one become one.
 */
import { type Atom, atomDim, type Dim, type Loop, loopAtom, mul } from "../ir/dim.ts";
import { stride, substituteDim } from "../ir/dim-atoms.ts";
import { type Buffer, dimsOf, type Expr, substituteIndices, visitExpr } from "../ir/expr.ts";
import type { Stage } from "../ir/stage.ts";
import { flattenOffset, type View } from "../ir/view.ts";
import { mapStage, stageExprs } from "./stage-parts.ts";
import { flattenExpr, flattenInside } from "./flatten.ts";

/** The stage with one flat offset per load and store, on as few axes as possible. */
export function simplifyStage(stage: Stage, viewFor: (b: Buffer) => View): Stage {
  return collapse(dropUnits(flattenStage(stage, viewFor)));
}

function flattenStage(stage: Stage, viewFor: (b: Buffer) => View): Stage {
  const flat = mapStage(
    stage,
    (e) => flattenExpr(e, viewFor),
    (d) => flattenInside(d, viewFor),
  );
  const results = flat.results.map((r) => {
    const view = viewFor(r.out);
    return { out: view.root, at: [flattenOffset(view, r.at)], value: r.value };
  });
  return { ...flat, results };
}

/** The stage with loops replaced by dims in other loops. */
function substitute(stage: Stage, by: ReadonlyMap<Atom, Dim>, axes: readonly Loop[], foldAxes: readonly Loop[]): Stage {
  const mapped = mapStage(
    stage,
    (e) => substituteIndices(e, by),
    (d) => substituteDim(d, by),
  );
  return { ...mapped, axes, ...(mapped.fold && { fold: { ...mapped.fold, axes: foldAxes } }) };
}

function dropUnits(stage: Stage): Stage {
  const isUnit = (a: Loop): boolean => a.extent === 1;
  const foldAxes = stage.fold?.axes ?? [];
  const units = [...stage.axes, ...foldAxes].filter(isUnit);
  if (units.length === 0) return stage;
  const kept = foldAxes.filter((a) => !isUnit(a));
  return substitute(
    stage,
    new Map(units.map((a) => [a, 0])),
    stage.axes.filter((a) => !isUnit(a)),
    kept,
  );
}

/** Every dim of the stage that mentions a loop. */
function indexDims(stage: Stage): Dim[] {
  const found = new Set<Dim>();
  const seen = new Set<Expr>();
  for (const e of stageExprs(stage)) visitExpr(e, (n) => dimsOf(n).forEach((d) => found.add(d)), seen);
  return [...found].filter((d) => typeof d !== "number");
}

/** Whether every access steps by `inner.extent` steps of `inner` when `outer` steps once. */
function areAdjacent(outer: Loop, inner: Loop, dims: readonly Dim[]): boolean {
  return dims.every((d) => {
    const [far, near] = [stride(d, outer), stride(d, inner)];
    return far !== undefined && near !== undefined && far === mul(near, inner.extent);
  });
}

function collapse(stage: Stage): Stage {
  for (const list of [stage.axes, stage.fold?.emit === "each" ? [] : (stage.fold?.axes ?? [])]) {
    const dims = indexDims(stage);
    for (let k = list.length - 1; k > 0; k--) {
      const [outer, inner] = [list[k - 1]!, list[k]!];
      if (!areAdjacent(outer, inner, dims)) continue;
      return collapse(join(stage, outer, inner));
    }
  }
  return stage;
}

/** One axis in place of two; only offsets in which they are adjacent may mention them. */
function join(stage: Stage, outer: Loop, inner: Loop): Stage {
  const joined = loopAtom(inner.name, mul(outer.extent, inner.extent));
  // outer * extent + inner is the joined index, so the outer one stands for nothing any more.
  const by = new Map<Atom, Dim>([
    [outer, 0],
    [inner, atomDim(joined)],
  ]);
  const merge = (axes: readonly Loop[]): Loop[] => axes.filter((a) => a !== outer).map((a) => (a === inner ? joined : a));
  return substitute(stage, by, merge(stage.axes), merge(stage.fold?.axes ?? []));
}
