/**
 * block-layout: convolutions and products by constant weights run on blocked layouts. `pack` and `unpack` stand at the
 * borders of blocked regions; both are pushed outward until they meet and cancel, so that inside a region no data moves.
 *
 * Lanes beyond the last channel hold values that are finite, and meet only weights that are zero.
 */
import { attributesOf, type OpOf } from "../ir/define.ts";
import type { Op, Value } from "../ir/graph.ts";
import { Add, Conv, ConvInteger, ConvPacked, Gemm, Matmul, MatmulPacked, Pack, Transpose, Unpack } from "../ir/ops/index.ts";
import type { DType } from "../ir/type.ts";
import type { Pass } from "./pass.ts";
import { isConstant, propagation } from "./block-layout/propagation.ts";
import { applyRules, opRule, type Rewriter, type Rule } from "./rewrite.ts";

export interface BlockOptions {
  /** f32 elements of a vector: channels of a block. */
  readonly lanes: number;
  /** Vectors in a row of the register tile of matrix products. */
  readonly vectors: number;
}

export const blockLayout = (options: BlockOptions): Pass => ({
  name: "block-layout",
  summary: "convolutions and products by constants run on blocked channels",
  run(graph, context) {
    applyRules(graph, [packConv(options), packConvInteger(options), packMatmul(options), packGemm(options), ...propagation], context);
  },
});

/** Floats whose sums are of f32. */
const isBlocked = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";

const extentOf = (v: Value, axis: number): number | undefined => {
  const e = v.tensor.shape.at(axis);
  return typeof e === "number" ? e : undefined;
};

/** `conv(x, w) = unpack(conv_packed(pack(x), w in blocks))`, channel by channel the same sums. */
const packConv = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-conv", "reassociates", Conv, (op, rewriter) => {
    const [x, , b] = op.operands as [Value, Value, Value | undefined];
    const isFit = attributesOf(op as OpOf<typeof Conv>).to === undefined && isBlocked(x.tensor.dtype) && (!b || isConstant(b));
    return isFit ? blockedConv(rewriter, op, lanes, b ? { b: pack(rewriter, b, 0, lanes) } : {}) : undefined;
  });

/** The same of 8-bit integers, whose weights have no zero point. Lanes beyond the last channel meet weights that are zero. */
const packConvInteger = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-conv-integer", "exact", ConvInteger, (op, rewriter) => {
    const [, , x_zero_point, wZeroPoint] = op.operands;
    const isFit = !wZeroPoint && (x_zero_point?.tensor.shape ?? []).length === 0;
    return isFit ? blockedConv(rewriter, op, lanes, { x_zero_point }) : undefined;
  });

/** The ungrouped convolution by constant weights in blocks; undefined where there is too little to fill one. */
function blockedConv(rewriter: Rewriter, op: Op, lanes: number, more: { b?: Value; x_zero_point?: Value | undefined }): Value | undefined {
  const [x, w] = op.operands as [Value, Value];
  const { group, strides, dilations, pads } = attributesOf(op as OpOf<typeof ConvInteger>);
  const [outputs, channels] = [extentOf(w, 0), extentOf(w, 1)];
  if (group !== 1 || !isConstant(w) || x.tensor.shape.length < 3) return undefined;
  if (outputs === undefined || channels === undefined || outputs * 2 < lanes) return undefined;
  const inner = Math.min(lanes, channels);
  const operands = { x: pack(rewriter, x, 1, inner), w: packWeights(rewriter, w, lanes, inner), ...more };
  const y = rewriter.create(ConvPacked, operands, { strides, dilations, pads });
  return rewriter.create(Unpack, { x: y }, { axis: 1, extent: outputs });
}

const pack = (rewriter: Rewriter, x: Value, axis: number, block: number): Value => rewriter.create(Pack, { x }, { axis, block });

/** `w[m, c, k...]` as `[M, C, k..., c, m]`. */
function packWeights(rewriter: Rewriter, w: Value, outer: number, inner: number): Value {
  const both = pack(rewriter, pack(rewriter, w, 0, outer), 1, inner);
  const rank = both.tensor.shape.length;
  const perm = Array.from({ length: rank }, (_, d) => (d === rank - 2 ? rank - 1 : d === rank - 1 ? rank - 2 : d));
  return rewriter.create(Transpose, { x: both }, { perm });
}

/** The widest panel of at most `vectors` vectors that divides the columns, else the widest that overlaps. */
function panelWidth(columns: number, { lanes, vectors }: BlockOptions): number | undefined {
  for (let v = vectors; v > 0; v--) if (columns % (v * lanes) === 0) return v * lanes;
  return columns < lanes ? undefined : Math.min(vectors, Math.floor(columns / lanes)) * lanes;
}

function multiply(rewriter: Rewriter, a: Value, b: Value, options: BlockOptions): Value | undefined {
  const columns = extentOf(b, -1);
  const width = columns === undefined ? undefined : panelWidth(columns, options);
  if (width === undefined || !isBlocked(a.tensor.dtype) || !isConstant(b) || b.tensor.shape.length !== 2 || a.tensor.shape.length < 2)
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
    if (trans_a || alpha !== 1 || beta !== 1 || !isConstant(b) || b.tensor.shape.length !== 2) return undefined;
    const columns = trans_b ? rewriter.create(Transpose, { x: b }, { perm: [1, 0] }) : b;
    const product = multiplyFolded(rewriter, a, b, columns, options);
    return product && c ? rewriter.create(Add, { a: product, b: c }) : product;
  });

/** As `multiply`, where `columns` is computed from the constant `b`. */
function multiplyFolded(rewriter: Rewriter, a: Value, b: Value, columns: Value, options: BlockOptions): Value | undefined {
  if (columns === b) return multiply(rewriter, a, b, options);
  const width = panelWidth(extentOf(columns, 1) ?? 0, options);
  if (width === undefined || !isBlocked(a.tensor.dtype) || a.tensor.shape.length < 2) return undefined;
  const blocks = rewriter.create(Pack, { x: columns }, { axis: 1, block: width, tail: "overlap" });
  return rewriter.create(
    MatmulPacked,
    { a, b: rewriter.create(Transpose, { x: blocks }, { perm: [1, 0, 2] }) },
    { columns: extentOf(columns, 1)! },
  );
}
