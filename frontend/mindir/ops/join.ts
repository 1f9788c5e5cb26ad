/** Operators that put tensors together and take them apart along an axis. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue, tupleOf } from "../values.ts";
import { commonType } from "./promote.ts";

/** All of one element type, the common one. */
function alike(n: NodeContext, tensors: readonly Value[]): Value[] {
  if (tensors.length === 0) return n.unsupported("there are no tensors to join", "bad-operand");
  const type = tensors.map((t) => t.tensor.dtype).reduce(commonType);
  return tensors.map((t) => n.cast(t, type));
}

/** The tensors of a tuple, or of all inputs but the one that is the axis. */
const concat: Lowering = (n) => {
  const first = n.items[0];
  if (isKind(first, "tuple") && !first.elements.some(isValue))
    return tupleOf(n.items.flatMap((item) => (isKind(item, "tuple") ? item.elements : [])));
  const tensors = alike(n, n.tensors(0));
  const axis = n.int([isKind(first, "tuple") ? 1 : -1, "axis"], 0);
  const rank = tensors[0]?.tensor.shape.length ?? 0;
  return n.create(Concat, { xs: tensors }, { axis: normalizeAxis(axis, rank) });
};

const stack: Lowering = (n) => {
  const tensors = alike(n, n.tensors(0));
  const rank = tensors[0]?.tensor.shape.length ?? 0;
  return n.create(
    Stack,
    { xs: tensors },
    { axis: normalizeAxis(n.int([isKind(n.items[0], "tuple") ? 1 : -1, "axis", "dim"], 0), rank, true) },
  );
};

const unstack: Lowering = (n) => {
  const x = n.input(0);
  return n.createAll(Unstack, { x }, { axis: normalizeAxis(n.int([1, "axis"], 0), x.tensor.shape.length) });
};

function splitInto(n: NodeContext, x: Value, axis: number, sizes: readonly Dim[]): readonly Value[] {
  return n.createAll(Split, { x }, { axis, sizes });
}

/** Equal parts: x, axis, output_num. */
const split: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([1, "axis"], 0), x.tensor.shape.length);
  const sizes = n.ints([-1, "size_splits"], []);
  const count = n.int([2, "output_num", "num_split"], 1);
  if (sizes.length > 0 && sizes.every((s) => s >= 0)) return splitInto(n, x, axis, sizes);
  const extent = x.tensor.shape[axis]!;
  if (typeof extent === "number" && extent % count !== 0)
    return n.unsupported(`${extent} elements do not make ${count} equal parts`, "bad-attribute");
  return splitInto(n, x, axis, evenSizes(extent, count));
};

/** Given sizes, one of which may be -1. */
function sizedSplit(n: NodeContext, x: Value, axis: number, asked: readonly number[]): readonly Value[] {
  const rest = dim.sub(
    x.tensor.shape[axis]!,
    asked.filter((s) => s >= 0).reduce((a, b) => a + b, 0),
  );
  return splitInto(
    n,
    x,
    axis,
    asked.map((s) => (s < 0 ? rest : s)),
  );
}

const splitV: Lowering = (n) => {
  const x = n.input(0);
  return sizedSplit(n, x, normalizeAxis(n.int([-1, "split_dim"], 0), x.tensor.shape.length), n.ints([-1, "size_splits"]));
};

/** x, sizes, dim. */
const splitWithSize: Lowering = (n) => {
  const x = n.input(0);
  return sizedSplit(n, x, normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length), n.ints([1, "split_size"]));
};

function fixedExtent(n: NodeContext, x: Value, axis: number): number {
  const extent = x.tensor.shape[axis]!;
  return typeof extent === "number" ? extent : n.unsupported("how many parts there are depends on an extent that is not fixed");
}

/** Parts of `size`, the last one smaller. */
function partsOf(n: NodeContext, x: Value, axis: number, size: number): readonly Value[] {
  const extent = fixedExtent(n, x, axis);
  if (size < 1) return n.unsupported("parts must have elements", "bad-attribute");
  const count = Math.max(1, Math.ceil(extent / size));
  if (count > 4096) return n.unsupported(`${count} parts are too many`, "limit");
  return splitInto(
    n,
    x,
    axis,
    Array.from({ length: count }, (_, k) => Math.min(size, extent - k * size)),
  );
}

/** x, size, dim. */
const splitTensor: Lowering = (n) => {
  const x = n.input(0);
  return partsOf(n, x, normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length), n.int([1, "split_size"]));
};

/** x, chunks, dim. */
const chunk: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int([2, "dim"], 0), x.tensor.shape.length);
  return partsOf(n, x, axis, Math.max(1, Math.ceil(fixedExtent(n, x, axis) / n.int([1, "chunks"]))));
};

export const join: Lowerings = {
  Concat: concat,
  tuple_add: concat,
  Stack: stack,
  StackExt: stack,
  Pack: stack,
  Unstack: unstack,
  UnstackExt: unstack,
  UnstackExtView: unstack,
  Unpack: unstack,
  Split: split,
  SplitD: split,
  SplitV: splitV,
  SplitWithSize: splitWithSize,
  SplitWithSizeView: splitWithSize,
  SplitTensor: splitTensor,
  SplitTensorView: splitTensor,
  Chunk: chunk,
  ChunkView: chunk,
};
