/**
 * What the axes of a stage do. In a sum of products one factor is loaded along the lanes (`vector`), the other is spread
 * over them (`scalar`); every axis belongs to one factor, to both (batch), or is folded.
 */
import type { Dim, Loop } from "../ir/dim.ts";
import { atomsIn, stride } from "../ir/dim-atoms.ts";
import { type Binary, dimsOf, type Expr, type Load, loadsIn, visitExpr } from "../ir/expr.ts";
import type { Stage } from "../ir/stage.ts";
import { isSmallInteger } from "../ir/type.ts";

export interface Roles {
  /** Axes of the factor that is loaded along the lanes alone; the last one runs along them. */
  readonly n: readonly Loop[];
  /** Axes of the factor that is spread. */
  readonly m: readonly Loop[];
  readonly batch: readonly Loop[];
  readonly k: readonly Loop[];
  /** The last of `k`, where it counts through groups of elements that lie side by side in both factors. */
  readonly group: Loop | undefined;
}

/** Every loop that the expression depends on. */
export function loopsOf(e: Expr): Set<Loop> {
  const found = new Set<Loop>();
  visitExpr(e, (n) => {
    for (const d of dimsOf(n)) for (const a of atomsIn(d)) if (a.kind === "loop") found.add(a);
  });
  return found;
}

/** `acc + x`, in either order. */
function addend(stage: Stage): Expr | undefined {
  const { fold } = stage;
  const [step] = fold?.step ?? [];
  if (fold?.state.length !== 1 || fold.emit === "each" || step?.kind !== "binary" || step.op !== "add") return undefined;
  const isState = (e: Expr): boolean => e.kind === "var" && e.name === fold.state[0]!.name;
  return isState(step.a) ? step.b : isState(step.b) ? step.a : undefined;
}

const throughConversions = (e: Expr): Expr => (e.kind === "convert" ? throughConversions(e.x) : e);

/** A load; where `inside` is given and does not hold, `outside` in its place. */
export interface PaddedLoad {
  readonly load: Load;
  readonly inside?: Expr;
  readonly outside?: Expr;
}

export function paddedLoad(e: Expr): PaddedLoad | undefined {
  if (e.kind === "load") return { load: e };
  return e.kind === "select" && e.a.kind === "load" ? { load: e.a, inside: e.cond, outside: e.b } : undefined;
}

/**
 * The axis of the fold along which products of small integers lie side by side: both factors step by one, and the one
 * along the lanes has a whole group in each lane. `at` gives the flat offset of a load.
 */
export function groupOf(stage: Stage, at: (l: Load) => Dim): Loop | undefined {
  const sum = addend(stage);
  const [lane, group] = [stage.axes.at(-1), stage.fold?.axes.at(-1)];
  if (sum?.kind !== "binary" || sum.op !== "mul" || sum.dtype !== "i32" || !lane || (group?.extent !== 4 && group?.extent !== 2))
    return undefined;
  const isVector = (e: Expr): boolean =>
    e.kind === "load" && isSmallInteger(e.buffer.dtype) && stride(at(e), group) === 1 && stride(at(e), lane) === group.extent;
  const isSpread = (e: Expr): boolean => {
    const padded = paddedLoad(e);
    if (!padded || !isSmallInteger(padded.load.buffer.dtype) || stride(at(padded.load), group) !== 1 || stride(at(padded.load), lane) !== 0)
      return false;
    return [padded.inside, padded.outside].every((x) => !x || !(loopsOf(x).has(group) || loopsOf(x).has(lane)));
  };
  return (isVector(sum.b) && isSpread(sum.a)) || (isVector(sum.a) && isSpread(sum.b)) ? group : undefined;
}

/** The roles of a sum of products whose last axis can run along lanes; undefined for any other stage. */
export function rolesOf(stage: Stage): Roles | undefined {
  const sum = addend(stage);
  const product = sum && throughConversions(sum);
  const lane = stage.axes.at(-1);
  if (product?.kind !== "binary" || product.op !== "mul" || !lane || stage.results.some((r) => stride(r.at[0]!, lane) !== 1))
    return undefined;
  const group = groupOf(stage, (l) => l.at[0] ?? 0);
  const sides = factors(product, lane, group ? (group.extent as number) : 1);
  if (!sides) return undefined;
  const [vector, scalar] = sides.map(loopsOf) as [Set<Loop>, Set<Loop>];
  const only = (yes: ReadonlySet<Loop>, no: ReadonlySet<Loop>) => stage.axes.filter((a) => yes.has(a) && !no.has(a));
  return {
    n: only(vector, scalar),
    m: only(scalar, vector),
    batch: stage.axes.filter((a) => vector.has(a) === scalar.has(a)),
    k: stage.fold!.axes,
    group,
  };
}

/** The factor whose lanes are `step` apart, then the one without any. */
function factors(product: Binary, lane: Loop, step: number): readonly [Expr, Expr] | undefined {
  for (const [x, y] of [
    [product.a, product.b],
    [product.b, product.a],
  ] as const) {
    const along = loadsIn([x]).some((l) => l.at.length > 0 && stride(l.at[0]!, lane) === step);
    if (along && !loopsOf(y).has(lane)) return [x, y];
  }
  return undefined;
}

/** The steps of every load and store of the stage when `axis` grows by one; undefined entries are not linear. */
export function strides(stage: Stage, axis: Loop, exprs: readonly Expr[]): (Dim | undefined)[] {
  const loads = loadsIn(exprs).flatMap((l) => l.at);
  return [...loads, ...stage.results.flatMap((r) => r.at)].map((d) => stride(d, axis));
}
