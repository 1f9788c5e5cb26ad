/** Matrix products as ONNX's operators. */
import { Einsum, parseEquation } from "../../../ir/ops/einsum.ts";
import { Gemm, Matmul, MatmulInteger, QlinearMatmul } from "../../../ir/ops/matmul.ts";
import type { Dim } from "../../../ir/dim.ts";
import { isByte, isFloat } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { row, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import type { Operand, Term } from "./term.ts";

function swapped(n: Body, x: Operand): Term {
  const perm = x.shape.map((_, axis) => axis);
  return transposed(n, x, [...perm.slice(0, -2), perm.length - 1, perm.length - 2]);
}

const scaled = (n: Body, x: Term, factor: number): Term => {
  if (factor === 1) return x;
  if (isFloat(x.dtype)) return n.op("Mul", [x, n.like(x, factor)]);
  return n.cast(n.op("Mul", [n.cast(x, "f64"), n.scalar("f64", factor)]), x.dtype);
};

interface GemmAttributes {
  readonly trans_a: boolean;
  readonly trans_b: boolean;
  readonly alpha: number;
  readonly beta: number;
}

/** Products of more than two axes, or of integers with factors, which Gemm does not have. */
function generalGemm(n: Body, a: Operand, b: Operand, c: Operand | undefined, given: GemmAttributes): Term {
  const product = n.op("MatMul", [given.trans_a ? swapped(n, a) : a, given.trans_b ? swapped(n, b) : b]);
  const total = scaled(n, product, given.alpha);
  return c && given.beta !== 0 ? n.op("Add", [total, scaled(n, c, given.beta)]) : total;
}

function gemm(n: Body, a: Operand, b: Operand, c: Operand | undefined, given: GemmAttributes): Term {
  const isMatrix = a.shape.length === 2 && b.shape.length === 2;
  const isWhole = isFloat(a.dtype) || (given.alpha === 1 && given.beta === 1);
  if (!isMatrix || !isWhole) return generalGemm(n, a, b, c, given);
  return n.op("Gemm", [a, b, c], {
    alpha: given.alpha === 1 ? undefined : { float: given.alpha },
    beta: given.beta === 1 ? undefined : { float: given.beta },
    transA: given.trans_a || undefined,
    transB: given.trans_b || undefined,
  });
}

/** Axes of extent one that stretch to others of their label are repeated: ONNX's labels have one extent each. */
function einsum(n: Body, xs: readonly Operand[], equation: string): Term {
  const { operands } = parseEquation(
    equation,
    xs.map((x) => x.shape.length),
  );
  const extents = new Map<string, Dim>();
  operands.forEach((labels, i) => {
    labels.forEach((label, d) => {
      const extent = xs[i]!.shape[d]!;
      if ((extents.get(label) ?? 1) === 1) extents.set(label, extent);
    });
  });
  const stretched = xs.map((x, i) => {
    const shape = operands[i]!.map((label) => extents.get(label)!);
    return x.shape.some((e, d) => e === 1 && shape[d] !== 1) ? n.op("Expand", [x, n.dims(shape)]) : x;
  });
  return n.op("Einsum", stretched, { equation });
}

export const matmulRows: readonly Row[] = [
  row(Matmul, (n, { a, b }) => n.op("MatMul", [a, b])),
  row(Gemm, (n, { a, b, c }, attributes) => gemm(n, a, b, c, attributes)),
  row(MatmulInteger, (n, { a, b, a_zero_point, b_zero_point }) => {
    const areBytes = [a, b].every((x) => isByte(x.dtype));
    if (areBytes) return n.op("MatMulInteger", [a, b, a_zero_point, b_zero_point], {}, "i32");
    const shifted = (x: Term, zero: Operand | undefined, axis: number): Term => {
      const value = n.cast(x, "i32");
      if (!zero) return value;
      const z = zero.shape.length === 1 && axis === 0 ? n.op("Unsqueeze", [zero, n.ints([1])]) : zero;
      return n.op("Sub", [value, n.cast(z, "i32")]);
    };
    return n.op("MatMul", [shifted(a, a_zero_point, 0), shifted(b, b_zero_point, 1)]);
  }),
  row(QlinearMatmul, (n, o) => {
    const scale = (t: Operand): Term => (n.opset < 21 ? n.cast(t, "f32") : t);
    const operands = [o.a, scale(o.a_scale), o.a_zero_point, o.b, scale(o.b_scale), o.b_zero_point, scale(o.y_scale), o.y_zero_point];
    return n.op("QLinearMatMul", operands, {}, o.y_zero_point.dtype);
  }),
  row(Einsum, (n, { xs }, { equation }) => einsum(n, xs, equation)),
];
