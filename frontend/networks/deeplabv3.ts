import type { Value } from "../../ir/graph.ts";
import { bottleneckStages, type Stage } from "./bottlenecks.ts";
import type { Cell } from "./cell.ts";
import { avgPool, concat, conv2d, convNormRelu, maxPool, shapeOf } from "./layers.ts";
import { choice, count, defineNetwork } from "./network.ts";
import { resizeLinear, resizeNearest } from "./resize.ts";

/** ResNet-101's stages; where they would go beyond the output's stride, they dilate instead. */
function stages(stride: string): Stage[] {
  const [third, fourth] = stride === "8" ? [2, 4] : [1, 2];
  return [
    { blocks: 3, stride: 1 },
    { blocks: 4, stride: 2 },
    { blocks: 23, stride: 2 / third, dilations: new Array<number>(23).fill(third) },
    { blocks: 3, stride: 1, dilations: [1, 2, 4].map((d) => d * fourth) },
  ];
}

/** Atrous spatial pyramid pooling (Chen et al. 2017). */
function pyramid(c: Cell, x: Value): Value {
  const branch = (cell: Cell, dilation: number): Value =>
    convNormRelu(cell.at(0), cell.at(1), x, 256, { kernel: dilation === 1 ? 1 : 3, dilation, pad: dilation === 1 ? 0 : dilation });
  const branches = [1, 6, 12, 18].map((dilation, i) => branch(c.at(`aspp${i + 1}`).at("aspp_conv"), dilation));
  const extents = shapeOf(x).slice(2) as [number, number];
  const pooling = c.at("aspp_pooling").at("conv");
  const pooled = convNormRelu(pooling.at(0), pooling.at(1), avgPool(c, x, { kernel: extents, stride: 1 }), 256, { kernel: 1 });
  const all = [...branches, resizeNearest(c, pooled, extents, { alignCorners: true })].reduce((a, b) => concat(c, [a, b]));
  return convNormRelu(c.at("conv1"), c.at("bn1"), all, 256, { kernel: 1 });
}

export const deeplabv3 = defineNetwork({
  name: "deeplabv3",
  summary: "DeepLabV3 (Chen et al. 2017) on ResNet-101, as MindSpore's model_zoo/official/cv/deeplabv3.",
  options: {
    batch: count(1, "images"),
    classes: count(21, "classes"),
    image: count(513, "height and width of the images", 16),
    stride: choice("16", ["8", "16"], "pixels of the image for each of the last stage's"),
  },
  build(c, { batch, classes, image, stride }) {
    const net = c.at("resnet");
    const input = c.input("image", "f32", [batch, 3, image, image]);
    const stem = convNormRelu(net.at("conv1"), net.at("bn1"), input, 64, { kernel: 7, stride: 2, pad: 3 });
    const pooled = maxPool(c, stem, { kernel: 3, stride: 2, pad: "same" });
    const side = (block: Cell) => [block.at("downsample").at(0), block.at("downsample").at(1)] as const;
    const x = bottleneckStages(net, pooled, stages(stride), side).at(-1)!;
    const scores = conv2d(c.at("aspp").at("conv2"), pyramid(c.at("aspp"), x), classes, { kernel: 1, bias: true });
    return resizeLinear(c, scores, [image, image], { alignCorners: true });
  },
});
