import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { concat, type ConvSpec, convNormRelu, dense, flatten, maxPool, pixelMean } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";

/** Channels of the branches: 1x1; 3x3 and what comes before it; another of these; after the pool. */
type Widths = readonly [one: number, before: number, three: number, before2: number, three2: number, pooled: number];

const conv = (c: Cell, x: Value, out: number, spec: ConvSpec): Value =>
  convNormRelu(c.at("conv"), c.at("bn"), x, out, { ...spec, epsilon: 1e-3 });

function inception(c: Cell, x: Value, [one, before, three, before2, three2, pooled]: Widths): Value {
  const branch = (b: Cell, narrow: number, out: number): Value =>
    conv(b.at(1), conv(b.at(0), x, narrow, { kernel: 1 }), out, { kernel: 3 });
  return concat(c, [
    conv(c.at("b1"), x, one, { kernel: 1 }),
    branch(c.at("b2"), before, three),
    branch(c.at("b3"), before2, three2),
    conv(c.at("b4"), maxPool(c, x, { kernel: 3, stride: 1, pad: "same" }), pooled, { kernel: 1 }),
  ]);
}

/** Blocks by stage, and the kernel of the pool after the stage. */
const stages: readonly (readonly [pool: number, blocks: Readonly<Record<string, Widths>>])[] = [
  [3, { block3a: [64, 96, 128, 16, 32, 32], block3b: [128, 128, 192, 32, 96, 64] }],
  [
    2,
    {
      block4a: [192, 96, 208, 16, 48, 64],
      block4b: [160, 112, 224, 24, 64, 64],
      block4c: [128, 128, 256, 24, 64, 64],
      block4d: [112, 144, 288, 32, 64, 64],
      block4e: [256, 160, 320, 32, 128, 128],
    },
  ],
  [0, { block5a: [256, 160, 320, 32, 128, 128], block5b: [384, 192, 384, 48, 128, 128] }],
];

export const googlenet = defineNetwork({
  name: "googlenet",
  summary: "GoogLeNet (Szegedy et al. 2015), normalized, as MindSpore's model_zoo/official/cv/googlenet; CIFAR-10 takes classes=10.",
  options: { batch: count(1, "images"), classes: count(1000, "classes"), image: count(224, "height and width of the images", 32) },
  build(c, { batch, classes, image }) {
    const halve = (v: Value, kernel: number): Value => maxPool(c, v, { kernel, stride: 2, pad: "same" });
    let x = c.input("image", "f32", [batch, 3, image, image]);
    x = halve(conv(c.at("conv1"), x, 64, { kernel: 7, stride: 2 }), 3);
    x = conv(c.at("conv2"), x, 64, { kernel: 1 });
    x = halve(conv(c.at("conv3"), x, 192, { kernel: 3 }), 3);
    for (const [pool, blocks] of stages) {
      for (const [name, widths] of Object.entries(blocks)) x = inception(c.at(name), x, widths);
      if (pool > 0) x = halve(x, pool);
    }
    return dense(c.at("classifier"), flatten(c, pixelMean(c, x, { keepdims: true })), classes);
  },
});
