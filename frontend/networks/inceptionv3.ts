import type { Value } from "../../ir/graph.ts";
import type { Cell } from "./cell.ts";
import { avgPool, concat, type ConvSpec, convNormRelu, dense, flatten, maxPool, shapeOf } from "./layers.ts";
import { count, defineNetwork } from "./network.ts";

const conv = (c: Cell, x: Value, out: number, spec: ConvSpec): Value =>
  convNormRelu(c.at("conv"), c.at("bn"), x, out, { ...spec, epsilon: 1e-3 });

/** Convolutions one after the other, in cells by number. */
const chain = (c: Cell, x: Value, specs: readonly (readonly [out: number, spec: ConvSpec])[]): Value =>
  specs.reduce((y, [out, spec], i) => conv(c.at(i), y, out, spec), x);

const one = { kernel: 1 } as const;
const three = { kernel: 3 } as const;
const wide = { kernel: [1, 7] } as const;
const tall = { kernel: [7, 1] } as const;
/** Halves the extents. */
const halving = { kernel: 3, stride: 2, pad: "valid" } as const;

const pooled = (c: Cell, x: Value, out: number): Value =>
  conv(c.at("branch_pool").at(1), avgPool(c, x, { kernel: 3, stride: 1, pad: "same" }), out, one);

/** Inception with a 5x5, as `Mixed_5`. */
const inceptionA = (c: Cell, x: Value, poolWidth: number): Value =>
  concat(c, [
    conv(c.at("branch0"), x, 64, one),
    chain(c.at("branch1"), x, [
      [48, one],
      [64, { kernel: 5 }],
    ]),
    chain(c.at("branch2"), x, [
      [64, one],
      [96, three],
      [96, three],
    ]),
    pooled(c, x, poolWidth),
  ]);

/** Inception with 7x7 in two steps, as `Mixed_6`. */
const inceptionB = (c: Cell, x: Value, width: number): Value =>
  concat(c, [
    conv(c.at("branch0"), x, 192, one),
    chain(c.at("branch1"), x, [
      [width, one],
      [width, wide],
      [192, tall],
    ]),
    chain(c.at("branch2"), x, [
      [width, one],
      [width, tall],
      [width, wide],
      [width, tall],
      [192, wide],
    ]),
    pooled(c, x, 192),
  ]);

/** Inception whose branches fork into 1x3 and 3x1, as `Mixed_7`. */
function inceptionC(c: Cell, x: Value): Value {
  const fork = (name: string, y: Value): Value =>
    concat(c, [conv(c.at(`${name}_a`), y, 384, { kernel: [1, 3] }), conv(c.at(`${name}_b`), y, 384, { kernel: [3, 1] })]);
  return concat(c, [
    conv(c.at("branch0"), x, 320, one),
    fork("branch1", conv(c.at("branch1"), x, 384, one)),
    fork(
      "branch2",
      chain(c.at("branch2"), x, [
        [448, one],
        [384, three],
      ]),
    ),
    pooled(c, x, 192),
  ]);
}

const reductionA = (c: Cell, x: Value): Value =>
  concat(c, [
    conv(c.at("branch0"), x, 384, halving),
    chain(c.at("branch1"), x, [
      [64, one],
      [96, three],
      [96, halving],
    ]),
    maxPool(c, x, halving),
  ]);

const reductionB = (c: Cell, x: Value): Value =>
  concat(c, [
    chain(c.at("branch0"), x, [
      [192, one],
      [320, halving],
    ]),
    chain(c.at("branch1"), x, [
      [192, one],
      [192, wide],
      [192, tall],
      [192, halving],
    ]),
    maxPool(c, x, halving),
  ]);

function stem(c: Cell, image: Value): Value {
  let x = conv(c.at("Conv2d_1a"), image, 32, halving);
  x = conv(c.at("Conv2d_2a"), x, 32, { kernel: 3, pad: "valid" });
  x = maxPool(c, conv(c.at("Conv2d_2b"), x, 64, three), halving);
  x = conv(c.at("Conv2d_3b"), x, 80, one);
  return maxPool(c, conv(c.at("Conv2d_4a"), x, 192, { kernel: 3, pad: "valid" }), halving);
}

export const inceptionv3 = defineNetwork({
  name: "inceptionv3",
  summary: "Inception v3 (Szegedy et al. 2016), as MindSpore's model_zoo/official/cv/inceptionv3.",
  options: { batch: count(1, "images"), classes: count(1000, "classes"), image: count(299, "height and width of the images", 75) },
  build(c, { batch, classes, image }) {
    let x = stem(c, c.input("image", "f32", [batch, 3, image, image]));
    for (const [name, width] of [
      ["5b", 32],
      ["5c", 64],
      ["5d", 64],
    ] as const)
      x = inceptionA(c.at(`Mixed_${name}`), x, width);
    x = reductionA(c.at("Mixed_6a"), x);
    for (const [name, width] of [
      ["6b", 128],
      ["6c", 160],
      ["6d", 160],
      ["6e", 192],
    ] as const)
      x = inceptionB(c.at(`Mixed_${name}`), x, width);
    x = reductionB(c.at("Mixed_7a"), x);
    x = inceptionC(c.at("Mixed_7c"), inceptionC(c.at("Mixed_7b"), x));
    const [, , height, breadth] = shapeOf(x) as [number, number, number, number];
    x = avgPool(c, x, { kernel: [height, breadth], stride: 1 });
    return dense(c.at("logits").at("fc"), flatten(c, x), classes);
  },
});
