/** Ops that sort, and those whose results are as large as the data says, as ONNX's operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Det } from "../../../ir/ops/determinant.ts";
import { NmsWithMask, NonMaxSuppression } from "../../../ir/ops/nms.ts";
import { Compress, NonZero } from "../../../ir/ops/select-data.ts";
import { Sort, TopK } from "../../../ir/ops/sort.ts";
import { Unique } from "../../../ir/ops/unique.ts";
import type { Body } from "./body.ts";
import { functionRow, row, type Context, type Row } from "./row.ts";
import { sliceOf } from "./shape.ts";
import type { Operand, Term } from "./term.ts";

function topK(n: Body, x: Operand, k: Dim, axis: number, largest: boolean): Term[] {
  const attributes = { axis: axis === -1 ? undefined : axis, largest: largest ? undefined : 0 };
  return n.ops("TopK", [x, n.dims([k])], attributes, { results: [undefined, "i64"] });
}

/** The extent of an axis of a result, as the op's own result number `i`, where anything needs it. */
function countOf(n: Body, { isUsed }: Context, i: number, of: Term, axis: number): Term | undefined {
  if (!isUsed(i)) return undefined;
  return n.op("Gather", [n.op("Shape", [of], {}, "i64"), n.size(axis)], { axis: 0 });
}

/** Sorted by score, suppressed by ONNX's operator, and what is left as a mask. */
function nmsWithMask(n: Body, boxes: Operand, threshold: number): Term[] {
  const [count] = boxes.shape as [Dim];
  const scores = n.op("Squeeze", [sliceOf(n, boxes, 1, 4, 5), n.ints([1])]);
  const [best, order] = topK(n, { ...boxes, ...scores, shape: [count] }, count, -1, true) as [Term, Term];
  const sorted = n.op("Gather", [boxes, order], { axis: 0 });
  const corners = n.op("Unsqueeze", [n.cast(sliceOf(n, sorted, 1, 0, 4), "f32"), n.ints([0])]);
  const limits = [n.size(count), n.scalar("f32", threshold), n.scalar("f32", -Infinity)];
  const row = n.op("Unsqueeze", [n.cast(best, "f32"), n.ints([0, 1])]);
  const selected = n.op("NonMaxSuppression", [corners, row, ...limits], {}, "i64");
  const kept = n.op("Squeeze", [sliceOf(n, selected, 1, 2, 3), n.ints([1])]);
  const blank = n.op("Expand", [n.scalar("bool", 0), n.dims([count])]);
  const ones = n.op("Expand", [n.scalar("bool", 1), n.op("Shape", [kept], {}, "i64")]);
  const mask = n.op("ScatterElements", [blank, kept, ones], { axis: 0 });
  const places = n.op("Range", [n.size(0), n.size(count), n.size(1)]);
  return [sorted, n.cast(places, "i32"), mask];
}

export const sortRows: readonly Row[] = [
  row(Sort, (n, { x }, { axis, descending }) => topK(n, x, x.shape[normalizeAxis(axis, x.shape.length)]!, axis, descending)),
  row(TopK, (n, { x }, { axis, k, largest }) => topK(n, x, k, axis, largest)),
  row(NonZero, (n, { x }, _attributes, context) => {
    const indices = n.op("NonZero", [x], {}, "i64");
    return [indices, countOf(n, context, 1, indices, 1)];
  }),
  row(Compress, (n, { x, condition }, { axis }, context) => {
    const y = n.op("Compress", [x, condition], { axis });
    return [y, countOf(n, context, 1, y, normalizeAxis(axis, x.shape.length))];
  }),
  row(Unique, (n, { x }, { axis, sorted }, context) => {
    const attributes = { axis, sorted: sorted ? undefined : 0 };
    const results = n.ops("Unique", [x], attributes, { results: [undefined, "i64", "i64", "i64"] });
    return [...results, countOf(n, context, 4, results[1]!, 0)];
  }),
  row(NonMaxSuppression, (n, o, { centered, most }, context) => {
    const limit = most === undefined ? o.max_output : n.op("Min", [o.max_output, n.size(most)]);
    const operands = [o.boxes, o.scores, limit, o.iou_threshold, o.score_threshold];
    const selected = n.op("NonMaxSuppression", operands, { center_point_box: centered || undefined }, "i64");
    return [selected, countOf(n, context, 1, selected, 0)];
  }),
  functionRow(NmsWithMask, (n, { boxes }, { iou_threshold }) => nmsWithMask(n, boxes, iou_threshold)),
  row(Det, (n, { x }) => n.op("Det", [x])),
];
