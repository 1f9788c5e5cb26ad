/** ONNX's pools. */
import type { Dim } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import { AvgPool, LpPool, MaxPool, MaxPoolIndices } from "../../../ir/ops/pool.ts";
import { AdaptiveRoiAlign, MaxRoiPool, RoiAlign } from "../../../ir/ops/roi.ts";
import { MaxUnpool } from "../../../ir/ops/unpool.ts";
import { makeWindow, transposedExtents } from "../../../ir/window.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { padPairs, windowOf } from "../window.ts";

const spatial = (v: Value): readonly Dim[] => v.tensor.shape.slice(2);

function poolAttributes(n: NodeContext) {
  const kernel = n.ints("kernel_shape");
  return { kernel, ...windowOf(n, spatial(n.input(0)), kernel), ceil_mode: n.int("ceil_mode", 0) !== 0 };
}

/** The norm's order; version 1 has it as a float. */
function order(n: NodeContext): number {
  const p = n.attribute("p")?.i === undefined ? n.float("p", 2) : n.int("p");
  return Number.isInteger(p) ? p : n.unsupported(`a norm of order ${p}`);
}

function regions(n: NodeContext, shape: readonly number[]) {
  const [height, width] = shape;
  if (shape.length !== 2) throw new OpError("pooled regions have two axes", "bad-attribute");
  return { height: height!, width: width!, spatial_scale: n.float("spatial_scale", 1) };
}

export const poolLowerings: Lowerings = {
  MaxPool(n) {
    const x = n.input(0);
    if (!n.hasOutput(1)) return n.create(MaxPool, { x }, poolAttributes(n));
    return n.createAll(MaxPoolIndices, { x }, { ...poolAttributes(n), order: n.int("storage_order", 0) === 0 ? "row" : "column" });
  },

  AveragePool: (n) =>
    n.create(AvgPool, { x: n.input(0) }, { ...poolAttributes(n), count_include_pad: n.int("count_include_pad", 0) !== 0 }),

  LpPool: (n) => n.create(LpPool, { x: n.input(0) }, { ...poolAttributes(n), p: order(n) }),

  GlobalMaxPool: (n) => n.create(MaxPool, { x: n.input(0) }, { kernel: spatial(n.input(0)) }),

  GlobalAveragePool: (n) => n.create(AvgPool, { x: n.input(0) }, { kernel: spatial(n.input(0)) }),

  GlobalLpPool: (n) => n.create(LpPool, { x: n.input(0) }, { kernel: spatial(n.input(0)), p: order(n) }),

  MaxUnpool(n) {
    const [x, indices] = [n.input(0), n.input(1)];
    const pads = padPairs(n.ints("pads", []));
    const window = makeWindow(spatial(x), n.ints("kernel_shape"), { strides: n.ints("strides", []), dilations: [], pads });
    const inner = transposedExtents(spatial(x), window).map((e, a) => dim.sub(e, dim.add(...window.pads[a]!)));
    const indexed = [...x.tensor.shape.slice(0, 2), ...inner];
    return n.create(MaxUnpool, { x, indices }, { shape: n.optional(2) ? n.dims(2, "the result's shape") : indexed, indexed });
  },

  MaxRoiPool: (n) => n.create(MaxRoiPool, { x: n.input(0), rois: n.input(1) }, regions(n, n.ints("pooled_shape"))),

  RoiAlign(n) {
    const isHalfPixel = n.opset >= 16 && n.string("coordinate_transformation_mode", "half_pixel") === "half_pixel";
    const mode = n.string("mode", "avg");
    if (mode !== "avg" && mode !== "max") n.unsupported(`mode '${mode}' is unknown`);
    const samples = n.int("sampling_ratio", 0);
    const operands = { x: n.input(0), rois: n.input(1), batch: n.input(2) };
    const attributes = {
      ...regions(n, [n.int("output_height", 1), n.int("output_width", 1)]),
      mode: mode as "avg" | "max",
      offset: isHalfPixel ? 0.5 : 0,
      at_least_one: !isHalfPixel,
    };
    return samples > 0 ? n.create(RoiAlign, operands, { ...attributes, samples }) : n.create(AdaptiveRoiAlign, operands, attributes);
  },
};
