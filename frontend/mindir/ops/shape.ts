/** Operators that change a tensor's shape or put tensors together and apart. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Expand, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { intOf, isKind, isValue, type Item, tupleOf } from "../values.ts";

const reshape: Lowering = (n) => {
  const x = n.input(0);
  return n.reshape(x, resolveReshape(x.tensor.shape, n.dims([1, "shape"]), true));
};

/** Axes from `start` to `end` become one; a scalar becomes a vector of one. */
const flatten: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  if (rank === 0) return n.reshape(x, [1]);
  const isOld = n.operator.name === "Flatten";
  const start = normalizeAxis(n.int([isOld ? -1 : 1, "start_dim", "axis"], isOld ? 1 : 0), rank, true);
  const end = normalizeAxis(n.int([isOld ? -1 : 2, "end_dim"], -1), rank);
  const shape = x.tensor.shape;
  // `Flatten` gives a matrix, of a vector too.
  if (isOld) return n.reshape(x, [dim.product(shape.slice(0, start)), dim.product(shape.slice(start))]);
  return n.reshape(x, [...shape.slice(0, start), dim.product(shape.slice(start, end + 1)), ...shape.slice(end + 1)]);
};

const transpose: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const perm = n.ints([1, "perm"]).map((p) => normalizeAxis(p, rank));
  return n.create(Transpose, { x }, { perm });
};

/** Two axes change places: input, dim0, dim1. */
const swapAxes: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const [a, b] = [normalizeAxis(n.int([1, "dim0"]), rank), normalizeAxis(n.int([2, "dim1"]), rank)];
  return n.create(Transpose, { x }, { perm: x.tensor.shape.map((_, d) => (d === a ? b : d === b ? a : d)) });
};

const transposeLast: Lowering = (n) => {
  const x = n.input(0);
  const perm = x.tensor.shape.map((_, d) => d).reverse();
  return n.create(Transpose, { x }, { perm });
};

const expandDims: Lowering = (n) => {
  const x = n.input(0);
  let { shape } = x.tensor;
  for (const axis of n.ints([1, "axis", "dim"])) shape = [...shape].toSpliced(normalizeAxis(axis, shape.length, true), 0, 1);
  return n.reshape(x, shape);
};

const squeeze: Lowering = (n) => {
  const x = n.input(0);
  const axes = n.ints([1, "axis", "dim"], []);
  return n.reshape(x, squeezeShape(x.tensor.shape, axes.length === 0 ? undefined : axes));
};

/** More multiples than axes add axes in front, fewer are ones in front. */
const tile: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.dims([1, "multiples", "dims", "repeats"]);
  const rank = Math.max(asked.length, x.tensor.shape.length);
  const shape = [...new Array<Dim>(rank - x.tensor.shape.length).fill(1), ...x.tensor.shape];
  const multiples = [...new Array<Dim>(rank - asked.length).fill(1), ...asked];
  const wide = n.reshape(x, shape);
  return multiples.every((m) => m === 1) ? wide : n.create(Tile, { x: wide }, { shape: shape.map((d, i) => dim.mul(d, multiples[i]!)) });
};

/** Every element `repeats` times in a row: x, repeats, dim. */
const repeatInterleave: Lowering = (n) => {
  const given = n.input(0);
  const hasAxis = n.has([2, "dim", "axis"]);
  const x = hasAxis ? given : n.reshape(given, [dim.product(given.tensor.shape)]);
  const axis = hasAxis ? normalizeAxis(n.int([2, "dim", "axis"]), x.tensor.shape.length) : 0;
  const repeats = n.int([1, "repeats", "rep"]);
  const { shape } = x.tensor;
  const apart = n.reshape(x, [...shape].toSpliced(axis + 1, 0, 1));
  const wide = n.create(Expand, { x: apart }, { shape: [...shape].toSpliced(axis + 1, 0, repeats) });
  return n.reshape(wide, [...shape].with(axis, dim.mul(shape[axis]!, repeats)));
};

/** -1 keeps the extent of the input. */
const broadcastTo: Lowering = (n) => {
  const x = n.input(0);
  const asked = n.dims([1, "shape"]);
  const lead = asked.length - x.tensor.shape.length;
  const shape = asked.map((d, i) => (d === -1 ? (x.tensor.shape[i - lead] ?? 1) : d));
  return n.create(Expand, { x: onesFixed(n, x, shape) }, { shape });
};

/** Extents that can only be one, as they must be stretched, as ones. */
function onesFixed(n: NodeContext, x: Value, shape: readonly Dim[]): Value {
  const lead = shape.length - x.tensor.shape.length;
  const sizes = x.tensor.shape.map((d, i) => (typeof d !== "number" && d !== shape[lead + i] && dim.range(d)[1] <= 1 ? 1 : d));
  const isSame = sizes.every((d, i) => d === x.tensor.shape[i]);
  return isSame ? x : n.create(Slice, { x }, { starts: sizes.map(() => 0), sizes, steps: sizes.map(() => 1) });
}

const expandAs: Lowering = (n) => n.create(Expand, { x: n.input(0) }, { shape: n.type(1).shape });

const broadcastAll: Lowering = (n) => {
  const tensors = n.tensors(0);
  const shape = broadcastShapes(...tensors.map((t) => t.tensor.shape));
  return tensors.map((x) => n.create(Expand, { x }, { shape }));
};

/** The extents as a tuple of numbers, which need no data. */
const shapeOf: Lowering = (n) => {
  const [item] = n.items;
  if (isKind(item, "tuple")) return tupleOf([intOf(item.elements.length)]);
  return isValue(item) ? tupleOf(item.tensor.shape.map((d) => intOf(d))) : tupleOf([]);
};

const shapeTensor: Lowering = (n) => n.create(Shape, { x: n.input(0) });
const rank: Lowering = (n) => intOf(isValue(n.items[0]) ? n.rank(0) : 0);
const size: Lowering = (n) => intOf(dim.product(n.type(0).shape));
const sizeTensor: Lowering = (n) => n.create(Size, { x: n.input(0) });

/** Where each entry of a permutation stands. */
const invertPermutation: Lowering = (n) => {
  const perm = n.ints([0, "input_x"]);
  const inverse: Item[] = perm.map((_, i) => intOf(perm.indexOf(i)));
  return tupleOf(inverse);
};

export const shape: Lowerings = {
  Reshape: reshape,
  View: reshape,
  ReshapeExt: reshape,
  TransShape: reshape,
  Flatten: flatten,
  FlattenExt: flatten,
  Transpose: transpose,
  TransposeView: transpose,
  TransposeExt: swapAxes,
  TransposeExtView: swapAxes,
  T: transposeLast,
  TExt: transposeLast,
  ExpandDims: expandDims,
  ExpandDimsView: expandDims,
  Unsqueeze: expandDims,
  Squeeze: squeeze,
  Tile: tile,
  Repeat: tile,
  RepeatInterleaveInt: repeatInterleave,
  RepeatElements: repeatInterleave,
  BroadcastTo: broadcastTo,
  BroadcastToView: broadcastTo,
  DynamicBroadcastTo: broadcastTo,
  ExpandAs: expandAs,
  BroadcastTensors: broadcastAll,
  Shape: shapeOf,
  shape_: shapeOf,
  TensorShape: shapeTensor,
  DynamicShape: shapeTensor,
  Rank: rank,
  Size: size,
  DynamicSize: sizeTensor,
  InvertPermutation: invertPermutation,
};
