/** Ops that are part of the operator that uses them, and are not written by themselves. */
import { Op, type Use, type Value } from "../../../ir/graph.ts";
import { isOp } from "../../../ir/define.ts";
import { Conv } from "../../../ir/ops/conv.ts";
import { ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";

/** The matrix that `value` is the transposed of, for an op of the same graph; undefined where it is not one. */
export function untransposed(value: Value, user: Op): Value | undefined {
  const { op } = value;
  if (!isOp(op, Transpose) || op.graph !== user.graph) return undefined;
  const perm = op.attributes["perm"] as readonly number[];
  const rank = perm.length;
  const swapsLast = rank >= 2 && perm.every((p, d) => p === (d === rank - 1 ? rank - 2 : d === rank - 2 ? rank - 1 : d));
  return swapsLast ? op.operand(0) : undefined;
}

/** The vector that an addition adds to the channels of a product or convolution. */
export function biasOf(op: Op): Value | undefined {
  if (!isOp(op, Add)) return undefined;
  const [x, b] = op.operands as readonly [Value, Value];
  const isProduct = [Matmul, Conv, ConvTranspose].some((d) => isOp(x.op, d));
  const rank = x.tensor.shape.length;
  if (!isProduct || (isOp(x.op, Matmul) && rank !== 2) || op.result.tensor.shape.length !== rank) return undefined;
  const isReshaped = isOp(b.op, Reshape) && b.op.graph === op.graph;
  const vector = rank === 2 ? b : isReshaped ? b.op?.operand(0) : undefined;
  if (vector?.tensor.shape.length !== 1 || vector.tensor.shape[0] !== x.tensor.shape[1]) return undefined;
  const { shape } = b.tensor;
  return shape.length === rank - 1 && shape.slice(1).every((d) => d === 1) ? vector : undefined;
}

/** Whether the op is written as part of all its users. */
export function isAbsorbed(op: Op): boolean {
  const uses = [...op.result.uses];
  return op.results.length === 1 && uses.length > 0 && uses.every((use) => absorbs(op, use));
}

function absorbs(op: Op, { user, index }: Use): boolean {
  if (!(user instanceof Op)) return false;
  if (isOp(op, Transpose)) return isOp(user, Matmul) && untransposed(op.result, user) !== undefined;
  return isOp(op, Reshape) && index === 1 && biasOf(user) !== undefined && user.operand(1) === op.result;
}
