/** What the YOLO networks share: blocks of convolution and normalization, the necks' blocks, the decoding of detections. */
import type { Value } from "../../ir/graph.ts";
import { Concat } from "../../ir/ops/join.ts";
import type { Cell } from "./cell.ts";
import { concat, conv2d, convNorm, type ConvSpec, reshape, shapeOf, sigmoid } from "./layers.ts";
import { resizeNearest } from "./resize.ts";
import { constant, formula, slice, transpose } from "./tensors.ts";

export type Activation = (c: Cell, x: Value) => Value;
type Pair = readonly [number, number];

export const leakyRelu: Activation = (c, x) => formula(c).max(formula(c).mul(0.1, x), x);

/** Cells `0` and `1`: convolution and normalization. */
export const convBlock = (c: Cell, x: Value, out: number, spec: ConvSpec, activation: Activation): Value =>
  activation(c, convNorm(c.at(0), c.at(1), x, out, spec));

/** Two convolutions and the sum of their result and what they got. */
export function residual(c: Cell, x: Value, wide: number, out: number, activation: Activation): Value {
  const y = convBlock(c.at("conv1"), x, wide, { kernel: 1 }, activation);
  return formula(c).add(convBlock(c.at("conv2"), y, out, { kernel: 3 }, activation), x);
}

/** Six convolutions and one to the detections: these, and what the last but one of the six got, for the next scale. */
export function neckBlock(c: Cell, x: Value, channels: number, outputs: number): { readonly route: Value; readonly detections: Value } {
  const conv = (i: number, y: Value): Value =>
    convBlock(c.at(`conv${i}`), y, channels * (1 + (i % 2)), { kernel: 1 + 2 * (i % 2) }, leakyRelu);
  const route = [0, 1, 2, 3, 4].reduce((y, i) => conv(i, y), x);
  return { route, detections: conv2d(c.at("conv6"), conv(5, route), outputs, { kernel: 1, bias: true }) };
}

/** Enlarged to the extents of `side`, and joined to it. */
export const joinEnlarged = (c: Cell, x: Value, side: Value): Value => concat(c, [resizeNearest(c, x, shapeOf(side).slice(2)), side]);

/** Three scales from the coarsest on, whose first two are taken up into the next: the neck of YOLOv3 (Redmon & Farhadi 2018). */
export function featurePyramid(c: Cell, features: readonly Value[], outputs: number): Value[] {
  let x = features[0]!;
  return features.map((feature, i) => {
    const channels = shapeOf(features[0]!)[1]! >> (i + 1);
    if (i > 0) x = joinEnlarged(c, convBlock(c.at(`conv${i}`), x, channels, { kernel: 1 }, leakyRelu), feature);
    const { route, detections } = neckBlock(c.at(`backblock${i}`), x, channels, outputs);
    x = route;
    return detections;
  });
}

export interface Scale {
  /** Widths and heights in pixels of the image. */
  readonly anchors: readonly Pair[];
  /** By how much centres reach over their cell; default: 1, not at all. */
  readonly reach?: number;
}

export interface Boxes {
  /** `[n, h, w, anchors, 2]`, centre in shares of the image; likewise width and height. */
  readonly centre: Value;
  readonly size: Value;
  /** `[n, h, w, anchors, 1]`, and that of each class. */
  readonly confidence: Value;
  readonly classes: Value;
}

/** Boxes from `[n, anchors * (5 + classes), h, w]`; `extent` is the image's width and height `[2]`. */
export function decodeBoxes(c: Cell, x: Value, { anchors, reach = 1 }: Scale, extent: Value): Boxes {
  const f = formula(c);
  const [n, channels, h, w] = shapeOf(x) as [number, number, number, number];
  const entries = channels / anchors.length;
  const y = transpose(c, reshape(c, x, [n, anchors.length, entries, h, w]), [0, 3, 4, 1, 2]);
  const part = (from: number, to: number): Value => slice(c, y, [n, h, w, anchors.length, to - from], [0, 0, 0, 0, from]);
  const near = sigmoid(c, part(0, 2));
  const offset = reach === 1 ? near : f.sub(f.mul(near, reach), (reach - 1) / 2);
  return {
    centre: f.div(f.add(offset, grid(c, h, w)), constant(c, "f32", [2], [w, h])),
    size: f.div(f.mul(f.exp(part(2, 4)), constant(c, "f32", [anchors.length, 2], anchors.flat())), extent),
    confidence: sigmoid(c, part(4, 5)),
    classes: sigmoid(c, part(5, entries)),
  };
}

/** `[1, h, w, 1, 2]`: column and row of each cell. */
function grid(c: Cell, h: number, w: number): Value {
  const places = Array.from({ length: h * w }, (_, i) => [i % w, Math.floor(i / w)]);
  return constant(c, "f32", [1, h, w, 1, 2], places.flat());
}

/** `[n, h, w, anchors, 5 + classes]`. */
export const joinBoxes = (c: Cell, { centre, size, confidence, classes }: Boxes): Value =>
  c.create(Concat, { xs: [centre, size, confidence, classes] }, { axis: 4 });
