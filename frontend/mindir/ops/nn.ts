/** Convolution, pooling, normalisation, matrix products. */
import type { Dim } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { Conv } from "../../../ir/ops/conv.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { isValue } from "../values.ts";
import { Formula } from "../../formula.ts";

type Pair = readonly [Dim, Dim];

/** MindSpore's numbers of formats. */
const formats = [
  "nchw",
  "nhwc",
  "nhwc4",
  "hwkc",
  "hwck",
  "kchw",
  "ckhw",
  "khwc",
  "chwk",
  "hw",
  "hw4",
  "nc",
  "nc4",
  "nc4hw4",
  "ncdhw",
  "nwc",
  "ncw",
  "nchw",
];
const padModes = ["pad", "same", "valid"];

/** Whether the channels stand last. Other formats than the two are refused. */
export function isChannelsLast(n: NodeContext, at = -1): boolean {
  const format = n.string([at, "format", "data_format"], "nchw", formats);
  if (["nhwc", "ndhwc", "nwc"].includes(format)) return true;
  return ["nchw", "ncdhw", "ncw", "nc", "defaultformat"].includes(format)
    ? false
    : n.unsupported(`the format '${format}' is not supported`);
}

const lastToSecond = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
const secondToLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

/** Input with its channels on axis 1. */
export const channelsSecond = (n: NodeContext, x: Value, isLast: boolean): Value =>
  isLast ? n.create(Transpose, { x }, { perm: lastToSecond(x.tensor.shape.length) }) : x;
export const channelsBack = (n: NodeContext, x: Value, isLast: boolean): Value =>
  isLast ? n.create(Transpose, { x }, { perm: secondToLast(x.tensor.shape.length) }) : x;

/** The spatial entries of an attribute with one entry for all, one per spatial axis, or one per axis. */
export function spatialEntries(n: NodeContext, values: readonly number[], rank: number, isLast: boolean): readonly number[] {
  if (values.length === rank) return values;
  if (values.length === 1) return new Array<number>(rank).fill(values[0] as number);
  if (values.length === rank + 2) return isLast ? values.slice(1, -1) : values.slice(2);
  return n.unsupported(`${values.length} entries for ${rank} spatial axes`, "bad-attribute");
}

/** As many pads as `same` needs: the result has `ceil(extent / stride)` elements, the odd one is at the end. */
export function samePads(input: readonly Dim[], kernel: readonly Dim[], strides: readonly number[], dilations: readonly number[]): Pair[] {
  return input.map((extent, d) => {
    const out = dim.ceildiv(extent, strides[d] as number);
    const span = dim.add(dim.mul(dilations[d] as number, dim.sub(kernel[d] as Dim, 1)), 1);
    const need = dim.max(0, dim.sub(dim.add(dim.mul(dim.sub(out, 1), strides[d] as number), span), extent));
    const begin = dim.floordiv(need, 2);
    return [begin, dim.sub(need, begin)];
  });
}

/** Pads given flat, a begin and an end per spatial axis, or one number for all. */
function flatPads(n: NodeContext, flat: readonly number[], rank: number): Pair[] {
  if (flat.length === 1) return Array.from({ length: rank }, () => [flat[0] as number, flat[0] as number]);
  if (flat.length === rank) return flat.map((p) => [p, p]);
  if (flat.length === 2 * rank) return Array.from({ length: rank }, (_, d) => [flat[2 * d] as number, flat[2 * d + 1] as number]);
  return n.unsupported(`${flat.length} pads for ${rank} spatial axes`, "bad-attribute");
}

interface WindowArguments {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly Pair[];
}

function convWindow(n: NodeContext, x: Value, w: Value, isLast: boolean): WindowArguments {
  const rank = x.tensor.shape.length - 2;
  const entries = (name: string): readonly number[] => spatialEntries(n, n.ints([-1, name], [1]), rank, isLast);
  const [strides, dilations] = [entries("stride"), entries("dilation")];
  const mode = n.string([-1, "pad_mode"], "valid", padModes);
  return { strides, dilations, pads: convPads(n, mode, x.tensor.shape.slice(2), w.tensor.shape.slice(2), strides, dilations) };
}

function convPads(
  n: NodeContext,
  mode: string,
  input: readonly Dim[],
  kernel: readonly Dim[],
  strides: readonly number[],
  dilations: readonly number[],
): Pair[] {
  if (mode === "same") return samePads(input, kernel, strides, dilations);
  if (mode === "valid") return input.map(() => [0, 0]);
  // `pad_list` is what the operator's inference made of `pad`; of dynamic shapes it holds -1.
  const listed = n.ints([-1, "pad_list", "pads"], []);
  const flat = listed.length > 0 && listed.every((p) => p >= 0) ? listed : n.ints([-1, "pad"], [0]);
  return flatPads(n, flat, input.length);
}

const group = (n: NodeContext): number => n.int([-1, "group", "groups"], 1);

/** Weights are [out, in / group, window...], channels last where the input's are. */
const conv: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input(0), isLast);
  const w = channelsSecond(n, n.input(1), isLast);
  const b = n.optional(2);
  const isInteger = !isFloat(x.tensor.dtype);
  const to = isInteger ? ("i32" as const) : undefined;
  const y = n.create(Conv, { x, w, b }, { ...convWindow(n, x, w, isLast), group: group(n), ...(to && { to }) });
  return channelsBack(n, y, isLast);
};

/** Weights are [multiplier, channels, window...]: output channel `c * multiplier + m` comes from input channel `c`. */
const depthwise: Lowering = (n) => {
  const isLast = isChannelsLast(n);
  const x = channelsSecond(n, n.input(0), isLast);
  const given = n.input(1);
  const [multiplier, channels, ...kernel] = given.tensor.shape;
  const perm = given.tensor.shape.map((_, d) => (d < 2 ? 1 - d : d));
  const w = n.reshape(n.create(Transpose, { x: given }, { perm }), [dim.mul(channels!, multiplier!), 1, ...kernel]);
  if (typeof channels !== "number") return n.unsupported("a depthwise convolution needs a fixed number of channels");
  return channelsBack(n, n.create(Conv, { x, w }, { ...convWindow(n, x, w, isLast), group: channels }), isLast);
};

/** Inputs are the gradient or the weights first; the sizes of the result are an input too. */
const convTranspose =
  (weightsFirst: boolean): Lowering =>
  (n) => {
    const isLast = isChannelsLast(n);
    const x = channelsSecond(n, n.input(weightsFirst ? 1 : 0), isLast);
    const w = channelsSecond(n, n.input(weightsFirst ? 0 : 1), isLast);
    const rank = x.tensor.shape.length - 2;
    const [strides, dilations] = ["stride", "dilation"].map((name) => spatialEntries(n, n.ints([-1, name], [1]), rank, isLast)) as [
      readonly number[],
      readonly number[],
    ];
    const asked = n.has([2, "input_size"]) ? n.dims([2, "input_size"]) : undefined;
    const output = asked && spatialOf(n, asked, rank, isLast);
    const mode = n.string([-1, "pad_mode"], "valid", padModes);
    const pads =
      mode === "same" && output
        ? samePads(output, w.tensor.shape.slice(2), strides, dilations)
        : convPads(n, mode === "same" ? "valid" : mode, x.tensor.shape.slice(2), [], strides, dilations);
    const y = transposed(n, x, w, { strides, dilations, pads }, output);
    return channelsBack(n, y, isLast);
  };

const spatialOf = (n: NodeContext, size: readonly Dim[], rank: number, isLast: boolean): readonly Dim[] => {
  if (size.length === rank) return size;
  if (size.length !== rank + 2) return n.unsupported("the size of the result does not fit its axes", "bad-attribute");
  return isLast ? size.slice(1, -1) : size.slice(2);
};

/** The transposed convolution, cropped or extended at its ends to `output`. */
function transposed(n: NodeContext, x: Value, w: Value, window: WindowArguments, output: readonly Dim[] | undefined): Value {
  const natural = x.tensor.shape.slice(2).map((extent, d) => {
    const span = dim.add(dim.mul(window.dilations[d] as number, dim.sub(w.tensor.shape[d + 2]!, 1)), 1);
    const [begin, end] = window.pads[d] as Pair;
    return dim.sub(dim.add(dim.mul(dim.sub(extent, 1), window.strides[d] as number), span), dim.add(begin, end));
  });
  const output_padding = output ? natural.map((d, i) => dim.sub(output[i] as Dim, d)) : [];
  return n.create(ConvTranspose, { x, w }, { ...window, group: group(n), output_padding });
}

/** Entries with one for all, or one per spatial axis, as the functional interface has them. */
function tupleOf(n: NodeContext, at: number, name: string, rank: number, fallback: number): readonly number[] {
  const values = n.ints([at, name], [fallback]);
  return values.length === 0 ? new Array<number>(rank).fill(fallback) : spatialEntries(n, values, rank, false);
}

/** A batch axis added to an image alone. */
function batched(n: NodeContext, x: Value, rank: number, f: (x: Value) => Value): Value {
  if (x.tensor.shape.length === rank + 2) return f(x);
  const y = f(n.reshape(x, [1, ...x.tensor.shape]));
  return n.reshape(y, y.tensor.shape.slice(1));
}

/** Convolutions of the functional interface: x, w, b, stride, padding, dilation, groups as inputs. */
const convExt =
  (rank: number): Lowering =>
  (n) =>
    batched(n, n.input(0), rank, (x) => {
      const w = n.input(1);
      const strides = tupleOf(n, 3, "stride", rank, 1);
      const dilations = tupleOf(n, 5, "dilation", rank, 1);
      const pads = textOrPads(n, x, w, strides, dilations, rank);
      return n.create(Conv, { x, w, b: n.optional(2) }, { strides, dilations, pads, group: n.int([6, "groups"], 1) });
    });

function textOrPads(n: NodeContext, x: Value, w: Value, strides: readonly number[], dilations: readonly number[], rank: number): Pair[] {
  const item = n.argument([4, "padding"]);
  const named = item !== undefined && !isValue(item) && item.kind === "string";
  const number = item !== undefined && !isValue(item) && item.kind === "int" && n.operator.name.match(/Padding|Str/);
  const mode = named || number ? n.string([4, "padding"], "valid", padModes) : undefined;
  if (mode === "same") return samePads(x.tensor.shape.slice(2), w.tensor.shape.slice(2), strides, dilations);
  if (mode === "valid") return Array.from({ length: rank }, () => [0, 0]);
  return tupleOf(n, 4, "padding", rank, 0).map((p) => [p, p]);
}

/** x, w, b, stride, padding, output_padding, groups, dilation. */
const convTransposeExt =
  (rank: number): Lowering =>
  (n) =>
    batched(n, n.input(0), rank, (x) =>
      n.create(
        ConvTranspose,
        { x, w: n.input(1), b: n.optional(2) },
        {
          strides: tupleOf(n, 3, "stride", rank, 1),
          pads: tupleOf(n, 4, "padding", rank, 0).map((p) => [p, p] as const),
          output_padding: tupleOf(n, 5, "output_padding", rank, 0),
          group: n.int([6, "groups"], 1),
          dilations: tupleOf(n, 7, "dilation", rank, 1),
        },
      ),
    );

/** Either kind: x, w, b, stride, padding, dilation, transposed, output_padding, groups. */
const convolution: Lowering = (n) => {
  const x = n.input(0);
  const w = n.input(1);
  const rank = w.tensor.shape.length - 2;
  return batched(n, x, rank, (image) => {
    const strides = tupleOf(n, 3, "stride", rank, 1);
    const dilations = tupleOf(n, 5, "dilation", rank, 1);
    const pads = textOrPads(n, image, w, strides, dilations, rank);
    const shared = { strides, dilations, pads, group: n.int([8, "groups"], 1) };
    const b = n.optional(2);
    if (!n.bool([6, "transposed"], false)) return n.create(Conv, { x: image, w, b }, shared);
    return n.create(ConvTranspose, { x: image, w, b }, { ...shared, output_padding: tupleOf(n, 7, "output_padding", rank, 0) });
  });
};

/** The bias belongs to axis 1, or to the last one of channels-last tensors. */
const biasAdd: Lowering = (n) => {
  const x = n.input(0);
  const b = n.cast(n.input(1), x.tensor.dtype);
  const isLast = isChannelsLast(n, 2);
  const channel = isLast ? x.tensor.shape.length - 1 : 1;
  const shape = x.tensor.shape.map((_, d) => (d === channel ? b.tensor.shape[0]! : 1));
  return n.create(Add, { a: x, b: n.reshape(b, shape.slice(channel === 0 ? 0 : channel)) });
};

/** `x w^T + b` with weights [out, in]. */
const dense: Lowering = (n) => {
  const y = n.scope.apply({ name: "MatMulExt", attributes: new Map() }, [n.input(0), transposedLast(n, n.input(1))]) as Value;
  const b = n.optional(2);
  return b ? new Formula(n).add(y, b) : y;
};

export function transposedLast(n: NodeContext, x: Value): Value {
  const rank = x.tensor.shape.length;
  if (rank < 2) return x;
  const perm = x.tensor.shape.map((_, d) => (d === rank - 1 ? rank - 2 : d === rank - 2 ? rank - 1 : d));
  return n.create(Transpose, { x }, { perm });
}

export const nn: Lowerings = {
  Conv2D: conv,
  Conv3D: conv,
  Conv1D: conv,
  DepthwiseConv2dNative: depthwise,
  DepthwiseConv2D: depthwise,
  Conv2DBackpropInput: convTranspose(false),
  Conv2DTranspose: convTranspose(false),
  Conv3DTranspose: convTranspose(false),
  Conv3DBackpropInput: convTranspose(true),
  Conv1DExt: convExt(1),
  Conv2DExt: convExt(2),
  Conv3DExt: convExt(3),
  Conv1DPadding: convExt(1),
  Conv2DPadding: convExt(2),
  Conv3DPadding: convExt(3),
  ConvTranspose2D: convTransposeExt(2),
  Convolution: convolution,
  ConvolutionStr: convolution,
  BiasAdd: biasAdd,
  Dense: dense,
  LinearExt: dense,
};
