/** Slices, pads, reversals; blocks of space and batch. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { Reverse, ReverseSequence, Slice } from "../../../ir/ops/slice.ts";
import { type AxisSlice, sliceEntries } from "../../strided-slice.ts";
import { type Layout, permuted, toLast, toSecond } from "../layout.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

function take(n: NodeContext, x: Value, slices: readonly AxisSlice[]): Value {
  const isWhole = slices.every((s, d) => s.start === 0 && s.step === 1 && s.size === x.tensor.shape[d]);
  if (isWhole) return x;
  return n.create(Slice, { x }, { starts: slices.map((s) => s.start), sizes: slices.map((s) => s.size), steps: slices.map((s) => s.step) });
}

/** x, begin, end, strides; or with the axes before the strides, one entry for each of them. */
const stridedSlice: Lowering = (n) => {
  const x = n.input(0);
  const { shape } = x.tensor;
  const masks = {
    begin: n.int("begin_mask"),
    end: n.int("end_mask"),
    ellipsis: n.int("ellipsis_mask"),
    newAxis: n.int("new_axis_mask"),
    shrink: n.int("shrink_axis_mask"),
  };
  const [begin, end] = [n.dims(1, "the begins"), n.dims(2, "the ends")];
  const hasAxes = n.has(4);
  const steps = n.has(3) ? n.numbers(hasAxes ? 4 : 3, "the steps") : begin.map(() => 1);
  if (!hasAxes) return bySpecification(n, x, begin, end, steps, masks);
  const axes = normalizeAxes(n.numbers(3, "the axes"), shape.length);
  const whole: { begin: Dim; end: Dim; step: number }[] = shape.map((size) => ({ begin: 0, end: size, step: 1 }));
  axes.forEach((axis, k) => (whole[axis] = { begin: begin[k]!, end: end[k]!, step: steps[k]! }));
  return bySpecification(
    n,
    x,
    whole.map((w) => w.begin),
    whole.map((w) => w.end),
    whole.map((w) => w.step),
    masks,
  );
};

function bySpecification(
  n: NodeContext,
  x: Value,
  begin: readonly Dim[],
  end: readonly Dim[],
  steps: readonly number[],
  masks: Parameters<typeof sliceEntries>[4],
): Value {
  const entries = sliceEntries(x.tensor.shape, begin, end, steps, masks);
  const slices = entries.flatMap((e) => (e.kind === "new" ? [] : [e.slice]));
  const shape = entries.flatMap((e) => (e.kind === "new" ? [1] : e.kind === "kept" ? [e.slice.size] : []));
  return n.reshape(take(n, x, slices), shape);
}

/** x, begin, size of the axes named; a size of -1 means to the end. */
const slice: Lowering = (n) => {
  const layout = n.isImage(0) ? "second" : "last";
  const x = n.input(0, layout);
  const shape = inFileOrder(layout, x.tensor.shape);
  const [begin, size] = [n.dims(1, "the begins"), n.dims(2, "the sizes")];
  const given = n.ints("axes");
  const axes = given.length > 0 ? normalizeAxes(given, shape.length) : begin.map((_, k) => k);
  const slices = shape.map((extent, axis) => {
    const k = axes.indexOf(axis);
    if (k < 0) return { start: 0, size: extent, step: 1 };
    const from = begin[k] ?? 0;
    const start = typeof from === "number" && from < 0 ? dim.add(extent, from) : from;
    return { start, size: size[k] === -1 || size[k] === undefined ? dim.sub(extent, start) : size[k], step: 1 };
  });
  return { layout, value: take(n, x, inOrder(layout, slices)) };
};

/** A list with an entry per axis, from our order of the axes of images to the file's, and back. */
const inFileOrder = <T>(layout: Layout, list: readonly T[]): readonly T[] => (layout === "second" ? permuted(list, toLast) : list);
const inOrder = <T>(layout: Layout, list: readonly T[]): readonly T[] => (layout === "second" ? permuted(list, toSecond) : list);

const padModes = { CONSTANT: "constant", REFLECT: "reflect", SYMMETRIC: "symmetric" } as const;

const pad: Lowering = (n) => {
  const layout = n.isImage(0) ? "second" : "last";
  const x = n.input(0, layout);
  const flat = n.has(1) ? n.dims(1, "the pads") : paddingsOf(n);
  const name = n.choice("padding_mode", "CONSTANT");
  const mode = Object.hasOwn(padModes, name) ? padModes[name as keyof typeof padModes] : n.unsupported(`the mode '${name}' is unknown`);
  const listed = x.tensor.shape.map((_, axis) => [flat[2 * axis] ?? 0, flat[2 * axis + 1] ?? 0] as const);
  const pads = inOrder(layout, listed);
  const fill = n.float("constant_value");
  const value = mode === "constant" && fill !== 0 ? n.scalar(x.tensor.dtype, fill) : undefined;
  return { layout, value: pads.every(([a, b]) => a === 0 && b === 0) ? x : n.create(Pad, { x, value }, { pads, mode }) };
};

interface Rows {
  readonly data?: readonly { readonly data?: readonly number[] }[];
}
const rowsOf = (n: NodeContext, name: string): readonly (readonly number[])[] =>
  ((n.operation.fields[name] as Rows | undefined)?.data ?? []).map((row) => row.data ?? []);

const paddingsOf = (n: NodeContext): readonly number[] => rowsOf(n, "paddings").flat();

/** Blocks of `[batch * product of block, space..., channels]` spread over the image, then cropped. */
const batchToSpace: Lowering = (n) => {
  const x = n.input(0);
  const block = blockOf(n, "block_size", "block_shape");
  const crops = n.has(2) ? pairs(n.numbers(2, "the crops")) : rowsOf(n, "crops");
  const [batch, ...rest] = x.tensor.shape as readonly [Dim, ...Dim[]];
  const k = block.length;
  const count = dim.exactDiv(batch, dim.product(block)) ?? n.unsupported("the batch does not divide into blocks");
  const space = rest.slice(0, k);
  const parts = n.reshape(x, [...block, count, ...rest]);
  const perm = [k, ...block.flatMap((_, i) => [k + 1 + i, i]), ...rest.slice(k).map((_, i) => 2 * k + 1 + i)];
  const moved = n.create(Transpose, { x: parts }, { perm });
  const whole = n.reshape(moved, [count, ...space.map((d, i) => dim.mul(d, block[i]!)), ...rest.slice(k)]);
  return take(
    n,
    whole,
    whole.tensor.shape.map((size, axis) => {
      const [begin = 0, end = 0] = crops[axis - 1] ?? [];
      return axis === 0 || axis > k ? { start: 0, size, step: 1 } : { start: begin, size: dim.sub(size, begin + end), step: 1 };
    }),
  );
};

const spaceToBatch: Lowering = (n) => {
  const x = n.input(0);
  const block = blockOf(n, "block_size", "block_shape");
  const paddings = n.has(2) ? pairs(n.numbers(2, "the pads")) : rowsOf(n, "paddings");
  const k = block.length;
  const pads = x.tensor.shape.map((_, axis) => {
    const [begin = 0, end = 0] = axis === 0 || axis > k ? [] : (paddings[axis - 1] ?? []);
    return [begin, end] as const;
  });
  const padded = pads.some(([a, b]) => a !== 0 || b !== 0) ? n.create(Pad, { x }, { pads }) : x;
  const [batch, ...rest] = padded.tensor.shape as readonly [Dim, ...Dim[]];
  const space = rest.slice(0, k).map((d, i) => dim.exactDiv(d, block[i]!) ?? n.unsupported("the image does not divide into blocks"));
  const parts = n.reshape(padded, [batch, ...space.flatMap((d, i) => [d, block[i]!]), ...rest.slice(k)]);
  const perm = [...block.map((_, i) => 2 + 2 * i), 0, ...block.map((_, i) => 1 + 2 * i), ...rest.slice(k).map((_, i) => 2 * k + 1 + i)];
  const moved = n.create(Transpose, { x: parts }, { perm });
  return n.reshape(moved, [dim.mul(batch, dim.product(block)), ...space, ...rest.slice(k)]);
};

const pairs = (flat: readonly number[]): readonly (readonly number[])[] =>
  Array.from({ length: flat.length >> 1 }, (_, i) => flat.slice(2 * i, 2 * i + 2));

function blockOf(n: NodeContext, ...names: readonly string[]): readonly number[] {
  const block = n.has(1) ? n.numbers(1, "the block") : names.map((name) => n.ints(name)).find((list) => list.length > 0);
  if (!block || block.some((b) => b < 1)) return n.unsupported("the block has no size", "bad-attribute");
  return block;
}

const reverse: Lowering = (n) => {
  const x = n.input(0);
  return n.create(Reverse, { x }, { axes: normalizeAxes(n.ints("axis"), x.tensor.shape.length) });
};

const reverseSequence: Lowering = (n) => {
  const x = n.input(0);
  const rank = x.tensor.shape.length;
  const attributes = { time_axis: normalizeAxis(n.int("seq_dim"), rank), batch_axis: normalizeAxis(n.int("batch_dim"), rank) };
  return n.create(ReverseSequence, { x, lengths: n.input(1) }, attributes);
};

export const sliceLowerings: Lowerings = {
  StridedSlice: stridedSlice,
  SliceFusion: slice,
  PadFusion: pad,
  BatchToSpace: batchToSpace,
  BatchToSpaceND: batchToSpace,
  SpaceToBatch: spaceToBatch,
  SpaceToBatchND: spaceToBatch,
  ReverseV2: reverse,
  ReverseSequence: reverseSequence,
};
