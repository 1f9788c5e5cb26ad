/** Detection and sampling of images. */
import type { Value } from "../../../ir/graph.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { NmsWithMask } from "../../../ir/ops/nms.ts";
import { AdaptiveRoiAlign } from "../../../ir/ops/roi.ts";
import { AffineGrid, GridSample } from "../../../ir/ops/sample.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { Formula } from "../../formula.ts";
import { alignRegions, centred, columns, decodeDeltas, type Four, regionAttributes, regionParts } from "../../regions.ts";

/** Regions are (image, left, top, right, bottom); no half-pixel offset. */
const roiAlign: Lowering = (n) => {
  const [x, regions] = [n.input(0), n.input(1)];
  const samples = n.int([-1, "sample_num"], 2);
  const spec = {
    height: n.int([-1, "pooled_height"]),
    width: n.int([-1, "pooled_width"]),
    scale: n.float([-1, "spatial_scale"], 1),
    hasFarEnd: n.int([-1, "roi_end_mode"], 1) !== 0,
  };
  if (samples > 0) return alignRegions(n, x, regions, spec, samples);
  n.warn("precision", "the number of samples per bin is rounded up, where MindSpore rounds it down");
  return n.create(AdaptiveRoiAlign, { x, ...regionParts(n, regions) }, regionAttributes(spec));
};

const nmsWithMask: Lowering = (n) =>
  n.createAll(NmsWithMask, { boxes: n.input(0) }, { iou_threshold: n.float([-1, "iou_threshold"], 0.5) });

const four = (n: NodeContext, name: string, fallback: number): readonly number[] => {
  const values = n.floats([-1, name], new Array<number>(4).fill(fallback));
  return values.length === 4 ? values : n.unsupported(`'${name}' must have four entries`, "bad-attribute");
};

/** anchors, deltas: boxes, clipped to the image. */
const boundingBoxDecode: Lowering = (n) => {
  const [height, width] = n.ints([-1, "max_shape"], []);
  return decodeDeltas(n, n.input(0), n.input(1), {
    means: four(n, "means", 0),
    stds: four(n, "stds", 1),
    image: [height, width],
    leastRatio: n.float([-1, "wh_ratio_clip"], 0.016),
  });
};

/** anchors, ground truth: the deltas between them. */
const boundingBoxEncode: Lowering = (n) => {
  const f = new Formula(n);
  const [means, stds] = [four(n, "means", 0), four(n, "stds", 1)];
  const [anchor, truth] = [centred(n, n.input(0)), centred(n, n.input(1))];
  const deltas = [
    f.div(f.sub(truth.x, anchor.x), anchor.width),
    f.div(f.sub(truth.y, anchor.y), anchor.height),
    f.log(f.div(truth.width, anchor.width)),
    f.log(f.div(truth.height, anchor.height)),
  ];
  const xs = deltas.map((d, k) => f.div(f.sub(d, means[k] as number), stds[k] as number));
  return n.create(Concat, { xs }, { axis: 1 });
};

/** anchors [n, 4], ground truth [m, 4]: [m, n] shares of the union, or of the ground truth. */
const iou: Lowering = (n) => {
  const f = new Formula(n);
  const [anchors, truth] = [columns(n, n.input(0)), columns(n, n.input(1))];
  const row = anchors.map((v) => n.create(Transpose, { x: v }, { perm: [1, 0] })) as unknown as Four<Value>;
  const overlap = (k: 0 | 1): Value =>
    f.max(f.add(f.sub(f.min(row[k + 2] as Value, truth[k + 2] as Value), f.max(row[k], truth[k])), 1), 0);
  const area = (b: Four<Value>): Value => f.mul(f.add(f.sub(b[2], b[0]), 1), f.add(f.sub(b[3], b[1]), 1));
  const shared = f.mul(overlap(0), overlap(1));
  const whole = n.string([-1, "mode"], "iou") === "iof" ? area(truth) : f.sub(f.add(area(row), area(truth)), shared);
  return f.div(shared, whole);
};

/** Boxes inside the image: (left, top, right, bottom), (height, width, ratio). */
const checkValid: Lowering = (n) => {
  const f = new Formula(n);
  const [left, top, right, bottom] = columns(n, n.input(0));
  const metas = n.cast(n.reshape(n.input(1), [1, 3]), left.tensor.dtype);
  const [height, width, ratio] = n.createAll(Split, { x: metas }, { axis: 1, sizes: [1, 1, 1] }) as unknown as readonly [
    Value,
    Value,
    Value,
  ];
  const limit = (v: Value): Value => f.sub(f.mul(v, ratio), 1);
  const bad = [f.less(left, 0), f.less(top, 0), f.less(limit(width), right), f.less(limit(height), bottom)].map((v) => n.cast(v, "i32"));
  const count = bad.reduce((a, b) => f.add(a, b));
  return n.reshape(f.equal(count, 0), [left.tensor.shape[0]!]);
};

const modes = ["bilinear", "nearest", "bicubic"];
const paddings = ["zeros", "border", "reflection"];

const gridSample: Lowering = (n) => {
  const name = n.string([2, "interpolation_mode"], "bilinear", modes);
  const padding = n.string([3, "padding_mode"], "zeros", paddings);
  return n.create(
    GridSample,
    { x: n.input(0), grid: n.input(1) },
    {
      mode: name === "nearest" ? "nearest" : name === "bicubic" ? "cubic" : "linear",
      padding: padding === "border" ? "border" : padding === "reflection" ? "reflection" : "zeros",
      align_corners: n.bool([4, "align_corners"], false),
    },
  );
};

const affineGrid: Lowering = (n) => {
  const size = n.dims([1, "output_size"]);
  return n.create(AffineGrid, { theta: n.input(0) }, { spatial: size.slice(2), align_corners: n.bool([2, "align_corners"], false) });
};

export const vision: Lowerings = {
  ROIAlign: roiAlign,
  NMSWithMask: nmsWithMask,
  BoundingBoxDecode: boundingBoxDecode,
  BoundingBoxEncode: boundingBoxEncode,
  IOU: iou,
  CheckValid: checkValid,
  GridSampler2D: gridSample,
  GridSampler3D: gridSample,
  AffineGrid: affineGrid,
};
