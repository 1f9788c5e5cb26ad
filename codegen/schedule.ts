/**
 * Schedules: how a stage is computed on one target. Plain data, so that a schedule can be printed, compared, searched
 * over and written down in a test. `codegen/lower.ts` applies them.
 */
import type { LoopMode } from "../ir/loop.ts";

export interface Split {
  /** Name of the loop that is split: an axis (`i0`), a fold axis (`r0`), or a loop made by an earlier split. */
  readonly axis: string;
  readonly outer: string;
  readonly inner: string;
  readonly factor: number;
  /**
   * Where the factor does not divide: `exact` promises that it does; `shift` moves the last tile back so that it
   * overlaps (illegal on fold axes and below one factor); `guard` skips points outside; `peel`, for a fold axis whose
   * inner loop runs along lanes, folds the rest one by one after the lanes were merged.
   */
  readonly tail: "exact" | "shift" | "guard" | "peel";
}

/** Adjacent loops run as one: `into` counts through all points of `axes`, the last one fastest. */
export interface Fuse {
  readonly axes: readonly string[];
  readonly into: string;
}

export interface Schedule {
  readonly splits?: readonly Split[];
  readonly fuse?: readonly Fuse[];
  /** Loops from the outermost; every loop once. */
  readonly order: readonly string[];
  /** Default: serial. */
  readonly modes?: Readonly<Record<string, LoopMode>>;
  /** Folds only: the state lives just inside this loop (outside all loops when absent); loops inside it that are no fold loops are the register tile. */
  readonly accumulateIn?: string;
}
