import { conv2d, dense, flatten, maxPool, relu } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";

/** Channels, kernel, stride and whether a pool follows. */
const convolutions = [
  [64, 11, 4, true],
  [128, 5, 1, true],
  [192, 3, 1, false],
  [256, 3, 1, false],
  [256, 3, 1, true],
] as const;

export const alexnet = defineNetwork({
  name: "alexnet",
  summary: "AlexNet (Krizhevsky 2012), as MindSpore's model_zoo/official/cv/alexnet; ImageNet takes image=224 classes=1000.",
  options: {
    batch: count(1, "images"),
    classes: count(10, "classes"),
    channels: count(3, "channels of the images"),
    image: count(227, "height and width of the images", 63),
  },
  build(c, { batch, classes, channels, image }) {
    let x = c.input("image", "f32", [batch, channels, image, image]);
    for (const [i, [out, kernel, stride, isPooled]] of convolutions.entries()) {
      x = relu(c, conv2d(c.at(`conv${i + 1}`), x, out, { kernel, stride, bias: true }));
      if (isPooled) x = maxPool(c, x, { kernel: 3, stride: 2 });
    }
    x = relu(c, dense(c.at("fc1"), flatten(c, x), 4096));
    x = relu(c, dense(c.at("fc2"), x, 4096));
    return dense(c.at("fc3"), x, classes);
  },
});
