/** Writing at indices that are data. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { ScatterElements, ScatterNd } from "../../../ir/ops/scatter.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

/** x, indices, updates, which are of x's type. */
const operands = (n: NodeContext) => {
  const x = n.input(0);
  return { x, indices: n.input(1), updates: n.cast(n.input(2), x.tensor.dtype) };
};

const scatterNd =
  (reduction: "none" | "add"): Lowering =>
  (n) =>
    n.create(ScatterNd, operands(n), { reduction });

export const scatterLowerings: Lowerings = {
  ScatterNdUpdate: scatterNd("none"),
  TensorScatterAdd: scatterNd("add"),
  ScatterElements: (n) => n.create(ScatterElements, operands(n), { axis: normalizeAxis(n.int("axis"), n.rank(0)) }),
};
