/**
 * The layers that MindSpore 1.1's `nn` has, in inference: each creates its parameters in the cell it is given, under the
 * names and with the shapes that checkpoints have, and the ops that MindSpore exports. Images are `[n, c, h, w]`.
 */
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Relu, Relu6, Sigmoid } from "../../ir/ops/activation.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { ConvTranspose } from "../../ir/ops/conv-transpose.ts";
import { Add, Mul } from "../../ir/ops/elementwise.ts";
import { Concat } from "../../ir/ops/join.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { BatchNorm } from "../../ir/ops/norm.ts";
import { AvgPool, MaxPool } from "../../ir/ops/pool.ts";
import { ReduceMean } from "../../ir/ops/reduce.ts";
import { Reshape, Transpose } from "../../ir/ops/shape.ts";
import { Softmax } from "../../ir/ops/softmax.ts";
import type { DType } from "../../ir/type.ts";
import type { Init } from "../random-weights.ts";
import type { Cell } from "./cell.ts";

/** `same`: the result has `ceil(extent / stride)` elements, an odd pad is at the end; numbers: of all sides, or top, bottom, left, right. */
export type Pad = "same" | "valid" | number | readonly [number, number, number, number];
type Pair = readonly [number, number];

const pairOf = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

/** The extents of a value whose shape is fixed. */
export const shapeOf = (x: Value): readonly number[] => x.tensor.shape as readonly number[];

/** Pads per spatial axis. */
function padsOf(pad: Pad, extents: readonly number[], kernel: Pair, stride: Pair, dilation: Pair = [1, 1]): Pair[] {
  if (pad === "valid")
    return [
      [0, 0],
      [0, 0],
    ];
  if (typeof pad === "number")
    return [
      [pad, pad],
      [pad, pad],
    ];
  if (typeof pad !== "string")
    return [
      [pad[0], pad[1]],
      [pad[2], pad[3]],
    ];
  return extents.map((extent, d) => {
    const span = dilation[d]! * (kernel[d]! - 1) + 1;
    const need = Math.max(0, (Math.ceil(extent / stride[d]!) - 1) * stride[d]! + span - extent);
    return [Math.floor(need / 2), need - Math.floor(need / 2)];
  });
}

export interface ConvSpec {
  readonly kernel: number | Pair;
  readonly stride?: number | Pair;
  /** Default: `same`. */
  readonly pad?: Pad;
  readonly dilation?: number | Pair;
  readonly group?: number;
  /** Default: none. */
  readonly bias?: boolean;
}

/** Convolution to `out` channels: `weight[out, in / group, kernel...]`, `bias[out]`. */
export function conv2d(c: Cell, x: Value, out: number, spec: ConvSpec): Value {
  const [kernel, stride, dilation] = [pairOf(spec.kernel), pairOf(spec.stride ?? 1), pairOf(spec.dilation ?? 1)];
  const [, channels, ...extents] = shapeOf(x) as [number, number, ...number[]];
  const group = spec.group ?? 1;
  const w = parameterAs(c, x, "weight", [out, channels / group, ...kernel]);
  const pads = padsOf(spec.pad ?? "same", extents, kernel, stride, dilation);
  const y = c.create(Conv, { x, w }, { strides: stride, dilations: dilation, pads, group });
  return spec.bias ? biasAdd(c, y, parameterAs(c, x, "bias", [out], "zero")) : y;
}

/** Transposed convolution to `out` channels and `stride` times the extents: `weight[in, out, kernel, kernel]`. */
export function conv2dTranspose(
  c: Cell,
  x: Value,
  out: number,
  { kernel, stride }: { readonly kernel: number; readonly stride: number },
): Value {
  const [, channels, ...extents] = shapeOf(x) as [number, number, ...number[]];
  const w = parameterAs(c, x, "weight", [channels, out, kernel, kernel]);
  const wanted = extents.map((extent) => extent * stride);
  const pads = padsOf("same", wanted, pairOf(kernel), pairOf(stride));
  const output_padding = extents.map(() => Math.max(0, stride - kernel));
  return c.create(ConvTranspose, { x, w }, { strides: pairOf(stride), dilations: [1, 1], pads, output_padding });
}

export const cast = (c: Cell, x: Value, to: DType): Value => (x.tensor.dtype === to ? x : c.create(Cast, { x }, { to }));

/** An f32 parameter in the element type of `x`: layers that compute in f16 round their parameters when they run. */
const parameterAs = (c: Cell, x: Value, name: string, shape: readonly number[], init: Init = "weight"): Value =>
  cast(c, c.parameter(name, shape, init), x.tensor.dtype);

/** Adds `b[channels]` along axis 1. */
export function biasAdd(c: Cell, x: Value, b: Value): Value {
  const rank = x.tensor.shape.length;
  return c.create(Add, { a: x, b: reshape(c, b, [b.tensor.shape[0]!, ...new Array<number>(rank - 2).fill(1)]) });
}

/** `weight[out, in]`, `bias[out]`; of `x[n, in]`. */
export function dense(c: Cell, x: Value, out: number, { bias = true }: { readonly bias?: boolean } = {}): Value {
  const w = parameterAs(c, x, "weight", [out, shapeOf(x).at(-1)!]);
  const y = c.create(Matmul, { a: x, b: c.create(Transpose, { x: w }, { perm: [1, 0] }) });
  return bias ? biasAdd(c, y, parameterAs(c, x, "bias", [out], "zero")) : y;
}

/** With its statistics, which are parameters in inference: `moving_mean`, `moving_variance`, `gamma`, `beta`. */
export function batchNorm(c: Cell, x: Value, { epsilon = 1e-5 }: { readonly epsilon?: number } = {}): Value {
  const shape = [shapeOf(x)[1]!];
  const mean = parameterAs(c, x, "moving_mean", shape, "zero");
  const variance = parameterAs(c, x, "moving_variance", shape, "positive");
  const scale = parameterAs(c, x, "gamma", shape, "one");
  const bias = parameterAs(c, x, "beta", shape, "zero");
  return c.create(BatchNorm, { x, scale, bias, mean, variance }, { epsilon });
}

export interface ConvNormSpec extends ConvSpec {
  /** Of the normalization. Default: 1e-5. */
  readonly epsilon?: number;
}

/** Convolution and batch normalization, which are two cells. */
export const convNorm = (conv: Cell, norm: Cell, x: Value, out: number, spec: ConvNormSpec): Value =>
  batchNorm(norm, conv2d(conv, x, out, spec), spec);

export const convNormRelu = (conv: Cell, norm: Cell, x: Value, out: number, spec: ConvNormSpec): Value =>
  relu(conv, convNorm(conv, norm, x, out, spec));

interface PoolSpec {
  readonly kernel: number | Pair;
  readonly stride: number | Pair;
  /** Default: `valid`. */
  readonly pad?: "same" | "valid";
}

const poolAttributes = (x: Value, { kernel, stride, pad = "valid" }: PoolSpec) => ({
  kernel: pairOf(kernel),
  strides: pairOf(stride),
  pads: padsOf(pad, shapeOf(x).slice(2), pairOf(kernel), pairOf(stride)),
});

export const maxPool = (c: Cell, x: Value, spec: PoolSpec): Value => c.create(MaxPool, { x }, poolAttributes(x, spec));
export const avgPool = (c: Cell, x: Value, spec: PoolSpec): Value => c.create(AvgPool, { x }, poolAttributes(x, spec));

/** The mean of each channel's pixels: `[n, c]`, or `[n, c, 1, 1]`. */
export const pixelMean = (c: Cell, x: Value, { keepdims = false }: { readonly keepdims?: boolean } = {}): Value =>
  c.create(ReduceMean, { x }, { axes: [2, 3], keepdims });

export const relu = (c: Cell, x: Value): Value => c.create(Relu, { x });
export const relu6 = (c: Cell, x: Value): Value => c.create(Relu6, { x });
export const sigmoid = (c: Cell, x: Value): Value => c.create(Sigmoid, { x });
export const softmax = (c: Cell, x: Value, axis = -1): Value => c.create(Softmax, { x }, { axes: [axis] });
export const add = (c: Cell, a: Value, b: Value): Value => c.create(Add, { a, b });
export const mul = (c: Cell, a: Value, b: Value): Value => c.create(Mul, { a, b });

/** Joins along an axis, channels by default. */
export const concat = (c: Cell, xs: readonly Value[], axis = 1): Value => c.create(Concat, { xs }, { axis });

export const reshape = (c: Cell, x: Value, shape: readonly Dim[]): Value =>
  x.tensor.shape.length === shape.length && shape.every((d, i) => d === x.tensor.shape[i]) ? x : c.create(Reshape, { x }, { shape });

/** `[n, ...]` to `[n, all the rest]`. */
export const flatten = (c: Cell, x: Value): Value => {
  const [n, ...rest] = shapeOf(x);
  return reshape(c, x, [n!, rest.reduce((a, b) => a * b, 1)]);
};
