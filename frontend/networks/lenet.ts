import { conv2d, dense, flatten, maxPool, relu } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";

export const lenet = defineNetwork({
  name: "lenet",
  summary: "LeNet-5 for handwritten digits (LeCun et al. 1998), as MindSpore's model_zoo/official/cv/lenet.",
  options: { batch: count(1, "images"), classes: count(10, "classes"), channels: count(1, "channels of the images") },
  build(c, { batch, classes, channels }) {
    let x = c.input("image", "f32", [batch, channels, 32, 32]);
    for (const [name, out] of [
      ["conv1", 6],
      ["conv2", 16],
    ] as const) {
      x = relu(c, conv2d(c.at(name), x, out, { kernel: 5, pad: "valid" }));
      x = maxPool(c, x, { kernel: 2, stride: 2 });
    }
    x = relu(c, dense(c.at("fc1"), flatten(c, x), 120));
    x = relu(c, dense(c.at("fc2"), x, 84));
    return dense(c.at("fc3"), x, classes);
  },
});
