/** Strided slices with masks, as TensorFlow, MindSpore and Ascend have them: what they take of each axis. */
import type { Dim } from "../ir/dim.ts";
import * as dim from "../ir/dim.ts";
import { OpError } from "../ir/diagnostic.ts";
import { sliceRange } from "../ir/ops/slice.ts";

/** Further than any axis reaches. */
export const far = Number.MAX_SAFE_INTEGER;

/** What is left of an axis, and whether the axis stays. */
export interface AxisSlice {
  readonly start: Dim;
  readonly size: Dim;
  readonly step: number;
}

/** One entry of a strided slice's specification: an axis of the input, a new axis, or one that goes. */
export type SliceEntry = { readonly kind: "new" } | { readonly kind: "kept" | "dropped"; readonly slice: AxisSlice };

export interface SliceMasks {
  readonly begin: number;
  readonly end: number;
  readonly ellipsis: number;
  readonly newAxis: number;
  readonly shrink: number;
}

const bit = (mask: number, i: number): boolean => i < 32 && ((mask >>> i) & 1) === 1;
const whole = (extent: Dim): SliceEntry => ({ kind: "kept", slice: { start: 0, size: extent, step: 1 } });

/** The specification against a shape; bit `i` of a mask is about entry `i`. Throws an `OpError`. */
export function sliceEntries(
  shape: readonly Dim[],
  begin: readonly Dim[],
  end: readonly Dim[],
  steps: readonly number[],
  masks: SliceMasks,
): SliceEntry[] {
  const entries: SliceEntry[] = [];
  const taken = begin.filter((_, i) => !bit(masks.ellipsis, i) && !bit(masks.newAxis, i)).length;
  let axis = 0;
  begin.forEach((from, i) => {
    if (bit(masks.ellipsis, i)) {
      const count = Math.max(0, shape.length - taken);
      for (let k = 0; k < count; k++) entries.push(whole(shape[axis++] ?? 1));
    } else if (bit(masks.newAxis, i)) {
      entries.push({ kind: "new" });
    } else {
      const extent = shape[axis++];
      if (extent === undefined) throw new OpError("a slice has more entries than its input has axes", "bad-attribute");
      entries.push(axisEntry(extent, from, end[i] ?? far, steps[i] ?? 1, masks, i));
    }
  });
  return [...entries, ...shape.slice(axis).map(whole)];
}

function axisEntry(extent: Dim, from: Dim, to: Dim, step: number, masks: SliceMasks, i: number): SliceEntry {
  if (bit(masks.shrink, i)) {
    const index = typeof from === "number" && from < 0 ? dim.add(extent, from) : from;
    return { kind: "dropped", slice: { start: index, size: 1, step: 1 } };
  }
  const start = bit(masks.begin, i) ? (step > 0 ? 0 : far) : from;
  const stop = bit(masks.end, i) ? (step > 0 ? far : -far) : to;
  return { kind: "kept", slice: { ...sliceRange(extent, start, stop, step), step } };
}
