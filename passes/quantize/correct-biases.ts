/**
 * Bias correction: rounded weights shift the mean of what a product gives; the bias takes the shift back. With `e` the error
 * of the weights and `m` the mean of each input channel, the shift of output channel o is `-sum(e[o, c, ...] m[c])`
 * (M. Nagel et al., Data-Free Quantization through Weight Equalization and Bias Correction, 2019, section 4.2).
 */
import { Builder } from "../../ir/define.ts";
import { Op } from "../../ir/graph.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Add } from "../../ir/ops/elementwise.ts";
import { Gemm } from "../../ir/ops/matmul.ts";
import { staticShape } from "../../ir/type.ts";
import { quantizationError, weightOf } from "./weights.ts";

/** Corrects the product by the means of its data's channels; to be done before its weights are quantised to 8 bits. */
export function correctBias(op: Op, means: ArrayLike<number>): void {
  const weight = weightOf(op);
  if (!weight || weight.axis < 0) return;
  const error = quantizationError(weight, 8);
  const shape = staticShape(weight.value.tensor.shape)!;
  const shift =
    op.definition === Conv
      ? convShift(error, shape, means, Number(op.attributes["group"]))
      : productShift(error, shape, weight.axis, means);
  addToBias(op, shift);
}

/** Of weights `[out, in / group, ...]`. */
function convShift(error: Float32Array, [out, inner, ...kernel]: readonly number[], means: ArrayLike<number>, group: number): Float64Array {
  const size = kernel.reduce((a, b) => a * b, 1);
  const shift = new Float64Array(out!);
  for (let o = 0; o < out!; o++) {
    const first = Math.floor((o * group) / out!) * inner!;
    for (let i = 0; i < inner! * size; i++) shift[o]! += error[o * inner! * size + i]! * means[first + Math.floor(i / size)]!;
  }
  return shift;
}

/** Of a matrix whose outputs lie along `axis`. */
function productShift(error: Float32Array, [rows, columns]: readonly number[], axis: number, means: ArrayLike<number>): Float64Array {
  const shift = new Float64Array(axis === 0 ? rows! : columns!);
  for (let r = 0; r < rows!; r++) {
    for (let c = 0; c < columns!; c++) shift[axis === 0 ? r : c]! += error[r * columns! + c]! * means[axis === 0 ? c : r]!;
  }
  return shift;
}

function addToBias(op: Op, shift: Float64Array): void {
  const before = new Builder(op.graph!, op.location, op);
  const constant = constantValue(before, "f32", [shift.length], Array.from(shift));
  const hasBias = op.definition === Conv || op.definition === Gemm;
  if (hasBias) {
    const bias = op.operand(2);
    op.setOperand(2, bias ? before.create(Add, { a: bias, b: constant }) : constant);
    return;
  }
  const uses = [...op.result.uses];
  const sum = new Builder(op.graph!, op.location, op.next).create(Add, { a: op.result, b: constant });
  for (const { user, index } of uses) {
    if (user instanceof Op) user.setOperand(index, sum);
    else user.setOutput(index, sum);
  }
}
