/** The boxes of each class, those suppressed that overlap better ones: the classes unrolled, as MindSpore has them. */
import type { Value } from "../../ir/graph.ts";
import { Greater, LogicalAnd } from "../../ir/ops/compare.ts";
import { Split } from "../../ir/ops/join.ts";
import { NmsWithMask } from "../../ir/ops/nms.ts";
import { Expand } from "../../ir/ops/shape.ts";
import type { Cell } from "./cell.ts";
import { cast, concat, reshape, shapeOf } from "./layers.ts";
import { tileMask } from "./roi-features.ts";
import { filled, formula, gatherNd, slice, tile, topK, where } from "./tensors.ts";

/** Of one image, with the background's as class 0. */
export interface Candidates {
  /** `[n, classes]`. */
  readonly scores: Value;
  /** Whether the proposal counts, `[n]`. */
  readonly isValid: Value;
  /** `[n, 4]` of each class but the background. */
  readonly boxes: readonly Value[];
  /** `[n, classes, side, side]`. */
  readonly masks?: Value | undefined;
}

/** Of all classes, one after the other: boxes with scores, labels, whether they are detections, masks where there are. */
export type Detections = readonly Value[];

const leastScore = 0.05;
const mostOverlap = 0.5;

export function detect(c: Cell, { scores, isValid, boxes, masks }: Candidates): Detections {
  const n = shapeOf(scores)[0]!;
  const maskOf = masks && eachClass(c, masks);
  const found = boxes.map((own, label) => {
    const score = slice(c, scores, [n, 1], [0, label + 1]);
    return ofClass(c, { score, isValid: reshape(c, isValid, [n, 1]), boxes: own, mask: maskOf?.[label + 1] }, label);
  });
  return found[0]!.map((_, i) =>
    join(
      c,
      found.map((d) => d[i]!),
    ),
  );
}

/** Masks of each class: `[n, side, side]`. */
function eachClass(c: Cell, masks: Value): Value[] {
  const [n, classes, ...extents] = shapeOf(masks) as [number, number, ...number[]];
  const parts = c.createAll(Split, { x: masks }, { axis: 1, sizes: new Array<number>(classes).fill(1) });
  return parts.map((x) => reshape(c, x, [n, ...extents]));
}

interface OfClass {
  /** `[n, 1]`, and so whether the proposal counts. */
  readonly score: Value;
  readonly isValid: Value;
  readonly boxes: Value;
  readonly mask?: Value | undefined;
}

function ofClass(c: Cell, { score, isValid, boxes, mask }: OfClass, label: number): Detections {
  const n = shapeOf(score)[0]!;
  const isLikely = c.create(Greater, { a: score, b: filled(c, "f16", [], leastScore) });
  const counts = c.create(LogicalAnd, { a: isValid, b: isLikely });
  const kept = where(c, tileMask(c, counts, [n, 4]), boxes, filled(c, "f16", [], -1));
  const [best, indices] = topK(c, reshape(c, where(c, counts, score, filled(c, "f16", [], 0)), [n]), n);
  const order = reshape(c, indices, [n, 1]);
  const scored = concat(c, [gatherNd(c, kept, order), tile(c, reshape(c, best, [n, 1]), [1, 4])]);
  const nms = c.createAll(NmsWithMask, { boxes: slice(c, scored, [n, 5]) }, { iou_threshold: mostOverlap });
  const [places, isBest] = [reshape(c, nms[1]!, [n, 1]), reshape(c, nms[2]!, [n, 1])];
  const isFound = c.create(LogicalAnd, { a: gatherNd(c, gatherNd(c, counts, order), places), b: isBest });
  const ones = c.create(Expand, { x: filled(c, "i32", [], 1) }, { shape: [n, 1] });
  const ordered = mask && gatherNd(c, gatherNd(c, maskWhere(c, counts, mask), order), places);
  return [nms[0]!, formula(c).mul(ones, label), isFound, ...(ordered ? [ordered] : [])];
}

/** Masks of what does not count are empty. */
function maskWhere(c: Cell, counts: Value, mask: Value): Value {
  const isKept = tileMask(c, reshape(c, counts, [shapeOf(mask)[0]!, 1, 1]), shapeOf(mask));
  return where(c, isKept, mask, filled(c, "f16", [], 0));
}

/** MindSpore joins no more values at once. */
const mostJoined = 55;

function join(c: Cell, xs: readonly Value[]): Value {
  if (xs.length === 1) return xs[0]!;
  const parts = Array.from({ length: Math.ceil(xs.length / mostJoined) }, (_, i) => xs.slice(i * mostJoined, (i + 1) * mostJoined));
  return join(
    c,
    parts.map((part) => (part.length === 1 ? part[0]! : concat(c, part, 0))),
  );
}

/** The validity of all proposals `[images * n]` by image, as MindSpore splits it: by way of numbers. */
export const validOf = (c: Cell, isValid: Value, images: number): Value[] =>
  splitImages(c, cast(c, isValid, "i32"), images).map((x) => cast(c, x, "bool"));

/** `images` equal parts along axis 0. */
export const splitImages = (c: Cell, x: Value, images: number): readonly Value[] =>
  c.createAll(Split, { x }, { axis: 0, sizes: new Array<number>(images).fill(shapeOf(x)[0]! / images) });
