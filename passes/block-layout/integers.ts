/**
 * Products of 8-bit integers by constant weights, in blocks of groups of channels. With `x' = x + d`, in the type that
 * the machine multiplies fastest, and `w' = w - wz`:
 *
 *     sum (x - xz) (w - wz) = sum x' w' - (xz + d) sum w'
 *
 * so that the loops see no zero point; what is taken off is one number per output channel. Padding holds `xz + d`. An
 * i16 has room for `x - xz` itself, and nothing is taken off.
 */
import { attributesOf, type OpOf } from "../../ir/define.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import {
  Add,
  Cast,
  ConvInteger,
  ConvPackedInteger,
  MatmulInteger,
  MatmulPackedInteger,
  Mul,
  Neg,
  Pack,
  Pad,
  ReduceSum,
  Reshape,
  Sub,
  Transpose,
  Unpack,
} from "../../ir/ops/index.ts";
import type { DType } from "../../ir/type.ts";
import { integersOf, scalar } from "../canonicalize/known.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { type BlockOptions, extentOf, type ImageType, isConstant, pack, panelWidth } from "./blocks.ts";

const groupOf = (image: ImageType): number => (image === "i16" ? 2 : 4);
const roundUp = (n: number, group: number): number => Math.ceil(n / group) * group;

const isOne = (v: Value): boolean => v.tensor.shape.every((d) => d === 1);

/** Arithmetic on i32. */
export class Integers {
  constructor(private readonly rewriter: Rewriter) {}

  number(value: number): Value {
    return scalar(this.rewriter, "i32", value);
  }

  wide(x: Value): Value {
    return this.cast(x, "i32");
  }

  add(a: Value, b: Value): Value {
    return this.rewriter.create(Add, { a: this.wide(a), b: this.wide(b) });
  }

  sub(a: Value, b: Value): Value {
    return this.rewriter.create(Sub, { a: this.wide(a), b: this.wide(b) });
  }

  cast(x: Value, to: DType): Value {
    return x.tensor.dtype === to ? x : this.rewriter.create(Cast, { x }, { to });
  }

  shaped(x: Value, shape: readonly Dim[]): Value {
    return this.rewriter.create(Reshape, { x }, { shape });
  }

  /** A vector in blocks of so many elements. */
  pack(x: Value, block: number): Value {
    return pack(this.rewriter, x, 0, block);
  }

  /** `x` with `count` zeros at the end of its last axis. */
  padded(x: Value, count: number): Value {
    const pads = x.tensor.shape.map((_, d): readonly [number, number] => [0, d === x.tensor.shape.length - 1 ? count : 0]);
    return count === 0 ? x : this.rewriter.create(Pad, { x }, { pads });
  }

  /** `b[k, j]` as `[N, q, n, g]`, with zeros in the last group where it is not full. */
  panels(b: Value, width: number, group: number): Value {
    const grouped = this.rewriter.create(Pack, { x: b }, { axis: 0, block: group });
    const blocks = this.rewriter.create(Pack, { x: grouped }, { axis: 1, block: width, tail: "overlap" });
    return this.rewriter.create(Transpose, { x: blocks }, { perm: [1, 0, 3, 2] });
  }

  /** `-point * sum of w over axes`, one number for each of the others. */
  correction(w: Value, axes: readonly number[], point: Value): Value {
    const sums = this.rewriter.create(ReduceSum, { x: this.wide(w) }, { axes, keepdims: false });
    return this.rewriter.create(Neg, { x: this.rewriter.create(Mul, { a: sums, b: point }) });
  }
}

/** An image as it is multiplied, and what each of its elements has too much: a scalar of i32, undefined for zero. */
interface Image {
  readonly x: Value;
  readonly point: Value | undefined;
}

const signShift = (from: DType, to: DType): number => (from === to ? 0 : to === "u8" ? 128 : -128);

export function imageOf(n: Integers, x: Value, zeroPoint: Value | undefined, type: ImageType): Image {
  const zero = zeroPoint && n.wide(n.shaped(zeroPoint, []));
  if (type === "i16") return { x: n.cast(zero ? n.sub(x, zero) : x, "i16"), point: undefined };
  const shift = signShift(x.tensor.dtype, type);
  if (shift === 0) return { x, point: zero };
  const by = n.number(shift);
  return { x: n.cast(n.add(x, by), type), point: zero ? n.add(zero, by) : by };
}

function extremes(list: readonly number[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const x of list) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return [low, high];
}

/** The least and greatest of `w - zeroPoint`, or bounds of them; undefined where only running tells. */
function rangeOfWeights(w: Value, zeroPoint: Value | undefined): readonly [number, number] | undefined {
  const zeros = zeroPoint ? integersOf(zeroPoint, Infinity) : [0];
  const all = w.tensor.dtype === "i8" && !zeroPoint ? [-128, 127] : integersOf(w, Infinity);
  if (!zeros || !all) return undefined;
  const [[low, high], [least, most]] = [extremes(all), extremes(zeros)];
  return [low - most, high - least];
}

/** Weights without a zero point, i8 where they fit, and the type of the images that they go with. */
export function weightsOf(
  n: Integers,
  w: Value,
  zeroPoint: Value | undefined,
  channelShape: readonly Dim[],
  image: ImageType,
): { readonly w: Value; readonly image: ImageType } | undefined {
  const range = isConstant(w) ? rangeOfWeights(w, zeroPoint) : undefined;
  if (!range) return undefined;
  const isNarrow = range[0] >= -128 && range[1] <= 127;
  const shifted = zeroPoint ? n.sub(w, n.shaped(zeroPoint, isOne(zeroPoint) ? [] : channelShape)) : w;
  return { w: n.cast(shifted, isNarrow ? "i8" : "i16"), image: isNarrow ? image : "i16" };
}

/** `w[m, c, k...]` as `[M, C, k..., q, m, g]`. */
function packWeights(rewriter: Rewriter, w: Value, outer: number, inner: number, group: number): Value {
  const blocks = pack(rewriter, pack(rewriter, w, 0, outer), 1, inner);
  const rank = blocks.tensor.shape.length;
  const grouped = rewriter.create(Reshape, { x: blocks }, { shape: [...blocks.tensor.shape.slice(0, -1), inner / group, group] });
  const lead = Array.from({ length: rank - 2 }, (_, d) => d);
  return rewriter.create(Transpose, { x: grouped }, { perm: [...lead, rank - 1, rank - 2, rank] });
}

/** Zero points of another type than the data may be no value of it. */
export const isOwn = (x: Value, zeroPoint: Value | undefined): boolean =>
  !zeroPoint || (isOne(zeroPoint) && zeroPoint.tensor.dtype === x.tensor.dtype);

export const packConvInteger = (options: BlockOptions): Rule =>
  opRule("pack-conv-integer", "exact", ConvInteger, (op, rewriter) => {
    const [x, w, xZero, wZero] = op.operands as [Value, Value, Value | undefined, Value | undefined];
    const { group, strides, dilations, pads } = attributesOf(op as OpOf<typeof ConvInteger>);
    const [outputs, channels] = [extentOf(w, 0), extentOf(w, 1)];
    const { lanes } = options;
    if (group !== 1 || x.tensor.shape.length < 3 || !isOwn(x, xZero)) return undefined;
    if (outputs === undefined || channels === undefined || outputs * 2 < lanes) return undefined;
    const n = new Integers(rewriter);
    const rank = w.tensor.shape.length;
    const weights = weightsOf(n, w, wZero, [outputs, ...new Array<number>(rank - 1).fill(1)], options.image);
    if (!weights) return undefined;
    const image = imageOf(n, x, xZero, weights.image);
    const size = groupOf(weights.image);
    const inner = Math.min(lanes, roundUp(channels, size));
    const isPadded = pads.some((p) => p.some((d) => d !== 0));
    const y = rewriter.create(
      ConvPackedInteger,
      {
        x: pack(rewriter, image.x, 1, inner),
        w: packWeights(rewriter, weights.w, lanes, inner, size),
        padding: isPadded && image.point ? n.cast(image.point, image.x.tensor.dtype) : undefined,
      },
      { strides, dilations, pads },
    );
    return rewriter.create(Unpack, { x: corrected(n, y, weights.w, image.point, lanes) }, { axis: 1, extent: outputs });
  });

/** The blocked sums of a convolution without what the image had too much. */
export function corrected(n: Integers, y: Value, w: Value, point: Value | undefined, lanes: number): Value {
  if (!point) return y;
  const axes = w.tensor.shape.map((_, d) => d).slice(1);
  const each = n.pack(n.correction(w, axes, point), lanes);
  const [blocks] = each.tensor.shape;
  return n.add(y, n.shaped(each, [blocks!, ...new Array<number>(y.tensor.shape.length - 3).fill(1), lanes]));
}

export const packMatmulInteger = (options: BlockOptions): Rule =>
  opRule("pack-matmul-integer", "exact", MatmulInteger, (op, rewriter) => {
    const [a, b, aZero, bZero] = op.operands as [Value, Value, Value | undefined, Value | undefined];
    const [inner, columns] = [extentOf(b, 0), extentOf(b, 1)];
    const width = columns === undefined ? undefined : panelWidth(columns, options);
    if (width === undefined || inner === undefined || b.tensor.shape.length !== 2 || a.tensor.shape.length < 2 || !isOwn(a, aZero))
      return undefined;
    const n = new Integers(rewriter);
    const weights = weightsOf(n, b, bZero, [columns!], options.image);
    if (!weights) return undefined;
    const image = imageOf(n, a, aZero, weights.image);
    const size = groupOf(weights.image);
    const rest = roundUp(inner, size) - inner;
    const operands = { a: n.padded(image.x, rest), b: n.panels(weights.w, width, size) };
    const y = rewriter.create(MatmulPackedInteger, operands, { columns: columns! });
    return image.point ? n.add(y, n.correction(weights.w, [0], image.point)) : y;
  });
