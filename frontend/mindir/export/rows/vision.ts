/** Images: resizing, sampling, regions. */
import { AdaptiveAvgPool } from "../../../../ir/ops/pool.ts";
import { Resize } from "../../../../ir/ops/resize.ts";
import { AffineGrid, GridSample } from "../../../../ir/ops/sample.ts";
import { Det } from "../../../../ir/ops/determinant.ts";
import { RoiAlign } from "../../../../ir/ops/roi.ts";
import { tensor } from "../../../../ir/type.ts";
import { regionsOf } from "../fuse.ts";
import { literal, type Ref } from "../graph-writer.ts";
import { float } from "./names.ts";
import { type NamedRow, row, same, since2 } from "../row.ts";

/** The two last axes of images, at positions that MindSpore knows. */
const resize = row(Resize, ({ x }, a, n) => {
  const lead = x.tensor.shape.slice(0, 2);
  const isImage = x.tensor.shape.length === 4 && lead.every((d, i) => d === a.shape[i]);
  if (!isImage || a.mode === "cubic" || a.scales.length > 0 || a.antialias || a.exclude_outside)
    return n.cannot("of that mode, or of other axes than the last two");
  const size = n.numbers(a.shape.slice(2));
  const flags = { align_corners: a.coordinates === "align_corners" };
  if (a.mode === "linear") {
    if (!["align_corners", "asymmetric", "half_pixel"].includes(a.coordinates)) return n.cannot("at those coordinates");
    if (n.dialect === "1.1") {
      if (a.coordinates === "half_pixel" || x.tensor.dtype !== "f32")
        return n.cannot("at those coordinates or of that type in MindSpore 1.1");
      return n.node("ResizeBilinear", [x], { size, ...flags });
    }
    return n.node("ResizeBilinearV2", [x, literal(size)], { ...flags, half_pixel_centers: a.coordinates === "half_pixel" });
  }
  const isFloored = a.nearest_mode === "floor" && (a.coordinates === "asymmetric" || a.coordinates === "tf_half_pixel_for_nn");
  const isRounded = a.nearest_mode === "round_prefer_ceil" && a.coordinates === "align_corners";
  if (!isFloored && !isRounded) return n.cannot("at those coordinates");
  if (a.coordinates !== "tf_half_pixel_for_nn") return n.node("ResizeNearestNeighbor", [x], { size, ...flags });
  return n.dialect === "1.1"
    ? n.cannot("at those coordinates in MindSpore 1.1")
    : n.node("ResizeNearestNeighborV2", [x, literal(size)], { ...flags, half_pixel_centers: true });
});

const gridSample = row(GridSample, ({ x, grid }, { mode, padding, align_corners }, n) => {
  const rank = x.tensor.shape.length;
  if (mode === "cubic" || (rank !== 4 && rank !== 5)) return n.cannot("of that mode or number of axes");
  // Numbers, which the kernels know; names are for the functional interface.
  return n.node(rank === 4 ? "GridSampler2D" : "GridSampler3D", [x, grid], {
    interpolation_mode: mode === "linear" ? 0 : 1,
    padding_mode: { zeros: 0, border: 1, reflection: 2 }[padding],
    align_corners,
  });
});

const affineGrid = row(AffineGrid, ({ theta }, { spatial, align_corners }, n) => {
  const [images] = theta.tensor.shape;
  return n.node("AffineGrid", [theta, n.dims([images!, spatial.length, ...spatial])], { align_corners });
});

/** To one number or to a size per axis. */
const adaptive = row(AdaptiveAvgPool, ({ x }, { output }, n) => {
  const rank = x.tensor.shape.length - 2;
  if (rank !== 2 && rank !== 3) return n.cannot("of other than two or three spatial axes");
  return n.node(rank === 2 ? "AdaptiveAvgPool2D" : "AdaptiveAvgPool3D", [x], { output_size: n.numbers(output) });
});

/** Regions with the numbers of their images in front. */
const roiAlign = row(RoiAlign, ({ x, rois, batch }, a, n) => {
  const isKnown =
    a.mode === "avg" && a.offset === 0 && (a.end_offset === 0 || a.end_offset === 1) && a.at_least_one === (a.end_offset === 0);
  if (!isKnown) return n.cannot("of that mode, or with such an offset");
  const { dtype } = rois.tensor;
  const [count] = rois.tensor.shape;
  const numbers = (): Ref => {
    const cast = n.node("Cast", [batch, literal(n.writer.model.dialect.typeInput(dtype))], {}, tensor(dtype, [count!]));
    const column = n.node("Reshape", [cast, literal([-1, 1])], {}, tensor(dtype, [count!, 1]));
    const parts = n.writer.tuple([column, rois], [tensor(dtype, [count!, 1]), rois.tensor]);
    return n.node("Concat", [parts], { axis: 1, inputNums: 2 }, tensor(dtype, [count!, 5]));
  };
  return n.node("ROIAlign", [x, regionsOf(rois, batch, n.op) ?? numbers()], {
    pooled_height: a.height,
    pooled_width: a.width,
    spatial_scale: float(a.spatial_scale),
    sample_num: a.samples,
    roi_end_mode: a.end_offset,
  });
});

export const visionRows: readonly NamedRow[] = [
  resize,
  roiAlign,
  ...since2(gridSample, affineGrid, adaptive, ...same([[Det, "MatrixDeterminant"]])),
];
