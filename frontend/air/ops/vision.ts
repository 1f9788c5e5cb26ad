/** Detection: boxes, regions, suppression. Boxes are (left, top, right, bottom), both ends inside. */
import type { Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { LogicalNot, LogicalOr } from "../../../ir/ops/compare.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { NmsWithMask } from "../../../ir/ops/nms.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import { AdaptiveRoiAlign, RoiAlign } from "../../../ir/ops/roi.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

const column = (n: NodeContext, x: Value, at: number, count: number): Value =>
  n.create(Slice, { x }, { starts: [0, at], sizes: [x.tensor.shape[0]!, count], steps: [1, 1] });

/** Regions are (image, left, top, right, bottom); no half-pixel offset. */
const roiAlign: Lowering = (n) => {
  const [x, rois] = [n.input("features"), n.input("rois")];
  const batch = n.cast(n.reshape(column(n, rois, 0, 1), [rois.tensor.shape[0]!]), "i32");
  const end = n.int("roi_end_mode");
  const attributes = {
    height: n.int("pooled_height"),
    width: n.int("pooled_width"),
    spatial_scale: n.float("spatial_scale"),
    offset: 0,
    end_offset: end,
    at_least_one: end === 0,
  };
  const operands = { x, rois: column(n, rois, 1, 4), batch };
  const samples = n.int("sample_num");
  return samples > 0 ? n.create(RoiAlign, operands, { ...attributes, samples }) : n.create(AdaptiveRoiAlign, operands, attributes);
};

type Four = readonly [Value, Value, Value, Value];

/** The four columns of boxes [n, 4], each [n, 1]. */
const columns = (n: NodeContext, x: Value): Four => n.createAll(Split, { x }, { axis: 1, sizes: [1, 1, 1, 1] }) as unknown as Four;

/** Boxes by centre and size. */
function centred(n: NodeContext, boxes: Value) {
  const f = new Formula(n);
  const [left, top, right, bottom] = columns(n, boxes);
  const size = (a: Value, b: Value): Value => f.add(f.sub(b, a), 1);
  return { x: f.mul(f.add(left, right), 0.5), y: f.mul(f.add(top, bottom), 0.5), width: size(left, right), height: size(top, bottom) };
}

const four = (n: NodeContext, name: string): readonly number[] => {
  const values = n.ints(name);
  return values.length === 4 ? values : n.unsupported(`'${name}' must have four entries`, "bad-attribute");
};

/** Boxes from anchors and deltas, clipped to the image. */
const boundingBoxDecode: Lowering = (n) => {
  const f = new Formula(n);
  const [means, stds] = [four(n, "means"), four(n, "stds")];
  const [height, width] = n.ints("max_shape");
  const limit = Math.abs(Math.log(n.float("wh_ratio_clip")));
  const anchor = centred(n, n.input("rois"));
  const deltas = columns(n, n.input("deltas")).map((d, k) => f.add(f.mul(d, stds[k]!), means[k]!)) as unknown as Four;
  const clipped = (d: Value): Value => f.min(f.max(d, -limit), limit);
  const centre = [f.add(anchor.x, f.mul(anchor.width, deltas[0])), f.add(anchor.y, f.mul(anchor.height, deltas[1]))] as const;
  const size = [f.mul(anchor.width, f.exp(clipped(deltas[2]))), f.mul(anchor.height, f.exp(clipped(deltas[3])))] as const;
  const inside = (v: Value, most: number | undefined): Value => (most === undefined ? v : f.min(f.max(v, 0), most));
  const end = (k: 0 | 1, sign: 1 | -1): Value => {
    const half = f.mul(size[k], 0.5);
    const moved = sign < 0 ? f.add(f.sub(centre[k], half), 0.5) : f.sub(f.add(centre[k], half), 0.5);
    return inside(moved, k === 0 ? width : height);
  };
  return n.create(Concat, { xs: [end(0, -1), end(1, -1), end(0, 1), end(1, 1)] }, { axis: 1 });
};

const boundingBoxEncode: Lowering = (n) => {
  const f = new Formula(n);
  const [means, stds] = [four(n, "means"), four(n, "stds")];
  const [anchor, truth] = [centred(n, n.input("anchor_box")), centred(n, n.input("ground_truth_box"))];
  const deltas = [
    f.div(f.sub(truth.x, anchor.x), anchor.width),
    f.div(f.sub(truth.y, anchor.y), anchor.height),
    f.log(f.div(truth.width, anchor.width)),
    f.log(f.div(truth.height, anchor.height)),
  ];
  return n.create(Concat, { xs: deltas.map((d, k) => f.div(f.sub(d, means[k]!), stds[k]!)) }, { axis: 1 });
};

/** [m, n] shares of the union of n boxes and m true ones, or of the true ones. */
const iou: Lowering = (n) => {
  const f = new Formula(n);
  const [boxes, truth] = [columns(n, n.input("bboxes")), columns(n, n.input("gtboxes"))];
  const rows = boxes.map((v) => n.create(Transpose, { x: v }, { perm: [1, 0] })) as unknown as Four;
  const overlap = (k: 0 | 1): Value => f.max(f.add(f.sub(f.min(rows[k + 2]!, truth[k + 2]!), f.max(rows[k], truth[k])), 1), 0);
  const area = (b: Four): Value => f.mul(f.add(f.sub(b[2], b[0]), 1), f.add(f.sub(b[3], b[1]), 1));
  const shared = f.mul(overlap(0), overlap(1));
  return f.div(shared, n.string("mode") === "iof" ? area(truth) : f.sub(f.add(area(rows), area(truth)), shared));
};

/** Whether boxes are inside the image of (height, width) times a ratio. */
const checkValid: Lowering = (n) => {
  const f = new Formula(n);
  const [left, top, right, bottom] = columns(n, n.input("bbox_tensor"));
  const metas = n.cast(n.reshape(n.input("img_metas"), [1, 3]), left.tensor.dtype);
  const [height, width, ratio] = n.createAll(Split, { x: metas }, { axis: 1, sizes: [1, 1, 1] }) as [Value, Value, Value];
  const limit = (v: Value): Value => f.sub(f.mul(v, ratio), 1);
  const bad = [f.less(left, 0), f.less(top, 0), f.less(limit(width), right), f.less(limit(height), bottom)];
  const any = bad.reduce((a, b) => n.create(LogicalOr, { a, b }));
  return n.reshape(n.create(LogicalNot, { x: any }), [left.tensor.shape[0]!]);
};

/** Boxes are known (top, left, bottom, right) as shares of the image; every box is cut out by itself. */
const cropAndResize: Lowering = (n) => {
  const x = n.input("x");
  const method = n.string("method");
  if (method !== "bilinear" && method !== "nearest") return n.unsupported(`the method '${method}' is not supported`);
  const [boxes, images, size] = [n.ints("boxes"), n.ints("box_index"), n.ints("crop_size")];
  if (images.length > 256) return n.unsupported(`${images.length} known boxes are too many`, "limit");
  const crops = images.map((image, k) => {
    const one = n.create(Slice, { x }, { starts: [image, 0, 0, 0], sizes: [1, ...x.tensor.shape.slice(1)], steps: [1, 1, 1, 1] });
    const [top, left, bottom, right] = boxes.slice(4 * k, 4 * k + 4) as [number, number, number, number];
    const attributes = {
      shape: [1, x.tensor.shape[1]!, ...size],
      coordinates: "tf_crop_and_resize" as const,
      mode: method === "bilinear" ? ("linear" as const) : ("nearest" as const),
      roi: [0, 0, top, left, 1, 1, bottom, right],
      extrapolation_value: n.float("extrapolation_value"),
      nearest_mode: "round_prefer_ceil" as const,
    };
    return n.create(Resize, { x: one }, attributes);
  });
  return crops.length === 1 ? crops[0]! : n.create(Concat, { xs: crops }, { axis: 0 });
};

interface RegionAttributes {
  readonly height: number;
  readonly width: number;
  readonly spatial_scale: number;
  readonly mode: string;
  readonly offset: number;
  readonly end_offset: number;
  readonly at_least_one: boolean;
}

function writeRoiAlign(e: ExportNode, a: RegionAttributes, samples: number): Written {
  if (a.mode !== "avg" || a.offset !== 0) return e.refuse("pixels are at half positions, or it takes the greatest sample");
  if (a.at_least_one !== (a.end_offset === 0)) return e.refuse("the least size of its regions");
  const attributes = {
    pooled_height: a.height,
    pooled_width: a.width,
    spatial_scale: a.spatial_scale,
    sample_num: samples,
    roi_end_mode: a.end_offset,
  };
  return e.emit("ROIAlign", { features: e.in(0), rois: joinedRegions(e) }, attributes);
}

/** Boxes and their images as one tensor: the one they were cut from, or a new one. */
function joinedRegions(e: ExportNode): Ref {
  const whole = cutFrom(e.op);
  if (whole) return e.scope.ref(whole);
  const [rois, batch] = [e.in(1), e.in(2)];
  const count = rois.type.shape[0]!;
  const images = e.reshape(e.cast(batch, rois.type.dtype), [count, 1]);
  return e.step("ConcatD", { x: [images, rois] }, { concat_dim: 1, N: 2 }, tensor(rois.type.dtype, [count, 5]));
}

function cutFrom(op: Op): Value | undefined {
  const rois = op.operand(1)?.op;
  let batch = op.operand(2)?.op;
  while (batch && (batch.definition === Cast || batch.definition === Reshape)) batch = batch.operand(0)?.op;
  const startOf = (o: Op | undefined): readonly Dim[] => (o?.definition === Slice ? (o.attributes["starts"] as readonly Dim[]) : []);
  const whole = rois?.operand(0);
  const fits = startOf(rois)[1] === 1 && startOf(batch)[1] === 0 && batch?.operand(0) === whole;
  return fits && whole?.type.kind === "tensor" && whole.type.shape[1] === 5 && startOf(rois)[0] === 0 ? whole : undefined;
}

export const visionFamily: Family = {
  imports: {
    BoundingBoxDecode: boundingBoxDecode,
    BoundingBoxEncode: boundingBoxEncode,
    CheckValid: checkValid,
    CropAndResize: cropAndResize,
    CropAndResizeD: cropAndResize,
    Iou: iou,
    NMSWithMask: (n) => n.createAll(NmsWithMask, { boxes: n.input("box_scores") }, { iou_threshold: n.float("iou_threshold") }),
    ROIAlign: roiAlign,
  },
  exports: [
    row(AdaptiveRoiAlign, (e, a) => writeRoiAlign(e, a, 0)),
    row(NmsWithMask, (e, { iou_threshold }) => e.emit("NMSWithMask", { box_scores: e.in(0) }, { iou_threshold })),
    row(RoiAlign, (e, a) => writeRoiAlign(e, a, a.samples)),
  ],
};
