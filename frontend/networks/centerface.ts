import type { Value } from "../../ir/graph.ts";
import { LessEqual } from "../../ir/ops/compare.ts";
import { MaxPoolIndices } from "../../ir/ops/pool.ts";
import type { Cell } from "./cell.ts";
import { add, batchNorm, conv2d, conv2dTranspose, convNormRelu, flatten, mul, relu, shapeOf, sigmoid } from "./layers.ts";
import { convNormRelu6, invertedResidual, mobileBlocks } from "./inverted-residual.ts";
import { count, defineNetwork } from "./network.ts";
import { filled, formula, topK, where } from "./tensors.ts";

const epsilon = 1e-5;
/** Of the normalizations on the way up. */
const upEpsilon = 1e-3;
/** The backbone's blocks per stage; the first stage begins with a convolution. */
const stages = [3, 3, 7, 4];

/** The results of the stages, the finest first. */
function backbone(c: Cell, image: Value): Value[] {
  let x = convNormRelu6(c.at("need_fp1").at(0), image, 32, { kernel: 3, stride: 2, pad: 1, epsilon });
  let block = 0;
  return stages.map((blocks, i) => {
    const stage = c.at(`need_fp${i + 1}`);
    for (let b = 0; b < blocks; b++) {
      const spec = { ...mobileBlocks[block++]!, pad: 1, epsilon, isNative: true };
      x = invertedResidual(stage.at(i === 0 ? b + 1 : b).at("conv"), x, spec);
    }
    return x;
  });
}

/** From the coarsest features up: enlarged, and added to those of the next stage. */
function aggregate(c: Cell, features: readonly Value[]): Value {
  const narrow = (conv: Cell, x: Value): Value => convNormRelu(conv.at(0), conv.at(1), x, 64, { kernel: 1, epsilon: upEpsilon });
  const [coarsest, ...others] = features.toReversed();
  let x = narrow(c.at("conv"), coarsest!);
  for (const [i, feature] of others.entries()) {
    const step = c.at(`up${i + 1}`);
    const up = conv2dTranspose(step.at("up").at(0), x, 64, { kernel: 2, stride: 2 });
    x = add(c, relu(c, batchNorm(step.at("up").at(1), up, { epsilon: upEpsilon })), narrow(step.at("conv"), feature));
  }
  return convNormRelu(c.at("conv_last").at(0), c.at("conv_last").at(1), x, 64, { kernel: 3, epsilon });
}

/** The heat of those places that are the hottest of their neighbours; zero elsewhere. */
function peaks(c: Cell, heat: Value): Value {
  const f = formula(c);
  const sides = [1, 1] as const;
  const [highest] = c.createAll(
    MaxPoolIndices,
    { x: heat },
    { kernel: [3, 3], strides: [1, 1], pads: [sides, sides], within: "plane", dtype: "i32" },
  );
  const difference = f.div(f.abs(f.sub(heat, highest!)), f.add(f.abs(heat), 1e-12));
  const isPeak = c.create(LessEqual, { a: difference, b: filled(c, "f32", [], 1e-3) });
  const [one, zero] = [1, 0].map((value) => filled(c, "f32", shapeOf(heat), value)) as [Value, Value];
  return mul(c, heat, where(c, isPeak, one, zero));
}

export const centerface = defineNetwork({
  name: "centerface",
  summary: "CenterFace (Xu et al. 2019) with the suppression of neighbours, as MindSpore's model_zoo/official/cv/centerface.",
  options: {
    batch: count(1, "images"),
    image: count(832, "height and width of the images, a multiple of 32", 64),
    faces: count(200, "most faces of an image"),
  },
  build(c, { batch, image, faces }) {
    const net = c.at("centerface_network");
    const x = aggregate(net.at("dla_up"), backbone(net.at("base"), c.input("image", "f32", [batch, 3, image, image])));
    const head = (cell: Cell, out: number): Value => conv2d(cell, x, out, { kernel: 1, bias: true });
    const heat = sigmoid(c, head(net.at("hm_head").at(0), 1));
    const [size, offset, landmarks] = [head(net.at("wh_head"), 2), head(net.at("off_head"), 2), head(net.at("kps_head"), 10)];
    const [scores, places] = topK(c, flatten(c, peaks(c, heat)), faces);
    return [scores, size, offset, landmarks, places];
  },
});
