/**
 * integer-products: products of dequantised tensors become products of the small integers themselves, whose sums are
 * scaled afterwards. Runs before constants are folded, which would make the weights floats.
 */
import { type AnyOpDefinition, attributesOf, type OpOf } from "../ir/define.ts";
import type { Op, Value } from "../ir/graph.ts";
import { Clip, Relu, Relu6 } from "../ir/ops/activation.ts";
import { Cast } from "../ir/ops/cast.ts";
import { Conv, ConvInteger } from "../ir/ops/conv.ts";
import { Add, Mul } from "../ir/ops/elementwise.ts";
import { Concat } from "../ir/ops/join.ts";
import { Gemm, Matmul, MatmulInteger } from "../ir/ops/matmul.ts";
import { MaxPool } from "../ir/ops/pool.ts";
import { DequantizeLinear, QuantizeLinear } from "../ir/ops/quantize.ts";
import { Reshape, Transpose } from "../ir/ops/shape.ts";
import { Slice } from "../ir/ops/slice.ts";
import { type DType, isByte } from "../ir/type.ts";
import { constantOf, elementsOf, reshaped } from "./canonicalize/known.ts";
import type { Pass } from "./pass.ts";
import { isUsedOnce } from "./pattern.ts";
import { applyRules, opRule, type Rewriter, type Rule } from "./rewrite.ts";

/** Parameters of more elements are not read. */
const mostParameters = 1 << 16;

interface Dequantized {
  readonly x: Value;
  readonly scale: Value;
  readonly zeroPoint: Value | undefined;
  /** Of the scale, where it has several elements. */
  readonly axis: number;
}

/** The 8-bit integers that `v` is made of; undefined where it is something else, or scaled block by block. */
function dequantized(v: Value | undefined): Dequantized | undefined {
  if (v?.op?.definition !== DequantizeLinear || v.tensor.dtype !== "f32") return undefined;
  const [x, scale, zeroPoint] = v.op.operands as [Value, Value, Value | undefined];
  const { axis, block_size } = attributesOf(v.op as OpOf<typeof DequantizeLinear>);
  if (!isByte(x.tensor.dtype) || block_size !== 0 || scale.tensor.dtype !== "f32") return undefined;
  const isZero = elementsOf(zeroPoint, mostParameters)?.every((e) => Number(e) === 0) === true;
  return { x, scale, zeroPoint: isZero ? undefined : zeroPoint, axis: axis < 0 ? axis + x.tensor.shape.length : axis };
}

const isOne = (v: Value | undefined): boolean => v?.tensor.shape.every((d) => d === 1) ?? true;
const isForAll = (d: Dequantized | undefined): boolean => d !== undefined && isOne(d.scale) && isOne(d.zeroPoint);

/** Weights that are constants, with one scale or one per slice of `axis`. */
const isWeight = (d: Dequantized | undefined, axis: number): d is Dequantized =>
  d !== undefined && constantOf(d.x) !== undefined && (isForAll(d) || d.axis === axis);

/** One for all as a scalar, others under a shape with ones after the axis of channels. */
const placed = (r: Rewriter, p: Value, after: number): Value =>
  isOne(p) ? reshaped(r, p, []) : reshaped(r, p, [p.tensor.shape[0]!, ...new Array<number>(after).fill(1)]);

/** The sum as a float: `sum * xScale * wScale + bias`. */
function scaled(r: Rewriter, sum: Value, x: Dequantized, w: Dequantized, bias: Value | undefined, after: number): Value {
  const factor = r.create(Mul, { a: placed(r, w.scale, after), b: placed(r, x.scale, after) });
  const y = r.create(Mul, { a: r.create(Cast, { x: sum }, { to: "f32" }), b: factor });
  return bias ? r.create(Add, { a: y, b: bias }) : y;
}

const vector = (r: Rewriter, p: Value | undefined): Value | undefined => p && (isOne(p) ? reshaped(r, p, []) : p);

/** `conv((x - zx) sx, (w - zw) sw) + b = conv_integer(x, w) sx sw + b`. */
const integerConv = opRule("integer-conv", "reassociates", Conv, (op, r) => {
  const [x, w] = [dequantized(op.operand(0)), dequantized(op.operand(1))];
  const { to, ...attributes } = attributesOf(op as OpOf<typeof Conv>);
  if (!x || !isForAll(x) || !isWeight(w, 0) || to !== undefined) return undefined;
  const sum = r.create(
    ConvInteger,
    { x: x.x, w: w.x, x_zero_point: vector(r, x.zeroPoint), w_zero_point: vector(r, w.zeroPoint) },
    attributes,
  );
  const after = op.result.tensor.shape.length - 2;
  const b = op.operand(2);
  return scaled(r, sum, x, w, b && placed(r, b, after), after);
});

/** `a b` for dequantised a and constant b, whose columns may have scales of their own. */
function integerProduct(r: Rewriter, a: Value, b: Value, transB: boolean, bias: Value | undefined): Value | undefined {
  const [x, w] = [dequantized(a), dequantized(b)];
  if (!x || !isForAll(x) || b.tensor.shape.length !== 2 || !isWeight(w, transB ? 0 : 1)) return undefined;
  const columns = transB ? r.create(Transpose, { x: w.x }, { perm: [1, 0] }) : w.x;
  const sum = r.create(MatmulInteger, { a: x.x, b: columns, a_zero_point: vector(r, x.zeroPoint), b_zero_point: vector(r, w.zeroPoint) });
  return scaled(r, sum, x, w, bias, 0);
}

const integerMatmul = opRule("integer-matmul", "reassociates", Matmul, (op, r) => {
  const [a, b] = op.operands as [Value, Value];
  return integerProduct(r, a, b, false, undefined);
});

const integerGemm = opRule("integer-gemm", "reassociates", Gemm, (op, r) => {
  const [a, b, c] = op.operands as [Value, Value, Value | undefined];
  const { trans_a, trans_b, alpha, beta } = attributesOf(op as OpOf<typeof Gemm>);
  return trans_a || alpha !== 1 || beta !== 1 ? undefined : integerProduct(r, a, b, trans_b, c);
});

/** Whether two parameters are the same value or equal constants. */
function isSameParameter(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  const [left, right] = [elementsOf(a, mostParameters), elementsOf(b, mostParameters)];
  return left !== undefined && right?.length === left.length && left.every((e, i) => Object.is(e, right[i]));
}

/** Ops that move elements or choose among them, so that they may be done on the integers. */
const movements: readonly AnyOpDefinition[] = [Reshape, Transpose, Slice, Concat, MaxPool];

/** `quantize(move(dequantize(x))) = move(x)` under one scale and one zero point, for several moves in a row too. */
const moveQuantized = opRule("move-quantized", "exact", QuantizeLinear, (op, r) => {
  const [moved, scale, zeroPoint] = op.operands as [Value, Value, Value | undefined];
  return isOne(scale) && isOne(zeroPoint) && isMovement(moved.op) ? integersUnder(moved, op, r) : undefined;
});

const isMovement = (op: Op | undefined): op is Op => op !== undefined && movements.includes(op.definition);
/** Of a concatenation every operand is data, of others the first. */
const isMoved = (op: Op, v: Value): boolean => op.definition === Concat || op.operand(0) === v;

/** What `v` is made of, in the integers that the op `quantize` gives: dequantised by the same parameters, or moved from such. */
function integersUnder(v: Value, quantize: Op, r: Rewriter): Value | undefined {
  if (v.op?.definition === DequantizeLinear) return unquantized(v.op, quantize);
  if (!isMovement(v.op) || !isUsedOnce(v)) return undefined;
  const { op } = v;
  const data = op.operands.map((x) => x && (isMoved(op, x) ? integersUnder(x, quantize, r) : x));
  return data.some((x, i) => x === undefined && op.operands[i]) ? undefined : r.withOperands(op, data);
}

function unquantized(dequantize: Op, quantize: Op): Value | undefined {
  const isSame = [1, 2].every((i) => isSameParameter(dequantize.operand(i), quantize.operand(i)));
  const x = dequantize.operand(0)!;
  return isSame && x.tensor.dtype === quantize.result.tensor.dtype ? x : undefined;
}

/** `quantize(dequantize(x)) = x` under the same parameters. */
const quantizeOfDequantize = opRule("quantize-of-dequantize", "exact", QuantizeLinear, (op) => {
  const inner = op.operand(0)!.op;
  return inner?.definition === DequantizeLinear ? unquantized(inner, op) : undefined;
});

const ranges: Partial<Record<DType, readonly [number, number]>> = { i8: [-128, 127], u8: [0, 255] };

/** The least and greatest real number that the quantised type holds; undefined where only running tells. */
function heldRange(op: Op): readonly [number, number] | undefined {
  const range = ranges[op.result.tensor.dtype];
  const [scale] = elementsOf(op.operand(1), 1) ?? [];
  const [zero] = op.operand(2) ? (elementsOf(op.operand(2), 1) ?? []) : [0];
  if (!range || scale === undefined || zero === undefined) return undefined;
  return [(range[0] - Number(zero)) * Number(scale), (range[1] - Number(zero)) * Number(scale)];
}

/** `quantize(clip(x)) = quantize(x)` where the type holds nothing outside the bounds: saturating clips. */
const clippedByRange = (definition: AnyOpDefinition, bounds: (op: Op) => readonly [number, number] | undefined): Rule =>
  opRule(`quantize-of-${definition.name}`, "exact", QuantizeLinear, (op, r) => {
    const inner = op.operand(0)!.op;
    if (inner?.definition !== definition) return undefined;
    const [held, asked] = [heldRange(op), bounds(inner)];
    if (!held || !asked || held[0] < asked[0] || held[1] > asked[1]) return undefined;
    return r.withOperands(op, [inner.operand(0), ...op.operands.slice(1)]);
  });

function clipBounds(op: Op): readonly [number, number] | undefined {
  const bound = (i: number, absent: number): number => (op.operand(i) ? Number(elementsOf(op.operand(i), 1)?.[0] ?? NaN) : absent);
  return [bound(1, -Infinity), bound(2, Infinity)];
}

export const integerProductRules: readonly Rule[] = [
  integerConv,
  integerMatmul,
  integerGemm,
  quantizeOfDequantize,
  moveQuantized,
  clippedByRange(Relu, () => [0, Infinity]),
  clippedByRange(Relu6, () => [0, 6]),
  clippedByRange(Clip, clipBounds),
];

export const integerProducts: Pass = {
  name: "integer-products",
  summary: "products of dequantised tensors computed on the integers",
  run(graph, context) {
    applyRules(graph, integerProductRules, context);
  },
};
