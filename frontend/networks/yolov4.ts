/** YOLOv4 (Bochkovskiy et al. 2020): cross-stage partial DarkNet-53, spatial pyramid pooling, path aggregation. */
import type { Value } from "../../ir/graph.ts";
import { Softplus } from "../../ir/ops/activation.ts";
import { Tanh } from "../../ir/ops/elementwise.ts";
import type { Cell } from "./cell.ts";
import { add, concat, maxPool, mul } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { type Activation, convBlock, decodeBoxes, joinBoxes, joinEnlarged, leakyRelu, neckBlock, residual, type Scale } from "./yolo.ts";

/** Misra 2019. */
const mish: Activation = (c, x) => mul(c, x, c.create(Tanh, { x: c.create(Softplus, { x }) }));

/** Blocks per stage. */
const stages = [1, 2, 8, 8, 4];

/** The results of the last three stages, the finest first. Convolutions outside blocks are numbered through. */
function cspDarknet53(c: Cell, image: Value): Value[] {
  let number = 0;
  const conv = (x: Value, out: number, kernel: number, stride = 1): Value =>
    convBlock(c.at(`conv${number++}`), x, out, { kernel, stride }, mish);
  let x = conv(image, 32, 3);
  const results = stages.map((blocks, i) => {
    const out = 64 << i;
    /** Channels within the stage. */
    const inner = i === 0 ? out : out / 2;
    const start = conv(x, out, 3, 2);
    let y = conv(start, inner, 1);
    if (i === 0) y = add(c, y, conv(conv(y, 32, 1), inner, 3));
    else for (let b = 0; b < blocks; b++) y = residual(c.at(`layer${i + 1}`).at(b), y, inner, inner, mish);
    y = conv(y, inner, 1);
    x = conv(concat(c, [y, conv(start, inner, 1)]), out, 1);
    return x;
  });
  return results.slice(2);
}

/** Detections of `outputs` channels on the features of three stages, the finest first; likewise the result. */
function pathAggregation(c: Cell, [fine, middle, coarse]: readonly [Value, Value, Value], outputs: number): Value[] {
  const conv = (i: number, x: Value, out: number, kernel: number, stride = 1): Value =>
    convBlock(c.at(`conv${i}`), x, out, { kernel, stride }, leakyRelu);
  let x = conv(3, conv(2, conv(1, coarse, 512, 1), 1024, 3), 512, 1);
  const pooled = [13, 9, 5].map((kernel) => maxPool(c, x, { kernel, stride: 1, pad: "same" }));
  const top = conv(6, conv(5, conv(4, concat(c, [...pooled, x]), 512, 1), 1024, 3), 512, 1);
  x = joinEnlarged(c, conv(7, top, 256, 1), conv(8, middle, 256, 1));
  /** This block's detections are parameters that nothing uses. */
  const upper = neckBlock(c.at("backblock0"), x, 256, outputs).route;
  x = joinEnlarged(c, conv(9, upper, 128, 1), conv(10, fine, 128, 1));
  const first = neckBlock(c.at("backblock1"), x, 128, outputs);
  const second = neckBlock(c.at("backblock2"), concat(c, [conv(11, first.route, 256, 3, 2), upper]), 256, outputs);
  const third = neckBlock(c.at("backblock3"), concat(c, [conv(12, second.route, 512, 3, 2), top]), 512, outputs);
  return [first, second, third].map((b) => b.detections);
}

/** The finest first. */
const scales: readonly Scale[] = [
  {
    anchors: [
      [12, 16],
      [19, 36],
      [40, 28],
    ],
    reach: 1.2,
  },
  {
    anchors: [
      [36, 75],
      [76, 55],
      [72, 146],
    ],
    reach: 1.1,
  },
  {
    anchors: [
      [142, 110],
      [192, 243],
      [459, 401],
    ],
    reach: 1.05,
  },
];

export const yolov4 = defineNetwork({
  name: "yolov4",
  summary: "YOLOv4 (Bochkovskiy et al. 2020) on CSPDarkNet-53, as MindSpore's model_zoo/official/cv/yolov4.",
  options: {
    batch: count(1, "images"),
    classes: count(80, "classes"),
    image: count(608, "height and width of the images", 32),
  },
  build(c, { batch, classes, image }) {
    const net = c.at("feature_map");
    const features = cspDarknet53(net.at("backbone"), c.input("image", "f32", [batch, 3, image, image]));
    const extent = c.input("input_shape", "f32", [2]);
    const detections = pathAggregation(net, features as [Value, Value, Value], 3 * (5 + classes));
    return detections.map((x, i) => joinBoxes(c, decodeBoxes(c, x, scales[i]!, extent))).reverse();
  },
});
