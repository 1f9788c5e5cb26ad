/** Real numbers as small integers or narrow floats: `real = (quantised - zeroPoint) * scale`. */
import { dtype, flag, int, maybe } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import {
  add,
  type Buffer,
  cast,
  constant,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  load,
  makeBuffer,
  max,
  min,
  mul,
  round,
  select,
  sub,
  unary,
} from "../expr.ts";
import { maximum, minimum, pointwise, reduction } from "../stage.ts";
import { computeType, type DType, formatType, integerBits, isFloat, isInteger, isUnsigned, tensor, type TensorType } from "../type.ts";
import { castExpr } from "./cast.ts";

/** A float brought into the range of an integer type of at most 32 bits, without rounding, still a float. */
export function saturate(x: Expr, to: DType): Expr {
  const bits = integerBits(to);
  const [low, high] = isUnsigned(to) ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return max(constantLike(x, low), min(constantLike(x, high), x));
}

const shift = (x: Expr, zeroPoint: Expr | undefined): Expr => (zeroPoint ? add(x, convert(zeroPoint, x.dtype)) : x);

/** A float as an integer type: rounded to even, moved by the zero point, saturated; a value of `computeType(to)`. */
const toInteger = (x: Expr, zeroPoint: Expr | undefined, to: DType): Expr =>
  convert(saturate(shift(unary("rint", x), zeroPoint), to), computeType(to));

/** `(x - zeroPoint) * scale`, in the type of `scale`. */
export const dequantize = (x: Expr, scale: Expr, zeroPoint: Expr | undefined): Expr =>
  mul(convert(zeroPoint ? sub(x, zeroPoint) : x, scale.dtype), scale);

export interface Requantization {
  readonly inputScale: Expr;
  readonly weightScale: Expr;
  readonly outputScale: Expr;
  readonly zeroPoint: Expr;
  /** The quantised integer type. */
  readonly to: DType;
}

/** An i32 sum of products as a quantised value: `saturate(rint(x * inputScale * weightScale / outputScale) + zeroPoint)`. */
export function requantize(x: Expr, r: Requantization): Expr {
  const multiplier = div(mul(r.inputScale, r.weightScale), r.outputScale);
  return toInteger(mul(convert(x, multiplier.dtype), multiplier), r.zeroPoint, r.to);
}

const parameterAttributes = {
  axis: int(1, "the axis that a scale per slice belongs to"),
  block_size: int(0, "elements along the axis that share a scale; 0: all of them"),
};
interface ParameterAttributes {
  readonly axis: number;
  readonly block_size: number;
}

const isScalar = (p: { readonly shape: readonly Dim[] }): boolean => p.shape.length === 0 || (p.shape.length === 1 && p.shape[0] === 1);

/** Checks that a scale or zero point is one for all, one per slice of the axis, or one per block. Throws an `OpError`. */
function expectParameter(x: TensorType, p: TensorType, a: ParameterAttributes, what: string): void {
  if (a.block_size === 0 && isScalar(p)) return;
  const axis = normalizeAxis(a.axis, x.shape.length);
  const expected = a.block_size > 0 ? x.shape.map((e, d) => (d === axis ? dim.ceildiv(e, a.block_size) : e)) : [x.shape[axis]!];
  if (p.shape.length !== expected.length || expected.some((e, d) => commonExtent(e, p.shape[d]!) === undefined)) {
    throw new OpError(`a ${what} of ${formatType(p)} does not fit ${formatType(x)}`, "type-mismatch", {
      expected: formatType(tensor(p.dtype, expected)),
    });
  }
}

function parameterLoad(p: Buffer, rank: number, a: ParameterAttributes, at: readonly Dim[]): Expr {
  if (a.block_size === 0 && isScalar(p)) return load(p, p.shape.length === 0 ? [] : [0]);
  const axis = normalizeAxis(a.axis, rank);
  return load(p, a.block_size > 0 ? at.map((i, d) => (d === axis ? dim.floordiv(i, a.block_size) : i)) : [at[axis]!]);
}

function expectFloat(t: TensorType, what: string): void {
  if (!isFloat(t.dtype)) throw new OpError(`the ${what} is not a float`, "unsupported-type", { received: t.dtype });
}

export const QuantizeLinear = defineOp({
  name: "quantize_linear",
  summary:
    "`y = saturate(rint(x / scale) + zero_point)` for integer types, `x / scale` rounded for floats; one scale for all, one per slice of `axis`, or one per block along it (ONNX QuantizeLinear).",
  operands: { x: operand, scale: operand, zero_point: optionalOperand },
  attributes: {
    ...parameterAttributes,
    to: dtype("u8", "element type of the result"),
    precision: maybe(dtype(undefined, "type that the quotient is rounded to; default that of the scale")),
    saturate: flag(true, "floats too large become the largest one rather than infinity or NaN"),
  },
  infer({ x, scale, zero_point }, a) {
    expectFloat(scale, "scale");
    expectParameter(x, scale, a, "scale");
    if (zero_point) expectParameter(x, zero_point, a, "zero point");
    if ((!isInteger(a.to) || integerBits(a.to) > 32) && !isFloat(a.to))
      throw new OpError(`numbers are not quantised to ${a.to}`, "unsupported-type");
    return tensor(a.to, x.shape);
  },
  compute({ operands: { x, scale, zero_point }, attributes: a, results: [y] }) {
    const precision = a.precision ?? scale.dtype;
    const real = computeType(precision);
    return [
      pointwise(y!, (at) => {
        const rank = x.shape.length;
        const quotient = round(div(convert(load(x, at), real), convert(parameterLoad(scale, rank, a, at), real)), precision);
        const zero = zero_point && parameterLoad(zero_point, rank, a, at);
        if (isInteger(a.to)) return toInteger(quotient, zero, a.to);
        return castExpr(a.to === "f4e2m1" ? shift(quotient, zero) : quotient, a.to, a.saturate);
      }),
    ];
  },
});

export const DequantizeLinear = defineOp({
  name: "dequantize_linear",
  summary: "`y = (x - zero_point) * scale`, with scales as in `quantize_linear` (ONNX DequantizeLinear).",
  operands: { x: operand, scale: operand, zero_point: optionalOperand },
  attributes: { ...parameterAttributes, to: maybe(dtype(undefined, "element type of the result; default that of the scale")) },
  infer({ x, scale, zero_point }, a) {
    expectFloat(scale, "scale");
    expectParameter(x, scale, a, "scale");
    if (zero_point) expectParameter(x, zero_point, a, "zero point");
    return tensor(a.to ?? scale.dtype, x.shape);
  },
  compute({ operands: { x, scale, zero_point }, attributes: a, results: [y] }) {
    return [
      pointwise(y!, (at) => {
        const rank = x.shape.length;
        const zero = zero_point && parameterLoad(zero_point, rank, a, at);
        return convert(dequantize(load(x, at), parameterLoad(scale, rank, a, at), zero), computeType(y!.dtype));
      }),
    ];
  },
});

export const DynamicQuantizeLinear = defineOp({
  name: "dynamic_quantize_linear",
  summary:
    "`x` as u8 with the scale and zero point that its own range, widened to hold zero, asks for: `scale = (max - min) / 255`, `zero_point = saturate(rint(-min / scale))` (ONNX DynamicQuantizeLinear); the scale is 1 where all is zero.",
  operands: { x: operand },
  results: ["y", "scale", "zero_point"],
  attributes: {},
  infer({ x }) {
    expectFloat(x, "input");
    return [tensor("u8", x.shape), tensor("f32", []), tensor("u8", [])];
  },
  compute({ operands: { x }, results: [y, scale, zeroPoint] }) {
    const zero = constant("f32", 0);
    const [low, high] = [makeBuffer("low", "f32", []), makeBuffer("high", "f32", [])];
    const range = sub(load(high, []), load(low, []));
    return [
      reduction(
        low,
        x.shape,
        (_, r) => minimum(cast(load(x, r), "f32")),
        (v) => min(v, zero),
      ),
      reduction(
        high,
        x.shape,
        (_, r) => maximum(cast(load(x, r), "f32")),
        (v) => max(v, zero),
      ),
      pointwise(scale!, () => select(eq(range, zero), constant("f32", 1), div(range, constant("f32", 255)))),
      pointwise(zeroPoint!, () => toInteger(div(sub(zero, load(low, [])), load(scale!, [])), undefined, "u8")),
      pointwise(y!, (at) => toInteger(div(cast(load(x, at), "f32"), load(scale!, [])), load(zeroPoint!, []), "u8")),
    ];
  },
});
