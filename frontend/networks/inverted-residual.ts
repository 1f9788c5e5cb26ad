/** Inverted residuals (Sandler et al. 2018), of which MobileNetV2 and detectors on it are made. */
import type { Value } from "../../ir/graph.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { Transpose } from "../../ir/ops/shape.ts";
import type { Cell } from "./cell.ts";
import { add, batchNorm, conv2d, convNorm, type ConvNormSpec, type Pad, relu6, shapeOf } from "./layers.ts";

/** Expansion, channels, blocks, stride of the first. */
const mobileStages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** One entry for each block of the stages. */
export const mobileBlocks = mobileStages.flatMap(([expansion, out, blocks, stride]) =>
  Array.from({ length: blocks }, (_, b) => ({ expansion, out, stride: b === 0 ? stride : 1 })),
);

export interface BlockSpec {
  readonly out: number;
  readonly stride: number;
  /** Channels within, in proportion to those of the input. */
  readonly expansion: number;
  /** Of the convolution by channels. */
  readonly pad: Pad;
  /** Of the normalizations. */
  readonly epsilon: number;
  /** Whether weights by channels are `[1, channels, 3, 3]`, as of DepthwiseConv2dNative; else `[channels, 1, 3, 3]`. */
  readonly isNative?: boolean;
}

/** Cells `features.0` and `features.1`. */
export const convNormRelu6 = (c: Cell, x: Value, out: number, spec: ConvNormSpec): Value =>
  relu6(c, convNorm(c.at("features").at(0), c.at("features").at(1), x, out, spec));

/** Cells `0`, `1`, ...: expansion where there is one, convolution by channels, projection. */
export function invertedResidual(c: Cell, x: Value, spec: BlockSpec): Value {
  const { out, stride, expansion, epsilon } = spec;
  const channels = shapeOf(x)[1]!;
  let at = 0;
  let y = expansion === 1 ? x : convNormRelu6(c.at(at++), x, Math.round(channels * expansion), { kernel: 1, epsilon });
  y = convByChannels(c.at(at++).at("features"), y, spec);
  y = convNorm(c.at(at), c.at(at + 1), y, out, { kernel: 1, epsilon });
  return stride === 1 && channels === out ? add(c, x, y) : y;
}

function convByChannels(c: Cell, x: Value, { stride, pad, epsilon, isNative = false }: BlockSpec): Value {
  const channels = shapeOf(x)[1]!;
  const y = isNative ? nativeConv(c.at(0), x, stride) : conv2d(c.at(0), x, channels, { kernel: 3, stride, pad, group: channels });
  return relu6(c, batchNorm(c.at(1), y, { epsilon }));
}

function nativeConv(c: Cell, x: Value, stride: number): Value {
  const channels = shapeOf(x)[1]!;
  const w = c.create(Transpose, { x: c.parameter("weight", [1, channels, 3, 3]) }, { perm: [1, 0, 2, 3] });
  const sides = [1, 1] as const;
  return c.create(Conv, { x, w }, { strides: [stride, stride], dilations: [1, 1], pads: [sides, sides], group: channels });
}
