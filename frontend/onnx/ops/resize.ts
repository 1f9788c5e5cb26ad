/** ONNX operators that resize, crop and rearrange images. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { depthToSpace, spaceToDepth } from "../../../ir/ops/depth-to-space.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import { AffineGrid, GridSample } from "../../../ir/ops/sample.ts";
import { type CoordinateMode, coordinateModes, type NearestMode, nearestModes, scaledExtent } from "../../../ir/resampling.ts";
import type { Lowerings, NodeContext } from "../node.ts";

/** One of `known`, which the attribute must be. */
function oneOf<T extends string>(n: NodeContext, name: string, known: readonly T[], fallback: T): T {
  const value = n.string(name, fallback);
  return known.find((k) => k === value) ?? n.unsupported(`'${name}' is '${value}'`);
}

const resizeModes = ["nearest", "linear", "cubic", "bilinear", "bicubic", "trilinear"] as const;

function modeOf(n: NodeContext, fallback: (typeof resizeModes)[number] = "nearest"): "nearest" | "linear" | "cubic" {
  const mode = oneOf(n, "mode", resizeModes, fallback);
  return mode === "bilinear" || mode === "trilinear" ? "linear" : mode === "bicubic" ? "cubic" : mode;
}

interface Target {
  readonly shape: readonly Dim[];
  /** Per axis; empty where the extents say it. */
  readonly scales: readonly number[];
}

/** Values for the axes named (in their order), spread over all axes. */
function spread<T>(axes: readonly number[], values: readonly T[], others: readonly T[]): T[] {
  if (values.length !== axes.length) throw new OpError(`${values.length} values for ${axes.length} axes`, "bad-operand");
  const all = [...others];
  axes.forEach((a, k) => (all[a] = values[k]!));
  return all;
}

function byScales(shape: readonly Dim[], scales: readonly number[]): Target {
  return { shape: shape.map((e, a) => (scales[a] === 1 ? e : scaledExtent(e, scales[a]!))), scales };
}

/** Sizes as they are, or one scale for all axes that keeps them within or beyond the sizes. */
function bySizes(n: NodeContext, shape: readonly Dim[], axes: readonly number[], sizes: readonly Dim[]): Target {
  const policy = n.string("keep_aspect_ratio_policy", "stretch");
  const ones = shape.map(() => 1);
  if (policy === "stretch") return { shape: spread(axes, sizes, shape), scales: [] };
  if (policy !== "not_larger" && policy !== "not_smaller") return n.unsupported(`'keep_aspect_ratio_policy' is '${policy}'`);
  const ratios = axes.map((a, k) => Number(sizes[k]) / Number(shape[a]));
  if (ratios.some((r) => !(r > 0))) return n.unsupported("extents must be known to keep the aspect ratio");
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  // Halves are rounded up.
  const extents = axes.map((a) => Math.floor(Number(shape[a]) * scale + 0.5));
  return {
    shape: spread(axes, extents, shape),
    scales: spread(
      axes,
      axes.map(() => scale),
      ones,
    ),
  };
}

const isEmpty = (v: Value | undefined): boolean => !v || v.tensor.shape.includes(0);

/** The new size: by sizes, which a declared shape can stand for, else by scales, whose values positions depend on. */
function resizeTarget(n: NodeContext, axes: readonly number[], at: { scales: number; sizes: number }): Target {
  const { shape } = n.type(0);
  if (isEmpty(n.optional(at.sizes))) {
    const scales = n.numbers(at.scales, "the scales");
    return byScales(
      shape,
      spread(
        axes,
        scales,
        shape.map(() => 1),
      ),
    );
  }
  const declared = n.string("keep_aspect_ratio_policy", "stretch") === "stretch" ? n.declaredShape(0) : undefined;
  const sizes = n.knownDims(at.sizes);
  if (!sizes && declared) return { shape: declared, scales: [] };
  return bySizes(n, shape, axes, sizes ?? n.dims(at.sizes, "the new sizes"));
}

function resize(n: NodeContext): Value {
  const rank = n.rank(0);
  const axes = n.has("axes") ? n.ints("axes").map((a) => normalizeAxis(a, rank)) : n.type(0).shape.map((_, a) => a);
  normalizeAxes(axes, rank);
  const coordinates = oneOf<CoordinateMode>(n, "coordinate_transformation_mode", coordinateModes, "half_pixel");
  const regions = coordinates === "tf_crop_and_resize" ? n.numbers(1, "the region") : [];
  const half = regions.length / 2;
  const ends = n.type(0).shape.map(() => 1);
  return n.create(
    Resize,
    { x: n.input(0) },
    {
      ...resizeTarget(n, axes, { scales: 2, sizes: 3 }),
      mode: modeOf(n),
      coordinates,
      nearest_mode: oneOf<NearestMode>(n, "nearest_mode", nearestModes, "round_prefer_floor"),
      cubic_coeff_a: n.float("cubic_coeff_a", -0.75),
      exclude_outside: n.int("exclude_outside", 0) !== 0,
      antialias: n.int("antialias", 0) !== 0,
      extrapolation_value: n.float("extrapolation_value", 0),
      roi:
        half === 0
          ? []
          : [
              ...spread(
                axes,
                regions.slice(0, half),
                ends.map(() => 0),
              ),
              ...spread(axes, regions.slice(half), ends),
            ],
    },
  );
}

/** Resize 10 and Upsample: positions are multiples of the inverse scale. */
function scaleUp(n: NodeContext, target: Target): Value {
  return n.create(Resize, { x: n.input(0) }, { ...target, mode: modeOf(n), coordinates: "asymmetric", nearest_mode: "simple" });
}

function upsampleScales(n: NodeContext): readonly number[] {
  if (n.opset >= 9) return n.numbers(1, "the scales");
  if (n.has("scales")) return n.floats("scales");
  return [1, 1, n.float("height_scale"), n.float("width_scale")];
}

/** Begins and ends that centre an axis of `from` in one of `to`; negative ones crop. */
function centred(from: Dim, to: Dim): readonly [Dim, Dim] {
  const begin = dim.sub(dim.max(0, dim.floordiv(dim.sub(to, from), 2)), dim.max(0, dim.floordiv(dim.sub(from, to), 2)));
  return [begin, dim.sub(dim.sub(to, from), begin)];
}

export const resizeLowerings: Lowerings = {
  Resize: (n) =>
    n.opset >= 11
      ? resize(n)
      : scaleUp(
          n,
          resizeTarget(
            n,
            n.type(0).shape.map((_, a) => a),
            { scales: 1, sizes: 2 },
          ),
        ),

  Upsample: (n) => scaleUp(n, byScales(n.type(0).shape, upsampleScales(n))),

  GridSample(n) {
    const padding = oneOf(n, "padding_mode", ["zeros", "border", "reflection"], "zeros");
    return n.create(
      GridSample,
      { x: n.input(0), grid: n.input(1) },
      { mode: modeOf(n, "linear"), padding, align_corners: n.int("align_corners", 0) !== 0 },
    );
  },

  AffineGrid(n) {
    const spatial = n.dims(1, "the image's shape").slice(2);
    return n.create(AffineGrid, { theta: n.input(0) }, { spatial, align_corners: n.int("align_corners", 0) !== 0 });
  },

  DepthToSpace: (n) => depthToSpace(n.builder, n.input(0), n.int("blocksize"), n.string("mode", "DCR") === "CRD" ? "crd" : "dcr"),

  SpaceToDepth: (n) => spaceToDepth(n.builder, n.input(0), n.int("blocksize"), n.string("mode", "DCR") === "CRD" ? "crd" : "dcr"),

  CenterCropPad(n) {
    const { shape } = n.type(0);
    const axes = n
      .ints(
        "axes",
        shape.map((_, a) => a),
      )
      .map((a) => normalizeAxis(a, shape.length));
    const asked = spread(axes, n.dims(1, "the new shape"), shape);
    return n.create(Pad, { x: n.input(0) }, { pads: shape.map((e, a) => centred(e, asked[a]!)) });
  },
};
