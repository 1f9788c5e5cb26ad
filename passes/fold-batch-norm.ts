/**
 * fold-batch-norm: normalisation by constants, and factors and addends per channel in general, go into the weights of the
 * convolution or product beside them. What becomes of the weights is written as ops, which constant folding computes.
 */
import { type AnyOpDefinition, attributesOf, type AttributesFor, type OpOf } from "../ir/define.ts";
import * as dim from "../ir/dim.ts";
import type { Dim } from "../ir/dim.ts";
import type { Op, Value } from "../ir/graph.ts";
import { ConvTranspose } from "../ir/ops/conv-transpose.ts";
import { Conv } from "../ir/ops/conv.ts";
import { Cast } from "../ir/ops/cast.ts";
import { Add, Mul, Rsqrt, Sub } from "../ir/ops/elementwise.ts";
import { Gemm, Matmul } from "../ir/ops/matmul.ts";
import { BatchNorm } from "../ir/ops/norm.ts";
import { ReduceSum } from "../ir/ops/reduce.ts";
import { Expand } from "../ir/ops/shape.ts";
import { byteSize, computeType, sameShape, staticShape } from "../ir/type.ts";
import { elementsOf, isComputed, isIeee, reshaped, scalar } from "./canonicalize/known.ts";
import type { Pass } from "./pass.ts";
import { isUsedOnce } from "./pattern.ts";
import { applyRules, kebab, opRule, type Rewriter, type Rule } from "./rewrite.ts";

const shapeOf = (v: Value): readonly Dim[] => v.tensor.shape;
const times = (r: Rewriter, a: Value, b: Value): Value => r.create(Mul, { a, b });
const plus = (r: Rewriter, a: Value, b: Value): Value => r.create(Add, { a, b });

/** Whether the value is a constant or a few ops on constants: this pass's own, not yet computed. */
function isStatic(v: Value, depth = 12): boolean {
  const { op } = v;
  if (!op || op.name === "constant") return op !== undefined;
  return (
    depth > 0 &&
    op.definition.compute !== undefined &&
    !op.definition.impure &&
    op.operands.length > 0 &&
    op.operands.every((x) => !x || isStatic(x, depth - 1))
  );
}

/** Weights used elsewhere too are kept twice only when they are small. */
const mostSharedBytes = 1 << 16;

function isFoldable(w: Value): boolean {
  if (!isStatic(w) || !isIeee(w.tensor.dtype)) return false;
  const size = (staticShape(shapeOf(w)) ?? [Infinity]).reduce((a, b) => a * b, byteSize(w.tensor.dtype));
  return isUsedOnce(w) || size <= mostSharedBytes;
}

/** `c` as a vector along `axis` of a tensor of shape `y`, or as a scalar; undefined where it varies along another axis. */
function alongAxis(r: Rewriter, c: Value, y: readonly Dim[], axis: number): Value | undefined {
  const shape = shapeOf(c);
  if (shape.length > y.length || !isStatic(c)) return undefined;
  const lead = y.length - shape.length;
  const solid = shape.flatMap((d, i) => (d === 1 ? [] : [lead + i]));
  if (solid.length === 0) return reshaped(r, c, []);
  return solid.length === 1 && solid[0] === axis && shape[axis - lead] === y[axis] ? reshaped(r, c, [y[axis]!]) : undefined;
}

/** A vector or scalar repeated to a vector. */
const asVector = (r: Rewriter, c: Value, extent: Dim): Value =>
  shapeOf(c).length === 1 ? c : r.create(Expand, { x: c }, { shape: [extent] });

/** A vector under a shape with its extent at `axis` and ones elsewhere; scalars stay. */
const atAxis = (r: Rewriter, c: Value, rank: number, axis: number): Value =>
  shapeOf(c).length === 0 ? c : reshaped(r, c, new Array<Dim>(rank).fill(1).with(axis, shapeOf(c)[0]!));

/** The same, for an axis of weights that holds one group's channels while `other` counts the groups and all else. */
function atGroupedAxis(r: Rewriter, c: Value, w: readonly Dim[], group: number, axis: 0 | 1): Value {
  if (shapeOf(c).length === 0) return c;
  const other = dim.exactDiv(w[1 - axis]!, group)!;
  const grouped = reshaped(r, c, [group, 1, w[axis]!]);
  const spread = r.create(Expand, { x: grouped }, { shape: [group, other, w[axis]!] });
  return reshaped(r, spread, [w[1 - axis]!, w[axis]!, ...w.slice(2).map(() => 1)]);
}

interface Folding {
  /** The op with its result times `c`, a scalar or one value per channel. */
  readonly scale?: (r: Rewriter, op: Op, c: Value) => Value | undefined;
  /** The op with `c` added to its result. */
  readonly shift?: (r: Rewriter, op: Op, c: Value) => Value | undefined;
  /** The op on `x` instead of `x * c`. */
  readonly scaleInput?: (r: Rewriter, op: Op, x: Value, c: Value) => Value | undefined;
  /** The op on `x` instead of `x + c`. */
  readonly shiftInput?: (r: Rewriter, op: Op, x: Value, c: Value) => Value | undefined;
  /** The axis of channels of the result and of the operand. */
  readonly channel: (rank: number) => number;
}

/** `conv(x, w, b) * c = conv(x, w * c, b * c)`, `conv(x, w, b) + c = conv(x, w, b + c)`, and for channels of x alike. */
const conv: Folding = {
  channel: () => 1,
  scale(r, op, c) {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    if (!isFoldable(w) || (b && !isStatic(b))) return undefined;
    return convOn(r, op, x, times(r, w, atAxis(r, c, shapeOf(w).length, 0)), b && times(r, b, c));
  },
  shift(r, op, c) {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    return b && !isStatic(b) ? undefined : convOn(r, op, x, w, b ? plus(r, b, c) : asVector(r, c, shapeOf(w)[0]!));
  },
  scaleInput(r, op, x, c) {
    const [, w, b] = op.operands as [Value, Value, Value | undefined];
    if (!isFoldable(w)) return undefined;
    return convOn(r, op, x, times(r, w, atGroupedAxis(r, c, shapeOf(w), convAttributes(op).group, 1)), b);
  },
  // Padding is zero after the sum, not before: only where there is none.
  shiftInput(r, op, x, c) {
    const [, w, b] = op.operands as [Value, Value, Value | undefined];
    const a = convAttributes(op);
    if (!isStatic(w) || (b && !isStatic(b)) || a.pads.some((p) => p.some((n) => n !== 0))) return undefined;
    const weighted = times(r, w, atGroupedAxis(r, c, shapeOf(w), a.group, 1));
    const sum = r.create(
      ReduceSum,
      { x: weighted },
      {
        axes: shapeOf(w)
          .slice(1)
          .map((_, i) => i + 1),
      },
    );
    return convOn(r, op, x, w, b ? plus(r, b, sum) : sum);
  },
};
const convAttributes = (op: Op): AttributesFor<typeof Conv> => attributesOf(op as OpOf<typeof Conv>);
const convOn = (r: Rewriter, op: Op, x: Value, w: Value, b: Value | undefined): Value => r.create(Conv, { x, w, b }, convAttributes(op));

/** As for convolutions; the weights' axes are the other way round, and borders see part of the weights. */
const convTranspose: Folding = {
  channel: () => 1,
  scale(r, op, c) {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    if (!isFoldable(w) || (b && !isStatic(b))) return undefined;
    const a = transposeAttributes(op);
    return r.create(ConvTranspose, { x, w: times(r, w, atGroupedAxis(r, c, shapeOf(w), a.group, 1)), b: b && times(r, b, c) }, a);
  },
  shift(r, op, c) {
    const [x, w, b] = op.operands as [Value, Value, Value | undefined];
    if (b && !isStatic(b)) return undefined;
    return r.create(ConvTranspose, { x, w, b: b ? plus(r, b, c) : asVector(r, c, shapeOf(op.result)[1]!) }, transposeAttributes(op));
  },
  scaleInput(r, op, x, c) {
    const [, w, b] = op.operands as [Value, Value, Value | undefined];
    return isFoldable(w)
      ? r.create(ConvTranspose, { x, w: times(r, w, atAxis(r, c, shapeOf(w).length, 0)), b }, transposeAttributes(op))
      : undefined;
  },
};
const transposeAttributes = (op: Op): AttributesFor<typeof ConvTranspose> => attributesOf(op as OpOf<typeof ConvTranspose>);

/** `(a x b) * c = a x (b * c)` for a factor per column, `(a * c) x b = a x (c * b)` for one per row of b. */
const matmul: Folding = {
  channel: (rank) => rank - 1,
  scale(r, op, c) {
    const [a, b] = op.operands as [Value, Value];
    return isFoldable(b) ? r.create(Matmul, { a, b: times(r, b, c) }) : undefined;
  },
  scaleInput(r, op, a, c) {
    const b = op.operand(1)!;
    return isFoldable(b) && op.operand(0) !== b ? r.create(Matmul, { a, b: times(r, b, atAxis(r, c, 2, 0)) }) : undefined;
  },
};

/** The same, with the addend `c` of the product. */
const gemm: Folding = {
  channel: (rank) => rank - 1,
  scale(r, op, factor) {
    const [a, b, c] = op.operands as [Value, Value, Value | undefined];
    const attributes = gemmAttributes(op);
    if (!isFoldable(b) || (c && !isStatic(c))) return undefined;
    const columns = attributes.trans_b ? atAxis(r, factor, 2, 0) : factor;
    return r.create(Gemm, { a, b: times(r, b, columns), c: c && times(r, c, factor) }, attributes);
  },
  shift(r, op, addend) {
    const [a, b, c] = op.operands as [Value, Value, Value | undefined];
    const attributes = gemmAttributes(op);
    if (!c) return r.create(Gemm, { a, b, c: addend }, { ...attributes, beta: 1 });
    return isStatic(c) && attributes.beta === 1 ? r.create(Gemm, { a, b, c: plus(r, c, addend) }, attributes) : undefined;
  },
};
const gemmAttributes = (op: Op): AttributesFor<typeof Gemm> => attributesOf(op as OpOf<typeof Gemm>);

const foldings: readonly (readonly [AnyOpDefinition, Folding])[] = [
  [Conv, conv],
  [ConvTranspose, convTranspose],
  [Matmul, matmul],
  [Gemm, gemm],
];

/** The first of `a . c` whose result a folding knows, and `c`. */
function folded(op: Op, definition: AnyOpDefinition): { readonly inner: Op; readonly c: Value } | undefined {
  const [a, c] = op.operands as [Value, Value];
  const inner = a.op;
  const fits =
    inner?.definition === definition && isUsedOnce(a) && isIeee(a.tensor.dtype) && sameShape(shapeOf(a), shapeOf(op.result)) && isStatic(c);
  return fits ? { inner, c } : undefined;
}

const mulInto = (definition: AnyOpDefinition, f: Folding, scale: NonNullable<Folding["scale"]>): Rule =>
  opRule(`mul-into-${kebab(definition)}`, "reassociates", Mul, (op, r) => {
    const found = folded(op, definition);
    const c = found && alongAxis(r, found.c, shapeOf(op.result), f.channel(shapeOf(op.result).length));
    return c && scale(r, found.inner, c);
  });

/** A bias is added to the sum before it is rounded: exact where values are stored as computed, and there was none before. */
const addInto = (definition: AnyOpDefinition, f: Folding, shift: NonNullable<Folding["shift"]>, exact: boolean): Rule =>
  opRule(`add-into-${kebab(definition)}${exact ? "" : "-with-bias"}`, exact ? "exact" : "reassociates", Add, (op, r) => {
    const found = folded(op, definition);
    if (!found || exact !== (!found.inner.operand(2) && isComputed(op.result.tensor.dtype))) return undefined;
    const c = alongAxis(r, found.c, shapeOf(op.result), f.channel(shapeOf(op.result).length));
    return c && shift(r, found.inner, c);
  });

/** `op(x * c)`, `op(x + c)`: rules that start at the op. */
const before = (definition: AnyOpDefinition, f: Folding, outer: AnyOpDefinition, make: NonNullable<Folding["scaleInput"]>): Rule =>
  opRule(`${kebab(definition)}-of-${kebab(outer)}`, "reassociates", definition, (op, r) => {
    const input = op.operand(0)!;
    const [x, given] = (input.op?.definition === outer ? input.op.operands : []) as [Value?, Value?];
    if (!x || !given || !isUsedOnce(input) || !isIeee(input.tensor.dtype) || !sameShape(shapeOf(x), shapeOf(input)) || isStatic(x))
      return undefined;
    const axis = f.channel(shapeOf(input).length);
    const c = alongAxis(r, given, shapeOf(input), axis);
    return c && make(r, op, x, asVector(r, c, shapeOf(input)[axis]!));
  });

const foldingRules: readonly Rule[] = foldings.flatMap(([d, f]) => [
  ...(f.scale ? [mulInto(d, f, f.scale)] : []),
  ...(f.shift ? [addInto(d, f, f.shift, true), addInto(d, f, f.shift, false)] : []),
  ...(f.scaleInput ? [before(d, f, Mul, f.scaleInput)] : []),
  ...(f.shiftInput ? [before(d, f, Add, f.shiftInput)] : []),
]);

/**
 * `(x - mean) / sqrt(variance + epsilon) * scale + bias = x * f + (bias - mean * f)` with
 * `f = scale / sqrt(variance + epsilon)`, where all four are constants and no variance is so negative that f is no number.
 */
const batchNormToAffine = opRule("batch-norm-to-affine", "reassociates", BatchNorm, (op, r) => {
  const [x, ...parameters] = op.operands as [Value, Value, Value, Value, Value];
  const type = computeType(x.tensor.dtype);
  const { epsilon, axis } = attributesOf(op as OpOf<typeof BatchNorm>);
  if (!isComputed(x.tensor.dtype) || !parameters.every((p) => isStatic(p))) return undefined;
  const least = elementsOf(parameters[3], 1 << 16);
  if (least?.every((v) => Number(v) + epsilon > 0) !== true) return undefined;
  const [scale, bias, mean, variance] = parameters.map((p) => (p.tensor.dtype === type ? p : r.create(Cast, { x: p }, { to: type }))) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const f = times(r, scale, r.create(Rsqrt, { x: plus(r, variance, scalar(r, type, epsilon)) }));
  const g = r.create(Sub, { a: bias, b: times(r, mean, f) });
  const rank = shapeOf(x).length;
  const placed = (p: Value): Value =>
    axis < rank ? reshaped(r, p, [shapeOf(p)[0]!, ...new Array<Dim>(rank - axis - 1).fill(1)]) : reshaped(r, p, []);
  return plus(r, times(r, x, placed(f)), placed(g));
});

export const foldBatchNormRules: readonly Rule[] = [batchNormToAffine, ...foldingRules];

export const foldBatchNorm: Pass = {
  name: "fold-batch-norm",
  summary: "normalisation, factors and addends per channel moved into the weights beside them",
  run(graph, context) {
    applyRules(graph, foldBatchNormRules, context);
  },
};
