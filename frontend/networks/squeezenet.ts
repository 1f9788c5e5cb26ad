/** SqueezeNet 1.0 (Iandola et al. 2016), as MindSpore's model_zoo/official/cv/squeezenet, plain and with residual sums. */
import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { add, concat, conv2d, type ConvSpec, flatten, maxPool, pixelMean, relu } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";

/** The fire modules' squeezed channels; each expands to eight times as many. A pool comes before the first, the fourth and the last. */
const squeezed = [16, 16, 32, 32, 48, 48, 64, 64];
const pooled: readonly number[] = [0, 3, 7];

const convRelu = (c: Cell, x: Value, out: number, spec: ConvSpec): Value => relu(c, conv2d(c, x, out, { ...spec, bias: true }));

function fire(c: Cell, x: Value, narrow: number): Value {
  const y = convRelu(c.at("squeeze"), x, narrow, { kernel: 1 });
  return concat(c, [convRelu(c.at("expand1x1"), y, 4 * narrow, { kernel: 1 }), convRelu(c.at("expand3x3"), y, 4 * narrow, { kernel: 3 })]);
}

interface Names {
  readonly first: Cell;
  readonly last: Cell;
  /** The fire modules' cells. */
  readonly fire: (module: number) => Cell;
}

function squeezeNet(
  c: Cell,
  { batch, classes, image }: { batch: number; classes: number; image: number },
  names: Names,
  hasSums: boolean,
): Value {
  let x = convRelu(names.first, c.input("image", "f32", [batch, 3, image, image]), 96, { kernel: 7, stride: 2, pad: "valid" });
  for (const [i, narrow] of squeezed.entries()) {
    if (pooled.includes(i)) x = maxPool(c, x, { kernel: 3, stride: 2 });
    const y = fire(names.fire(i), x, narrow);
    // Every other module keeps the channels.
    x = hasSums && i % 2 === 1 ? add(c, x, y) : y;
  }
  x = convRelu(names.last, x, classes, { kernel: 1 });
  return flatten(c, pixelMean(c, x, { keepdims: true }));
}

const options = (classes: number) => ({
  batch: count(1, "images"),
  classes: count(classes, "classes"),
  image: count(227, "height and width of the images", 35),
});

export const squeezenet = defineNetwork({
  name: "squeezenet",
  summary: "SqueezeNet 1.0 (Iandola et al. 2016), as MindSpore's model_zoo/official/cv/squeezenet; ImageNet takes classes=1000.",
  options: options(10),
  build(c, given) {
    // Pools and activations are among the numbered cells.
    const features = c.at("features");
    const place = (i: number): number => 3 + i + pooled.filter((p) => p > 0 && p <= i).length;
    return squeezeNet(c, given, { first: features.at(0), last: c.at("final_conv"), fire: (i) => features.at(place(i)) }, false);
  },
});

export const squeezenetResidual = defineNetwork({
  name: "squeezenet_residual",
  summary: "SqueezeNet 1.0 with residual sums (Iandola et al. 2016), as MindSpore's model_zoo/official/cv/squeezenet.",
  options: options(1000),
  build: (c, given) => squeezeNet(c, given, { first: c.at("conv1"), last: c.at("conv10"), fire: (i) => c.at(`fire${i + 2}`) }, true),
});
