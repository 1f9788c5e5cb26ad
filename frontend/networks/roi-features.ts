/** What a feature pyramid has of each region, from the level that suits its size (Lin et al. 2017). */
import type { Value } from "../../ir/graph.ts";
import { Floor } from "../../ir/ops/elementwise.ts";
import { Tile } from "../../ir/ops/shape.ts";
import { alignRegions } from "../regions.ts";
import type { Cell } from "./cell.ts";
import { cast, concat, reshape, shapeOf } from "./layers.ts";
import { constant, equal, filled, formula, scope, slice, where } from "./tensors.ts";

/** `[regions, 5]`, f32, from the boxes of each image, `[n, 4]`: the image's number before each. */
export function regionsOf(c: Cell, boxes: Value, images: number): Value {
  const n = shapeOf(boxes)[0]!;
  const numbers = Array.from({ length: n }, (_, i) => Math.floor(i / (n / images)));
  return cast(c, concat(c, [constant(c, "f16", [n, 1], numbers), boxes]), "f32");
}

/** Levels that regions are taken from. */
const levelCount = 4;
/** Regions of less than twice this many pixels in square are of the finest level. */
const finestSide = 56;
const finestScale = 1 / 4;

/** `[regions, 1]`, i32: the level of each. */
function levelOf(c: Cell, regions: Value): Value {
  const f = formula(c);
  const column = (k: number): Value => slice(c, regions, [shapeOf(regions)[0]!, 1], [0, k]);
  const [width, height] = [1, 2].map((k) => f.sqrt(f.add(f.sub(column(k + 2), column(k)), 1))) as [Value, Value];
  const ratio = f.add(f.div(f.mul(width, height), finestSide), 1e-6);
  const level = c.create(Floor, { x: f.div(f.log(ratio), Math.LN2) });
  return f.max(f.min(cast(c, level, "i32"), levelCount - 1), 0);
}

export interface RegionFeatureSpec {
  /** Height and width of the result. */
  readonly side: number;
  readonly hasFarEnd: boolean;
}

/** `[regions, 256, side, side]`, f16. */
export function regionFeatures(c: Cell, levels: readonly Value[], regions: Value, { side, hasFarEnd }: RegionFeatureSpec): Value {
  const [n, channels] = [shapeOf(regions)[0]!, shapeOf(levels[0]!)[1]!];
  const level = levelOf(c, regions);
  let x = filled(c, "f32", [], 0);
  for (let i = 0; i < levelCount; i++) {
    const isOfLevel = reshape(c, equal(c, level, filled(c, "i32", [], i)), [n, 1, 1, 1]);
    const own = alignRegions(
      scope(c),
      cast(c, levels[i]!, "f32"),
      regions,
      { height: side, width: side, scale: finestScale / 2 ** i, hasFarEnd },
      2,
    );
    x = where(c, tileMask(c, isOfLevel, [n, channels, side, side]), own, x);
  }
  return cast(c, x, "f16");
}

/** A mask repeated to the shape, as MindSpore does by way of numbers. */
export const tileMask = (c: Cell, mask: Value, shape: readonly number[]): Value =>
  cast(c, c.create(Tile, { x: cast(c, mask, "i32") }, { shape }), "bool");
