import type { Value } from "../../ir/graph.ts";
import { Pad } from "../../ir/ops/pad.ts";
import type { Cell } from "./cell.ts";
import { add, convNorm, convNormRelu, type ConvSpec, dense, maxPool, relu, reshape, shapeOf } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { transpose } from "./tensors.ts";

const same: ConvSpec = { kernel: 3, pad: 1 };

function block(c: Cell, x: Value, out: number): Value {
  const y = convNorm(c.at("conv2"), c.at("bn2"), convNormRelu(c.at("conv1"), c.at("bn1"), x, out, same), out, same);
  const down = c.at("downsample");
  return relu(c, add(c, y, shapeOf(x)[1] === out ? x : convNorm(down.at(0), down.at(1), x, out, { kernel: 1 })));
}

/** Channels, blocks, and the strides of the pool before them; after them comes one more convolution, but in the last stage two. */
const stages = [
  [128, 1, [2, 2]],
  [256, 2, [2, 2]],
  [512, 5, [2, 1]],
  [512, 3, undefined],
] as const;

/** Features of a line of text, 32 pixels high: `[n, 512, 1, frames]`. */
function features(c: Cell, image: Value): Value {
  const conv = (name: string, v: Value, out: number, spec: ConvSpec = same): Value =>
    convNormRelu(c.at(`conv${name}`), c.at(`bn${name}`), v, out, spec);
  let x = conv("0_2", conv("0_1", image, 32), 64);
  for (const [i, [out, blocks, stride]] of stages.entries()) {
    if (stride) x = maxPool(c, x, { kernel: 2, stride });
    for (let b = 0; b < blocks; b++) x = block(c.at(`layer${i + 1}`).at(b), x, out);
    if (i < 3) x = conv(String(i + 1), x, out);
  }
  x = c.create(
    Pad,
    { x },
    {
      pads: [
        [0, 0],
        [0, 0],
        [0, 0],
        [2, 2],
      ],
    },
  );
  x = conv("4_1", x, 512, { kernel: 2, stride: [2, 1], pad: "valid" });
  return conv("4_2", x, 512, { kernel: 2, pad: "valid" });
}

export const cnnctc = defineNetwork({
  name: "cnnctc",
  summary:
    "CNN&CTC, a reader of text in images (Baek et al. 2019), as MindSpore's model_zoo/official/cv/cnnctc: scores per frame and symbol.",
  options: {
    batch: count(1, "images"),
    classes: count(37, "symbols, the blank among them"),
    width: count(100, "width of the images, which are 32 pixels high", 8),
  },
  build(c, { batch, classes, width }) {
    const y = features(c.at("FeatureExtraction").at("ConvNet"), c.input("image", "f32", [batch, 3, 32, width]));
    const [, channels, , frames] = shapeOf(y) as [number, number, number, number];
    const rows = reshape(c, transpose(c, y, [0, 3, 1, 2]), [batch * frames, channels]);
    return reshape(c, dense(c.at("Prediction"), rows, classes), [batch, frames, classes]);
  },
});
