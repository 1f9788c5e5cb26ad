/** Resizing and sampling of images as ONNX's operators. */
import { OpError } from "../../../ir/diagnostic.ts";
import type { Dim } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import type { AttributesFor } from "../../../ir/define.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import { AffineGrid, GridSample } from "../../../ir/ops/sample.ts";
import { type CoordinateMode, type NearestMode, nearestTo, position, resizedAxis, scaledExtent } from "../../../ir/resampling.ts";
import type { Body } from "./body.ts";
import { functionRow, row, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import { NeedsOpsetError, type Operand, type Term } from "./term.ts";

type ResizeAttributes = AttributesFor<typeof Resize>;

/** Version from which on a way to find positions is there; infinity for what no later version has. */
const coordinatesSince: Readonly<Record<CoordinateMode, number>> = {
  half_pixel: 13,
  half_pixel_symmetric: 19,
  pytorch_half_pixel: 13,
  align_corners: 13,
  asymmetric: 13,
  tf_half_pixel_for_nn: Infinity,
  tf_crop_and_resize: 13,
};

const changes = (x: Operand, a: ResizeAttributes, axis: number): boolean => x.shape[axis] !== a.shape[axis] || (a.scales[axis] ?? 1) !== 1;

/** Whether the extents are those that scales give in ONNX. */
const areScaled = (x: Operand, a: ResizeAttributes): boolean =>
  a.scales.every((s, axis) => s === 1 || scaledExtent(x.shape[axis]!, s) === a.shape[axis]);

/** Whether the positions of nearest elements are those of ONNX's attributes. */
const hasNearestMode = (x: Operand, a: ResizeAttributes): boolean =>
  a.nearest_mode !== "simple" && coordinatesSince[a.coordinates] < Infinity && areScaled(x, a);

/** The index of the nearest element for each output element, an axis after the other. */
function byPositions(n: Body, x: Operand, a: ResizeAttributes): Term {
  return a.shape.reduce<Term>((t, output, axis) => {
    if (!changes(x, a, axis)) return t;
    const input = x.shape[axis]!;
    if (typeof input !== "number" || typeof output !== "number" || a.coordinates === "tf_crop_and_resize") {
      throw new OpError(
        `the positions '${a.coordinates}' with '${a.nearest_mode}' for extents that are no numbers`,
        "unsupported-attribute",
      );
    }
    const indices = nearestIndices(input, output, a.scales[axis], a.coordinates, a.nearest_mode);
    return n.op("Gather", [t, n.ints(indices)], { axis });
  }, x);
}

function nearestIndices(
  input: number,
  output: number,
  scale: number | undefined,
  coordinates: Exclude<CoordinateMode, "tf_crop_and_resize">,
  mode: NearestMode,
): number[] {
  const axis = resizedAxis(input, output, scale);
  const shrinks = Number(axis.up) < Number(axis.down);
  return Array.from({ length: output }, (_, o) => {
    const nearest = Number(nearestTo(mode, position(coordinates, axis, o), shrinks));
    return Math.min(Math.max(nearest, 0), input - 1);
  });
}

function resize(n: Body, x: Operand, a: ResizeAttributes): Term {
  const isNearest = a.mode === "nearest";
  if (isNearest && !hasNearestMode(x, a)) return byPositions(n, x, a);
  if (!areScaled(x, a)) throw new OpError("ONNX has no extents that are not those of the scales", "unsupported-attribute");
  const since = coordinatesSince[a.coordinates];
  if (since === Infinity) throw new OpError(`ONNX finds no positions by '${a.coordinates}'`, "unsupported-attribute");
  if (since > n.opset) throw new NeedsOpsetError(since, `'resize' by '${a.coordinates}'`);
  if (a.antialias && !isNearest && n.opset < 18) throw new NeedsOpsetError(18, "'resize' with antialiasing");
  const hasScales = a.scales.length > 0;
  const roi = a.roi.length > 0 ? n.cast(n.values("f32", [a.roi.length], [...a.roi]), x.dtype === "f64" ? "f64" : "f32") : undefined;
  const operands = hasScales ? [x, roi, n.values("f32", [a.scales.length], [...a.scales])] : [x, roi, undefined, n.dims(a.shape)];
  return n.op("Resize", operands, {
    mode: a.mode,
    coordinate_transformation_mode: a.coordinates,
    nearest_mode: isNearest ? a.nearest_mode : undefined,
    cubic_coeff_a: a.mode === "cubic" ? { float: a.cubic_coeff_a } : undefined,
    exclude_outside: (!isNearest && a.exclude_outside) || undefined,
    antialias: (!isNearest && a.antialias) || undefined,
    extrapolation_value: a.extrapolation_value === 0 ? undefined : { float: a.extrapolation_value },
  });
}

/** Version 16 samples images only, and has other names for its modes. */
const oldModes = { nearest: "nearest", linear: "bilinear", cubic: "bicubic" } as const;

/** The positions of an image's elements, -1 to 1, the last axis first, and a one: `[elements, k + 1]`. */
function basePositions(spatial: readonly number[], alignCorners: boolean): number[] {
  const at = (i: number, extent: number): number => (alignCorners ? (2 * i) / Math.max(1, extent - 1) : (2 * i + 1) / extent) - 1;
  const rows = spatial.reduce<number[][]>(
    (points, extent) => points.flatMap((p) => Array.from({ length: extent }, (_, i) => [...p, at(i, extent)])),
    [[]],
  );
  return rows.flatMap((p) => [...p.toReversed(), 1]);
}

function affineGrid(n: Body, theta: Operand, spatial: readonly Dim[], alignCorners: boolean): Term {
  const size = [theta.shape[0]!, 1, ...spatial];
  if (n.has("AffineGrid")) return n.op("AffineGrid", [theta, n.dims(size)], { align_corners: alignCorners || undefined });
  if (!spatial.every((d) => typeof d === "number")) throw new NeedsOpsetError(20, "'affine_grid' of extents that are no numbers");
  const rank = spatial.length;
  const lifted = n.lift(theta);
  const base = n.values(lifted.dtype, [1, Number(dim.product(spatial)), rank + 1], basePositions(spatial, alignCorners));
  return n.reshape(n.op("MatMul", [base, transposed(n, lifted, [0, 2, 1])]), [theta.shape[0]!, ...spatial, rank]);
}

export const resizeRows: readonly Row[] = [
  functionRow(Resize, (n, { x }, a) => resize(n, x, a)),
  row(GridSample, (n, { x, grid }, { mode, padding, align_corners }) => {
    if (x.shape.length !== 4 && n.opset < 20) throw new NeedsOpsetError(20, "'grid_sample' of other than two spatial axes");
    const positions = grid.dtype === "bf16" ? n.cast(grid, "f32") : grid;
    return n.op("GridSample", [x, positions], {
      mode: n.opset < 20 ? oldModes[mode] : mode,
      padding_mode: padding,
      align_corners: align_corners || undefined,
    });
  }),
  functionRow(AffineGrid, (n, { theta }, { spatial, align_corners }) => affineGrid(n, theta, spatial, align_corners)),
];
