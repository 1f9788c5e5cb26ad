/** Sorting, selection, and operators whose result is as large as the data says. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Less, LessEqual } from "../../../ir/ops/compare.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { ReduceSum } from "../../../ir/ops/reduce.ts";
import { Compress, NonZero } from "../../../ir/ops/select-data.ts";
import { Expand, Transpose } from "../../../ir/ops/shape.ts";
import { Sort, TopK } from "../../../ir/ops/sort.ts";
import { Unique } from "../../../ir/ops/unique.ts";
import type { Lowering, Lowerings } from "../node.ts";

/** Over the last axis: x, k. */
const topK: Lowering = (n) => {
  const x = n.input(0);
  const [values, indices] = n.createAll(TopK, { x }, { k: n.dim([1, "k"]), axis: x.tensor.shape.length - 1 });
  return [values!, n.cast(indices!, "i32")];
};

/** x, k, dim, largest, sorted. */
const topKExt: Lowering = (n) => {
  const x = n.input(0);
  return n.createAll(
    TopK,
    { x },
    { k: n.dim([1, "k"]), axis: normalizeAxis(n.int([2, "dim"], -1), x.tensor.shape.length), largest: n.bool([3, "largest"], true) },
  );
};

const sorted: Lowering = (n) => {
  const x = n.input(0);
  const attributes = {
    axis: normalizeAxis(n.int([1, "axis", "dim"], -1), x.tensor.shape.length),
    descending: n.bool([2, "descending"], false),
  };
  const [values, indices] = n.createAll(Sort, { x }, attributes);
  return [values!, n.cast(indices!, n.operator.name === "SortExt" ? "i64" : "i32")];
};

/** x, dim, descending, stable: the indices alone. */
const argSort: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "dim", "axis"], -1), x.tensor.shape.length);
  const [, indices] = n.createAll(Sort, { x }, { axis, descending: n.bool([2, "descending"], false) });
  return n.cast(indices!, n.declared?.dtype ?? "i64");
};

/** One row per element found. */
const nonZero: Lowering = (n) => {
  const [indices] = n.createAll(NonZero, { x: n.input(0) }, { extent: n.freshExtent("non_zero").name });
  return n.create(Transpose, { x: indices! }, { perm: [1, 0] });
};

const maskedSelect: Lowering = (n) => {
  const [x, mask] = [n.input(0), n.cast(n.input(1), "bool")];
  const shape = broadcastShapes(x.tensor.shape, mask.tensor.shape);
  const size = dim.product(shape);
  const flat = (v: typeof x): typeof x => n.reshape(n.create(Expand, { x: v }, { shape }), [size]);
  const [y] = n.createAll(Compress, { x: flat(x), condition: flat(mask) }, { axis: 0, extent: n.freshExtent("selected").name });
  return y!;
};

/** In order of first appearance: values, and for each element the place of its value. */
const unique: Lowering = (n) => {
  const given = n.input(0);
  const x = n.reshape(given, [dim.product(given.tensor.shape)]);
  const [y, , inverse] = n.createAll(Unique, { x }, { axis: 0, sorted: false, extent: n.freshExtent("unique").name });
  return [y!, n.cast(inverse!, given.tensor.dtype === "i64" ? "i64" : "i32")];
};

/** x, sorted, return_inverse, return_counts. */
const unique2: Lowering = (n) => {
  const given = n.input(0);
  const x = n.reshape(given, [dim.product(given.tensor.shape)]);
  const [y, , inverse, counts] = n.createAll(
    Unique,
    { x },
    { axis: 0, sorted: n.bool([1, "sorted"], true), extent: n.freshExtent("unique").name },
  );
  return [y!, n.reshape(inverse!, given.tensor.shape), counts!];
};

/** x, dim, keepdim: the lower of the middle values and its place. */
const medianDim: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "axis", "dim"], 0), x.tensor.shape.length);
  const keepdims = n.bool([2, "keep_dims", "keepdim"], false);
  const results = n.createAll(Sort, { x }, { axis });
  const middle = dim.floordiv(dim.sub(x.tensor.shape[axis]!, 1), 2);
  const at = n.tensorOf({ kind: "int", value: middle, dtype: "i64" });
  return results.map((r) => n.create(Gather, { x: r, indices: keepdims ? n.reshape(at, [1]) : at }, { axis }));
};

/** Attributes in place of inputs; of all elements where asked. */
const median: Lowering = (n) => {
  if (!n.bool([-1, "global_median"], false)) return medianDim(n);
  return [medianAll(n) as Value, n.constant("i64", [], [0])];
};

/** For each value how many of the sorted row are less, or not greater: sorted, values, sorter, dtype, right. */
const searchSorted: Lowering = (n) => {
  const rows = n.input(0);
  const values = n.cast(n.input(1), rows.tensor.dtype);
  if (n.optional(2)) return n.unsupported("a sorter is not supported");
  const to = n.dtype([3, "dtype"], n.declared?.dtype ?? "i64");
  const lead = rows.tensor.shape.slice(0, -1);
  const a = n.reshape(rows, [...lead, ...values.tensor.shape.slice(lead.length).map(() => 1), rows.tensor.shape.at(-1)!]);
  const b = n.reshape(values, [...values.tensor.shape, 1]);
  const isBefore = n.create(n.bool([4, "right"], false) ? LessEqual : Less, { a, b });
  return n.create(ReduceSum, { x: n.cast(isBefore, to) }, { axes: [isBefore.tensor.shape.length - 1] });
};

const medianAll: Lowering = (n) => {
  const given = n.input(0);
  const x = n.reshape(given, [dim.product(given.tensor.shape)]);
  const [values] = n.createAll(Sort, { x }, { axis: 0 });
  const middle = dim.floordiv(dim.sub(x.tensor.shape[0]!, 1), 2);
  return n.create(Gather, { x: values!, indices: n.tensorOf({ kind: "int", value: middle, dtype: "i64" }) }, { axis: 0 });
};

export const sort: Lowerings = {
  TopK: topK,
  TopkExt: topKExt,
  Sort: sorted,
  SortExt: sorted,
  ArgSort: argSort,
  NonZero: nonZero,
  MaskedSelect: maskedSelect,
  Unique: unique,
  Unique2: unique2,
  Median: median,
  SearchSorted: searchSorted,
  MedianDim: medianDim,
  MedianExt: medianAll,
};
