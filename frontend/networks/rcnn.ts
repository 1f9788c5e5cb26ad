/** Faster R-CNN (Ren et al. 2015) and Mask R-CNN (He et al. 2017) on ResNet-50 with a feature pyramid, in f16. */
import type { Value } from "../../ir/graph.ts";
import { ConvTranspose } from "../../ir/ops/conv-transpose.ts";
import { OneHot } from "../../ir/ops/generate.ts";
import { Argmax } from "../../ir/ops/arg-extreme.ts";
import { ReduceSum } from "../../ir/ops/reduce.ts";
import { Split } from "../../ir/ops/join.ts";
import { decodeDeltas } from "../regions.ts";
import { bottleneckStages, namedSide, resnet50Stages } from "./bottlenecks.ts";
import type { Cell } from "./cell.ts";
import { type Candidates, detect, splitImages, validOf } from "./class-nms.ts";
import { biasAdd, cast, concat, conv2d, convNormRelu, flatten, maxPool, mul, relu, reshape, shapeOf, sigmoid, softmax } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { resizeLinear, resizeNearest } from "./resize.ts";
import { regionFeatures, regionsOf } from "./roi-features.ts";
import { type Enlarge, propose, regionPyramid } from "./rpn.ts";
import { constant, formula, matmul, scope, slice, tile, where } from "./tensors.ts";

type Extents = readonly [height: number, width: number];

function backbone(c: Cell, image: Value, channels: number): Value[] {
  const stem = convNormRelu(c.at("conv1"), c.at("bn1"), image, channels / 4, { kernel: 7, stride: 2, pad: 3 });
  return bottleneckStages(c, maxPool(c, stem, { kernel: 3, stride: 2, pad: "same" }), resnet50Stages, namedSide);
}

/** `weight[in, out]`, `bias[out]`. */
const denseInOut = (c: Cell, x: Value, out: number): Value =>
  biasAdd(c, matmul(c, x, c.parameter("weight", [shapeOf(x)[1]!, out])), c.parameter("bias", [out], "zero"));

/** For each region the scores of the classes, and their deltas `[regions, 4 * classes]`. */
interface Head {
  readonly scores: Value;
  readonly deltas: Value;
}

/** Of the softmax. */
const temperature = 1;

function head(c: Cell, features: Value, classes: number): Head {
  const hidden = 4 * shapeOf(features)[1]!;
  const x = [0, 1].reduce((y, i) => relu(c, denseInOut(c.at(`shared_fc_${i}`), y, hidden)), flatten(c, features));
  const scores = softmax(c, formula(c).div(denseInOut(c.at("cls_scores"), x, classes), temperature), 1);
  return { scores, deltas: denseInOut(c.at("reg_scores"), x, 4 * classes) };
}

const decode = (c: Cell, boxes: Value, deltas: Value, image: Extents): Value =>
  decodeDeltas(scope(c), boxes, deltas, { means: [0, 0, 0, 0], stds: [0.1, 0.1, 0.2, 0.2], image, leastRatio: 0.016 });

/** Four channels of convolutions, enlarged, and a mask for each class: `[regions, classes, 2 * side, 2 * side]`. */
function maskHead(c: Cell, features: Value, classes: number): Value {
  const channels = shapeOf(features)[1]!;
  let x = features;
  for (const i of [1, 2, 3, 4]) x = relu(c, conv2d(c.at(`mask_conv${i}`), x, channels, { kernel: 3, bias: true }));
  const up = c.at("mask_deconv5");
  const w = up.parameter("weight", [channels, channels, 2, 2]);
  const none = [0, 0] as const;
  const y = c.create(ConvTranspose, { x, w }, { strides: [2, 2], dilations: [1, 1], pads: [none, none], output_padding: [0, 0] });
  x = relu(c, biasAdd(c, y, up.parameter("bias", [channels], "zero")));
  return sigmoid(c, conv2d(c.at("mask_conv6"), x, classes, { kernel: 1, pad: "valid", bias: true }));
}

/** An image's boxes by the deltas of the class that each most likely is. */
function likeliest(c: Cell, boxes: Value, scores: Value, deltas: Value, image: Extents): Value {
  const [n, classes] = shapeOf(scores) as [number, number];
  const indices = c.create(Argmax, { x: scores }, { axis: 1, keepdims: false, dtype: "i32" });
  const [on, off] = [1, 0].map((value) => constant(c, "f32", [], [value])) as [Value, Value];
  const isClass = cast(c, c.create(OneHot, { indices, on, off }, { depth: classes, axis: 1 }), "f16");
  const chosen = mul(c, deltas, tile(c, reshape(c, isClass, [n, classes, 1]), [1, 1, 4]));
  return decode(c, boxes, c.create(ReduceSum, { x: chosen }, { axes: [1], keepdims: false }), image);
}

/** Boxes in pixels of the image before it was resized: `metas` are height, width, and the scales of both `[1, 4]`. */
function unscale(c: Cell, boxes: Value, metas: Value): Value {
  const f = formula(c);
  const scales = c.createAll(Split, { x: reshape(c, metas, [4]) }, { axis: 0, sizes: [1, 1, 1, 1] });
  const [vertical, horizontal] = [f.div(boxes, scales[2]!), f.div(boxes, scales[3]!)];
  const isHorizontal = Array.from({ length: 4 * shapeOf(boxes)[0]! }, (_, i) => 1 - (i % 2));
  return where(c, constant(c, "bool", shapeOf(boxes), isHorizontal), horizontal, vertical);
}

const options = {
  batch: count(2, "images"),
  classes: count(81, "classes, the background's among them", 2),
  height: count(768, "height of the images", 64),
  width: count(1280, "width of the images", 64),
  proposals: count(1000, "most proposals of an image"),
  channels: count(256, "channels of the pyramid, a multiple of 4, which those of all convolutions are in proportion to", 4),
};

interface Options {
  readonly batch: number;
  readonly classes: number;
  readonly height: number;
  readonly width: number;
  readonly proposals: number;
  readonly channels: number;
}

interface Parts {
  readonly enlarge: Enlarge;
  /** Whether regions' ends are one further. */
  readonly hasFarEnd: boolean;
  /** Where the parameters of the scores and deltas are. */
  readonly head: (c: Cell) => Cell;
  /** Where those of the masks are. */
  readonly maskHead?: (c: Cell) => Cell;
}

const build = (c: Cell, { batch, classes, height, width, proposals, channels }: Options, parts: Parts): Value[] => {
  const image = [height, width] as const;
  const net = c.at("network").of("f16");
  const input = c.input("image", "f16", [batch, 3, height, width]);
  const metas = c.input("metas", "f16", [batch, 4]);
  const levels = regionPyramid(net.at("fpn_ncek"), backbone(net.at("backbone"), input, channels), parts.enlarge);
  const proposed = propose(net.at("rpn_with_loss"), levels, { image, most: proposals });
  const perImage = shapeOf(proposed[0]!.isValid)[0]!;
  const boxes = concatImages(
    c,
    proposed.map((p) => slice(c, p.boxes, [perImage, 4])),
  );
  const isValid = concatImages(
    c,
    proposed.map((p) => p.isValid),
  );
  const featuresAt = (at: Value, side: number): Value =>
    regionFeatures(c, levels, regionsOf(c, at, batch), { side, hasFarEnd: parts.hasFarEnd });
  const { scores, deltas } = head(parts.head(net), featuresAt(boxes, 7), classes);
  const scoresOf = splitImages(c, scores, batch);
  const masks = parts.maskHead && maskHead(parts.maskHead(net), featuresAt(likeliestBoxes(), 14), classes);

  function likeliestBoxes(): Value {
    const deltasOf = splitImages(c, reshape(c, deltas, [batch * perImage, classes, 4]), batch);
    const boxesOf = splitImages(c, boxes, batch);
    return concatImages(
      c,
      scoresOf.map((s, i) => likeliest(c, boxesOf[i]!, s, deltasOf[i]!, image)),
    );
  }

  const byClass = Array.from({ length: classes - 1 }, (_, i) =>
    splitImages(c, decode(c, boxes, slice(c, deltas, [batch * perImage, 4], [0, 4 * (i + 1)]), image), batch),
  );
  const metasOf = splitImages(c, metas, batch);
  const masksOf = masks && splitImages(c, masks, batch);
  const valid = validOf(c, isValid, batch);
  const candidates = metasOf.map((meta, i): Candidates => {
    const own = byClass.map((b) => unscale(c, b[i]!, meta));
    return { scores: scoresOf[i]!, isValid: valid[i]!, boxes: own, masks: masksOf?.[i] };
  });
  const found = candidates.map((own) => detect(c, own).map((x) => reshape(c, x, [1, ...shapeOf(x)])));
  return found[0]!.map((_, i) =>
    concatImages(
      c,
      found.map((d) => d[i]!),
    ),
  );
};

const concatImages = (c: Cell, xs: readonly Value[]): Value => (xs.length === 1 ? xs[0]! : concat(c, xs, 0));

export const fasterRcnn = defineNetwork({
  name: "faster_rcnn",
  summary: "Faster R-CNN (Ren et al. 2015) on ResNet-50, as MindSpore's model_zoo/official/cv/faster_rcnn.",
  options,
  build: (c, given) => build(c, given, { enlarge: resizeNearest, hasFarEnd: true, head: (net) => net.at("rcnn") }),
});

export const maskRcnn = defineNetwork({
  name: "maskrcnn",
  summary: "Mask R-CNN (He et al. 2017) on ResNet-50, as MindSpore's model_zoo/official/cv/maskrcnn.",
  options,
  build: (c, given) =>
    build(c, given, {
      enlarge: (cell, x, extents) => cast(cell, resizeLinear(cell, cast(cell, x, "f32"), extents), "f16"),
      hasFarEnd: false,
      head: (net) => net.at("rcnn_cls").at("fpn_cls"),
      maskHead: (net) => net.at("rcnn_mask").at("fpn_mask"),
    }),
});
