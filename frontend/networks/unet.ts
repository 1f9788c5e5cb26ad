import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { concat, conv2d, conv2dTranspose, maxPool, relu, shapeOf } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";
import { slice } from "./tensors.ts";

/** Channels of the levels, from the largest images on. */
const widths = [64, 128, 256, 512, 1024];

function doubleConv(c: Cell, x: Value, out: number): Value {
  const convs = c.at("double_conv");
  const y = relu(c, conv2d(convs.at(0), x, out, { kernel: 3, pad: "valid", bias: true }));
  return relu(c, conv2d(convs.at(2), y, out, { kernel: 3, pad: "valid", bias: true }));
}

/** The middle of `x`, as large as `like` is. */
function crop(c: Cell, x: Value, like: Value): Value {
  const [n, channels, ...extents] = shapeOf(x) as [number, number, ...number[]];
  const sizes = shapeOf(like).slice(2);
  const starts = extents.map((extent, d) => Math.floor((extent - sizes[d]!) / 2));
  return slice(c, x, [n, channels, ...sizes], [0, 0, ...starts]);
}

function up(c: Cell, x: Value, skipped: Value, out: number): Value {
  const y = relu(c, conv2dTranspose(c.at("up"), x, out, { kernel: 2, stride: 2 }));
  return doubleConv(c.at("conv"), concat(c, [y, crop(c, skipped, y)]), out);
}

export const unet = defineNetwork({
  name: "unet",
  summary: "U-Net for medical images (Ronneberger et al. 2015), as MindSpore's model_zoo/official/cv/unet: scores per pixel and class.",
  options: {
    batch: count(1, "images"),
    classes: count(2, "classes"),
    channels: count(1, "channels of the images"),
    image: count(572, "height and width of the images; 188 and every 16 more keep all pixels", 188),
  },
  build(c, { batch, classes, channels, image }) {
    let x = doubleConv(c.at("inc"), c.input("image", "f32", [batch, channels, image, image]), widths[0]!);
    const skipped: Value[] = [];
    for (const [i, out] of widths.slice(1).entries()) {
      skipped.push(x);
      x = doubleConv(
        c
          .at(`down${i + 1}`)
          .at("maxpool_conv")
          .at(1),
        maxPool(c, x, { kernel: 2, stride: 2 }),
        out,
      );
    }
    for (const [i, skip] of skipped.reverse().entries()) x = up(c.at(`up${i + 1}`), x, skip, shapeOf(skip)[1]!);
    return conv2d(c.at("outc").at("conv"), x, classes, { kernel: 1, bias: true });
  },
});
