/** Convolutions. */
import type { Dim } from "../../../../ir/dim.ts";
import { Conv } from "../../../../ir/ops/conv.ts";
import { ConvTranspose } from "../../../../ir/ops/conv-transpose.ts";
import { isFloat } from "../../../../ir/type.ts";
import type { Literals } from "../literals.ts";

import { type NamedRow, row, type RowContext } from "../row.ts";

interface Window {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly (readonly [Dim, Dim])[];
}

const filled = (values: readonly number[], rank: number): readonly number[] =>
  values.length === rank ? values : new Array<number>(rank).fill(1);

/** Top, bottom, left, right: a begin and an end per axis. */
function flatPads(n: RowContext, pads: Window["pads"], rank: number): readonly number[] {
  const flat = pads.length === 0 ? new Array<Dim>(2 * rank).fill(0) : pads.flat();
  if (flat.some((p) => typeof p === "number" && p < 0)) return n.cannot("with negative pads");
  return n.numbers(flat);
}

const isZero = (list: readonly number[]): boolean => list.every((p) => p === 0);

const conv = row(Conv, ({ x, w, b }, { strides, dilations, pads, group, to }, n) => {
  const rank = x.tensor.shape.length - 2;
  const kernel = n.numbers(w.tensor.shape.slice(2));
  const [channels] = w.tensor.shape;
  if (b || (rank !== 2 && rank !== 3) || typeof channels !== "number") return n.cannot("");
  if (rank === 3 && n.dialect === "1.1") return n.cannot("");
  if (to !== undefined && !(to === "i32" && !isFloat(x.tensor.dtype))) return n.cannot("");
  const list = flatPads(n, pads, rank);
  const attributes = windowAttributes(channels, kernel, list, group, {
    strides: filled(strides, rank),
    dilations: filled(dilations, rank),
  });
  return n.node(rank === 2 ? "Conv2D" : "Conv3D", [x, w], { ...attributes, pad_mode: isZero(list) ? "valid" : "pad" });
});

function windowAttributes(
  channels: number,
  kernel: readonly number[],
  pads: readonly number[],
  group: number,
  { strides, dilations }: Pick<Window, "strides" | "dilations">,
): Literals {
  return {
    out_channel: channels,
    kernel_size: kernel,
    mode: 1,
    pad: pads,
    pad_list: pads,
    stride: [1, 1, ...strides],
    dilation: [1, 1, ...dilations],
    group,
    groups: group,
    format: kernel.length === 2 ? "NCHW" : "NCDHW",
    input_names: ["x", "w"],
    output_names: ["output"],
  };
}

/** The gradient of a convolution; the sizes of its result are an input. */
const convTranspose = row(ConvTranspose, ({ x, w, b }, { strides, dilations, pads, group }, n) => {
  const rank = x.tensor.shape.length - 2;
  const [channels] = x.tensor.shape.slice(1);
  if (b || rank !== 2 || typeof channels !== "number") return n.cannot("");
  const kernel = n.numbers(w.tensor.shape.slice(2));
  const list = flatPads(n, pads, rank);
  const attributes = windowAttributes(channels, kernel, list, group, {
    strides: filled(strides, rank),
    dilations: filled(dilations, rank),
  });
  return n.node("Conv2DTranspose", [x, w, n.dims(n.type().shape)], {
    ...attributes,
    ...(n.dialect === "1.1" && { stride: filled(strides, rank) }),
    pad_mode: isZero(list) ? "VALID" : "PAD",
    input_names: ["out_backprop", "filter", "input_sizes"],
  });
});

export const convRows: readonly NamedRow[] = [conv, convTranspose];
