/** Pools. */
import type { Dim } from "../../../../ir/dim.ts";
import { AvgPool, MaxPool, MaxPoolIndices } from "../../../../ir/ops/pool.ts";
import { samePads } from "../../ops/nn.ts";
import type { Value } from "../../../../ir/graph.ts";
import type { TensorType } from "../../../../ir/type.ts";
import type { Ref } from "../graph-writer.ts";
import { type NamedRow, row, type RowContext } from "../row.ts";

interface PoolWindow {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly (readonly [Dim, Dim])[];
  readonly ceil_mode: boolean;
}

/** How MindSpore calls the pads, which are none, or as many as keep the extents divided by the strides. */
function padMode(n: RowContext, input: readonly Dim[], { kernel, strides, dilations, pads, ceil_mode }: PoolWindow): "VALID" | "SAME" {
  if (ceil_mode || dilations.some((d) => d !== 1)) return n.cannot("with dilations or a last window that is partly outside");
  const steps = strides.length === 0 ? kernel.map(() => 1) : strides;
  if (pads.every(([begin, end]) => begin === 0 && end === 0)) return "VALID";
  const wanted = samePads(
    input,
    kernel,
    steps,
    kernel.map(() => 1),
  );
  return pads.every(([begin, end], d) => begin === wanted[d]![0] && end === wanted[d]![1]) ? "SAME" : n.cannot("with such pads");
}

function poolAttributes(n: RowContext, input: readonly Dim[], window: PoolWindow) {
  const kernel = n.numbers(window.kernel);
  if (kernel.length !== 2) return n.cannot("of other than two spatial axes");
  const strides = window.strides.length === 0 ? [1, 1] : window.strides;
  return { kernel_size: [1, 1, ...kernel], strides: [1, 1, ...strides], pad_mode: padMode(n, input, window), format: "NCHW" };
}

/** Positions count in a plane, rows first. Where nobody asks for them, MindSpore has an operator of before. */
const maxPoolIndices = row(MaxPoolIndices, ({ x }, a, n) => {
  const [y, places] = [n.type(), n.type(1)];
  const isUsed = n.op.results[1]!.uses.size > 0;
  if (!isUsed && a.dtype === "i32") return [oldPool(n, x, a, [y, places])];
  const pads =
    a.pads.length === 0 ? a.kernel.map(() => 0) : a.pads.map(([begin, end]) => (begin === end ? begin : n.cannot("with uneven pads")));
  if (n.dialect === "1.1" || a.within !== "plane" || a.order !== "row" || a.kernel.length !== 2 || !["i32", "i64"].includes(a.dtype))
    return n.cannot("with such places of its elements");
  const wide = (list: readonly number[]): readonly number[] => [1, 1, ...(list.length === 0 ? [1, 1] : list)];
  const items = n.items(
    "MaxPoolWithArgmaxV2",
    [x],
    {
      kernel_size: wide(n.numbers(a.kernel)),
      strides: wide(a.strides),
      pads: wide(n.numbers(pads)),
      dilation: wide(a.dilations),
      ceil_mode: a.ceil_mode,
      argmax_type: a.dtype === "i32" ? 3 : 4,
    },
    [y, places],
  );
  return [n.used(0, () => items.at(0)), n.used(1, () => items.at(1))];
});

/** `MaxPoolWithArgmax`, whose window is (1, h, w, 1) in 1.1. */
function oldPool(n: RowContext, x: Value, window: PoolWindow, types: readonly TensorType[]): Ref {
  const a = poolAttributes(n, x.tensor.shape.slice(2), window);
  const turned = (list: readonly number[]): readonly number[] => (n.dialect === "1.1" ? [1, ...list.slice(2), 1] : list);
  return n.items("MaxPoolWithArgmax", [x], { ...a, kernel_size: turned(a.kernel_size), strides: turned(a.strides) }, types).at(0);
}

export const poolRows: readonly NamedRow[] = [
  maxPoolIndices,
  row(MaxPool, ({ x }, window, n) => n.node("MaxPool", [x], poolAttributes(n, x.tensor.shape.slice(2), window))),
  row(AvgPool, ({ x }, window, n) => {
    const attributes = poolAttributes(n, x.tensor.shape.slice(2), window);
    if (window.count_include_pad && attributes.pad_mode === "SAME") return n.cannot("that counts its pads");
    if (n.dialect === "1.1") return n.node("AvgPool", [x], attributes);
    // Of spatial axes only: MindSpore 2.7 takes no others.
    const { kernel_size, strides } = attributes;
    return n.node("AvgPool", [x], { ...attributes, kernel_size: kernel_size.slice(2), strides: strides.slice(2) });
  }),
];
