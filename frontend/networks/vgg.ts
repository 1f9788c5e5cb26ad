import { cast, conv2d, convNorm, dense, flatten, maxPool, relu } from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";

/** Channels of the convolutions; a pool follows each row. */
const stages = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

export const vgg16 = defineNetwork({
  name: "vgg16",
  summary:
    "VGG-16 (Simonyan 2014), as MindSpore's model_zoo/official/cv/vgg16; its ImageNet weights take classes=1000 norm=none dtype=f16.",
  options: {
    batch: count(1, "images"),
    classes: count(10, "classes"),
    image: count(224, "height and width of the images", 32),
    norm: choice("batch", ["batch", "none"], "normalization after each convolution"),
    dtype: choice("f32", ["f32", "f16"], "element type it computes in"),
  },
  build(c, { batch, classes, image, norm, dtype }) {
    let x = cast(c, c.input("image", "f32", [batch, 3, image, image]), dtype);
    const layers = c.at("layers");
    let layer = 0;
    for (const stage of stages) {
      for (const out of stage) {
        const [conv, next] = [layers.at(layer), layers.at(layer + 1)];
        x = relu(c, norm === "batch" ? convNorm(conv, next, x, out, { kernel: 3 }) : conv2d(conv, x, out, { kernel: 3 }));
        layer += norm === "batch" ? 3 : 2;
      }
      x = maxPool(c, x, { kernel: 2, stride: 2 });
      layer++;
    }
    const classifier = c.at("classifier");
    x = relu(c, dense(classifier.at(0), flatten(c, x), 4096));
    x = relu(c, dense(classifier.at(3), x, 4096));
    return dense(classifier.at(6), x, classes);
  },
});
