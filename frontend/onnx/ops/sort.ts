/** ONNX operators that sort, and those whose results are as large as the data says. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { NonMaxSuppression } from "../../../ir/ops/nms.ts";
import { Compress, NonZero } from "../../../ir/ops/select-data.ts";
import { TopK } from "../../../ir/ops/sort.ts";
import { Unique } from "../../../ir/ops/unique.ts";
import type { DType } from "../../../ir/type.ts";
import type { Lowerings, NodeContext } from "../node.ts";

function topCount(n: NodeContext, axis: number): Dim {
  if (n.opset < 10) return n.int("k");
  return n.knownDims(1)?.[0] ?? n.declaredShape(0)?.[axis] ?? n.dims(1, "the number of values")[0]!;
}

/** The value as a vector of all its elements. */
const flattened = (n: NodeContext, x: Value): Value => n.reshape(x, [dim.product(x.tensor.shape)]);

/** The operand and the axis, or all elements and axis 0 where no axis is given. */
function alongAxis(n: NodeContext): { readonly x: Value; readonly axis: number } {
  const x = n.input(0);
  return n.has("axis") ? { x, axis: normalizeAxis(n.int("axis"), x.tensor.shape.length) } : { x: flattened(n, x), axis: 0 };
}

/** Operand `i`, of one element, or a constant in its place. */
const limit = (n: NodeContext, i: number, dtype: DType, fallback: number | bigint): Value => n.optional(i) ?? n.scalar(dtype, fallback);

export const sortLowerings: Lowerings = {
  TopK(n) {
    const axis = normalizeAxis(n.int("axis", -1), n.rank(0));
    return n.createAll(TopK, { x: n.input(0) }, { axis, k: topCount(n, axis), largest: n.int("largest", 1) !== 0 });
  },

  NonZero: (n) => n.create(NonZero, { x: n.input(0) }, { extent: n.freshExtent("nonzero").name }),

  Compress(n) {
    const { x, axis } = alongAxis(n);
    return n.create(Compress, { x, condition: n.input(1) }, { axis, extent: n.freshExtent("kept").name });
  },

  Unique(n) {
    const { x, axis } = alongAxis(n);
    return n.createAll(Unique, { x }, { axis, sorted: n.int("sorted", 1) !== 0, extent: n.freshExtent("unique").name }).slice(0, 4);
  },

  NonMaxSuppression(n) {
    const operands = {
      boxes: n.input(0),
      scores: n.input(1),
      max_output: limit(n, 2, "i64", 0n),
      iou_threshold: limit(n, 3, "f32", 0),
      score_threshold: limit(n, 4, "f32", -Infinity),
    };
    const known = n.optional(2) ? n.knownNumbers(2)?.[0] : 0;
    const most = known !== undefined && known >= 0 && known < 2 ** 31 ? { most: known } : {};
    return n.create(NonMaxSuppression, operands, {
      centered: n.int("center_point_box", 0) !== 0,
      extent: n.freshExtent("selected").name,
      ...most,
    });
  },
};
