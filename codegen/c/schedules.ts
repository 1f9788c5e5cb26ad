/** How stages become C loops: register tiles for sums of products, lanes where memory is contiguous, threads outside. */
import { type Dim, type Loop, product } from "../../ir/dim.ts";
import { type Expr, visitExpr } from "../../ir/expr.ts";
import type { Stage } from "../../ir/stage.ts";
import { stageExprs } from "../stage-parts.ts";
import { type Roles, rolesOf, strides } from "../roles.ts";
import type { Fuse, Schedule, Split } from "../schedule.ts";
import type { Machine } from "../target.ts";

/** The first rule that applies gives the schedule; the last always does. */
export function scheduleC(stage: Stage, machine: Machine): Schedule {
  const lanes = lanesFor(stage, machine);
  const roles = lanes > 1 ? rolesOf(stage) : undefined;
  const schedule =
    (roles && tiledProduct(stage, roles, machine, lanes)) ??
    (lanes > 1 ? (windowRows(stage, machine, lanes) ?? lanesAlongAxis(stage, lanes) ?? lanesAlongFold(stage, lanes)) : undefined) ??
    scalar(stage);
  return inParallel(stage, schedule);
}

/** Lanes of the widest compute type; 1 where a type has no vectors. */
function lanesFor(stage: Stage, machine: Machine): number {
  let lanes = machine.lanes;
  const seen = new Set<Expr>();
  for (const e of stageExprs(stage)) {
    visitExpr(
      e,
      (n) => {
        if (n.dtype === "f64") lanes = Math.min(lanes, machine.lanes / 2);
        if ((n.dtype === "i64" || n.dtype === "u64") && n.kind !== "index" && n.kind !== "const") lanes = 1;
      },
      seen,
    );
  }
  return Math.max(1, lanes);
}

const names = (loops: readonly Loop[]): string[] => loops.map((l) => l.name);
const foldAxes = (stage: Stage): readonly Loop[] => stage.fold?.axes ?? [];

/** Axes in order, the fold inside, one lane. */
function scalar(stage: Stage): Schedule {
  const last = stage.axes.at(-1)?.name;
  return { order: [...names(stage.axes), ...names(foldAxes(stage))], ...(stage.fold && last !== undefined && { accumulateIn: last }) };
}

/** A split of an axis that need not divide: shifted where it does not. */
const tileOf = (axis: Loop, factor: number): Split => ({
  axis: axis.name,
  outer: `${axis.name}o`,
  inner: `${axis.name}i`,
  factor,
  tail: Number(axis.extent) % factor === 0 ? "exact" : "shift",
});

/** The largest divisor of `extent` that is at most `most`. */
function divisorUpTo(extent: number, most: number): number {
  for (let d = Math.min(most, extent); d > 1; d--) if (extent % d === 0) return d;
  return 1;
}

/** A tile of `extent` by at most `most`: a divisor when a large one exists, else what the fewest tiles have, the last one shifted. */
function tileSize(extent: Dim, most: number): number {
  if (typeof extent !== "number" || extent <= 0) return 1;
  if (extent <= most) return extent;
  const divisor = divisorUpTo(extent, most);
  return divisor * 4 >= most * 3 ? divisor : Math.ceil(extent / Math.ceil(extent / most));
}

/** Vectors per row of the register tile, by the number of registers. */
export const mostVectors = (machine: Machine): number => (machine.registers >= 32 ? (machine.lanes >= 16 ? 4 : 3) : 2);

/**
 * The register tile: `rows` of the spread factor times `vectors` of the other one, all kept in registers while the fold
 * runs. The loops around go over the vectors' factor first, so that its panel stays in cache.
 */
function tiledProduct(stage: Stage, roles: Roles, machine: Machine, lanes: number): Schedule | undefined {
  const lane = stage.axes.at(-1)!;
  if (!roles.n.includes(lane) || typeof lane.extent !== "number" || lane.extent < lanes) return undefined;
  const splits: Split[] = [];
  const outer = [...names(roles.batch)];
  const inner: string[] = [];
  const most = roles.m.length === 0 ? 2 * mostVectors(machine) : mostVectors(machine);
  const whole = lane.extent % lanes === 0;
  const available = Math.floor(lane.extent / lanes);
  const alongLane = whole ? divisorUpTo(available, most) : Math.min(most, available);
  let vectors = alongLane;
  for (const axis of roles.n.slice(0, -1)) {
    const room = Math.floor(most / vectors);
    const factor = typeof axis.extent === "number" && axis === roles.n.at(-2) ? divisorUpTo(axis.extent, room) : 1;
    if (factor === 1) {
      outer.push(axis.name);
      continue;
    }
    splits.push(tileOf(axis, factor));
    outer.push(`${axis.name}o`);
    inner.push(`${axis.name}i`);
    vectors *= factor;
  }
  splits.push(tileOf(lane, alongLane * lanes));
  outer.push(`${lane.name}o`);
  splits.push({ axis: `${lane.name}i`, outer: `${lane.name}v`, inner: `${lane.name}l`, factor: lanes, tail: "exact" });
  // An instruction multiplies by a number in memory, but not by a group of them.
  const ofSpread = machine.registers >= 32 ? 0 : 1;
  const spare = machine.registers - vectors - ofSpread;
  const rows = Math.max(1, Math.floor(spare / vectors));
  const row = roles.m.at(-1);
  const tile = row ? tileSize(row.extent, rows) : 1;
  outer.push(...names(roles.m.slice(0, -1)));
  if (row && tile > 1) {
    splits.push(tileOf(row, tile));
    outer.push(`${row.name}o`);
    inner.unshift(`${row.name}i`);
  } else if (row) {
    outer.push(row.name);
  }
  const last = outer.at(-1)!;
  const unrolled = [...inner, `${lane.name}v`];
  const group = roles.group ? [roles.group] : [];
  return {
    splits,
    order: [...outer, ...names(roles.k.filter((k) => k !== roles.group)), ...unrolled, `${lane.name}l`, ...names(group)],
    modes: {
      ...Object.fromEntries(unrolled.map((n) => [n, "unroll" as const])),
      [`${lane.name}l`]: "vector",
      ...Object.fromEntries(names(group).map((n) => [n, "dot" as const])),
    },
    accumulateIn: last,
  };
}

/** Every access steps by zero or one along the axis, stores by one. */
function isContiguous(stage: Stage, axis: Loop): boolean {
  const steps = strides(stage, axis, stageExprs({ ...stage, results: stage.results.map((r) => ({ ...r, at: [] })) }));
  const stores = stage.results.map((r) => strides({ ...stage, results: [r] }, axis, [])[0]);
  return steps.every((s) => s === 0 || s === 1) && stores.every((s) => s === 1);
}

/**
 * Windows that each lane has for itself (depthwise convolutions, pools): a row of them is folded at once, so that what
 * they share is loaded once and no sum waits for the one before.
 */
function windowRows(stage: Stage, machine: Machine, lanes: number): Schedule | undefined {
  const [row, lane] = stage.axes.slice(-2);
  if (!row || !lane || stage.fold?.state.length !== 1 || stage.fold.emit === "each" || typeof lane.extent !== "number") return undefined;
  const tile = tileSize(row.extent, machine.registers / 2);
  if (lane.extent % lanes !== 0 || tile === 1 || !isContiguous(stage, lane)) return undefined;
  const [rows, along] = [tileOf(row, tile), tileOf(lane, lanes)];
  return {
    splits: [rows, along],
    order: [...names(stage.axes.slice(0, -2)), along.outer, rows.outer, ...names(foldAxes(stage)), rows.inner, along.inner],
    modes: { [rows.inner]: "unroll", [along.inner]: "vector" },
    accumulateIn: rows.outer,
  };
}

/** The last axis along the lanes, with one state per lane where there is a fold. */
function lanesAlongAxis(stage: Stage, lanes: number): Schedule | undefined {
  const lane = stage.axes.at(-1);
  if (!lane || typeof lane.extent !== "number" || lane.extent < lanes || stage.fold?.emit === "each" || !isContiguous(stage, lane))
    return undefined;
  const { outer, inner } = tileOf(lane, lanes);
  return {
    splits: [tileOf(lane, lanes)],
    order: [...names(stage.axes.slice(0, -1)), outer, ...names(foldAxes(stage)), inner],
    modes: { [inner]: "vector" },
    ...(stage.fold && { accumulateIn: outer }),
  };
}

/** The last fold axis along the lanes, merged at the end. */
function lanesAlongFold(stage: Stage, lanes: number): Schedule | undefined {
  const lane = stage.fold?.axes.at(-1);
  if (!lane || typeof lane.extent !== "number" || lane.extent < 2 * lanes || stage.fold!.emit === "each") return undefined;
  const steps = strides({ ...stage, results: [] }, lane, [...stage.fold!.step]);
  if (!steps.every((s) => s === 0 || s === 1)) return undefined;
  const split: Split = { ...tileOf(lane, lanes), tail: "peel" };
  const { outer, inner } = split;
  const last = stage.axes.at(-1)?.name;
  return {
    splits: [split],
    order: [...names(stage.axes), ...names(stage.fold!.axes.slice(0, -1)), outer, inner],
    modes: { [inner]: "vector" },
    ...(last !== undefined && { accumulateIn: last }),
  };
}

/** Operations below which threads cost more than they give (MLAS counts 64 Ki multiply-adds per thread). */
const leastWork = 65536;
/** Iterations that the parallel loop should have, so that threads get equal shares. */
const enoughIterations = 16;

/** The outermost loop runs on threads; joined with those inside it while it is short. */
function inParallel(stage: Stage, schedule: Schedule): Schedule {
  const work = product([...stage.axes, ...foldAxes(stage)].map((a) => a.extent));
  if (typeof work === "number" && work < leastWork) return schedule;
  const extents = loopExtents(stage, schedule);
  const folds = new Set([
    ...names(foldAxes(stage)),
    ...(schedule.splits ?? []).filter((s) => names(foldAxes(stage)).includes(s.axis)).flatMap((s) => [s.outer, s.inner]),
  ]);
  const limit = schedule.accumulateIn === undefined ? schedule.order.length - 1 : schedule.order.indexOf(schedule.accumulateIn);
  const isFree = (i: number): boolean => i <= limit && schedule.modes?.[schedule.order[i]!] === undefined && !folds.has(schedule.order[i]!);
  if (!isFree(0)) return schedule;
  let count = extents.get(schedule.order[0]!)!;
  let joined = 1;
  while (count < enoughIterations && isFree(joined)) count *= extents.get(schedule.order[joined++]!)!;
  if (joined === 1) return { ...schedule, modes: { ...schedule.modes, [schedule.order[0]!]: "parallel" } };
  const fuse: Fuse = { axes: schedule.order.slice(0, joined), into: "p" };
  const inside = schedule.accumulateIn !== undefined && fuse.axes.includes(schedule.accumulateIn);
  return {
    ...schedule,
    fuse: [fuse],
    order: ["p", ...schedule.order.slice(joined)],
    modes: { ...schedule.modes, p: "parallel" },
    ...(inside && { accumulateIn: "p" }),
  };
}

/** Extents of loops after the splits; a symbolic one counts as many. */
function loopExtents(stage: Stage, schedule: Schedule): Map<string, number> {
  const number = (d: Dim): number => (typeof d === "number" ? d : enoughIterations);
  const extents = new Map([...stage.axes, ...foldAxes(stage)].map((a) => [a.name, number(a.extent)]));
  for (const s of schedule.splits ?? []) {
    extents.set(s.outer, Math.ceil(extents.get(s.axis)! / s.factor));
    extents.set(s.inner, s.factor);
  }
  return extents;
}
