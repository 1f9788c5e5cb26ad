import { dense, pixelMean, softmax } from "./layers.ts";
import { convNormRelu6, invertedResidual, mobileBlocks } from "./inverted-residual.ts";
import { choice, count, defineNetwork } from "./network.ts";

const epsilon = 1e-5;

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
    const input = c.input("image", "f32", [batch, 3, image, image]);
    let x = convNormRelu6(features.at(0), input, 32, { kernel: 3, stride: 2, pad: 1, epsilon });
    for (const [i, block] of mobileBlocks.entries()) {
      x = invertedResidual(features.at(i + 1).at("conv"), x, { ...block, pad: 1, epsilon });
    }
    x = convNormRelu6(features.at(mobileBlocks.length + 1), x, 1280, { kernel: 1, epsilon });
    const scores = dense(c.at("head").at(1), pixelMean(c, x), classes);
    return activation === "softmax" ? softmax(c, scores) : scores;
  },
});
