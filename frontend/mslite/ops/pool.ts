/** Pools over height and width of images. */
import { AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, MaxPool } from "../../../ir/ops/pool.ts";
import { type Lowering, type Lowerings, second } from "../node.ts";
import { activated } from "./activation.ts";
import { padsOf, spatialInts } from "./conv.ts";

/** Means are over the elements inside the image. */
const pool =
  (isMax: boolean): Lowering =>
  (n) => {
    const x = n.image(0);
    if (n.bool("global")) return second(activated(n, n.create(isMax ? AdaptiveMaxPool : AdaptiveAvgPool, { x }, { output: [1, 1] })));
    const kernel = spatialInts(n, "kernel_size", 1);
    const strides = spatialInts(n, "strides", 1);
    const pads = padsOf(n, "pad", x.tensor.shape.slice(2), kernel, { strides, dilations: [] });
    const attributes = { kernel, strides, pads, ceil_mode: n.choice("round_mode", "FLOOR") === "CEIL" };
    return second(activated(n, isMax ? n.create(MaxPool, { x }, attributes) : n.create(AvgPool, { x }, attributes)));
  };

export const poolLowerings: Lowerings = { MaxPoolFusion: pool(true), AvgPoolFusion: pool(false) };
