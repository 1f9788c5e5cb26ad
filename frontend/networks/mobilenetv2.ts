import { dense, pixelMean, softmax } from "./layers.ts";
import { convNormRelu6, invertedResidual, mobileBlocks } from "./inverted-residual.ts";
import { choice, count, defineNetwork } from "./network.ts";

const epsilon = 1e-5;

/** Channels at another width: a multiple of eight, at least nine tenths of what was asked for. */
function scaled(channels: number, width: number): number {
  const wanted = channels * width;
  const nearest = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return nearest < 0.9 * wanted ? nearest + 8 : nearest;
}

export const mobilenetv2 = defineNetwork({
  name: "mobilenetv2",
  summary: "MobileNetV2 (Sandler et al. 2018), as MindSpore's model_zoo/official/cv/mobilenetv2.",
  options: {
    batch: count(1, "images"),
    classes: count(1000, "classes"),
    image: count(224, "height and width of the images", 32),
    width: choice("1.0", ["0.35", "0.5", "0.75", "1.0", "1.3", "1.4"], "factor of the channels"),
    activation: choice("softmax", ["softmax", "none"], "what is done to the scores"),
  },
  build(c, { batch, classes, image, width, activation }) {
    const features = c.at("features");
    const factor = Number(width);
    const input = c.input("image", "f32", [batch, 3, image, image]);
    let x = convNormRelu6(features.at(0), input, scaled(32, factor), { kernel: 3, stride: 2, pad: 1, epsilon });
    for (const [i, block] of mobileBlocks.entries()) {
      x = invertedResidual(features.at(i + 1).at("conv"), x, { ...block, out: scaled(block.out, factor), pad: 1, epsilon });
    }
    x = convNormRelu6(features.at(mobileBlocks.length + 1), x, scaled(1280, Math.max(1, factor)), { kernel: 1, epsilon });
    const scores = dense(c.at("head").at(1), pixelMean(c, x), classes);
    return activation === "softmax" ? softmax(c, scores) : scores;
  },
});
