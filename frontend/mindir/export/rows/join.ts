/** Tensors put together and taken apart, slices and pads. */
import { Concat, Split, Stack, Unstack } from "../../../../ir/ops/join.ts";
import { add, dimKey, type Dim } from "../../../../ir/dim.ts";
import { Pad } from "../../../../ir/ops/pad.ts";
import { Reverse, ReverseSequence, Slice } from "../../../../ir/ops/slice.ts";
import { literal, type Ref } from "../graph-writer.ts";
import { type NamedRow, row, type RowContext } from "../row.ts";

/** The results of an operator that gives a tuple, those that are used. */
function parts(n: RowContext, make: () => { at(i: number): Ref }): (Ref | undefined)[] {
  const items = make();
  return n.op.results.map((_, i) => n.used(i, () => items.at(i)));
}

const typesOf = (n: RowContext) => n.op.results.map((r) => r.tensor);

const split = row(Split, ({ x }, { axis, sizes }, n) => {
  if (sizes.some((s) => dimKey(s) !== dimKey(sizes[0]!))) return n.cannot("into parts of different sizes");
  return parts(n, () => n.items("Split", [x], { axis, output_num: sizes.length }, typesOf(n)));
});

/** Where steps are one: the begin and the size per axis, -1 up to the end. */
const slice = row(Slice, ({ x }, { starts, sizes, steps }, n) => {
  if (steps.every((s) => s === 1)) {
    const from = n.numbers(starts);
    const reachesEnd = (d: Dim, i: number): boolean => dimKey(add(starts[i]!, d)) === dimKey(x.tensor.shape[i]!);
    if (!sizes.every((d, i) => typeof d === "number" || reachesEnd(d, i))) return n.cannot("of extents that are not fixed");
    const size = sizes.map((d) => (typeof d === "number" ? d : -1));
    return n.node("Slice", [x, literal(from), literal(size)], { input_names: ["x", "begin", "size"], output_names: ["output"] });
  }
  const from = n.numbers(starts);
  const count = n.numbers(sizes);
  // Backwards past the first element: an end before it counts from the end of the axis, so it lies further out.
  const end = from.map((s, d) => (count[d] === 0 ? s : s + (count[d]! - 1) * steps[d]! + Math.sign(steps[d]!)));
  const last = end.map((e, d) => (e < 0 ? -n.numbers(x.tensor.shape)[d]! - 1 : e));
  const masks = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 0 };
  return n.node("StridedSlice", [x, literal(from), literal(last), literal(steps)], {
    ...masks,
    input_names: ["x", "begin", "end", "strides"],
    output_names: ["output"],
  });
});

/** Zeros around, or a mirror image. */
const pad = row(Pad, ({ x, value }, { pads, mode }, n) => {
  const amounts = pads.map((p) => n.numbers(p));
  if (value || amounts.flat().some((p) => p < 0)) return n.cannot("with a value");
  if (mode === "constant") return n.node("Pad", [x], { paddings: amounts, input_names: ["x"], output_names: ["y"] });
  if (mode !== "reflect" && mode !== "symmetric") return n.cannot(`of the mode '${mode}'`);
  const paddings = n.writer.tensorConstant("i64", [amounts.length, 2], amounts.flat());
  return n.node("MirrorPad", [x, paddings], { mode: mode.toUpperCase() });
});

export const joinRows: readonly NamedRow[] = [
  row(Concat, ({ xs }, { axis }, n) => (xs.length === 1 ? xs[0] : n.node("Concat", [n.tuple(xs)], { axis, inputNums: xs.length }))),
  row(Stack, ({ xs }, { axis }, n) => n.node("Stack", [n.tuple(xs)], { axis, num: xs.length })),
  row(Unstack, ({ x }, { axis }, n) => parts(n, () => n.items("Unstack", [x], { axis, num: n.op.results.length }, typesOf(n)))),
  split,
  slice,
  pad,
  row(Reverse, ({ x }, { axes }, n) => n.node("ReverseV2", [x], { axis: axes })),
  row(ReverseSequence, ({ x, lengths }, { time_axis, batch_axis }, n) =>
    n.node("ReverseSequence", [x, lengths], { seq_dim: time_axis, batch_dim: batch_axis }),
  ),
];
