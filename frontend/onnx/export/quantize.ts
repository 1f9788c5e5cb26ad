/** Quantisation as ONNX's operators; where a version does not have the types, as the formula. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { DequantizeLinear, DynamicQuantizeLinear, QuantizeLinear } from "../../../ir/ops/quantize.ts";
import { type DType, integerBits, isInteger, isUnsigned } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { elementTypes, versionWith } from "./operators.ts";
import { functionRow, row, type Row } from "./row.ts";
import { NeedsOpsetError, type Operand, type Term } from "./term.ts";

interface Parameters {
  readonly axis: number;
  readonly block_size: number;
}

/** A scale for all is a scalar in ONNX. */
const parameter = (n: Body, p: Operand, a: Parameters): Term =>
  a.block_size === 0 && p.shape.length === 1 && p.shape[0] === 1 ? n.reshape(p, []) : p;

/** A parameter so that it broadcasts to the operand: those of slices along their axis. */
function column(n: Body, p: Operand, x: Operand, a: Parameters): Term {
  if (p.shape.length !== 1 || p.shape[0] === 1) return parameter(n, p, a);
  const behind = x.shape.length - 1 - normalizeAxis(a.axis, x.shape.length);
  return n.op("Reshape", [p, n.ints([-1, ...new Array<number>(behind).fill(1)])]);
}

const attributesOf = (n: Body, a: Parameters): { axis: number; block_size: number | undefined } => ({
  axis: a.axis,
  block_size: a.block_size > 0 ? a.block_size : undefined,
});

/** Versions before have a scale for all or one per slice. */
function expectBlocks(n: Body, a: Parameters, what: string): void {
  if (a.block_size > 0 && n.opset < 21) throw new NeedsOpsetError(21, `${what} with a scale per block`);
}

/** The types that `QuantizeLinear` gives at a version are those that `DequantizeLinear` takes, but for i32. */
const isQuantized = (n: Body, to: DType): boolean => to !== "i32" && elementTypes("DequantizeLinear", n.opset)!.has(to);

interface Quantization extends Parameters {
  readonly to: DType;
  readonly precision: DType | undefined;
  readonly saturate: boolean;
}

/** `clip(round(x / scale) + zero_point)`. */
function quantizeFormula(n: Body, x: Operand, scale: Operand, zero: Operand | undefined, a: Quantization): Term {
  const real = n.lift(scale);
  const quotient = n.op("Round", [n.op("Div", [n.cast(x, real.dtype), column(n, { ...scale, ...real }, x, a)])]);
  const moved = zero ? n.op("Add", [quotient, n.cast(column(n, zero, x, a), real.dtype)]) : quotient;
  const bits = integerBits(a.to);
  const [low, high] = isUnsigned(a.to) ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return n.cast(n.op("Clip", [moved, n.like(moved, low), n.like(moved, high)]), a.to);
}

function quantize(n: Body, x: Operand, scale: Operand, zero: Operand | undefined, a: Quantization): Term {
  expectBlocks(n, a, "'quantize_linear'");
  const isPlain = a.precision === undefined || a.precision === scale.dtype;
  if (!isQuantized(n, a.to)) {
    if (isInteger(a.to) && a.block_size === 0 && isPlain) return quantizeFormula(n, x, scale, zero, a);
    throw new NeedsOpsetError(versionWith("DequantizeLinear", a.to) ?? 21, `to quantise to ${a.to}`);
  }
  if (!isPlain && n.opset < 23) throw new NeedsOpsetError(23, "the precision of a quotient");
  const isMixed = x.dtype !== scale.dtype && n.opset < 23;
  const [input, factor] = [x, parameter(n, scale, a)].map((t) =>
    isMixed || n.opset < 19 ? n.cast(t, t.dtype === "i32" ? "i32" : "f32") : t,
  );
  const offset = zero ? parameter(n, zero, a) : n.opset < 21 ? noZero(n, scale, a) : undefined;
  return n.op(
    "QuantizeLinear",
    [input, factor, offset],
    {
      ...attributesOf(n, a),
      output_dtype: offset ? undefined : n.session.code(a.to),
      precision: isPlain ? undefined : n.session.code(a.precision),
      saturate: a.saturate ? undefined : 0,
    },
    a.to,
  );
}

/** The zero point says the type of the result: a zero for each scale. */
function noZero(n: Body, scale: Operand, a: Quantization): Term {
  const isOne = scale.shape.length === 0 || (scale.shape.length === 1 && scale.shape[0] === 1);
  return isOne ? n.scalar(a.to, 0) : n.op("Expand", [n.scalar(a.to, 0), n.dims(scale.shape)]);
}

function dequantize(n: Body, x: Operand, scale: Operand, zero: Operand | undefined, a: Parameters): Term {
  expectBlocks(n, a, "'dequantize_linear'");
  if (!elementTypes("DequantizeLinear", n.opset)!.has(x.dtype)) {
    if (a.block_size > 0) throw new NeedsOpsetError(versionWith("DequantizeLinear", x.dtype) ?? 21, `to dequantise ${x.dtype}`);
    const real = n.lift(scale);
    const shifted = zero ? n.op("Sub", [n.lift(x), n.lift({ ...zero, ...column(n, zero, x, a) })]) : x;
    return n.op("Mul", [n.cast(shifted, real.dtype), column(n, { ...scale, ...real }, x, a)]);
  }
  const factor = n.opset < 19 || scale.dtype === "f64" ? n.cast(scale, "f32") : scale;
  const operands = [x, parameter(n, { ...scale, ...factor }, a), zero && parameter(n, zero, a)];
  return n.op("DequantizeLinear", operands, attributesOf(n, a), factor.dtype);
}

export const quantizeRows: readonly Row[] = [
  functionRow(QuantizeLinear, (n, { x, scale, zero_point }, a) => quantize(n, x, scale, zero_point, a)),
  functionRow(DequantizeLinear, (n, { x, scale, zero_point }, a) => dequantize(n, x, scale, zero_point, a)),
  row(DynamicQuantizeLinear, (n, { x }) => n.ops("DynamicQuantizeLinear", [n.cast(x, "f32")], {}, { results: ["u8", "f32", "u8"] })),
];
