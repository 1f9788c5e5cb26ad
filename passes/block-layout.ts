/**
 * block-layout: convolutions and products by constant weights run on blocked layouts. `pack` and `unpack` stand at the
 * borders of blocked regions; both are pushed outward until they meet and cancel, so that inside a region no data moves.
 *
 * Lanes beyond the last channel hold values that are finite, and meet only weights that are zero.
 */
import { attributesOf, type OpOf } from "../ir/define.ts";
import type { Value } from "../ir/graph.ts";
import { Add, Conv, ConvPacked, Gemm, Matmul, MatmulPacked, Pack, Transpose, Unpack } from "../ir/ops/index.ts";
import type { Pass } from "./pass.ts";
import { type BlockOptions, extentOf, isBlocked, isFixed, pack, panelWidth } from "./block-layout/blocks.ts";
import { convForTransposed } from "./block-layout/conv-transpose.ts";
import { packDepthwise, packDepthwiseInteger } from "./block-layout/depthwise.ts";
import { packConvInteger, packMatmulInteger } from "./block-layout/integers.ts";
import { propagation } from "./block-layout/propagation.ts";
import { applyRules, opRule, type Rewriter, type Rule } from "./rewrite.ts";

export const blockLayout = (options: BlockOptions): Pass => ({
  name: "block-layout",
  summary: "convolutions and products by constants run on blocked channels",
  run(graph, context) {
    const convolutions = [packConv, packConvInteger, packDepthwise, packDepthwiseInteger].map((rule) => rule(options));
    const products = [packMatmul, packMatmulInteger, packGemm].map((rule) => rule(options));
    applyRules(graph, [convForTransposed, ...convolutions, ...products, ...propagation], context);
  },
});

/** `conv(x, w) = unpack(conv_packed(pack(x), w in blocks))`, channel by channel the same sums; nothing where too little would fill a block. */
const packConv = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-conv", "reassociates", Conv, (op, rewriter) => {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    const { group, strides, dilations, pads, to } = attributesOf(op as OpOf<typeof Conv>);
    const [outputs, channels] = [extentOf(w, 0), extentOf(w, 1)];
    if (group !== 1 || to !== undefined || !isBlocked(x.tensor.dtype) || !isFixed(w) || (b && !isFixed(b))) return undefined;
    if (outputs === undefined || channels === undefined || outputs * 2 < lanes || x.tensor.shape.length < 3) return undefined;
    const inner = Math.min(lanes, channels);
    const y = rewriter.create(
      ConvPacked,
      {
        x: pack(rewriter, x, 1, inner),
        w: packWeights(rewriter, w, lanes, inner),
        b: b && pack(rewriter, b, 0, lanes),
      },
      { strides, dilations, pads },
    );
    return rewriter.create(Unpack, { x: y }, { axis: 1, extent: outputs });
  });

/** `w[m, c, k...]` as `[M, C, k..., c, m]`. */
function packWeights(rewriter: Rewriter, w: Value, outer: number, inner: number): Value {
  const both = pack(rewriter, pack(rewriter, w, 0, outer), 1, inner);
  const rank = both.tensor.shape.length;
  const perm = Array.from({ length: rank }, (_, d) => (d === rank - 2 ? rank - 1 : d === rank - 1 ? rank - 2 : d));
  return rewriter.create(Transpose, { x: both }, { perm });
}

function multiply(rewriter: Rewriter, a: Value, b: Value, options: BlockOptions): Value | undefined {
  const columns = extentOf(b, -1);
  const width = columns === undefined ? undefined : panelWidth(columns, options);
  if (width === undefined || !isBlocked(a.tensor.dtype) || !isFixed(b) || b.tensor.shape.length !== 2 || a.tensor.shape.length < 2)
    return undefined;
  const blocks = rewriter.create(Pack, { x: b }, { axis: 1, block: width, tail: "overlap" });
  const panels = rewriter.create(Transpose, { x: blocks }, { perm: [1, 0, 2] });
  return rewriter.create(MatmulPacked, { a, b: panels }, { columns: columns! });
}

const packMatmul = (options: BlockOptions): Rule =>
  opRule("pack-matmul", "exact", Matmul, (op, rewriter) => multiply(rewriter, op.operand(0)!, op.operand(1)!, options));

const packGemm = (options: BlockOptions): Rule =>
  opRule("pack-gemm", "exact", Gemm, (op, rewriter) => {
    const [a, b, c] = op.operands as [Value, Value, Value | undefined];
    const { trans_a, trans_b, alpha, beta } = attributesOf(op as OpOf<typeof Gemm>);
    if (trans_a || alpha !== 1 || beta !== 1 || !isFixed(b) || b.tensor.shape.length !== 2) return undefined;
    const columns = trans_b ? rewriter.create(Transpose, { x: b }, { perm: [1, 0] }) : b;
    const product = multiply(rewriter, a, columns, options);
    return product && c ? rewriter.create(Add, { a: product, b: c }) : product;
  });
