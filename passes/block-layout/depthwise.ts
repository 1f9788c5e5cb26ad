/** Convolutions of each channel by itself: a vector of neighbouring channels is convolved at once. */
import { attributesOf, type OpOf } from "../../ir/define.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Conv, ConvInteger, DepthwisePacked, Reshape, Unpack } from "../../ir/ops/index.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { type BlockOptions, extentOf, isBlocked, isFixed, pack } from "./blocks.ts";
import { corrected, imageOf, Integers, isOwn, weightsOf } from "./integers.ts";

/** The channels of a convolution `w[c, 1, k...]` in as many groups; undefined where it is another, or has too few. */
function channelsOf(op: Op, lanes: number): number | undefined {
  const [x, w] = op.operands as [Value, Value];
  const { group } = attributesOf(op as OpOf<typeof ConvInteger>);
  const channels = extentOf(w, 0);
  const isDepthwise = channels === group && extentOf(w, 1) === 1 && isFixed(w) && x.tensor.shape.length > 2;
  return isDepthwise && channels > 1 && channels * 2 >= lanes ? channels : undefined;
}

/** `w[c, 1, k...]` as `[C, k..., c]`. */
function packWeights(rewriter: Rewriter, w: Value, lanes: number): Value {
  const [channels, , ...kernel] = w.tensor.shape;
  return pack(rewriter, rewriter.create(Reshape, { x: w }, { shape: [channels!, ...kernel] }), 0, lanes);
}

export const packDepthwise = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-depthwise", "exact", Conv, (op, rewriter) => {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    const { strides, dilations, pads, to } = attributesOf(op as OpOf<typeof Conv>);
    const channels = channelsOf(op, lanes);
    if (channels === undefined || to !== undefined || !isBlocked(x.tensor.dtype) || (b && !isFixed(b))) return undefined;
    const operands = { x: pack(rewriter, x, 1, lanes), w: packWeights(rewriter, w, lanes), b: b && pack(rewriter, b, 0, lanes) };
    const y = rewriter.create(DepthwisePacked, operands, { strides, dilations, pads });
    return rewriter.create(Unpack, { x: y }, { axis: 1, extent: channels });
  });

/** `sum (x - xz) (w - wz) = sum x w' - xz sum w'`, as in `integers.ts`. */
export const packDepthwiseInteger = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-depthwise-integer", "exact", ConvInteger, (op, rewriter) => {
    const [x, w, xZero, wZero] = op.operands as [Value, Value, Value | undefined, Value | undefined];
    const { strides, dilations, pads } = attributesOf(op as OpOf<typeof ConvInteger>);
    const channels = channelsOf(op, lanes);
    if (channels === undefined || !isOwn(x, xZero)) return undefined;
    const n = new Integers(rewriter);
    const weights = weightsOf(n, w, wZero, [channels, ...w.tensor.shape.slice(1).map(() => 1)], "i8");
    if (!weights) return undefined;
    const { point } = imageOf(n, x, xZero, x.tensor.dtype as "i8" | "u8");
    const operands = {
      x: pack(rewriter, x, 1, lanes),
      w: packWeights(rewriter, weights.w, lanes),
      padding: point && n.cast(point, x.tensor.dtype),
    };
    const y = rewriter.create(DepthwisePacked, operands, { strides, dilations, pads });
    return rewriter.create(Unpack, { x: corrected(n, y, weights.w, point, lanes) }, { axis: 1, extent: channels });
  });
