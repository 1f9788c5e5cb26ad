/** Convolutions. */
import type { Dim } from "../../../../ir/dim.ts";
import { Conv } from "../../../../ir/ops/conv.ts";
import { Col2im, ConvTranspose, Im2col } from "../../../../ir/ops/conv-transpose.ts";
import { isFloat, tensor } from "../../../../ir/type.ts";
import type { Literals } from "../literals.ts";

import { type NamedRow, row, type RowContext, since2 } from "../row.ts";

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
  if (b || (rank !== 2 && rank !== 3) || typeof channels !== "number")
    return n.cannot("with a bias, or of other than two or three spatial axes");
  if (rank === 3 && n.dialect === "1.1") return n.cannot("of three spatial axes in MindSpore 1.1");
  if (to !== undefined && !(to === "i32" && !isFloat(x.tensor.dtype))) return n.cannot("to that type");
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
    ...(kernel.length === 2
      ? { stride: [1, 1, ...strides], dilation: [1, 1, ...dilations] }
      : { stride: strides, dilation: dilations, strides: [1, 1, ...strides], dilations: [1, 1, ...dilations], offset_x: 0 }),
    group,
    groups: group,
    format: kernel.length === 2 ? "NCHW" : "NCDHW",
    input_names: ["x", "w"],
    output_names: ["output"],
  };
}

/** The gradient of a convolution; the sizes of its result are an input. */
const convTranspose = row(ConvTranspose, ({ x, w, b }, { strides, dilations, pads, group, output_padding }, n) => {
  const rank = x.tensor.shape.length - 2;
  const [channels] = x.tensor.shape.slice(1);
  if (b || (rank !== 2 && rank !== 3) || typeof channels !== "number" || (rank === 3 && n.dialect === "1.1"))
    return n.cannot("with a bias, or of other than two or three spatial axes, in MindSpore 1.1 two");
  const kernel = n.numbers(w.tensor.shape.slice(2));
  const list = flatPads(n, pads, rank);
  const attributes = windowAttributes(channels, kernel, list, group, {
    strides: filled(strides, rank),
    dilations: filled(dilations, rank),
  });
  if (rank === 3) {
    const open = [0, 0, ...(output_padding.length === 0 ? [0, 0, 0] : n.numbers(output_padding))];
    const more = { pad_mode: "pad", in_channel: channels, input_size: n.numbers(n.type().shape), output_padding: open };
    return n.node("Conv3DTranspose", [x, w], { ...attributes, ...more, input_names: ["x", "filter"] });
  }
  return n.node("Conv2DTranspose", [x, w, n.dims(n.type().shape)], {
    ...attributes,
    ...(n.dialect === "1.1" && { stride: filled(strides, rank) }),
    pad_mode: isZero(list) ? "VALID" : "PAD",
    input_names: ["out_backprop", "filter", "input_sizes"],
  });
});

/** Pads are the same on both sides. */
function evenPads(n: RowContext, pads: Window["pads"]): readonly number[] {
  if (pads.length === 0) return [0, 0];
  return n.numbers(pads.map(([begin, end]) => (begin === end ? begin : n.cannot("with uneven pads"))));
}

/** Columns apart from channels, where ours have both on one axis. */
const im2col = row(Im2col, ({ x }, a, n) => {
  if (a.kernel.length !== 2) return n.cannot("of other than two spatial axes");
  const [images, rows, blocks] = n.type().shape;
  const [ksizes, strides, dilations] = [n.numbers(a.kernel), filled(a.strides, 2), filled(a.dilations, 2)];
  const type = tensor(x.tensor.dtype, [images!, x.tensor.shape[1]!, ksizes[0]! * ksizes[1]!, blocks!]);
  const y = n.node("Im2Col", [x], { ksizes, strides, dilations, pads: evenPads(n, a.pads), padding_mode: "CALCULATED" }, type);
  return n.node("Reshape", [y, n.dims([images!, rows!, blocks!], 1)]);
});

const col2im = row(Col2im, ({ x }, a, n) => {
  if (a.kernel.length !== 2) return n.cannot("of other than two spatial axes");
  const [images, rows, blocks] = x.tensor.shape;
  const [kernel_size, stride, dilation] = [n.numbers(a.kernel), filled(a.strides, 2), filled(a.dilations, 2)];
  if (typeof rows !== "number") return n.cannot("of extents that are not fixed");
  const taps = kernel_size[0]! * kernel_size[1]!;
  const shape = [images!, rows / taps, taps, blocks!];
  const apart = n.node("Reshape", [x, n.dims(shape, 1)], {}, tensor(x.tensor.dtype, shape));
  const size = n.writer.tensorConstant("i32", [2], n.numbers(a.image));
  return n.node("Col2Im", [apart, size], { kernel_size, stride, dilation, padding: evenPads(n, a.pads) });
});

export const convRows: readonly NamedRow[] = [conv, convTranspose, ...since2(im2col, col2im)];
