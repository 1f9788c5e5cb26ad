/**
 * block-layout: convolutions and products by constant weights run on blocked layouts. `pack` and `unpack` stand at the
 * borders of blocked regions; both are pushed outward until they meet and cancel, so that inside a region no data moves.
 *
 * Lanes beyond the last channel hold values that are finite, and meet only weights that are zero.
 */
import { type AnyOpDefinition, attributesOf, isOp, type OpOf } from "../ir/define.ts";
import type { Dim } from "../ir/dim.ts";
import type { Op, Value } from "../ir/graph.ts";
import {
  Abs,
  Add,
  AvgPool,
  Cast,
  Clip,
  Concat,
  Conv,
  ConvInteger,
  ConvPacked,
  DequantizeLinear,
  Elu,
  Erf,
  Gelu,
  Gemm,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  Matmul,
  MatmulPacked,
  Max,
  MaxPool,
  Min,
  Mish,
  Mul,
  Neg,
  Pack,
  Pad,
  QuantizeLinear,
  ReduceMax,
  ReduceMean,
  ReduceSum,
  Relu,
  Relu6,
  Reshape,
  Selu,
  Sigmoid,
  Softplus,
  Softsign,
  Sqrt,
  Square,
  Sub,
  Swish,
  Tanh,
  Transpose,
  Unpack,
} from "../ir/ops/index.ts";
import type { DType } from "../ir/type.ts";
import type { Pass } from "./pass.ts";
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

const isConstant = (v: Value | undefined): v is Value => v?.op?.name === "constant";
const extentOf = (v: Value, axis: number): number | undefined => {
  const e = v.tensor.shape.at(axis);
  return typeof e === "number" ? e : undefined;
};

/** `conv(x, w) = unpack(conv_packed(pack(x), w in blocks))`, channel by channel the same sums. */
const packConv = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-conv", "reassociates", Conv, (op, rewriter) => {
    const conv = op as OpOf<typeof Conv>;
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    const { group, to, strides, dilations, pads } = attributesOf(conv);
    const [outputs, channels] = [extentOf(w, 0), extentOf(w, 1)];
    if (
      group !== 1 ||
      to !== undefined ||
      !isBlocked(x.tensor.dtype) ||
      !isConstant(w) ||
      (b && !isConstant(b)) ||
      x.tensor.shape.length < 3
    )
      return undefined;
    if (outputs === undefined || channels === undefined || outputs * 2 < lanes) return undefined;
    const inner = Math.min(lanes, channels);
    const packed = rewriter.create(
      ConvPacked,
      { x: pack(rewriter, x, 1, inner), w: packWeights(rewriter, w, lanes, inner), ...(b && { b: pack(rewriter, b, 0, lanes) }) },
      { strides, dilations, pads },
    );
    return rewriter.create(Unpack, { x: packed }, { axis: 1, extent: outputs });
  });

/** The same of 8-bit integers, whose weights have no zero point. Lanes beyond the last channel meet weights that are zero. */
const packConvInteger = ({ lanes }: BlockOptions): Rule =>
  opRule("pack-conv-integer", "exact", ConvInteger, (op, rewriter) => {
    const [x, w, x_zero_point, wZeroPoint] = op.operands as [Value, Value, Value | undefined, Value | undefined];
    const { group, strides, dilations, pads } = attributesOf(op as OpOf<typeof ConvInteger>);
    const [outputs, channels] = [extentOf(w, 0), extentOf(w, 1)];
    if (group !== 1 || wZeroPoint || !isConstant(w) || x.tensor.shape.length < 3 || (x_zero_point && x_zero_point.tensor.shape.length > 0))
      return undefined;
    if (outputs === undefined || channels === undefined || outputs * 2 < lanes) return undefined;
    const inner = Math.min(lanes, channels);
    const operands = { x: pack(rewriter, x, 1, inner), w: packWeights(rewriter, w, lanes, inner), x_zero_point };
    return rewriter.create(
      Unpack,
      { x: rewriter.create(ConvPacked, operands, { strides, dilations, pads }) },
      { axis: 1, extent: outputs },
    );
  });

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

/** The packed value under an `unpack` of channels, with what the unpack says. */
function unpacked(v: Value | undefined): { packed: Value; extent: Dim; block: Dim } | undefined {
  if (!isOp(v?.op, Unpack)) return undefined;
  const { axis, extent } = attributesOf(v.op);
  return axis === 1 ? { packed: v.op.operand(0)!, extent, block: v.op.operand(0)!.tensor.shape.at(-1)! } : undefined;
}

const repack = (rewriter: Rewriter, x: Value, extent: Dim): Value => rewriter.create(Unpack, { x }, { axis: 1, extent });

/** pack(unpack(x)) = x when both split the same axis into blocks of one size. */
const packOfUnpack = opRule("pack-of-unpack", "exact", Pack, (op) => {
  const from = unpacked(op.operand(0));
  const { axis, block, tail } = attributesOf(op as OpOf<typeof Pack>);
  return from && axis === 1 && block === from.block && tail === "zero" ? from.packed : undefined;
});

/** f(unpack(x)) = unpack(f(x)) for functions of one element that are finite at zero. */
const throughUnary = (definition: AnyOpDefinition): Rule =>
  opRule("unpack-through-unary", "exact", definition, (op, rewriter) => {
    const from = unpacked(op.operand(0));
    if (!from || op.operands.slice(1).some((v) => v && v.tensor.shape.length > 0)) return undefined;
    return repack(rewriter, rewriter.withOperands(op, [from.packed, ...op.operands.slice(1)]), from.extent);
  });

/** f(unpack(x), unpack(y)) = unpack(f(x, y)); a constant per channel, or for all, is packed alike. */
const throughBinary = (definition: AnyOpDefinition): Rule =>
  opRule("unpack-through-binary", "exact", definition, (op, rewriter) => {
    const [a, b] = op.operands as [Value, Value];
    const from = unpacked(a) ?? unpacked(b);
    if (!from) return undefined;
    const operands = [a, b].map((v) => asPacked(rewriter, v, from, op.result));
    return operands.every((v) => v !== undefined) ? repack(rewriter, rewriter.withOperands(op, operands), from.extent) : undefined;
  });

function asPacked(rewriter: Rewriter, v: Value, like: { extent: Dim; block: Dim; packed: Value }, result: Value): Value | undefined {
  const own = unpacked(v);
  if (own)
    return own.extent === like.extent && own.block === like.block && v.tensor.shape.every((e, d) => e === result.tensor.shape[d])
      ? own.packed
      : undefined;
  if (!isConstant(v)) return undefined;
  const rank = result.tensor.shape.length;
  const shape = [...new Array<Dim>(rank - v.tensor.shape.length).fill(1), ...v.tensor.shape];
  if (shape.every((e) => e === 1)) return rewriter.create(Reshape, { x: v }, { shape: [] });
  if (shape[1] !== like.extent || shape.some((e, d) => d !== 1 && e !== 1)) return undefined;
  const flat = rewriter.create(Reshape, { x: v }, { shape: [like.extent] });
  const blocks = rewriter.create(Pack, { x: flat }, { axis: 0, block: Number(like.block) });
  const [count, block] = blocks.tensor.shape as [Dim, Dim];
  return rewriter.create(Reshape, { x: blocks }, { shape: [count, ...new Array<Dim>(rank - 2).fill(1), block] });
}

/** Pools see the lanes of a block as one more spatial axis with a window of one. */
const throughPool = (definition: typeof MaxPool | typeof AvgPool): Rule =>
  opRule("unpack-through-pool", "exact", definition, (op, rewriter) => {
    const from = unpacked(op.operand(0));
    if (!from) return undefined;
    const a = attributesOf(op as OpOf<typeof MaxPool>);
    const widen = <T>(list: readonly T[], one: T): readonly T[] => (list.length === 0 ? list : [...list, one]);
    const attributes = {
      ...op.attributes,
      kernel: [...a.kernel, 1],
      strides: widen(a.strides, 1),
      dilations: widen(a.dilations, 1),
      pads: widen(a.pads, [0, 0] as const),
    };
    return repack(rewriter, rewriter.create(definition as AnyOpDefinition, { x: from.packed }, attributes), from.extent);
  });

/** Reductions over spatial axes keep the lanes apart. */
const throughReduce = (definition: typeof ReduceMean): Rule =>
  opRule("unpack-through-reduce", "exact", definition, (op, rewriter) => {
    const from = unpacked(op.operand(0));
    if (!from) return undefined;
    const { axes, keepdims } = attributesOf(op as OpOf<typeof ReduceMean>);
    const rank = op.operand(0)!.tensor.shape.length;
    const positive = axes.map((a) => (a < 0 ? a + rank : a));
    if (positive.length === 0 || positive.some((a) => a < 2)) return undefined;
    const reduced = rewriter.create(
      definition,
      { x: from.packed },
      { ...attributesOf(op as OpOf<typeof ReduceMean>), axes: positive, keepdims: true },
    );
    const whole = repack(rewriter, reduced, from.extent);
    return keepdims ? whole : rewriter.create(Reshape, { x: whole }, { shape: op.result.tensor.shape });
  });

/** Padding of spatial axes by a constant leaves lanes alone. */
const throughPad = opRule("unpack-through-pad", "exact", Pad, (op, rewriter) => {
  const from = unpacked(op.operand(0));
  const { pads } = attributesOf(op as OpOf<typeof Pad>);
  if (!from || pads.slice(0, 2).some(([begin, end]) => begin !== 0 || end !== 0)) return undefined;
  const attributes = { ...op.attributes, pads: [...pads, [0, 0]] };
  return repack(rewriter, rewriter.create(Pad as AnyOpDefinition, { x: from.packed, value: op.operand(1) }, attributes), from.extent);
});

/** Channels joined in whole blocks. */
const throughConcat = opRule("unpack-through-concat", "exact", Concat, (op: Op, rewriter) => {
  const parts = op.operands.map(unpacked);
  const [first] = parts;
  const { axis } = attributesOf(op as OpOf<typeof Concat>);
  if (!first || axis !== 1 || parts.some((p) => !p || p.block !== first.block || Number(p.extent) % Number(p.block) !== 0))
    return undefined;
  const joined = rewriter.create(
    Concat as AnyOpDefinition,
    { [Object.keys(op.definition.operands as object)[0]!]: parts.map((p) => p!.packed) },
    op.attributes,
  );
  return repack(rewriter, joined, op.result.tensor.shape[1]!);
});

const unary: readonly AnyOpDefinition[] = [
  Abs,
  Cast,
  Clip,
  DequantizeLinear,
  Elu,
  Erf,
  Gelu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  Mish,
  Neg,
  QuantizeLinear,
  Relu,
  Relu6,
  Selu,
  Sigmoid,
  Softplus,
  Softsign,
  Sqrt,
  Square,
  Swish,
  Tanh,
];
const binary: readonly AnyOpDefinition[] = [Add, Sub, Mul, Max, Min];

const propagation: readonly Rule[] = [
  packOfUnpack,
  ...unary.map(throughUnary),
  ...binary.map(throughBinary),
  throughPool(MaxPool),
  throughPool(AvgPool),
  ...[ReduceMean, ReduceMax, ReduceSum].map((d) => throughReduce(d)),
  throughPad,
  throughConcat,
];
