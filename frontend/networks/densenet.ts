import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { batchNorm, cast, concat, conv2d, convNormRelu, dense, flatten, maxPool, pixelMean, relu, shapeOf } from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";

/** Layers per block. */
const blocks = [6, 12, 24, 16];
/** Channels that each layer adds. */
const growth = 32;

const normRelu = (c: Cell, x: Value): Value => relu(c, batchNorm(c, x));

/** `x` with `growth` more channels. */
function layer(c: Cell, x: Value): Value {
  const narrow = conv2d(c.at("conv1"), normRelu(c.at("norm1"), x), 4 * growth, { kernel: 1 });
  return concat(c, [x, conv2d(c.at("conv2"), normRelu(c.at("norm2"), narrow), growth, { kernel: 3, pad: 1 })]);
}

/** Half the channels at half the size. */
function transition(c: Cell, x: Value): Value {
  const y = conv2d(c.at("conv"), normRelu(c.at("norm"), x), shapeOf(x)[1]! / 2, { kernel: 1 });
  return maxPool(c, y, { kernel: 2, stride: 2 });
}

export const densenet121 = defineNetwork({
  name: "densenet121",
  summary: "DenseNet-121 (Huang et al. 2017), with max pools between its blocks, as MindSpore's model_zoo/official/cv/densenet121.",
  options: {
    batch: count(1, "images"),
    classes: count(1000, "classes"),
    image: count(224, "height and width of the images", 32),
    dtype: choice("f16", ["f16", "f32"], "element type it computes in"),
  },
  build(c, { batch, classes, image, dtype }) {
    const features = c.at("backbone").at("features");
    let x = cast(c, c.input("image", "f32", [batch, 3, image, image]), dtype);
    x = convNormRelu(features.at("conv0"), features.at("norm0"), x, 64, { kernel: 7, stride: 2, pad: 3 });
    x = maxPool(c, x, { kernel: 3, stride: 2, pad: "same" });
    for (const [i, depth] of blocks.entries()) {
      const cells = features.at(`denseblock${i + 1}`).at("cell_list");
      for (let k = 0; k < depth; k++) x = layer(cells.at(k), x);
      if (i < blocks.length - 1) x = transition(features.at(`transition${i + 1}`).at("features"), x);
    }
    x = normRelu(features.at("norm5"), x);
    return dense(c.at("head").at("fc"), flatten(c, pixelMean(c, x, { keepdims: true })), classes);
  },
});
