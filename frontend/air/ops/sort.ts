/** Sorting and the greatest elements. GE counts places in i32. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { Sort, TopK } from "../../../ir/ops/sort.ts";
import { tensor } from "../../../ir/type.ts";
import { type ExportNode, row } from "../export-node.ts";
import type { Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

const places = (n: NodeContext, indices: Value): Value => n.cast(indices, n.declared(1) === "i64" ? "i64" : "i32");

const topK =
  (axis: (n: NodeContext) => number, largest: (n: NodeContext) => boolean): Lowering =>
  (n) => {
    const x = n.input("x");
    const attributes = { k: n.dim("k"), axis: normalizeAxis(axis(n), x.tensor.shape.length), largest: largest(n) };
    const [values, indices] = n.createAll(TopK, { x }, attributes);
    return [values, places(n, indices!)];
  };

const sort: Lowering = (n) => {
  const x = n.input("x");
  const attributes = { axis: normalizeAxis(n.int("axis"), x.tensor.shape.length), descending: n.bool("descending") };
  const [values, indices] = n.createAll(Sort, { x }, attributes);
  return [values, places(n, indices!)];
};

/** The places as i32 for those who take them so, which all must do, else as i64. */
function widened(e: ExportNode, [values, narrow]: readonly Ref[]): Ref[] {
  const uses = [...e.op.results[1]!.uses];
  const isNarrow = uses.every(({ user }) => (user as Op).definition === Cast && (user as Op).attributes["to"] === "i32");
  return [values!, isNarrow ? narrow! : e.cast(narrow!, "i64")];
}

const narrowTypes = (e: ExportNode) => [e.types[0]!, tensor("i32", e.types[1]!.shape)];

export const sortFamily: Family = {
  imports: {
    Sort: sort,
    TopK: topK(
      () => -1,
      () => true,
    ),
    TopKD: topK(
      (n) => n.int("dim"),
      (n) => n.bool("largest"),
    ),
    TopKV2: topK(
      (n) => n.int("dim"),
      (n) => n.bool("largest"),
    ),
  },
  exports: [
    row(Sort, (e, { axis, descending }) => widened(e, e.emit("Sort", { x: e.in(0) }, { axis, descending }, narrowTypes(e)))),
    row(TopK, (e, { axis, k, largest }) => {
      const x = e.in(0);
      const count = typeof k === "number" ? e.scalar("i32", k) : e.cast(e.reshape(e.sizes([k]), []), "i32");
      const isLast = axis === -1 || axis === x.type.shape.length - 1;
      if (isLast && largest) return widened(e, e.emit("TopK", { x, k: count }, { sorted: true }, narrowTypes(e)));
      return widened(e, e.emit("TopKV2", { x, k: count }, { sorted: true, dim: axis, largest }, narrowTypes(e)));
    }),
  ],
};
