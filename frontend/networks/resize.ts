/** Resizing of images `[n, c, h, w]`, as MindSpore 1.1 has it. */
import type { Value } from "../../ir/graph.ts";
import { Resize } from "../../ir/ops/resize.ts";
import type { Cell } from "./cell.ts";
import { shapeOf } from "./layers.ts";

const resized = (x: Value, size: readonly number[]): number[] => [...shapeOf(x).slice(0, 2), ...size];

interface Placement {
  /** Whether the corners' pixels are where they were. Default: no. */
  readonly alignCorners?: boolean;
}

export const resizeNearest = (c: Cell, x: Value, size: readonly number[], { alignCorners = false }: Placement = {}): Value =>
  c.create(
    Resize,
    { x },
    alignCorners
      ? { shape: resized(x, size), coordinates: "align_corners", nearest_mode: "round_prefer_ceil" }
      : { shape: resized(x, size), coordinates: "asymmetric", nearest_mode: "floor" },
  );

export const resizeLinear = (c: Cell, x: Value, size: readonly number[], { alignCorners = false }: Placement = {}): Value =>
  c.create(Resize, { x }, { shape: resized(x, size), mode: "linear", coordinates: alignCorners ? "align_corners" : "asymmetric" });
