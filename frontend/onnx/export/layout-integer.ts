/** Products of small integers on blocked layouts, undone: ONNX multiplies bytes, and i16 as wider numbers. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { ConvPackedInteger, MatmulPackedInteger } from "../../../ir/ops/layout-integer.ts";
import { isByte } from "../../../ir/type.ts";
import type { WindowAttributes } from "../../../ir/window.ts";
import type { Body } from "./body.ts";
import { columnsOf, inBlocks, paddedImage } from "./layout.ts";
import { functionRow, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import type { Operand, Term } from "./term.ts";
import { windowAttributes } from "./window.ts";

const areBytes = (...terms: readonly Term[]): boolean => terms.every((t) => isByte(t.dtype));

function convPacked(n: Body, x: Operand, w: Operand, padding: Operand | undefined, a: WindowAttributes): Term {
  const rank = w.shape.length;
  const [outputs, lanes] = [w.shape[0]!, w.shape.at(-2)!];
  const kernel = Array.from({ length: rank - 5 }, (_, d) => d + 2);
  // [M, C, kernel..., q, m, g] to [M, m, C, q, g, kernel...]
  const apart = transposed(n, w, [0, rank - 2, 1, rank - 3, rank - 1, ...kernel]);
  const channels = dim.product([w.shape[1]!, w.shape.at(-3)!, w.shape.at(-1)!]);
  const weight = n.reshape(apart, [dim.mul(outputs, lanes), channels, ...kernel.map((d) => w.shape[d]!)]);
  const image = paddedImage(n, x, a, padding);
  const sum = areBytes(x, w)
    ? n.op("ConvInteger", [image, weight], windowAttributes(a), "i32")
    : n.cast(n.op("Conv", [n.cast(image, "f64"), n.cast(weight, "f64")], windowAttributes(a)), "i32");
  return inBlocks(n, sum, [outputs, lanes], kernel.length);
}

function matmulPacked(n: Body, a: Operand, b: Operand, columns: number): Term {
  const [blocks, groups, width, group] = b.shape as [number, Dim, number, Dim];
  const wide = n.reshape(transposed(n, b, [1, 3, 0, 2]), [dim.mul(groups, group), blocks * width]);
  const right = columnsOf(n, wide, [blocks, width], columns);
  return areBytes(a, b) ? n.op("MatMulInteger", [a, right], {}, "i32") : n.op("MatMul", [n.cast(a, "i32"), n.cast(right, "i32")]);
}

export const integerLayoutRows: readonly Row[] = [
  functionRow(ConvPackedInteger, (n, { x, w, padding }, a) => convPacked(n, x, w, padding, a)),
  functionRow(MatmulPackedInteger, (n, { a, b }, { columns }) => matmulPacked(n, a, b, columns)),
];
