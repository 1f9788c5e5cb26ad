/** ONNX's convolutions. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { commonExtent } from "../../../ir/broadcast.ts";
import { Swish } from "../../../ir/ops/activation.ts";
import { Conv, ConvInteger, QlinearConv } from "../../../ir/ops/conv.ts";
import { DeformConv } from "../../../ir/ops/conv-deform.ts";
import { Col2im, ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { Concat } from "../../../ir/ops/join.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { makeWindow, padsForOutput, transposedExtents, type WindowAttributes } from "../../../ir/window.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { autoPadOf, padPairs, windowOf } from "../window.ts";

const spatial = (v: Value): readonly Dim[] => v.tensor.shape.slice(2);

/** The kernel's extents, which the weights have; `kernel_shape` may only repeat them. */
function kernelOf(n: NodeContext, w: Value): readonly Dim[] {
  const extents = spatial(w);
  const asked = n.ints("kernel_shape", []);
  if (asked.length > 0 && (asked.length !== extents.length || asked.some((k, a) => commonExtent(k, extents[a]!) === undefined))) {
    throw new OpError("'kernel_shape' does not fit the weights", "bad-attribute", { received: asked.join(", ") });
  }
  return extents;
}

/** Strides, dilations, pads and groups of a convolution of `x` by `w`. */
const convAttributes = (n: NodeContext, x: Value, w: Value): WindowAttributes & { group: number } => ({
  ...windowOf(n, spatial(x), kernelOf(n, w)),
  group: n.int("group", 1),
});

/** Pads and output padding of a transposed convolution: given, for a given output shape, or for `stride * extent`. */
function transposedPads(n: NodeContext, x: Value, w: Value): Pick<WindowAttributes, "pads"> & { output_padding: readonly Dim[] } {
  const given = { strides: n.ints("strides", []), dilations: n.ints("dilations", []), pads: [] };
  const window = makeWindow(spatial(x), kernelOf(n, w), given);
  const padding = n.ints("output_padding", []);
  const natural = transposedExtents(spatial(x), window).map((e, a) => dim.add(e, padding[a] ?? 0));
  const mode = autoPadOf(n);
  const asked = n.ints("output_shape", []);
  const isSame = mode === "same_upper" || mode === "same_lower";
  if (asked.length === 0 && !isSame) return { pads: mode === "valid" ? [] : padPairs(n.ints("pads", [])), output_padding: padding };
  // An output shape may name batch and channels too.
  const output = asked.length > 0 ? asked.slice(-natural.length) : spatial(x).map((e, a) => dim.mul(e, window.strides[a]!));
  if (output.length !== natural.length) throw new OpError("'output_shape' does not fit the spatial axes", "bad-attribute");
  const { pads, outputPadding } = padsForOutput(output, natural, mode === "same_upper");
  return { pads, output_padding: outputPadding.map((p, a) => dim.add(p, padding[a] ?? 0)) };
}

/** A depthwise convolution over what came before and what comes now; the last elements are what the next call gets. */
function causalConv(n: NodeContext): readonly Value[] {
  const [x, w] = [n.input(0), n.input(1)];
  const [batch, channels, length] = x.tensor.shape;
  const [kernel] = spatial(w);
  if (x.tensor.shape.length !== 3 || typeof channels !== "number" || kernel === undefined)
    throw new OpError("CausalConvWithState convolves [batch, channels, length]", "bad-operand");
  const before = dim.sub(kernel, 1);
  const past = n.optional(3);
  const padded = past
    ? n.create(Concat, { xs: [past, x] }, { axis: 2 })
    : n.create(
        Pad,
        { x },
        {
          pads: [
            [0, 0],
            [0, 0],
            [before, 0],
          ],
        },
      );
  const y = n.create(Conv, { x: padded, w, b: n.optional(2) }, { group: channels });
  const state = n.create(Slice, { x: padded }, { starts: [0, 0, length!], sizes: [batch!, channels, before], steps: [1, 1, 1] });
  const activation = n.string("activation", "none");
  if (activation === "none") return [y, state];
  if (activation !== "silu" && activation !== "swish") return n.unsupported(`activation '${activation}' is unknown`);
  return [n.create(Swish, { x: y }), state];
}

export const convLowerings: Lowerings = {
  CausalConvWithState: causalConv,

  Conv(n) {
    const [x, w] = [n.input(0), n.input(1)];
    return n.create(Conv, { x, w, b: n.optional(2) }, convAttributes(n, x, w));
  },

  ConvTranspose(n) {
    const [x, w] = [n.input(0), n.input(1)];
    const attributes = {
      strides: n.ints("strides", []),
      dilations: n.ints("dilations", []),
      group: n.int("group", 1),
      ...transposedPads(n, x, w),
    };
    return n.create(ConvTranspose, { x, w, b: n.optional(2) }, attributes);
  },

  ConvInteger(n) {
    const [x, w] = [n.input(0), n.input(1)];
    return n.create(ConvInteger, { x, w, x_zero_point: n.optional(2), w_zero_point: n.optional(3) }, convAttributes(n, x, w));
  },

  QLinearConv(n) {
    const [x, w] = [n.input(0), n.input(3)];
    const operands = {
      x,
      x_scale: n.input(1),
      x_zero_point: n.input(2),
      w,
      w_scale: n.input(4),
      w_zero_point: n.input(5),
      y_scale: n.input(6),
      y_zero_point: n.input(7),
    };
    return n.create(QlinearConv, { ...operands, b: n.optional(8) }, convAttributes(n, x, w));
  },

  DeformConv(n) {
    const [x, w] = [n.input(0), n.input(1)];
    return n.create(
      DeformConv,
      { x, w, offset: n.input(2), b: n.optional(3), mask: n.optional(4) },
      { ...convAttributes(n, x, w), offset_group: n.int("offset_group", 1) },
    );
  },

  Col2Im(n) {
    const [image, kernel] = [n.dims(1, "the image's shape"), n.dims(2, "the block's shape")];
    return n.create(Col2im, { x: n.input(0) }, { image, kernel, ...windowOf(n, image, kernel) });
  },
};
