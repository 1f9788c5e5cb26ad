/** Writing at indices that are data. */
import { constantContent } from "../../../ir/content.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import type { Emitter } from "./emitter.ts";
import { attribute, rank, type Row, type Rows } from "./row.ts";

const primitives: Readonly<Record<string, string>> = { none: "ScatterNdUpdate", add: "TensorScatterAdd" };

/** Whether all indices are known to count from the start, as those of the primitives do. */
const countsFromStart = (indices: Value): boolean => constantContent(indices)?.every((i) => i >= 0) === true;

/** Extents of the axes that the index vectors are of. */
const extentsOf = (op: Op): readonly unknown[] => {
  const [x, indices] = [op.operand(0)!, op.operand(1)!];
  return x.tensor.shape.slice(0, indices.tensor.shape.at(-1) as number);
};

/** Indices below zero count from the end: those nodes add the extent. */
function fromStart(e: Emitter, op: Op): number {
  const indices = op.operand(1)!;
  if (countsFromStart(indices)) return e.get(indices);
  const { dtype, shape } = indices.tensor;
  const extents = extentsOf(op) as number[];
  const [isBelow, moved, chosen] = [tensor("bool", shape), indices.tensor, indices.tensor].map((type) => e.addTensor("", type, "NCHW"));
  e.node("Less", {}, [e.get(indices), e.literal(dtype, [], [0])], [isBelow!]);
  e.node("AddFusion", {}, [e.get(indices), e.literal(dtype, [extents.length], extents)], [moved!]);
  e.node("Select", {}, [isBelow!, moved!, e.get(indices)], [chosen!]);
  return chosen!;
}

/** Index vectors in a matrix or more. */
const scatterNd: Row = {
  accepts: (op) =>
    Object.hasOwn(primitives, attribute<string>(op, "reduction")) &&
    rank(op.operand(1)!) >= 2 &&
    (countsFromStart(op.operand(1)!) || extentsOf(op).every((d) => typeof d === "number")),
  emit(e, op) {
    const inputs = [e.get(op.operand(0)!), fromStart(e, op), e.get(op.operand(2)!)];
    e.node(primitives[attribute<string>(op, "reduction")]!, {}, inputs, [e.result(op.result)]);
  },
};

export const scatterRows: Rows = { scatter_nd: scatterNd };
