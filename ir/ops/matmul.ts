/** Matrix products: floating point, integer and quantised. */
import { float, flag } from "../attribute.ts";
import { broadcastIndices, broadcastLoad, broadcastShapes, commonExtent, stretchesTo } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { add, type Buffer, constant, convert, type Expr, load, mul, sub } from "../expr.ts";
import { reduction, sum } from "../stage.ts";
import { computeType, type DType, formatType, isFloat, tensor, type TensorType } from "../type.ts";
import { requantize } from "./quantize.ts";

/** The shape of `a x b` over the last two axes, as they stand after optional transposes. Throws an `OpError`. */
function productShape(a: TensorType, b: TensorType, transA = false, transB = false): Dim[] {
  const [left, right] = [a.shape.slice(-2), b.shape.slice(-2)];
  const [rows, inner] = transA ? left.toReversed() : left;
  const [other, columns] = transB ? right.toReversed() : right;
  if (a.shape.length < 2 || b.shape.length < 2 || commonExtent(inner!, other!) === undefined) {
    throw new OpError(`cannot multiply ${formatType(a)} by ${formatType(b)}`);
  }
  return [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows!, columns!];
}

function expectSameType(a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype) throw new OpError(`cannot multiply ${formatType(a)} by ${formatType(b)}`);
}

const innerExtent = (a: Buffer, b: Buffer, transA = false, transB = false): Dim =>
  commonExtent(a.shape.at(transA ? -2 : -1)!, b.shape.at(transB ? -1 : -2)!)!;

/** Element `[..., row, column]` of a matrix, or `[..., column, row]` when it is transposed, at a broadcast batch. */
function matrixLoad(x: Buffer, batch: readonly Dim[], row: Dim, column: Dim, transposed = false): Expr {
  return load(x, [...broadcastIndices(x.shape.slice(0, -2), batch), ...(transposed ? [column, row] : [row, column])]);
}

export const Matmul = defineOp({
  name: "matmul",
  summary: "Matrix product over the last two axes, `y[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]`; leading axes broadcast.",
  operands: { a: operand, b: operand },
  attributes: {},
  infer({ a, b }) {
    expectSameType(a, b);
    return tensor(a.dtype, productShape(a, b));
  },
  compute({ operands: { a, b }, results: [y] }) {
    return [
      reduction(y!, [innerExtent(a, b)], (at, [k]) => {
        const batch = at.slice(0, -2);
        return sum(mul(matrixLoad(a, batch, at.at(-2)!, k!), matrixLoad(b, batch, k!, at.at(-1)!)));
      }),
    ];
  },
});

/** `factor * x`, by way of f64 for integers. */
function scale(x: Expr, factor: number): Expr {
  if (factor === 1) return x;
  if (x.dtype === "f32" || x.dtype === "f64") return mul(x, constant(x.dtype, factor));
  return convert(mul(convert(x, "f64"), constant("f64", factor)), x.dtype);
}

export const Gemm = defineOp({
  name: "gemm",
  summary:
    "`y = alpha * A * B + beta * c` over the last two axes, where A and B are `a` and `b`, transposed if asked; leading axes broadcast, and so does `c` to the result.",
  operands: { a: operand, b: operand, c: optionalOperand },
  attributes: { trans_a: flag(false), trans_b: flag(false), alpha: float(1), beta: float(1) },
  infer({ a, b, c }, { trans_a, trans_b }) {
    expectSameType(a, b);
    const type = tensor(a.dtype, productShape(a, b, trans_a, trans_b));
    if (c && (c.dtype !== a.dtype || c.shape.length > type.shape.length))
      throw new OpError(`cannot add ${formatType(c)} to ${formatType(type)}`);
    if (c) broadcastShapes(c.shape, type.shape);
    return type;
  },
  compute({ operands: { a, b, c }, attributes: { trans_a, trans_b, alpha, beta }, results: [y] }) {
    return [
      reduction(
        y!,
        [innerExtent(a, b, trans_a, trans_b)],
        (at, [k]) => {
          const batch = at.slice(0, -2);
          return sum(mul(matrixLoad(a, batch, at.at(-2)!, k!, trans_a), matrixLoad(b, batch, k!, at.at(-1)!, trans_b)));
        },
        (value, at) => {
          const scaled = scale(value, alpha);
          return c && beta !== 0 ? add(scaled, scale(broadcastLoad(c, at), beta)) : scaled;
        },
      ),
    ];
  },
});

const smallIntegers: readonly DType[] = ["i8", "u8", "i4", "u4", "i2", "u2", "i16", "u16"];

function expectSmallIntegers(...types: readonly TensorType[]): void {
  for (const t of types) {
    if (!smallIntegers.includes(t.dtype))
      throw new OpError(`a quantised product takes no ${t.dtype}`, "unsupported-type", { expected: smallIntegers.join(", ") });
  }
}

/** Element of a zero point or scale: one for all, one per row or column (rank 1), or broadcast with its last two axes. */
function matrixParameter(p: Buffer, batch: readonly Dim[], row: Dim, column: Dim, per: "row" | "column"): Expr {
  if (p.shape.length === 1) return load(p, [p.shape[0] === 1 ? 0 : per === "row" ? row : column]);
  return broadcastLoad(p, [...batch, row, column]);
}

/** Throws an `OpError` unless `matrixParameter` finds an element of `p` for every point of a matrix of shape `of`. */
function expectMatrixParameter(p: TensorType | undefined, of: readonly Dim[], per: "row" | "column"): void {
  if (!p) return;
  const own = of.at(per === "row" ? -2 : -1)!;
  const fits = p.shape.length === 1 ? p.shape[0] === 1 || commonExtent(p.shape[0]!, own) !== undefined : stretchesTo(p.shape, of);
  if (!fits) throw new OpError(`a scale or zero point of ${formatType(p)} does not fit [${of.map(formatDim).join(",")}]`);
}

const shifted = (x: Expr, zeroPoint: Expr | undefined): Expr => (zeroPoint ? sub(x, zeroPoint) : x);

/** `sum over k of (a - aZero) * (b - bZero)` as an i32 stage into `y`. */
function integerProduct(
  y: Buffer,
  a: Buffer,
  b: Buffer,
  aZero: Buffer | undefined,
  bZero: Buffer | undefined,
  finish?: (value: Expr, at: readonly Dim[]) => Expr,
) {
  return reduction(
    y,
    [innerExtent(a, b)],
    (at, [k]) => {
      const batch = at.slice(0, -2);
      const [row, column] = [at.at(-2)!, at.at(-1)!];
      const left = shifted(matrixLoad(a, batch, row, k!), aZero && matrixParameter(aZero, batch, row, k!, "row"));
      return sum(mul(left, shifted(matrixLoad(b, batch, k!, column), bZero && matrixParameter(bZero, batch, k!, column, "column"))));
    },
    finish,
  );
}

export const MatmulInteger = defineOp({
  name: "matmul_integer",
  summary:
    "`y[..., m, n] = sum over k of (a - a_zero_point) * (b - b_zero_point)` in i32; zero points are one for all, or one per row of `a` and per column of `b` (ONNX MatMulInteger).",
  operands: { a: operand, b: operand, a_zero_point: optionalOperand, b_zero_point: optionalOperand },
  attributes: {},
  infer({ a, b, a_zero_point, b_zero_point }) {
    expectSmallIntegers(a, b, ...[a_zero_point, b_zero_point].filter((p) => p !== undefined));
    const shape = productShape(a, b);
    expectMatrixParameter(a_zero_point, shape.with(-1, a.shape.at(-1)!), "row");
    expectMatrixParameter(b_zero_point, shape.with(-2, b.shape.at(-2)!), "column");
    return tensor("i32", shape);
  },
  compute({ operands: { a, b, a_zero_point, b_zero_point }, results: [y] }) {
    return [integerProduct(y!, a, b, a_zero_point, b_zero_point)];
  },
});

export const QlinearMatmul = defineOp({
  name: "qlinear_matmul",
  summary:
    "The matrix product of quantised tensors, quantised: `y = saturate(rint(sum * a_scale * b_scale / y_scale) + y_zero_point)`, where `sum` is that of `matmul_integer` (ONNX QLinearMatMul).",
  operands: {
    a: operand,
    a_scale: operand,
    a_zero_point: operand,
    b: operand,
    b_scale: operand,
    b_zero_point: operand,
    y_scale: operand,
    y_zero_point: operand,
  },
  attributes: {},
  infer({ a, b, ...p }) {
    expectSmallIntegers(a, b, p.a_zero_point, p.b_zero_point, p.y_zero_point);
    const shape = productShape(a, b);
    for (const scale of [p.a_scale, p.b_scale, p.y_scale])
      if (!isFloat(scale.dtype)) throw new OpError("the scale is not a float", "unsupported-type", { received: scale.dtype });
    for (const t of [p.a_scale, p.a_zero_point]) expectMatrixParameter(t, shape.with(-1, a.shape.at(-1)!), "row");
    for (const t of [p.b_scale, p.b_zero_point]) expectMatrixParameter(t, shape.with(-2, b.shape.at(-2)!), "column");
    for (const t of [p.y_scale, p.y_zero_point]) expectMatrixParameter(t, shape, "row");
    return tensor(p.y_zero_point.dtype, shape);
  },
  compute({ operands: o, results: [y] }) {
    return [
      integerProduct(y!, o.a, o.b, o.a_zero_point, o.b_zero_point, (value, at) => {
        const [batch, row, column] = [at.slice(0, -2), at.at(-2)!, at.at(-1)!];
        const parameter = (p: Buffer, per: "row" | "column"): Expr => matrixParameter(p, batch, row, column, per);
        const real = computeType(o.a_scale.dtype);
        return requantize(value, {
          inputScale: convert(parameter(o.a_scale, "row"), real),
          weightScale: convert(parameter(o.b_scale, "column"), real),
          outputScale: convert(parameter(o.y_scale, "row"), real),
          zeroPoint: parameter(o.y_zero_point, "row"),
          to: y!.dtype,
        });
      }),
    ];
  },
});
