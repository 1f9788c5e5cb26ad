/**
 * How stages become shaders: register tiles for sums of products, one invocation for every four elements of all else, and
 * one for every result of a fold.
 */
import type { Dim, Loop } from "../../ir/dim.ts";
import type { LoopMode } from "../../ir/loop.ts";
import type { Stage } from "../../ir/stage.ts";
import { stageExprs } from "../stage-parts.ts";
import { type Roles, rolesOf, strides } from "../roles.ts";
import type { Fuse, Schedule, Split } from "../schedule.ts";
import type { Machine } from "../target.ts";
import { lanes } from "./arrange.ts";

export const wgslMachine: Machine = { name: "webgpu", lanes, registers: 64, l1: 16384, l2: 1048576 };

/** Invocations of a workgroup along each of its two axes, and rows of the register tile that each computes. */
const workgroupSide = 8;
const tileRows = 4;

/** The first rule that applies gives the schedule; the last always does. */
export function scheduleWgsl(stage: Stage): Schedule {
  if (stage.axes.length === 0) return { order: names(foldAxes(stage)) };
  const roles = rolesOf(stage);
  return (roles && tiledProduct(stage, roles)) ?? perVector(stage) ?? perElement(stage);
}

const names = (loops: readonly Loop[]): string[] => loops.map((l) => l.name);
const foldAxes = (stage: Stage): readonly Loop[] => stage.fold?.axes ?? [];

const isDivisible = (d: Dim, by: number): boolean => typeof d === "number" && d > 0 && d % by === 0;

/** The largest divisor of `extent` that is at most `most`. */
function divisorUpTo(extent: Dim, most: number): number {
  if (typeof extent !== "number") return 1;
  for (let d = most; d > 1; d--) if (extent > 0 && extent % d === 0) return d;
  return 1;
}

/** A schedule that is put together axis by axis. */
class Plan {
  readonly splits: Split[] = [];
  readonly modes: Record<string, LoopMode> = {};
  readonly groups: string[] = [];
  readonly locals: string[] = [];
  readonly tile: string[] = [];

  /** Splits the axis into tiles of `factor`, which become the innermost loops. Gives the loop over tiles and its extent. */
  tiles(axis: Loop, factor: number, mode: LoopMode): { name: string; extent: Dim } {
    if (factor === 1) return axis;
    const [outer, inner] = [`${axis.name}t`, `${axis.name}v`];
    this.splits.push({ axis: axis.name, outer, inner, factor, tail: "exact" });
    this.tile.push(inner);
    this.modes[inner] = mode;
    return { name: outer, extent: typeof axis.extent === "number" ? axis.extent / factor : axis.extent };
  }

  /** Spreads a loop over the invocations and the workgroups along one axis. */
  spread({ name, extent }: { readonly name: string; readonly extent: Dim }, along: "x" | "y"): void {
    const factor = typeof extent === "number" ? Math.min(workgroupSide, extent) : workgroupSide;
    const [outer, inner] = [`${name}g`, `${name}l`];
    this.splits.push({ axis: name, outer, inner, factor, tail: "guard" });
    this.groups.push(outer);
    this.locals.push(inner);
    this.modes[outer] = `workgroup.${along}`;
    this.modes[inner] = `local.${along}`;
  }
}

/**
 * Workgroups of 8 by 8 invocations, each of which computes 4 rows by 4 columns in registers where the extents divide by
 * four: columns along `x`, rows along `y`, all other axes together along `z`.
 */
function tiledProduct(stage: Stage, roles: Roles): Schedule | undefined {
  const column = stage.axes.at(-1)!;
  const row = roles.m.at(-1);
  if (!roles.n.includes(column) || !row) return undefined;
  const plan = new Plan();
  const rows = plan.tiles(row, divisorUpTo(row.extent, tileRows), "unroll");
  const columns = plan.tiles(column, isDivisible(column.extent, lanes) ? lanes : 1, "vector");
  plan.spread(columns, "x");
  plan.spread(rows, "y");
  const others = names(stage.axes.filter((a) => a !== row && a !== column));
  const outer: string[] = others.length > 1 ? ["z"] : [...others];
  if (outer[0] !== undefined) plan.modes[outer[0]] = "workgroup.z";
  const order = [...outer, ...plan.groups.toReversed(), ...plan.locals.toReversed(), ...names(roles.k), ...plan.tile];
  return {
    splits: plan.splits,
    ...(others.length > 1 && { fuse: [{ axes: others, into: "z" }] }),
    order,
    modes: plan.modes,
    accumulateIn: plan.locals[0]!,
  };
}

/** Loops joined into one whose iterations are invocations. */
function inParallel(loops: readonly string[]): { fuse?: readonly Fuse[]; outer: string } {
  return loops.length === 1 ? { outer: loops[0]! } : { fuse: [{ axes: loops, into: "p" }], outer: "p" };
}

/** Every access steps by zero or one along the axis, stores by one. */
function isContiguous(stage: Stage, axis: Loop): boolean {
  const exprs = stageExprs({ ...stage, results: stage.results.map((r) => ({ ...r, at: [] })) });
  const steps = strides(stage, axis, exprs);
  const stores = stage.results.map((r) => strides({ ...stage, results: [r] }, axis, [])[0]);
  return steps.every((s) => s === 0 || s === 1) && stores.every((s) => s === 1);
}

/** One invocation for every four neighbours on the last axis, each with a state of its own where there is a fold. */
function perVector(stage: Stage): Schedule | undefined {
  const lane = stage.axes.at(-1)!;
  if (!isDivisible(lane.extent, lanes) || stage.fold?.emit === "each" || !isContiguous(stage, lane)) return undefined;
  const [outer, inner] = [`${lane.name}t`, `${lane.name}v`];
  const { outer: all, ...fuse } = inParallel([...names(stage.axes.slice(0, -1)), outer]);
  return {
    splits: [{ axis: lane.name, outer, inner, factor: lanes, tail: "exact" }],
    ...fuse,
    order: [all, ...names(foldAxes(stage)), inner],
    modes: { [all]: "parallel", [inner]: "vector" },
    ...(stage.fold && { accumulateIn: all }),
  };
}

/** One invocation for every point; a contiguous fold runs along four lanes, which are merged at its end. */
function perElement(stage: Stage): Schedule {
  const { outer, ...fuse } = inParallel(names(stage.axes));
  const folds = names(foldAxes(stage));
  const lane = foldLane(stage);
  const inner = lane ? [...folds.slice(0, -1), lane.outer, lane.inner] : folds;
  return {
    ...fuse,
    ...(lane && { splits: [lane] }),
    order: [outer, ...inner],
    modes: { [outer]: "parallel", ...(lane && { [lane.inner]: "vector" as const }) },
    ...(stage.fold && { accumulateIn: outer }),
  };
}

/** The split of the last fold axis into lanes, where all that is folded lies side by side. */
function foldLane(stage: Stage): Split | undefined {
  const { fold } = stage;
  const lane = fold?.axes.at(-1);
  if (!fold || !lane || typeof lane.extent !== "number" || lane.extent < 2 * lanes || fold.emit === "each") return undefined;
  if (!strides({ ...stage, results: [] }, lane, fold.step).every((s) => s === 0 || s === 1)) return undefined;
  return { axis: lane.name, outer: `${lane.name}t`, inner: `${lane.name}v`, factor: lanes, tail: "peel" };
}
