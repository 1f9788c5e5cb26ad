/** Ops that rename, repeat, join and split elements, and sizes, as ONNX's operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { IdentityOp } from "../../../ir/ops/identity.ts";
import { Concat, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import { Expand, Extents, Reshape, Shape, Size, Tile, Transpose } from "../../../ir/ops/shape.ts";
import type { Body } from "./body.ts";
import { row, type Row } from "./row.ts";
import type { Operand, Term } from "./term.ts";

/** A shape that needs no arithmetic when the model runs: 0 for an axis that stays, -1 for the only one that is left. */
function shortcut(from: readonly Dim[], to: readonly Dim[]): readonly number[] | undefined {
  if (to.includes(0)) return undefined;
  const asked = to.map((d, axis) => (typeof d === "number" ? d : d === from[axis] ? 0 : -1));
  const open = asked.filter((d) => d === -1).length;
  // With a single symbolic axis -1 says the same whatever stands before it.
  const single = to.filter((d) => typeof d !== "number").length === 1 ? asked.map((d) => (d === 0 ? -1 : d)) : asked;
  return open <= 1 ? single : undefined;
}

/** `x` under another shape of as many elements. */
export function reshaped(n: Body, x: Operand, to: readonly Dim[]): Term {
  const asked = shortcut(x.shape, to);
  return asked ? n.op("Reshape", [x, n.ints(asked)]) : n.reshape(x, to);
}

export const transposed = (n: Body, x: Term, perm: readonly number[]): Term => n.op("Transpose", [x], { perm });

/** Axes dropped (of extent one) or added; both count in the larger rank. */
export const squeezed = (n: Body, x: Term, axes: readonly number[]): Term => n.op("Squeeze", [x, n.ints(axes)]);
export const unsqueezed = (n: Body, x: Term, axes: readonly number[]): Term => n.op("Unsqueeze", [x, n.ints(axes)]);

/** `size` elements from `start` along `axis`, in steps of `step`; the sizes are i64[1]. */
export const sliceOf = (n: Body, x: Term, axis: number, start: Dim, end: Dim): Term =>
  n.op("Slice", [x, n.dims([start]), n.dims([end]), n.ints([axis])]);

function tile(n: Body, x: Operand, shape: readonly Dim[]): Term {
  const repeats = shape.map((d, axis) => dim.exactDiv(d, x.shape[axis]!));
  if (repeats.every((r) => r !== undefined)) return n.op("Tile", [x, n.dims(repeats)]);
  // What is not a whole number of repeats is cut.
  const enough = shape.map((d, axis) => dim.ceildiv(d, dim.max(1, x.shape[axis]!)));
  const whole = n.op("Tile", [x, n.dims(enough)]);
  const axes = shape.map((_, axis) => axis);
  return n.op("Slice", [whole, n.ints(axes.map(() => 0)), n.dims(shape), n.ints(axes)]);
}

/** The extents `start` up to `end` of a shape. */
function shapeOf(n: Body, x: Operand, start: number, end: number | undefined): Term {
  if (n.opset >= 15) return n.op("Shape", [x], { start: start === 0 ? undefined : start, end }, "i64");
  const shape = n.op("Shape", [x], {}, "i64");
  return start === 0 && end === undefined ? shape : n.op("Slice", [shape, n.ints([start]), n.ints([end ?? x.shape.length])]);
}

function split(n: Body, x: Operand, axis: number, sizes: readonly Dim[]): readonly Term[] {
  if (sizes.length === 1) return [n.op("Identity", [x])];
  return n.ops("Split", [x, n.dims(sizes)], { axis }, { results: sizes.map(() => undefined) });
}

function unstack(n: Body, x: Operand, axis: number): readonly Term[] {
  const a = normalizeAxis(axis, x.shape.length);
  const parts = split(n, x, a, new Array<number>(x.shape[a] as number).fill(1));
  return parts.map((part) => squeezed(n, part, [a]));
}

export const shapeRows: readonly Row[] = [
  row(IdentityOp, (n, { x }) => n.op("Identity", [x])),
  row(Reshape, (n, { x }, { shape }) => reshaped(n, x, shape)),
  row(Transpose, (n, { x }, { perm }) => transposed(n, x, perm)),
  row(Expand, (n, { x }, { shape }) => n.op("Expand", [x, n.dims(shape)])),
  row(Tile, (n, { x }, { shape }) => tile(n, x, shape)),
  row(Shape, (n, { x }, { start, end }) => shapeOf(n, x, start, end)),
  row(Size, (n, { x }) => n.op("Size", [x], {}, "i64")),
  row(Extents, (n, _operands, { values }) => n.dims(values)),
  row(Concat, (n, { xs }, { axis }) => n.op("Concat", xs, { axis })),
  row(Split, (n, { x }, { axis, sizes }) => split(n, x, normalizeAxis(axis, x.shape.length), sizes)),
  row(Stack, (n, { xs }, { axis }, { result }) => {
    const a = normalizeAxis(axis, result.shape.length);
    return n.op(
      "Concat",
      xs.map((x) => unsqueezed(n, x, [a])),
      { axis: a },
    );
  }),
  row(Unstack, (n, { x }, { axis }) => unstack(n, x, axis)),
];
