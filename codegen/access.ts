/** How stages walk through memory: in which order, along which lanes, by divisions or without. */
import { add, type Atom, atomDim, type Dim, floordiv, type Loop, mod, mul, product } from "../ir/dim.ts";
import { atomsIn, stride, substituteDim } from "../ir/dim-atoms.ts";
import { type Buffer, type Load, loadsIn } from "../ir/expr.ts";
import type { Result, Stage } from "../ir/stage.ts";
import { flattenOffset, viewOf } from "../ir/view.ts";
import { groupOf } from "./roles.ts";

/** Whether products of small integers lie in groups (see `roles.ts`). */
export const isGrouped = (stage: Stage): boolean => groupOf(stage, (l) => flattenOffset(viewOf(l.buffer), l.at)) !== undefined;

/** Whether a fold loads elements that lie side by side along the last axis, and stores them so: vectors then fold many at once. */
export function foldsAlongLanes(stage: Stage): boolean {
  const lane = stage.axes.at(-1);
  if (!lane || !stage.fold) return false;
  const isAlong = (b: Buffer, at: readonly Dim[]): boolean => stride(flattenOffset(viewOf(b), at), lane) === 1;
  return (
    stage.results.every((r) => isAlong(r.out, r.at)) && (loadsIn(stage.fold.step).some((l) => isAlong(l.buffer, l.at)) || isGrouped(stage))
  );
}

/**
 * What the consumer's axes are in terms of the producer's, when the load visits every element once. The load's offset must
 * count through the elements as the digits of a number do, with the axes' extents as bases, in whatever order.
 */
export function matchAxes(consumer: Stage, site: Load, result: Result): Map<Atom, Dim> | undefined {
  const view = viewOf(result.out);
  const by = new Map<Atom, Dim>(consumer.axes.filter((a) => a.extent === 1).map((a) => [a, 0]));
  const visited = substituteDim(flattenOffset(view, site.at), by);
  const written = flattenOffset(view, result.at);
  const open = new Set(consumer.axes.filter((a) => a.extent !== 1));
  let size: Dim = 1;
  let sum: Dim = 0;
  for (let axis = axisWithStep(open, visited, size); axis; axis = axisWithStep(open, visited, size)) {
    open.delete(axis);
    by.set(axis, mod(floordiv(written, size), axis.extent));
    sum = add(sum, mul(size, atomDim(axis)));
    size = mul(size, axis.extent);
  }
  return open.size === 0 && sum === visited && size === product(result.out.shape) ? by : undefined;
}

/** The axis along which the offset grows by `step`. */
function axisWithStep(open: ReadonlySet<Loop>, offset: Dim, step: Dim): Loop | undefined {
  for (const axis of open) if (stride(offset, axis) === step) return axis;
  return undefined;
}

/** Whether an offset divides: then it is no longer linear in the loops. */
export const divides = (d: Dim): boolean =>
  typeof d !== "number" &&
  d.terms.some((t) =>
    t.atoms.some((a) => (a.kind === "floordiv" || a.kind === "mod") && [...atomsIn(atomDim(a))].some((x) => x.kind === "loop")),
  );
