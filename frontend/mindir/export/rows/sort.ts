/** Sorting and selection. MindSpore's indices are of i32; who wants others gets a cast. */
import { normalizeAxis } from "../../../../ir/axis.ts";
import { NmsWithMask } from "../../../../ir/ops/nms.ts";
import { NonZero } from "../../../../ir/ops/select-data.ts";
import { Sort, TopK } from "../../../../ir/ops/sort.ts";
import { tensor } from "../../../../ir/type.ts";
import { type Items, literal } from "../graph-writer.ts";
import { type NamedRow, row, type RowContext, type RowResult, since2 } from "../row.ts";

function results(n: RowContext, items: Items): RowResult[] {
  return [n.used(0, () => items.at(0)), n.used(1, () => ({ ...items.at(1), dtype: "i32" }))];
}

const types = (n: RowContext) => [n.type(), tensor("i32", n.type(1).shape)];

const topK = row(TopK, ({ x }, { axis, k, largest }, n) => {
  const rank = x.tensor.shape.length;
  if (!largest || rank === 0 || normalizeAxis(axis, rank) !== rank - 1 || typeof k !== "number")
    return n.cannot("of the least, along another axis than the last, or of a number that is not fixed");
  return results(
    n,
    n.items("TopK", [x, literal(k)], { sorted: true, input_names: ["input", "k"], output_names: ["values", "indices"] }, types(n)),
  );
});

const sort = row(Sort, ({ x }, { axis, descending }, n) =>
  n.dialect === "1.1" && x.tensor.dtype !== "f16" && x.tensor.dtype !== "f32"
    ? n.cannot("of that type in MindSpore 1.1")
    : results(n, n.items("Sort", [x], { axis, descending }, types(n))),
);

const nmsWithMask = row(NmsWithMask, ({ boxes }, { iou_threshold }, n) => {
  const all = n.op.results.map((r) => r.tensor);
  const items = n.items("NMSWithMask", [boxes], { iou_threshold: { float: iou_threshold } }, all);
  return n.op.results.map((_, i) => n.used(i, () => items.at(i)));
});

/** One row per element found; ours has a column. How many there are is known only as the extent. */
const nonZero = row(NonZero, ({ x }, _attributes, n) => {
  if (n.op.results[1]!.uses.size > 0) return n.cannot("whose count is used");
  const [rank, count] = n.type().shape;
  const found = n.node("NonZero", [x], {}, tensor("i64", [count!, rank!]));
  return [n.node("Transpose", [found, literal([1, 0])])];
});

export const sortRows: readonly NamedRow[] = [topK, sort, nmsWithMask, ...since2(nonZero)];
