/** Convolutions over any number of spatial axes: floating point, integer and quantised. */
import { type AttributesOf, defineOp, operand, optionalOperand } from "../define.ts";
import { dtype, int, maybe } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { add, type Buffer, constantLike, convert, type Expr, load, mul, select, sub } from "../expr.ts";
import { reduction, type Stage, sum } from "../stage.ts";
import { computeType, type DType, formatType, tensor, type TensorType } from "../type.ts";
import { makeWindow, type Window, windowAttributes, windowExtents, windowPoint } from "../window.ts";
import { requantize } from "./quantize.ts";

const attributes = {
  ...windowAttributes,
  group: int(1, "input and output channels fall into so many groups, each convolved by itself"),
};
type ConvAttributes = AttributesOf<typeof attributes>;

/** The window of a convolution of `x[n, c, spatial...]` by `w[m, c / group, kernel...]`. Throws an `OpError`. */
function convWindow(x: { readonly shape: readonly Dim[] }, w: { readonly shape: readonly Dim[] }, a: ConvAttributes): Window {
  return makeWindow(x.shape.slice(2), w.shape.slice(2), a);
}

/** The result's shape, `[n, m, spatial...]`. Throws an `OpError` where channels, groups or windows do not fit. */
function convShape(x: TensorType, w: TensorType, a: ConvAttributes): Dim[] {
  const [batch, channels] = x.shape;
  const [outputs, inner] = w.shape;
  const fits = x.shape.length >= 2 && w.shape.length === x.shape.length && a.group >= 1;
  if (
    !fits ||
    commonExtent(channels!, dim.mul(inner!, a.group)) === undefined ||
    (typeof outputs === "number" && outputs % a.group !== 0)
  ) {
    throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)} in ${a.group} groups`);
  }
  return [batch!, outputs!, ...windowExtents(x.shape.slice(2), convWindow(x, w, a))];
}

/** One product of a convolution: element `[c, k...]` of the window at `[n, m, o...]`. */
export interface ConvPoint {
  readonly image: Expr;
  readonly weight: Expr;
  /** Whether the image's element is there; where not, it counts as zero. */
  readonly inside: Expr;
  readonly channel: Dim;
}

/** First input channel that output channel `m` sees: 0 without groups. */
export function groupStart(m: Dim, outputs: Dim, inner: Dim, group: number): Dim {
  if (group === 1) return 0;
  return dim.mul(dim.floordiv(m, dim.exactDiv(outputs, group) ?? dim.floordiv(outputs, group)), inner);
}

function convPoint(x: Buffer, w: Buffer, a: ConvAttributes, [n, m, ...o]: readonly Dim[], [c, ...k]: readonly Dim[]): ConvPoint {
  const channel = dim.add(groupStart(m!, w.shape[0]!, w.shape[1]!, a.group), c!);
  const { at, inside } = windowPoint(x.shape.slice(2), convWindow(x, w, a), o, k);
  return { image: load(x, [n!, channel, ...at]), weight: load(w, [m!, c!, ...k]), inside, channel };
}

/**
 * The convolution as one stage into `y`: folds over the channels of a group, then the window. `image` and `weight`
 * change the loaded elements before the product (zero points); `finish` the sum.
 */
function convStage(
  y: Buffer,
  x: Buffer,
  w: Buffer,
  a: ConvAttributes,
  finish: (value: Expr, at: readonly Dim[]) => Expr,
  prepare: (p: ConvPoint, m: Dim) => { readonly image: Expr; readonly weight: Expr } = (p) => p,
): Stage {
  return reduction(
    y,
    w.shape.slice(1),
    (at, r) => {
      const point = convPoint(x, w, a, at, r);
      const { image, weight } = prepare(point, at[1]!);
      return sum(mul(select(point.inside, image, constantLike(image, 0)), weight));
    },
    finish,
  );
}

/** `value` plus the bias of channel `m`, in the type of `value`. */
export const addBias = (value: Expr, b: Buffer | undefined, m: Dim): Expr => (b ? add(value, convert(load(b, [m]), value.dtype)) : value);

export function expectBias(b: TensorType | undefined, outputs: Dim): void {
  if (b && (b.shape.length !== 1 || commonExtent(b.shape[0]!, outputs) === undefined)) {
    throw new OpError(`a bias of ${formatType(b)} does not fit ${formatDim(outputs)} channels`);
  }
}

export const Conv = defineOp({
  name: "conv",
  summary:
    "Cross-correlation of `x[n, c, spatial...]` by `w[m, c / group, kernel...]` plus the bias `b[m]`; padding is zero. Integers may give a wider result, `to`.",
  operands: { x: operand, w: operand, b: optionalOperand },
  attributes: { ...attributes, to: maybe(dtype()) },
  infer({ x, w, b }, a) {
    if (x.dtype !== w.dtype) throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)}`);
    const shape = convShape(x, w, a);
    expectBias(b, shape[1]!);
    return tensor(a.to ?? x.dtype, shape);
  },
  compute({ operands: { x, w, b }, attributes: a, results: [y] }) {
    return [convStage(y!, x, w, a, (value, at) => addBias(convert(value, computeType(y!.dtype)), b, at[1]!))];
  },
});

const zeroPointAt = (p: Buffer | undefined, m: Dim): Expr | undefined => p && parameterOfChannel(p, m);
/** A parameter that is one for all, or one per output channel. */
const parameterOfChannel = (p: Buffer, m: Dim): Expr => load(p, p.shape.length === 0 ? [] : [p.shape[0] === 1 ? 0 : m]);

const shifted = (x: Expr, zeroPoint: Expr | undefined): Expr => (zeroPoint ? sub(x, zeroPoint) : x);
const withZeroPoints =
  (xZero: Buffer | undefined, wZero: Buffer | undefined) =>
  (p: ConvPoint, m: Dim): { image: Expr; weight: Expr } => ({
    image: shifted(p.image, zeroPointAt(xZero, 0)),
    weight: shifted(p.weight, zeroPointAt(wZero, m)),
  });

const bytes: readonly DType[] = ["i8", "u8"];
function expectBytes(...types: readonly TensorType[]): void {
  for (const t of types)
    if (!bytes.includes(t.dtype))
      throw new OpError(`a quantised convolution takes no ${t.dtype}`, "unsupported-type", { expected: bytes.join(", ") });
}

/** Scales and zero points are one for all, those of the weights also one per output channel; scales are f32. */
function expectParameters(parameters: readonly (TensorType | undefined)[], dtypes: readonly DType[], channels?: Dim): void {
  for (const p of parameters) {
    if (!p) continue;
    const isOneForAll = p.shape.length === 0 || (p.shape.length === 1 && p.shape[0] === 1);
    const isPerChannel = p.shape.length === 1 && channels !== undefined && commonExtent(p.shape[0]!, channels) !== undefined;
    if ((isOneForAll || isPerChannel) && dtypes.includes(p.dtype)) continue;
    throw new OpError(`a scale or zero point of ${formatType(p)} does not fit`, "type-mismatch", {
      expected: `${dtypes.join(" or ")}, one for all${channels === undefined ? "" : ` or ${formatDim(channels)}`}`,
    });
  }
}

export const ConvInteger = defineOp({
  name: "conv_integer",
  summary:
    "Convolution of `x - x_zero_point` by `w - w_zero_point` in i32; the weights' zero point is one for all or one per output channel (ONNX ConvInteger).",
  operands: { x: operand, w: operand, x_zero_point: optionalOperand, w_zero_point: optionalOperand },
  attributes,
  infer({ x, w, x_zero_point, w_zero_point }, a) {
    expectBytes(x, w);
    const shape = convShape(x, w, a);
    expectParameters([x_zero_point], bytes);
    expectParameters([w_zero_point], bytes, shape[1]);
    return tensor("i32", shape);
  },
  compute({ operands: { x, w, x_zero_point, w_zero_point }, attributes: a, results: [y] }) {
    return [convStage(y!, x, w, a, (value) => value, withZeroPoints(x_zero_point, w_zero_point))];
  },
});

export const QlinearConv = defineOp({
  name: "qlinear_conv",
  summary:
    "Convolution of quantised tensors, quantised: `saturate(rint((sum + b) * x_scale * w_scale / y_scale) + y_zero_point)`; scale and zero point of the weights are one for all or one per output channel (ONNX QLinearConv).",
  operands: {
    x: operand,
    x_scale: operand,
    x_zero_point: operand,
    w: operand,
    w_scale: operand,
    w_zero_point: operand,
    y_scale: operand,
    y_zero_point: operand,
    b: optionalOperand,
  },
  attributes,
  infer({ x, w, b, ...p }, a) {
    expectBytes(x, w);
    const shape = convShape(x, w, a);
    expectBias(b, shape[1]!);
    expectParameters([p.x_zero_point, p.y_zero_point], bytes);
    expectParameters([p.w_zero_point], bytes, shape[1]);
    expectParameters([p.x_scale, p.y_scale], ["f32"]);
    expectParameters([p.w_scale], ["f32"], shape[1]);
    return tensor(p.y_zero_point.dtype, shape);
  },
  compute({ operands: o, attributes: a, results: [y] }) {
    const finish = (value: Expr, at: readonly Dim[]): Expr =>
      requantize(addBias(value, o.b, at[1]!), {
        inputScale: parameterOfChannel(o.x_scale, 0),
        weightScale: parameterOfChannel(o.w_scale, at[1]!),
        outputScale: parameterOfChannel(o.y_scale, 0),
        zeroPoint: parameterOfChannel(o.y_zero_point, 0),
        to: y!.dtype,
      });
    return [convStage(y!, o.x, o.w, a, finish, withZeroPoints(o.x_zero_point, o.w_zero_point))];
  },
});
