/** Pools. */
import type { Dim } from "../../../../ir/dim.ts";
import { AvgPool, MaxPool } from "../../../../ir/ops/pool.ts";
import { samePads } from "../../ops/nn.ts";
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
  if (ceil_mode || dilations.some((d) => d !== 1)) return n.cannot("");
  const steps = strides.length === 0 ? kernel.map(() => 1) : strides;
  if (pads.every(([begin, end]) => begin === 0 && end === 0)) return "VALID";
  const wanted = samePads(
    input,
    kernel,
    steps,
    kernel.map(() => 1),
  );
  return pads.every(([begin, end], d) => begin === wanted[d]![0] && end === wanted[d]![1]) ? "SAME" : n.cannot("");
}

function poolAttributes(n: RowContext, input: readonly Dim[], window: PoolWindow) {
  const kernel = n.numbers(window.kernel);
  if (kernel.length !== 2) return n.cannot("");
  const strides = window.strides.length === 0 ? [1, 1] : window.strides;
  return { kernel_size: [1, 1, ...kernel], strides: [1, 1, ...strides], pad_mode: padMode(n, input, window), format: "NCHW" };
}

export const poolRows: readonly NamedRow[] = [
  row(MaxPool, ({ x }, window, n) => n.node("MaxPool", [x], poolAttributes(n, x.tensor.shape.slice(2), window))),
  row(AvgPool, ({ x }, window, n) => {
    const attributes = poolAttributes(n, x.tensor.shape.slice(2), window);
    if (window.count_include_pad && attributes.pad_mode === "SAME") return n.cannot("");
    if (n.dialect === "1.1") return n.node("AvgPool", [x], attributes);
    // Of spatial axes only: MindSpore 2.7 takes no others.
    const { kernel_size, strides } = attributes;
    return n.node("AvgPool", [x], { ...attributes, kernel_size: kernel_size.slice(2), strides: strides.slice(2) });
  }),
];
