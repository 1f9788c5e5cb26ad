/** Stages of bottlenecks (He et al. 2016), the backbone of detectors and of segmentation: all strides are in the convolutions of 3x3. */
import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, convNorm, convNormRelu, relu, shapeOf } from "./layers.ts";

export interface Stage {
  readonly blocks: number;
  readonly stride: number;
  /** Of each block's 3x3 convolution; default: 1. */
  readonly dilations?: readonly number[];
}

/** The cells of the convolution and the normalization beside a stage's first block. */
type Side = (block: Cell) => readonly [conv: Cell, norm: Cell];

function bottleneck(c: Cell, x: Value, out: number, stride: number, dilation: number, side: Side): Value {
  let y = convNormRelu(c.at("conv1"), c.at("bn1"), x, out / 4, { kernel: 1 });
  y = convNormRelu(c.at("conv2"), c.at("bn2"), y, out / 4, { kernel: 3, stride, dilation, pad: dilation });
  y = convNorm(c.at("conv3"), c.at("bn3"), y, out, { kernel: 1 });
  return relu(c, add(c, y, shapeOf(x)[1] === out ? x : convNorm(...side(c), x, out, { kernel: 1, stride })));
}

/** The result of each stage: the first has four times the channels of the stem, each further one twice as many as the last. */
export function bottleneckStages(c: Cell, stem: Value, stages: readonly Stage[], side: Side): Value[] {
  const channels = 4 * shapeOf(stem)[1]!;
  let x = stem;
  return stages.map(({ blocks, stride, dilations = [] }, i) => {
    for (let b = 0; b < blocks; b++) {
      x = bottleneck(c.at(`layer${i + 1}`).at(b), x, channels << i, b === 0 ? stride : 1, dilations[b] ?? 1, side);
    }
    return x;
  });
}

/** ResNet-50's stages. */
export const resnet50Stages: readonly Stage[] = [
  { blocks: 3, stride: 1 },
  { blocks: 4, stride: 2 },
  { blocks: 6, stride: 2 },
  { blocks: 3, stride: 2 },
];

export const namedSide: Side = (block) => [block.at("conv_down_sample"), block.at("bn_down_sample")];
