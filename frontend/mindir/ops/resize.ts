/** Resizing of images and other spatial axes. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

type Coordinates = "half_pixel" | "align_corners" | "asymmetric" | "tf_half_pixel_for_nn";

const resized = (x: Value, size: readonly Dim[]): Dim[] => [...x.tensor.shape.slice(0, x.tensor.shape.length - size.length), ...size];

/** x, size, align_corners, half_pixel_centers; size is an attribute of the old operators. */
const bilinear: Lowering = (n) => {
  const x = n.input(0);
  const coordinates = n.bool([2, "align_corners"], false) ? "align_corners" : n.bool([3, "half_pixel_centers"], false) ? "half_pixel" : "asymmetric";
  const isOld = !n.operator.name.endsWith("V2");
  const source = isOld ? n.cast(x, n.declared?.dtype ?? "f32") : x;
  return n.create(Resize, { x: source }, { shape: resized(x, n.dims([1, "size"])), mode: "linear", coordinates });
};

const nearest: Lowering = (n) => {
  const x = n.input(0);
  const shape = resized(x, n.dims([1, "size"]));
  if (n.bool([2, "align_corners"], false)) return n.create(Resize, { x }, { shape, coordinates: "align_corners", nearest_mode: "round_prefer_ceil" });
  const coordinates = n.bool([3, "half_pixel_centers"], false) ? "tf_half_pixel_for_nn" : "asymmetric";
  return n.create(Resize, { x }, { shape, coordinates, nearest_mode: "floor" });
};

/** TensorFlow's cubic kernel: half-pixel centers go with its sharper one and without what is outside. */
const bicubic: Lowering = (n) => {
  const x = n.input(0);
  const isHalf = n.bool([3, "half_pixel_centers"], false);
  const coordinates = n.bool([2, "align_corners"], false) ? "align_corners" : isHalf ? "half_pixel" : "asymmetric";
  const shape = resized(x, n.dims([1, "size"]));
  return n.create(Resize, { x }, { shape, mode: "cubic", coordinates, cubic_coeff_a: isHalf ? -0.5 : -0.75, exclude_outside: isHalf });
};

interface Target {
  readonly shape: readonly Dim[];
  readonly scales: readonly number[];
}

/** Either a size or scales; with scales, positions follow the scale and not the ratio of the extents. */
function target(n: NodeContext, x: Value, rank: number): Target {
  const spatial = x.tensor.shape.slice(-rank);
  if (n.has([1, "output_size", "size"])) {
    const size = n.dims([1, "output_size", "size"]);
    if (size.length > 0) return { shape: resized(x, size), scales: [] };
  }
  const scales = n.floats([2, "scales"], []);
  if (scales.length !== rank) return n.unsupported(`${scales.length} scales for ${rank} spatial axes`, undefined, "bad-attribute");
  const size = spatial.map((d, i) => scaledExtent(n, d, scales[i] as number));
  return { shape: resized(x, size), scales: [...new Array<number>(x.tensor.shape.length - rank).fill(1), ...scales] };
}

function scaledExtent(n: NodeContext, d: Dim, scale: number): Dim {
  if (typeof d === "number") return Math.floor(d * scale);
  return Number.isInteger(scale) ? dim.mul(d, scale) : n.unsupported("an extent that is not fixed cannot be scaled by a fraction");
}

const upsampleNearest =
  (rank: number): Lowering =>
  (n) => {
    const x = n.input(0);
    return n.create(Resize, { x }, { ...target(n, x, rank), coordinates: "asymmetric", nearest_mode: "floor" });
  };

/** x, size, scales, align_corners. */
const upsample =
  (rank: number, mode: "linear" | "cubic"): Lowering =>
  (n) => {
    const x = n.input(0);
    const coordinates: Coordinates = n.bool([3, "align_corners"], false) ? "align_corners" : "half_pixel";
    return n.create(Resize, { x }, { ...target(n, x, rank), mode, coordinates });
  };

/** x, size, the name of the coordinates. */
const linear1d: Lowering = (n) => {
  const x = n.input(0);
  const name = n.string([2, "coordinate_transformation_mode"], "align_corners", ["asymmetric", "align_corners", "half_pixel"]);
  const coordinates = (["align_corners", "half_pixel", "asymmetric"] as const).find((c) => c === name) ?? n.unsupported(`the coordinates '${name}' are not supported`);
  return n.create(Resize, { x }, { shape: resized(x, n.dims([1, "size"])), mode: "linear", coordinates });
};

export const resize: Lowerings = {
  ResizeBilinear: bilinear,
  ResizeBilinearV2: bilinear,
  ResizeNearestNeighbor: nearest,
  ResizeNearestNeighborV2: nearest,
  ResizeBicubic: bicubic,
  ResizeLinear1D: linear1d,
  UpsampleNearest1D: upsampleNearest(1),
  UpsampleNearest2D: upsampleNearest(2),
  UpsampleNearest3D: upsampleNearest(3),
  UpsampleLinear1D: upsample(1, "linear"),
  UpsampleBilinear2D: upsample(2, "linear"),
  UpsampleTrilinear3D: upsample(3, "linear"),
  UpsampleBicubic2D: upsample(2, "cubic"),
};
