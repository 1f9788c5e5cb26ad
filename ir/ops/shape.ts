/** Ops that only rename or repeat elements: reshape, transpose, expand, tile; and shapes as values. */
import { dims, int, ints, maybe } from "../attribute.ts";
import { broadcastShapes } from "../broadcast.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { refine } from "../refine.ts";
import { eq, type Expr, i64, index, load, select } from "../expr.ts";
import { pointwise } from "../stage.ts";
import { formatType, sameShape, tensor } from "../type.ts";

export const formatShape = (shape: readonly Dim[]): string => `[${shape.map(formatDim).join(",")}]`;

/** Strides of a row-major layout: the product of the extents to the right. */
const rowMajorStrides = (shape: readonly Dim[]): Dim[] => shape.map((_, d) => dim.product(shape.slice(d + 1)));

/** The row-major position of `at` in a shape. */
export const linearIndex = (at: readonly Dim[], shape: readonly Dim[]): Dim =>
  dim.add(...rowMajorStrides(shape).map((stride, d) => dim.mul(at[d]!, stride)));

/** The indices of element number `linear` of a row-major tensor. */
export function splitIndex(linear: Dim, shape: readonly Dim[]): Dim[] {
  return rowMajorStrides(shape).map((stride, d) => {
    if (shape[d] === 1) return 0;
    const whole = dim.floordiv(linear, stride);
    return dim.product(shape.slice(0, d)) === 1 ? whole : dim.mod(whole, shape[d]!);
  });
}

/**
 * Where the element at `at` of a tensor of shape `to` stands in a tensor of shape `from` with equal row-major order.
 * Where the shapes refine each other (`refine`), divisions stay within one axis of `to`; joined axes need none.
 */
export function reshapeIndices(to: readonly Dim[], from: readonly Dim[], at: readonly Dim[]): Dim[] {
  const refined = refine(to, from);
  if (!refined) return splitIndex(linearIndex(at, to), from);
  const parts: Dim[] = [];
  refined.left.forEach((group, axis) => {
    const split = splitIndex(
      at[axis]!,
      group.map((g) => refined.extents[g]!),
    );
    group.forEach((g, k) => (parts[g] = split[k]!));
  });
  return refined.right.map((group) =>
    linearIndex(
      group.map((g) => parts[g]!),
      group.map((g) => refined.extents[g]!),
    ),
  );
}

export const Reshape = defineOp({
  name: "reshape",
  summary: "The same elements in row-major order under another shape, which must hold as many elements.",
  operands: { x: operand },
  attributes: { shape: dims() },
  infer({ x }, { shape }) {
    if (dim.product(x.shape) !== dim.product(shape)) {
      throw new OpError(`cannot reshape ${formatType(x)} to ${formatShape(shape)}`, "type-mismatch", {
        expected: `${formatDim(dim.product(x.shape))} elements`,
        received: `${formatDim(dim.product(shape))} elements`,
      });
    }
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x }, results: [y] }) => [pointwise(y!, (at) => load(x, reshapeIndices(y!.shape, x.shape, at)))],
});

/**
 * The shape that a reshape of `from` asks for: -1 stands for what is left (at most once), 0 for the extent of the same
 * axis of `from` unless `zeroIsEmpty`. Throws an `OpError` where what is left cannot be told.
 */
export function resolveReshape(from: readonly Dim[], asked: readonly Dim[], zeroIsEmpty = false): Dim[] {
  const shape = asked.map((d, axis) => (d === 0 && !zeroIsEmpty ? keptExtent(from, axis) : d));
  const open = shape.indexOf(-1);
  if (shape.some((d, axis) => typeof d === "number" && (d < -1 || (d === -1 && axis !== open)))) {
    throw new OpError(`${formatShape(asked)} is not a shape`, "bad-attribute");
  }
  if (open < 0) return shape;
  const others = dim.product(shape.filter((_, axis) => axis !== open));
  const left = others === 0 ? 0 : dim.exactDiv(dim.product(from), others);
  if (left === undefined) {
    throw new OpError(`cannot tell what -1 stands for in a reshape of ${formatShape(from)} to ${formatShape(asked)}`, "type-mismatch", {
      remedy: "give the extents their values, such as --dim n=1",
    });
  }
  return shape.with(open, left);
}

function keptExtent(from: readonly Dim[], axis: number): Dim {
  const kept = from[axis];
  if (kept === undefined)
    throw new OpError(`axis ${axis} of the new shape is 0, but there is no such axis to take it from`, "bad-attribute");
  return kept;
}

export const Transpose = defineOp({
  name: "transpose",
  summary: "Axes in another order: axis `k` of `y` is axis `perm[k]` of `x`.",
  operands: { x: operand },
  attributes: { perm: ints() },
  infer({ x }, { perm }) {
    if (perm.length !== x.shape.length || x.shape.some((_, d) => !perm.includes(d))) {
      throw new OpError(`[${perm.join(", ")}] is not a permutation of the axes of ${formatType(x)}`, "bad-attribute");
    }
    return tensor(
      x.dtype,
      perm.map((p) => x.shape[p]!),
    );
  },
  compute: ({ operands: { x }, attributes: { perm }, results: [y] }) => [
    pointwise(y!, (at) =>
      load(
        x,
        x.shape.map((_, d) => at[perm.indexOf(d)]!),
      ),
    ),
  ],
});

export const Expand = defineOp({
  name: "expand",
  summary: "`x` broadcast to a shape: trailing axes are aligned, extents of one are repeated.",
  operands: { x: operand },
  attributes: { shape: dims() },
  infer({ x }, { shape }) {
    if (x.shape.length > shape.length || !sameShape(broadcastShapes(shape, x.shape), shape)) {
      throw new OpError(`${formatType(x)} does not broadcast to ${formatShape(shape)}`);
    }
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x }, results: [y] }) => [
    pointwise(y!, (at) => {
      const lead = at.length - x.shape.length;
      // Extents that are not known to be equal: one of them may be 1 when the model runs.
      const indices = x.shape.map((extent, d) =>
        extent === y!.shape[lead + d] ? at[lead + d]! : dim.min(at[lead + d]!, dim.sub(extent, 1)),
      );
      return load(x, indices);
    }),
  ],
});

export const Tile = defineOp({
  name: "tile",
  summary: "`x` repeated along every axis to fill a shape: `y[i] = x[i mod extent]`.",
  operands: { x: operand },
  attributes: { shape: dims() },
  infer({ x }, { shape }) {
    if (x.shape.length !== shape.length || x.shape.some((extent, d) => extent === 0 && shape[d] !== 0)) {
      throw new OpError(`${formatType(x)} does not tile ${formatShape(shape)}`);
    }
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x }, results: [y] }) => [
    pointwise(y!, (at) =>
      load(
        x,
        x.shape.map((extent, d) => (extent === y!.shape[d] ? at[d]! : dim.mod(at[d]!, extent))),
      ),
    ),
  ],
});

/** `values[i]` for the index `i`, by comparison, so that it folds where `i` is known. */
const pick = (values: readonly Dim[], i: Dim): Expr =>
  values.reduceRight<Expr>((rest, d, k) => (k === values.length - 1 ? index(d) : select(eq(index(i), i64(k)), index(d), rest)), i64(0));

export const Shape = defineOp({
  name: "shape",
  summary:
    "The extents of axes `start` up to `end` (default: all) as an i64 vector; both are clamped, and count from the end when negative.",
  operands: { x: operand },
  attributes: { start: int(0), end: maybe(int()) },
  infer: ({ x }, { start, end }) => tensor("i64", [x.shape.slice(start, end).length]),
  compute: ({ operands: { x }, attributes: { start, end }, results: [y] }) => [pointwise(y!, ([i]) => pick(x.shape.slice(start, end), i!))],
});

export const Size = defineOp({
  name: "size",
  summary: "The number of elements as an i64 scalar.",
  operands: { x: operand },
  attributes: {},
  infer: () => tensor("i64", []),
  compute: ({ operands: { x }, results: [y] }) => [pointwise(y!, () => index(dim.product(x.shape)))],
});

export const Extents = defineOp({
  name: "extents",
  summary: "Sizes, such as `n` or `2*n+1`, as an i64 vector.",
  operands: {},
  attributes: { values: dims() },
  infer: (_operands, { values }) => tensor("i64", [values.length]),
  compute: ({ attributes: { values }, results: [y] }) => [pointwise(y!, ([i]) => pick(values, i!))],
});

/** `shape` without the axes, each of which must have an extent that can be one; by default without all extents of one. */
export function squeezeShape(shape: readonly Dim[], axes?: readonly number[]): Dim[] {
  if (!axes) return shape.filter((d) => d !== 1);
  const dropped = new Set(axes.map((a) => normalizeAxis(a, shape.length)));
  for (const a of dropped) {
    if (shape[a] !== 1) throw new OpError(`axis ${a} of ${formatShape(shape)} cannot be dropped: its extent is not 1`);
  }
  return shape.filter((_, d) => !dropped.has(d));
}

/** `shape` with extents of one at the axes, which count in the result's rank. */
export function unsqueezeShape(shape: readonly Dim[], axes: readonly number[]): Dim[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((a) => normalizeAxis(a, rank)));
  if (added.size !== axes.length) throw new OpError(`an axis is named twice in [${axes.join(", ")}]`, "bad-attribute");
  const kept = shape[Symbol.iterator]();
  return Array.from({ length: rank }, (_, d) => (added.has(d) ? 1 : (kept.next().value as Dim)));
}
