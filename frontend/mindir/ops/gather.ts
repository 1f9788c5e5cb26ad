/** Operators that read at indices which are data. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { LogicalAnd, Where } from "../../../ir/ops/compare.ts";
import { Gather, GatherElements, GatherNd } from "../../../ir/ops/gather.ts";
import { Stack } from "../../../ir/ops/join.ts";
import { Expand, Extents, Reshape, Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue } from "../values.ts";
import { Formula } from "../../formula.ts";

/** x, indices, axis, batch_dims. */
const gatherAxis: Lowering = (n) => {
  const x = n.input(0);
  const indices = n.input(1);
  const axis = normalizeAxis(n.int([2, "axis"], 0), x.tensor.shape.length);
  const batch = n.int([3, "batch_dims"], 0);
  return n.create(Gather, { x, indices }, { axis, batch_dims: batch < 0 ? batch + indices.tensor.shape.length : batch });
};

/** x, dim, indices. */
const indexSelect: Lowering = (n) => {
  const x = n.input(0);
  const indices = n.input(2);
  return n.create(Gather, { x, indices }, { axis: normalizeAxis(n.int([1, "dim", "axis"]), x.tensor.shape.length) });
};

/** x, dim, index. */
const gatherElements: Lowering = (n) => {
  const x = n.input(0);
  return n.create(GatherElements, { x, indices: n.input(2) }, { axis: normalizeAxis(n.int([1, "dim"]), x.tensor.shape.length) });
};

const gatherNd: Lowering = (n) => n.create(GatherNd, { x: n.input(0), indices: n.input(1) });

/** ids, weights. */
const embedding: Lowering = (n) => n.create(Gather, { x: n.input(1), indices: n.input(0) }, { axis: 0 });

/** Rows at `indices - offset`; ids outside give zeros. */
const embeddingLookup: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  const ids = n.cast(n.input(1), "i64");
  const offset = n.int([2, "offset"], 0);
  const places = offset === 0 ? ids : f.sub(ids, offset);
  const rows = n.create(Gather, { x, indices: f.max(places, 0) }, { axis: 0 });
  const count = n.create(Reshape, { x: n.create(Extents, {}, { values: [x.tensor.shape[0]!] }) }, { shape: [] });
  const isInside = n.create(LogicalAnd, { a: f.greater(places, -1), b: f.less(places, count) });
  const condition = n.reshape(isInside, [...places.tensor.shape, ...x.tensor.shape.slice(1).map(() => 1)]);
  return n.create(Where, { condition, a: rows, b: n.scalar(x.tensor.dtype, 0) });
};

/**
 * A tensor indexed by a tuple of index tensors, as numpy has it; None and absent ones stand for whole axes. Indexed axes
 * that stand apart give their common shape in front.
 */
const index: Lowering = (n) => {
  const x = n.input(0);
  const given = isKind(n.items[1], "tuple") ? n.items[1].elements : n.items.slice(1);
  const rank = x.tensor.shape.length;
  const axes = given.flatMap((item, axis) =>
    isKind(item, "none") || (isValue(item) && item.tensor.shape.length === 1 && item.tensor.shape[0] === 0) ? [] : [axis],
  );
  const indices = axes.map((axis) => n.tensorOf(given[axis]!));
  if (indices.length === 0) return x;
  if (indices.some((v) => v.tensor.dtype === "bool")) return n.unsupported("an index of bools gives a result whose size depends on data");
  const shape = broadcastShapes(...indices.map((v) => v.tensor.shape));
  const wide = indices.map((v) => n.create(Expand, { x: n.cast(v, "i64") }, { shape }));
  const others = Array.from({ length: rank }, (_, d) => d).filter((d) => !axes.includes(d));
  const isTogether = axes.every((axis, k) => axis === axes[0]! + k);
  const inFront = n.create(Transpose, { x }, { perm: [...axes, ...others] });
  const picked = n.create(GatherNd, { x: inFront, indices: n.create(Stack, { xs: wide }, { axis: shape.length }) });
  const before = isTogether ? axes[0]! : 0;
  return before === 0 ? picked : moved(n, picked, shape.length, before);
};

/** The first `count` axes put behind `before` of those after them. */
function moved(n: NodeContext, x: Value, count: number, before: number): Value {
  const all = x.tensor.shape.map((_, d) => d);
  const rest = all.slice(count);
  return n.create(Transpose, { x }, { perm: [...rest.slice(0, before), ...all.slice(0, count), ...rest.slice(before)] });
}

/** The elements of the flat tensor. */
const take: Lowering = (n) => {
  const x = n.input(0);
  return n.create(Gather, { x: n.reshape(x, [dim.product(x.tensor.shape)]), indices: n.input(1) }, { axis: 0 });
};

export const gather: Lowerings = {
  Gather: gatherAxis,
  GatherV2: gatherAxis,
  SparseGatherV2: gatherAxis,
  GatherD: gatherElements,
  GatherNd: gatherNd,
  GatherNdExt: gatherNd,
  IndexSelect: indexSelect,
  Index: index,
  Embedding: embedding,
  EmbeddingLookup: embeddingLookup,
  Take: take,
};
