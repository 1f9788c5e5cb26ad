/** Reading and writing at indices. */
import { Gather, GatherElements, GatherNd } from "../../../../ir/ops/gather.ts";
import { ScatterElements, ScatterNd } from "../../../../ir/ops/scatter.ts";
import { isAll } from "../../../expansions/movement.ts";
import { literal } from "../graph-writer.ts";
import { type NamedRow, row, since2 } from "../row.ts";

const scatterOperators = {
  none: "TensorScatterUpdate",
  add: "TensorScatterAdd",
  mul: "TensorScatterMul",
  max: "TensorScatterMax",
  min: "TensorScatterMin",
} as const;

/** Of those that reduce, 1.1 has the sum from zero. */
const scatterNd = row(ScatterNd, ({ x, indices, updates }, { reduction }, n) => {
  if (n.dialect === "2" || reduction === "none") return n.node(scatterOperators[reduction], [x, indices, updates]);
  if (reduction !== "add" || !isAll(x, 0)) return n.cannot(`that reduces by '${reduction}'`);
  return n.node("ScatterNd", [indices, updates, n.dims(x.tensor.shape)]);
});

const scatterElements = row(ScatterElements, ({ x, indices, updates }, { axis, reduction }, n) => {
  if (reduction !== "none" && reduction !== "add") return n.cannot(`that reduces by '${reduction}'`);
  return n.node("TensorScatterElements", [x, indices, updates], { axis, reduce: reduction === "add" ? 1 : 0 });
});

export const gatherRows: readonly NamedRow[] = [
  row(Gather, ({ x, indices }, { axis, batch_dims }, n) => {
    if (batch_dims !== 0 && n.dialect === "1.1") return n.cannot("with batches");
    const attributes = { input_names: ["params", "indices", "axis"], output_names: ["output"] };
    return n.node("Gather", [x, indices, literal(axis)], batch_dims === 0 ? attributes : { ...attributes, batch_dims });
  }),
  row(GatherElements, ({ x, indices }, { axis }, n) => n.node("GatherD", [x, literal(axis), indices])),
  row(GatherNd, ({ x, indices }, { batch_dims }, n) =>
    batch_dims === 0
      ? n.node("GatherNd", [x, indices], { input_names: ["input_x", "indices"], output_names: ["y"] })
      : n.cannot("with batches"),
  ),
  scatterNd,
  ...since2(scatterElements),
];
