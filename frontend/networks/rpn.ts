/** The region proposal network (Ren et al. 2015) on a feature pyramid (Lin et al. 2017), in inference. */
import type { Value } from "../../ir/graph.ts";
import { NmsWithMask } from "../../ir/ops/nms.ts";
import { decodeDeltas } from "../regions.ts";
import type { Cell } from "./cell.ts";
import { add, concat, conv2d, maxPool, relu, reshape, shapeOf, sigmoid } from "./layers.ts";
import { constant, filled, gatherNd, scope, slice, topK, transpose, where } from "./tensors.ts";
import { Split } from "../../ir/ops/join.ts";

/** How features become those of the next finer stage. */
export type Enlarge = (c: Cell, x: Value, extents: readonly number[]) => Value;

/** Five levels of as many channels as the first stage has, the finest first, of the four stages of a backbone. */
export function regionPyramid(c: Cell, stages: readonly Value[], enlarge: Enlarge): Value[] {
  const channels = shapeOf(stages[0]!)[1]!;
  const side = stages.map((x, i) => conv2d(c.at("lateral_convs_list").at(i), x, channels, { kernel: 1, pad: "valid", bias: true }));
  for (let i = side.length - 2; i >= 0; i--) side[i] = add(c, side[i]!, enlarge(c, side[i + 1]!, shapeOf(side[i]!).slice(2)));
  const levels = side.map((x, i) => conv2d(c.at("fpn_convs_list").at(i), x, channels, { kernel: 3, bias: true }));
  return [...levels, maxPool(c, levels.at(-1)!, { kernel: 1, stride: 2, pad: "same" })];
}

/** The finest level's pixels of the image for each of its own; each further one's are twice as many. */
const finestStride = 4;
/** Height to width. */
const ratios = [0.5, 1, 2];
/** Sides of the anchor that is a square, in strides. */
const scale = 8;

/** `[height * width * 3, 4]`: at each place of a level the boxes of all ratios, in pixels. */
function anchors(c: Cell, [height, width]: readonly [number, number], stride: number): Value {
  const centre = (stride - 1) / 2;
  const boxes = ratios.map((ratio) => {
    const [w, h] = [1 / Math.sqrt(ratio), Math.sqrt(ratio)].map((side) => (stride * scale * side - 1) / 2) as [number, number];
    return [centre - w, centre - h, centre + w, centre + h].map(Math.round);
  });
  const all: number[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (const box of boxes) all.push(...box.map((end, k) => end + (k % 2 === 0 ? x : y) * stride));
  return constant(c, "f16", [all.length / 4, 4], all);
}

/** What is proposed for an image: boxes with scores `[n, 5]`, and which of them count `[n]`. */
export interface Proposals {
  readonly boxes: Value;
  readonly isValid: Value;
}

export interface ProposalSpec {
  /** Height and width. */
  readonly image: readonly [number, number];
  /** Most proposals of a level, and of all. */
  readonly most: number;
}

/** Scores and deltas of a level: `[n, 3, h, w]`, `[n, 12, h, w]`. */
interface Head {
  readonly scores: Value;
  readonly deltas: Value;
}

/** All levels share the parameters. */
function head(c: Cell, x: Value): Head {
  const y = relu(c, conv2d(c.at("rpn_conv"), x, shapeOf(x)[1]!, { kernel: 3, bias: true }));
  const of = (name: string, out: number): Value => conv2d(c.at(name), y, out, { kernel: 1, pad: "valid", bias: true });
  return { scores: of("rpn_cls", ratios.length), deltas: of("rpn_reg", ratios.length * 4) };
}

/** Of one image in one level: the best boxes, those of them that overlap better ones marked. */
function proposalsOfLevel(
  c: Cell,
  { scores, deltas }: Head,
  image: number,
  level: number,
  { image: extents, most }: ProposalSpec,
): Proposals {
  const [, , h, w] = shapeOf(scores) as [number, number, number, number];
  const places = h * w * ratios.length;
  const perPlace = (x: Value): Value => {
    const channels = shapeOf(x)[1]!;
    const own = reshape(c, slice(c, x, [1, channels, h, w], [image, 0, 0, 0]), [channels, h, w]);
    return reshape(c, transpose(c, own, [1, 2, 0]), [places, channels / ratios.length]);
  };
  const k = Math.min(most, places);
  const [best, indices] = topK(c, reshape(c, sigmoid(c, perPlace(scores)), [places]), k);
  const rows = reshape(c, indices, [k, 1]);
  const own = gatherNd(c, perPlace(deltas), rows);
  const around = gatherNd(c, anchors(c, [h, w], finestStride << level), rows);
  const boxes = decodeDeltas(scope(c), around, own, { means: [0, 0, 0, 0], stds: [1, 1, 1, 1], image: extents, leastRatio: 0.016 });
  return suppressed(c, concat(c, [boxes, reshape(c, best, [k, 1])]), 0.7);
}

/** Of boxes with scores `[n, 5]` those are valid that overlap no better one by more than `most` of their union. */
function suppressed(c: Cell, boxes: Value, most: number): Proposals {
  const [kept, , isValid] = c.createAll(NmsWithMask, { boxes }, { iou_threshold: most });
  return { boxes: kept!, isValid: isValid! };
}

/** The best of all levels; those that are not valid count least. */
function bestOf(c: Cell, levels: readonly Proposals[], most: number): Proposals {
  const boxes = concat(
    c,
    levels.map((p) => p.boxes),
    0,
  );
  const isValid = concat(
    c,
    levels.map((p) => p.isValid),
    0,
  );
  const n = shapeOf(isValid)[0]!;
  const scores = c.createAll(Split, { x: boxes }, { axis: 1, sizes: [1, 1, 1, 1, 1] })[4]!;
  const k = Math.min(most, n);
  const [, indices] = topK(c, where(c, isValid, reshape(c, scores, [n]), filled(c, "f16", [], -Infinity)), k);
  const rows = reshape(c, indices, [k, 1]);
  return { boxes: gatherNd(c, boxes, rows), isValid: gatherNd(c, isValid, rows) };
}

/** Of each image. */
export function propose(c: Cell, levels: readonly Value[], spec: ProposalSpec): Proposals[] {
  const heads = levels.map((x) => head(c.at("rpn_convs_list").at(0), x));
  const images = shapeOf(levels[0]!)[0]!;
  return Array.from({ length: images }, (_, image) =>
    bestOf(
      c,
      heads.map((h, level) => proposalsOfLevel(c, h, image, level, spec)),
      spec.most,
    ),
  );
}
