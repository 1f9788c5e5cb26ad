/** Operators that put tensors together and take them apart along an axis. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import { row } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

const concat: Lowering = (n) => {
  const xs = n.inputs("x");
  return n.create(Concat, { xs }, { axis: normalizeAxis(n.int("concat_dim"), xs[0]?.tensor.shape.length ?? 0) });
};

const stack: Lowering = (n) => {
  const xs = n.inputs("x");
  return n.create(Stack, { xs }, { axis: normalizeAxis(n.int("axis"), xs[0]?.tensor.shape.length ?? 0, true) });
};

const splitAxis = (n: NodeContext): number => normalizeAxis(n.int("split_dim"), n.type("x").shape.length);

const split: Lowering = (n) => {
  const axis = splitAxis(n);
  const extent = n.type("x").shape[axis]!;
  const count = n.int("num_split");
  if (count < 1 || count !== Math.max(1, n.outputCount))
    return n.unsupported(`${n.outputCount} results of ${count} parts`, "bad-attribute");
  if (typeof extent === "number" && extent % count !== 0)
    return n.unsupported(`${extent} elements do not make ${count} equal parts`, "bad-attribute");
  return n.createAll(Split, { x: n.input("x") }, { axis, sizes: evenSizes(extent, count) });
};

/** One of the sizes may be -1: what is left. */
const sizedSplit: Lowering = (n) => {
  const axis = splitAxis(n);
  const asked = n.dims("size_splits");
  const rest = dim.sub(n.type("x").shape[axis]!, dim.add(...asked.filter((s) => s !== -1)));
  return n.createAll(Split, { x: n.input("x") }, { axis, sizes: asked.map((s): Dim => (s === -1 ? rest : s)) });
};

export const joinFamily: Family = {
  imports: {
    ConcatD: concat,
    ConcatV2D: concat,
    Pack: stack,
    Split: split,
    SplitD: split,
    SplitV: sizedSplit,
    SplitVD: sizedSplit,
    Unpack: (n) => n.createAll(Unstack, { x: n.input("x") }, { axis: normalizeAxis(n.int("axis"), n.type("x").shape.length) }),
  },
  exports: [
    row(Concat, (e, { axis }) => e.emit("ConcatD", { x: e.ins(0) }, { concat_dim: axis, N: e.ins(0).length })),
    row(Split, (e, { axis, sizes }) => {
      const count = { split_dim: axis, num_split: sizes.length };
      if (sizes.every((s) => s === sizes[0])) return e.emit("SplitD", { x: e.in(0) }, count);
      return e.emit("SplitVD", { x: e.in(0) }, { ...count, size_splits: e.fixed(sizes, "the sizes of the parts") });
    }),
    row(Stack, (e, { axis }) => e.emit("Pack", { x: e.ins(0) }, { axis, N: e.ins(0).length })),
    row(Unstack, (e, { axis }) => e.emit("Unpack", { x: e.in(0) }, { axis, num: e.types.length })),
  ],
};
