/**
 * How `unpack` moves past the ops behind a blocked convolution: functions of one element, sums, pools, reductions of spatial
 * axes, concatenations of whole blocks. Where it meets a `pack` of the same blocks both are gone.
 */
import { type AnyOpDefinition, attributesOf, isOp, type OpOf } from "../../ir/define.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Op, Value } from "../../ir/graph.ts";
import {
  Abs,
  Add,
  AvgPool,
  Cast,
  Clip,
  Concat,
  DequantizeLinear,
  Elu,
  Erf,
  Gelu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
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
  Unpack,
} from "../../ir/ops/index.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { isConstant } from "./blocks.ts";

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

export const propagation: readonly Rule[] = [
  packOfUnpack,
  ...unary.map(throughUnary),
  ...binary.map(throughBinary),
  throughPool(MaxPool),
  throughPool(AvgPool),
  ...[ReduceMean, ReduceMax, ReduceSum].map((d) => throughReduce(d)),
  throughPad,
  throughConcat,
];
