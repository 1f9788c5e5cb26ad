import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, convNorm, type ConvSpec, dense, pixelMean, relu6, shapeOf, softmax } from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";

/** Expansion, channels, blocks, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const convNormRelu6 = (c: Cell, x: Value, out: number, spec: ConvSpec): Value =>
  relu6(c, convNorm(c.at("features").at(0), c.at("features").at(1), x, out, spec));

function invertedResidual(c: Cell, x: Value, out: number, stride: number, expansion: number): Value {
  const channels = shapeOf(x)[1]!;
  const wide = channels * expansion;
  let at = 0;
  let y = expansion === 1 ? x : convNormRelu6(c.at(at++), x, wide, { kernel: 1 });
  y = convNormRelu6(c.at(at++), y, wide, { kernel: 3, stride, pad: 1, group: wide });
  y = convNorm(c.at(at), c.at(at + 1), y, out, { kernel: 1 });
  return stride === 1 && channels === out ? add(c, x, y) : y;
}

export const mobilenetv2 = defineNetwork({
  name: "mobilenetv2",
  summary: "MobileNetV2 (Sandler et al. 2018), as MindSpore's model_zoo/official/cv/mobilenetv2.",
  options: {
    batch: count(1, "images"),
    classes: count(1000, "classes"),
    image: count(224, "height and width of the images", 32),
    activation: choice("softmax", ["softmax", "none"], "what is done to the scores"),
  },
  build(c, { batch, classes, image, activation }) {
    const features = c.at("features");
    let x = convNormRelu6(features.at(0), c.input("image", "f32", [batch, 3, image, image]), 32, { kernel: 3, stride: 2, pad: 1 });
    let at = 1;
    for (const [expansion, out, blocks, stride] of stages) {
      for (let b = 0; b < blocks; b++) x = invertedResidual(features.at(at++).at("conv"), x, out, b === 0 ? stride : 1, expansion);
    }
    x = convNormRelu6(features.at(at), x, 1280, { kernel: 1 });
    const scores = dense(c.at("head").at(1), pixelMean(c, x), classes);
    return activation === "softmax" ? softmax(c, scores) : scores;
  },
});
