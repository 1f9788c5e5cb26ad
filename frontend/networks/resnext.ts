import type { Value } from "../../ir/graph.ts";
import { Split } from "../../ir/ops/join.ts";
import type { Cell } from "./cell.ts";
import {
  add,
  batchNorm,
  cast,
  concat,
  conv2d,
  type ConvSpec,
  convNorm,
  convNormRelu,
  dense,
  maxPool,
  pixelMean,
  relu,
  shapeOf,
} from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";

const blocks = [3, 4, 6, 3];
const groups = 32;

type GroupedConv = (c: Cell, x: Value, spec: ConvSpec) => Value;

/** A grouped convolution as one, or as a convolution for each group; the channels stay as many as they are. */
const groupedConvs: Readonly<Record<"gpu" | "ascend", GroupedConv>> = {
  gpu: (c, x, spec) => conv2d(c, x, shapeOf(x)[1]!, { ...spec, group: groups }),
  ascend(c, x, spec) {
    const width = shapeOf(x)[1]! / groups;
    const parts = c.createAll(Split, { x }, { axis: 1, sizes: new Array<number>(groups).fill(width) });
    return concat(
      c,
      parts.map((part, i) => conv2d(c.at("convs").at(i), part, width, spec)),
    );
  },
};

function block(c: Cell, x: Value, out: number, stride: number, groupedConv: GroupedConv): Value {
  const narrow = convNormRelu(c.at("conv1"), c.at("bn1"), x, out / 2, { kernel: 1 });
  const grouped = relu(c, batchNorm(c.at("bn2"), groupedConv(c.at("conv2"), narrow, { kernel: 3, stride, pad: 1 })));
  const y = convNorm(c.at("conv3"), c.at("bn3"), grouped, out, { kernel: 1 });
  const down = c.at("down_sample");
  const isSame = shapeOf(x)[1] === out && stride === 1;
  return relu(c, add(c, y, isSame ? x : convNorm(down.at("conv"), down.at("bn"), x, out, { kernel: 1, stride, pad: 0 })));
}

export const resnext50 = defineNetwork({
  name: "resnext50",
  summary: "ResNeXt-50 32x4d (Xie et al. 2017), as MindSpore's model_zoo/official/cv/resnext50.",
  options: {
    batch: count(1, "images"),
    classes: count(1000, "classes"),
    image: count(224, "height and width of the images", 32),
    platform: choice("ascend", ["ascend", "gpu"], "which platform's weights: on ascend each group has its own"),
  },
  build(c, { batch, classes, image, platform }) {
    const backbone = c.at("backbone");
    let x = c.input("image", "f32", [batch, 3, image, image]);
    x = convNormRelu(backbone.at("conv"), backbone.at("bn"), x, 64, { kernel: 7, stride: 2, pad: 3 });
    x = maxPool(c, x, { kernel: 3, stride: 2, pad: "same" });
    for (const [i, depth] of blocks.entries()) {
      const stage = backbone.at(`layer${i + 1}`);
      for (let b = 0; b < depth; b++) x = block(stage.at(b), x, 256 << i, i > 0 && b === 0 ? 2 : 1, groupedConvs[platform]);
    }
    return dense(c.at("head").at("fc"), cast(c, pixelMean(c, x), "f16"), classes);
  },
});
