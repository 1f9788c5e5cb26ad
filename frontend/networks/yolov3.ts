/** YOLOv3 (Redmon & Farhadi 2018) on DarkNet-53 and on ResNet-18. */
import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, conv2d, convNorm, convNormRelu, maxPool, relu, shapeOf } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { constant } from "./tensors.ts";
import { convBlock, decodeBoxes, featurePyramid, joinBoxes, residual, type Scale } from "./yolo.ts";

/** Blocks per stage; each begins with a stride and twice the channels. */
const darknetStages = [1, 2, 8, 8, 4];

/** The results of the last three stages, the coarsest first. */
function darknet53(c: Cell, image: Value): Value[] {
  let x = convBlock(c.at("conv0"), image, 32, { kernel: 3 }, relu);
  const results = darknetStages.map((blocks, i) => {
    const out = 64 << i;
    x = convBlock(c.at(`conv${i + 1}`), x, out, { kernel: 3, stride: 2 }, relu);
    for (let b = 0; b < blocks; b++) x = residual(c.at(`layer${i + 1}`).at(b), x, out / 2, out, relu);
    return x;
  });
  return results.slice(2).reverse();
}

function basicBlock(c: Cell, x: Value, out: number, stride: number): Value {
  const y = convNormRelu(c.at("conv1").at("conv"), c.at("bn1"), x, out, { kernel: 3, stride });
  const z = convNorm(c.at("conv2").at("conv"), c.at("bn2"), y, out, { kernel: 3 });
  const side = shapeOf(x)[1] === out ? x : conv2d(c.at("down_sample_layer").at("conv"), x, out, { kernel: 1, stride });
  return relu(c, add(c, z, side));
}

/** Likewise; the sides of its blocks are not normalized. */
function resnet18(c: Cell, image: Value): Value[] {
  const stem = convNormRelu(c.at("conv1").at("conv"), c.at("bn1"), image, 64, { kernel: 7, stride: 2 });
  let x = maxPool(c, stem, { kernel: 3, stride: 2, pad: "same" });
  const results = [0, 1, 2, 3].map((i) => {
    for (let b = 0; b < 2; b++) x = basicBlock(c.at(`layer${i + 1}`).at(b), x, 64 << i, i > 0 && b === 0 ? 2 : 1);
    return x;
  });
  return results.slice(1).reverse();
}

/** The coarsest first. The greatest anchor is 373 pixels wide with DarkNet-53, 163 with ResNet-18. */
const scales = (greatest: number): Scale[] => [
  {
    anchors: [
      [116, 90],
      [156, 198],
      [greatest, 326],
    ],
  },
  {
    anchors: [
      [30, 61],
      [62, 45],
      [59, 119],
    ],
  },
  {
    anchors: [
      [10, 13],
      [16, 30],
      [33, 23],
    ],
  },
];

const outputsOf = (classes: number): number => 3 * (5 + classes);

export const yolov3Darknet53 = defineNetwork({
  name: "yolov3_darknet53",
  summary: "YOLOv3 (Redmon & Farhadi 2018) on DarkNet-53, as MindSpore's model_zoo/official/cv/yolov3_darknet53.",
  options: {
    batch: count(1, "images"),
    classes: count(80, "classes"),
    image: count(416, "height and width of the images", 32),
  },
  build(c, { batch, classes, image }) {
    const features = darknet53(c.at("feature_map").at("backbone"), c.input("image", "f32", [batch, 3, image, image]));
    const extent = c.input("input_shape", "f32", [2]);
    const detections = featurePyramid(c.at("feature_map"), features, outputsOf(classes));
    return detections.map((x, i) => joinBoxes(c, decodeBoxes(c, x, scales(373)[i]!, extent)));
  },
});

export const yolov3Resnet18 = defineNetwork({
  name: "yolov3_resnet18",
  summary: "YOLOv3 (Redmon & Farhadi 2018) on ResNet-18, as MindSpore's model_zoo/official/cv/yolov3_resnet18.",
  options: {
    batch: count(1, "images"),
    classes: count(2, "classes"),
    height: count(352, "height of the images", 32),
    width: count(640, "width of the images", 32),
  },
  build(c, { batch, classes, height, width }) {
    const features = resnet18(c.at("feature_map").at("net"), c.input("image", "f32", [batch, 3, height, width]));
    const extent = constant(c, "f32", [2], [width, height]);
    return featurePyramid(c.at("feature_map"), features, outputsOf(classes)).flatMap((x, i) => {
      const boxes = decodeBoxes(c, x, scales(163)[i]!, extent);
      return [boxes.centre, boxes.size, boxes.confidence, boxes.classes];
    });
  },
});
