import type { Value } from "../../ir/graph.ts";
import { Greater, LogicalAnd } from "../../ir/ops/compare.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { bottleneckStages, namedSide, resnet50Stages } from "./bottlenecks.ts";
import type { Cell } from "./cell.ts";
import { add, concat, conv2d, convNormRelu, maxPool, shapeOf, sigmoid } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { resizeLinear } from "./resize.ts";
import { filled, slice } from "./tensors.ts";

function backbone(c: Cell, image: Value): Value[] {
  const stem = convNormRelu(c.at("conv1"), c.at("bn1"), image, 64, { kernel: 7, stride: 2, pad: 3 });
  const pads = [0, 0, 1, 1].map((p): [number, number] => [p, p]);
  const pooled = maxPool(c, c.create(Pad, { x: stem }, { pads }), { kernel: 3, stride: 2 });
  return bottleneckStages(c, pooled, resnet50Stages, namedSide);
}

const enlarge = (c: Cell, x: Value, like: Value): Value => resizeLinear(c, x, shapeOf(like).slice(2), { alignCorners: true });

/** The features of all stages, in 256 channels each, at the extents of the finest. */
function fuse(c: Cell, features: readonly Value[]): Value {
  const conv = (name: string, i: number, x: Value, kernel: number): Value =>
    convNormRelu(c.at(`${name.replace("*", "conv")}${i}`), c.at(`${name.replace("*", "bn")}${i}`), x, 256, { kernel, bias: true });
  const fused: Value[] = [];
  for (let i = features.length - 1; i >= 0; i--) {
    const side = conv("reduce_*_c", i + 2, features[i]!, 1);
    const coarser = fused[0];
    fused.unshift(coarser ? conv("smooth_*_p", i + 2, add(c, enlarge(c, coarser, side), side), 3) : side);
  }
  return concat(
    c,
    fused.map((x, i) => (i === 0 ? x : enlarge(c, x, fused[0]!))),
  );
}

export const psenet = defineNetwork({
  name: "psenet",
  summary: "PSENet (Wang et al. 2019) on ResNet-50: the scores of text and its kernels, as MindSpore's model_zoo/official/cv/psenet.",
  options: {
    batch: count(1, "images"),
    image: count(1920, "height and width of the images", 32),
    kernels: count(7, "kernels, the whole text the first"),
  },
  build(c, { batch, image, kernels }) {
    const input = c.input("image", "f32", [batch, 3, image, image]);
    const fused = fuse(c.at("feature_fusion"), backbone(c.at("feature_extractor"), input));
    const y = convNormRelu(c.at("conv1"), c.at("bn1"), fused, 256, { kernel: 3, bias: true });
    const all = resizeLinear(c, conv2d(c.at("conv2"), y, kernels, { kernel: 1, bias: true }), [image, image], { alignCorners: true });
    const text = slice(c, all, [batch, 1, image, image]);
    const [isKernel, isText] = [all, text].map((a) => c.create(Greater, { a, b: filled(c, "f32", [], 1) })) as [Value, Value];
    return [sigmoid(c, text), c.create(LogicalAnd, { a: isKernel, b: isText })];
  },
});
