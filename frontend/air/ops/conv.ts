/** Convolutions and the bias behind them. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Conv } from "../../../ir/ops/conv.ts";
import { ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { isFloat, tensor } from "../../../ir/type.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Attributes, Inputs, Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";
import { channelsBack, channelsSecond, isChannelsLast, orOnes, orZeros, type Pair, padPairs, spatialEntries, withOnes } from "./window.ts";

/** Weights as [outputs, inputs, window...], from the order that their descriptor names. */
function filter(n: NodeContext, isLast: boolean): Value {
  const x = n.input("filter");
  const rank = x.tensor.shape.length;
  const axes = rank === 5 ? ["N", "C", "D", "H", "W"] : ["N", "C", "H", "W"];
  const format = n.format("filter");
  const known = format.length === rank && axes.every((a) => format.includes(a));
  const order = known ? format : isLast ? (rank === 5 ? "DHWCN" : "HWCN") : axes.join("");
  const perm = axes.map((a) => order.indexOf(a));
  return perm.every((p, d) => p === d) ? x : n.create(Transpose, { x }, { perm });
}

function window(n: NodeContext, rank: number, isLast: boolean) {
  return {
    strides: spatialEntries(n, "strides", rank, isLast),
    dilations: spatialEntries(n, "dilations", rank, isLast),
    pads: padPairs(n, "pads", rank),
  };
}

const conv: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input("x"), isLast);
  const to = isFloat(x.tensor.dtype) ? {} : { to: n.declared() ?? ("i32" as const) };
  const attributes = { ...window(n, x.tensor.shape.length - 2, isLast), group: n.int("groups"), ...to };
  return channelsBack(n, n.create(Conv, { x, w: filter(n, isLast), b: n.optional("bias") }, attributes), isLast);
};

/** Weights are [multiplier, channels, window...]: output channel `c * multiplier + m` comes from input channel `c`. */
const depthwise: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input("x"), isLast);
  const given = filter(n, isLast);
  const [multiplier, channels, ...kernel] = given.tensor.shape;
  if (typeof channels !== "number") return n.unsupported("a depthwise convolution needs a fixed number of channels");
  const perm = given.tensor.shape.map((_, d) => (d < 2 ? 1 - d : d));
  const w = n.reshape(n.create(Transpose, { x: given }, { perm }), [dim.mul(channels, multiplier!), 1, ...kernel]);
  const attributes = { ...window(n, kernel.length, isLast), group: channels };
  return channelsBack(n, n.create(Conv, { x, w, b: n.optional("bias") }, attributes), isLast);
};

/** The result has the size that is asked for: what the window alone does not give is added at the ends. */
const transposed =
  (input: string): Lowering =>
  (n) => {
    const isLast = isChannelsLast(n);
    const x = channelsSecond(n, n.input(input), isLast);
    const rank = x.tensor.shape.length - 2;
    const w = filter(n, isLast);
    const attributes = window(n, rank, isLast);
    const size = n.dims("input_size");
    const spatial = size.length === rank ? size : isLast ? size.slice(1, -1) : size.slice(2);
    if (spatial.length !== rank) return n.unsupported("the size of the result does not fit its axes", "bad-attribute");
    const natural = naturalExtents(x, w, attributes);
    const output_padding = spatial.every((d) => d === 0) ? [] : natural.map((d, i) => dim.sub(spatial[i]!, d));
    const y = n.create(ConvTranspose, { x, w, b: n.optional("bias") }, { ...attributes, group: n.int("groups"), output_padding });
    return channelsBack(n, y, isLast);
  };

function naturalExtents(x: Value, w: Value, a: ReturnType<typeof window>): Dim[] {
  return x.tensor.shape.slice(2).map((extent, d) => {
    const span = dim.add(dim.mul(a.dilations[d]!, dim.sub(w.tensor.shape[d + 2]!, 1)), 1);
    return dim.sub(dim.add(dim.mul(dim.sub(extent, 1), a.strides[d]!), span), dim.add(...a.pads[d]!));
  });
}

/** The bias belongs to axis 1, or to the last one of channels-last tensors. */
const biasAdd: Lowering = (n) => {
  const [x, bias] = [n.input("x"), n.input("bias")];
  const rank = x.tensor.shape.length;
  const channel = isChannelsLast(n) ? rank - 1 : Math.min(1, rank - 1);
  const shape = x.tensor.shape.slice(channel).map((_, d) => (d === 0 ? bias.tensor.shape[0]! : 1));
  return n.create(Add, { a: x, b: n.reshape(bias, shape) });
};

interface WindowAttributes {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly Pair[];
  readonly group: number;
}

function attributesOf(e: ExportNode, a: WindowAttributes, rank: number): Attributes {
  return {
    strides: withOnes(orOnes(a.strides, rank)),
    dilations: withOnes(orOnes(a.dilations, rank)),
    pads: e.fixed(orZeros(a.pads, rank).flat(), "the padding"),
    groups: a.group,
    data_format: rank === 3 ? "NCDHW" : "NCHW",
  };
}

/** One spatial axis is written as two, the first of extent one. */
export function asImage(e: ExportNode, x: Ref): Ref {
  const { shape } = x.type;
  return shape.length === 3 ? e.reshape(x, [shape[0]!, shape[1]!, 1, shape[2]!]) : x;
}

export const widened = <T>(values: readonly T[], first: T, rank: number): readonly T[] =>
  rank === 1 && values.length > 0 ? [first, ...values] : values;

/** Writes an operator on images, with the added axis taken away again. */
export function emitImage(e: ExportNode, type: string, inputs: Inputs, attributes: Attributes, rank: number): Written {
  if (rank !== 1) return e.emit(type, inputs, attributes);
  const { dtype, shape } = e.types[0]!;
  const y = e.step(type, inputs, attributes, tensor(dtype, [shape[0]!, shape[1]!, 1, shape[2]!]));
  return e.emit("Reshape", { x: y, shape: e.sizes(shape) }, {}, [e.types[0]!]);
}

function spatialRank(e: ExportNode): number {
  const rank = e.in(0).type.shape.length - 2;
  return rank >= 1 && rank <= 3 ? rank : e.refuse(`it has ${rank} spatial axes`);
}

function wide(a: WindowAttributes, rank: number): WindowAttributes {
  return {
    group: a.group,
    strides: widened(a.strides, 1, rank),
    dilations: widened(a.dilations, 1, rank),
    pads: widened(a.pads, [0, 0], rank),
  };
}

export const convFamily: Family = {
  imports: {
    BiasAdd: biasAdd,
    Conv2D: conv,
    Conv3D: conv,
    DepthwiseConv2D: depthwise,
    Conv2DBackpropInput: transposed("out_backprop"),
    Conv2DBackpropInputD: transposed("out_backprop"),
    Conv2DTransposeD: transposed("x"),
    Conv3DBackpropInputD: transposed("out_backprop"),
    Conv3DTransposeD: transposed("x"),
  },
  exports: [
    row(Conv, (e, a) => {
      const rank = spatialRank(e);
      if (!isFloat(e.in(0).type.dtype) && a.to === undefined) e.refuse("integers are convolved to a wider type only");
      const inputs = { x: asImage(e, e.in(0)), filter: asImage(e, e.in(1)), bias: e.optional(2) };
      return emitImage(e, rank === 3 ? "Conv3D" : "Conv2D", inputs, attributesOf(e, wide(a, rank), Math.max(2, rank)), rank);
    }),
    row(ConvTranspose, (e, a) => {
      const rank = spatialRank(e);
      const attributes = attributesOf(e, wide(a, rank), Math.max(2, rank));
      const [images, channels, ...spatial] = e.fixed(e.types[0]!.shape, "the size of the result") as [number, number, ...number[]];
      const input_size = [images, channels, ...widened(spatial, 1, rank)];
      const [x, w, bias] = [asImage(e, e.in(0)), asImage(e, e.in(1)), e.optional(2)];
      const dimensions = rank === 3 ? "Conv3D" : "Conv2D";
      if (!bias) return emitImage(e, `${dimensions}BackpropInputD`, { filter: w, out_backprop: x }, { ...attributes, input_size }, rank);
      return emitImage(e, `${dimensions}TransposeD`, { x, filter: w, bias }, { ...attributes, input_size }, rank);
    }),
  ],
};
