/** Resizing of images and other spatial axes. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { type CubicAxis, cubicWeights } from "./bicubic.ts";
import { transposedLast } from "./nn.ts";

type Coordinates = "half_pixel" | "align_corners" | "asymmetric" | "tf_half_pixel_for_nn";

const resized = (x: Value, size: readonly Dim[]): Dim[] => [...x.tensor.shape.slice(0, x.tensor.shape.length - size.length), ...size];

/** x, size, align_corners, half_pixel_centers; size is an attribute of the old operators. */
const bilinear: Lowering = (n) => {
  const x = n.input(0);
  const coordinates = n.bool([2, "align_corners"], false)
    ? "align_corners"
    : n.bool([3, "half_pixel_centers"], false)
      ? "half_pixel"
      : "asymmetric";
  const isOld = !n.operator.name.endsWith("V2");
  const source = isOld ? n.cast(x, n.declared?.dtype ?? "f32") : x;
  return n.create(Resize, { x: source }, { shape: resized(x, n.dims([1, "size"])), mode: "linear", coordinates });
};

const nearest: Lowering = (n) => {
  const x = n.input(0);
  const shape = resized(x, n.dims([1, "size"]));
  if (n.bool([2, "align_corners"], false))
    return n.create(Resize, { x }, { shape, coordinates: "align_corners", nearest_mode: "round_prefer_ceil" });
  const coordinates = n.bool([3, "half_pixel_centers"], false) ? "tf_half_pixel_for_nn" : "asymmetric";
  return n.create(Resize, { x }, { shape, coordinates, nearest_mode: "floor" });
};

/** More elements than this has no matrix of weights that is worth having. */
const mostWeights = 2 ** 22;

/** A product with a matrix of weights for each axis, where the extents are fixed; else with exact weights. */
const bicubic: Lowering = (n) => {
  const x = n.input(0);
  const [alignCorners, halfPixel] = [n.bool([2, "align_corners"], false), n.bool([3, "half_pixel_centers"], false)];
  const shape = resized(x, n.dims([1, "size"]));
  const axes = [2, 3].map((d) => ({ input: x.tensor.shape[d], output: shape[d], alignCorners, halfPixel }));
  if (axes.every(isFixed)) return byMatrices(n, x, axes);
  n.warn("precision", "positions are exact, where MindSpore rounds them to 1/1024 of an element");
  const coordinates = alignCorners ? "align_corners" : halfPixel ? "half_pixel" : "asymmetric";
  return n.create(
    Resize,
    { x },
    { shape, mode: "cubic", coordinates, cubic_coeff_a: halfPixel ? -0.5 : -0.75, exclude_outside: halfPixel },
  );
};

const isFixed = (a: { readonly input: Dim | undefined; readonly output: Dim | undefined }): a is CubicAxis =>
  typeof a.input === "number" && typeof a.output === "number" && a.input > 0 && a.input * a.output <= mostWeights;

function byMatrices(n: NodeContext, given: Value, axes: readonly CubicAxis[]): Value {
  const type = given.tensor.dtype === "f64" ? "f64" : "f32";
  const [rows, columns] = axes.map((a) => n.constant(type, [a.output, a.input], cubicWeights(a))) as [Value, Value];
  const x = n.cast(given, type);
  const high = n.create(Matmul, { a: rows, b: x });
  return n.cast(n.create(Matmul, { a: high, b: transposedLast(n, columns) }), n.declared?.dtype ?? given.tensor.dtype);
}

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
  if (scales.length !== rank) return n.unsupported(`${scales.length} scales for ${rank} spatial axes`, "bad-attribute");
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
  const coordinates =
    (["align_corners", "half_pixel", "asymmetric"] as const).find((c) => c === name) ??
    n.unsupported(`the coordinates '${name}' are not supported`);
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
