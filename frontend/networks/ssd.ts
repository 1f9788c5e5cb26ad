import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { batchNorm, concat, conv2d, flatten, relu6, reshape, shapeOf, sigmoid } from "./layers.ts";
import { convNormRelu6, invertedResidual, mobileBlocks } from "./inverted-residual.ts";
import { count, defineNetwork } from "./network.ts";
import { transpose } from "./tensors.ts";

const epsilon = 1e-3;
const common = { epsilon, pad: "same" } as const;
/** Of the backbone's blocks, those of a stride of 16 pixels and less. */
const fineBlocks = 13;

/** The backbone's features of 16 pixels, expanded, and of 32. */
function backbone(c: Cell, image: Value): [Value, Value] {
  const [fine, coarse] = [c.at("features_1"), c.at("features_2")];
  let x = convNormRelu6(fine.at(0), image, 32, { kernel: 3, stride: 2, ...common });
  mobileBlocks.slice(0, fineBlocks).forEach((block, i) => {
    x = invertedResidual(fine.at(i + 1).at("conv"), x, { ...common, ...block });
  });
  const expanded = convNormRelu6(c.at("expand_layer_conv_13"), x, 576, { kernel: 1, ...common });
  mobileBlocks.slice(fineBlocks).forEach((block, i) => {
    x = invertedResidual(coarse.at(i).at("conv"), x, { ...common, ...block });
  });
  return [expanded, convNormRelu6(coarse.at(mobileBlocks.length - fineBlocks), x, 1280, { kernel: 1, ...common })];
}

/** Of the further features: channels, and those within the block in proportion to its input's. */
const further = [
  [512, 0.2],
  [256, 0.25],
  [256, 0.5],
  [128, 0.25],
] as const;

/** A convolution by channels and one to `perBox` numbers for each of the boxes: `[n, boxes * perBox]`. */
function predict(c: Cell, x: Value, boxes: number, perBox: number): Value {
  const channels = shapeOf(x)[1]!;
  const y = relu6(c, batchNorm(c.at(1), conv2d(c.at(0), x, channels, { kernel: 3, group: channels }), { epsilon }));
  const z = conv2d(c.at(3), y, boxes * perBox, { kernel: 1, bias: true });
  return flatten(c, transpose(c, z, [0, 2, 3, 1]));
}

export const ssd = defineNetwork({
  name: "ssd",
  summary: "SSD (Liu et al. 2016) on MobileNetV2: deltas of the default boxes and scores, as MindSpore's model_zoo/official/cv/ssd.",
  options: {
    batch: count(1, "images"),
    classes: count(81, "classes, the background's among them"),
    image: count(300, "height and width of the images", 32),
  },
  build(c, { batch, classes, image }) {
    const features = backbone(c.at("backbone"), c.input("image", "f32", [batch, 3, image, image]));
    for (const [i, [out, expansion]] of further.entries()) {
      const spec = { out, expansion, stride: 2, ...common };
      features.push(relu6(c, invertedResidual(c.at("multi_residual").at(i).at("conv"), features.at(-1)!, spec)));
    }
    const of = (layers: string, perBox: number): Value => {
      const heads = c.at("multi_box").at(layers);
      const flat = concat(
        c,
        features.map((x, i) => predict(heads.at(i), x, i === 0 ? 3 : 6, perBox)),
      );
      return reshape(c, flat, [batch, shapeOf(flat)[1]! / perBox, perBox]);
    };
    return [of("multi_loc_layers", 4), sigmoid(c, of("multi_cls_layers", classes))];
  },
});
