/**
 * Residual networks as MindSpore's model_zoo/official/cv/resnet has them: ResNet-18 and 34 with blocks of two convolutions
 * and symmetric pads, ResNet-50, 101 and 152 with bottlenecks and `same` pads, SE-ResNet-50 with a deep stem, pools in
 * place of strides, and squeeze-and-excitation in the last blocks.
 */
import type { Value } from "../../ir/graph.ts";
import { Pad } from "../../ir/ops/pad.ts";
import type { Cell } from "./cell.ts";
import { add, convNorm, convNormRelu, dense, flatten, maxPool, mul, pixelMean, relu, reshape, shapeOf, sigmoid } from "./layers.ts";
import { count, defineNetwork, type NetworkDefinition } from "./network.ts";

const epsilon = 1e-4;
/** Of those normalizations of ResNet-18 and 34 that are not in the main path of blocks. */
const smallEpsilon = 1e-5;

interface BlockSpec {
  readonly out: number;
  readonly stride: number;
  /** Whether it is the last block of the network's last two stages. */
  readonly isLast: boolean;
}
type Block = (c: Cell, x: Value, spec: BlockSpec) => Value;

/** The sum of a block and of its input, which `project` brings to the block's shape where it has another. */
function residual(c: Cell, x: Value, y: Value, project: () => Value): Value {
  const isSame = shapeOf(x).every((extent, d) => extent === shapeOf(y)[d]);
  return relu(c, add(c, y, isSame ? x : project()));
}

const basicBlock: Block = (c, x, { out, stride }) => {
  const same = { kernel: 3, pad: 1, epsilon };
  const y = convNorm(c.at("conv2"), c.at("bn2d"), convNormRelu(c.at("conv1"), c.at("bn1d"), x, out, { ...same, stride }), out, same);
  const down = c.at("down_sample_layer");
  return residual(c, x, y, () => convNorm(down.at(0), down.at(1), x, out, { kernel: 1, stride, epsilon: smallEpsilon }));
};

const bottleneck: Block = (c, x, { out, stride }) => {
  let y = convNormRelu(c.at("conv1"), c.at("bn1"), x, out / 4, { kernel: 1, epsilon });
  y = convNormRelu(c.at("conv2"), c.at("bn2"), y, out / 4, { kernel: 3, stride, epsilon });
  y = convNorm(c.at("conv3"), c.at("bn3"), y, out, { kernel: 1, epsilon });
  const down = c.at("down_sample_layer");
  return residual(c, x, y, () => convNorm(down.at(0), down.at(1), x, out, { kernel: 1, stride, epsilon }));
};

/** A bottleneck that strides by pools, and in the last blocks weighs its channels. */
const excitedBottleneck: Block = (c, x, { out, stride, isLast }) => {
  const shrink = (v: Value): Value => (stride === 1 ? v : maxPool(c, v, { kernel: 2, stride, pad: "same" }));
  const [conv, norm] = stride === 1 ? [c.at("conv2"), c.at("bn2")] : [c.at("e2").at(0), c.at("e2").at(1)];
  let y = convNormRelu(c.at("conv1"), c.at("bn1"), x, out / 4, { kernel: 1, epsilon });
  y = shrink(convNormRelu(conv, norm, y, out / 4, { kernel: 3, epsilon }));
  y = convNorm(c.at("conv3"), c.at("bn3"), y, out, { kernel: 1, epsilon });
  if (isLast) y = excite(c, y);
  const down = c.at("down_sample_layer");
  const at = stride === 1 ? 0 : 1;
  return residual(c, x, y, () => convNorm(down.at(at), down.at(at + 1), shrink(x), out, { kernel: 1, epsilon }));
};

/** Squeeze-and-excitation (Hu et al. 2018): channels times a gate that two dense layers make of their means. */
function excite(c: Cell, x: Value): Value {
  const [n, channels] = shapeOf(x) as [number, number];
  const squeezed = relu(c, dense(c.at("se_dense_0"), pixelMean(c, x), channels / 4));
  const gate = sigmoid(c, dense(c.at("se_dense_1"), squeezed, channels));
  return mul(c, reshape(c, gate, [n, channels, 1, 1]), x);
}

type Stem = (c: Cell, x: Value) => Value;

const stem: Stem = (c, x) => {
  const y = convNormRelu(c.at("conv1"), c.at("bn1"), x, 64, { kernel: 7, stride: 2, epsilon });
  return maxPool(c, y, { kernel: 3, stride: 2, pad: "same" });
};

const symmetricStem: Stem = (c, x) => {
  const y = convNormRelu(c.at("conv1"), c.at("bn1"), x, 64, { kernel: 7, stride: 2, pad: 3, epsilon: smallEpsilon });
  const pads = [0, 0, 1, 1].map((p): [number, number] => [p, p]);
  return maxPool(c, c.create(Pad, { x: y }, { pads }), { kernel: 3, stride: 2 });
};

const deepStem: Stem = (c, x) => {
  let y = convNormRelu(c.at("conv1_0"), c.at("bn1_0"), x, 32, { kernel: 3, stride: 2, epsilon });
  y = convNormRelu(c.at("conv1_1"), c.at("bn1_1"), y, 32, { kernel: 3, epsilon });
  y = convNormRelu(c.at("conv1_2"), c.at("bn1"), y, 64, { kernel: 3, epsilon });
  return maxPool(c, y, { kernel: 3, stride: 2, pad: "same" });
};

interface Variant {
  readonly name: string;
  readonly title: string;
  readonly stem: Stem;
  readonly block: Block;
  /** Blocks per stage. */
  readonly blocks: readonly number[];
  /** Channels of the first stage; each further one has twice as many. */
  readonly channels: number;
}

const options = {
  batch: count(1, "images"),
  classes: count(1001, "classes; 1001 with ImageNet's background class, 10 of CIFAR-10"),
  image: count(224, "height and width of the images", 32),
};

const define = ({ name, title, stem: first, block, blocks, channels }: Variant): NetworkDefinition<typeof options> =>
  defineNetwork({
    name,
    summary: `${title}, as MindSpore's model_zoo/official/cv/resnet.`,
    options,
    build(c, { batch, classes, image }) {
      let x = first(c, c.input("image", "f32", [batch, 3, image, image]));
      for (const [i, depth] of blocks.entries()) {
        const stage = c.at(`layer${i + 1}`);
        for (let b = 0; b < depth; b++) {
          const spec = { out: channels << i, stride: i > 0 && b === 0 ? 2 : 1, isLast: i > 1 && b === depth - 1 };
          x = block(stage.at(b), x, spec);
        }
      }
      return dense(c.at("end_point"), flatten(c, pixelMean(c, x, { keepdims: true })), classes);
    },
  });

const basic = { stem: symmetricStem, block: basicBlock, channels: 64 };
const deep = { stem, block: bottleneck, channels: 256 };

export const resnet18 = define({ name: "resnet18", title: "ResNet-18 (He et al. 2016)", blocks: [2, 2, 2, 2], ...basic });
export const resnet34 = define({ name: "resnet34", title: "ResNet-34 (He et al. 2016)", blocks: [3, 4, 6, 3], ...basic });
export const resnet50 = define({ name: "resnet50", title: "ResNet-50 (He et al. 2016)", blocks: [3, 4, 6, 3], ...deep });
export const resnet101 = define({ name: "resnet101", title: "ResNet-101 (He et al. 2016)", blocks: [3, 4, 23, 3], ...deep });
export const resnet152 = define({ name: "resnet152", title: "ResNet-152 (He et al. 2016)", blocks: [3, 8, 36, 3], ...deep });
export const seResnet50 = define({
  name: "se_resnet50",
  title: "ResNet-50 with squeeze-and-excitation (Hu et al. 2018)",
  stem: deepStem,
  block: excitedBottleneck,
  blocks: [3, 4, 6, 3],
  channels: 256,
});
