/** Ops that the operator which uses them says with it. Nodes that nobody needs then are not written. */
import type { Op, Value } from "../../../ir/graph.ts";
import { type AttributesFor, isOp } from "../../../ir/define.ts";
import { Conv } from "../../../ir/ops/conv.ts";
import { ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";

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
  const vector = rank === 2 ? b : isOp(b.op, Reshape) && b.op.graph === op.graph ? b.op.operand(0) : undefined;
  if (vector?.tensor.shape.length !== 1 || vector.tensor.shape[0] !== x.tensor.shape[1]) return undefined;
  const { shape } = b.tensor;
  return shape.length === rank - 1 && shape.slice(1).every((d) => d === 1) ? vector : undefined;
}

interface Part {
  readonly x: Value;
  readonly start: number;
  readonly count: number;
}

/** Columns of a matrix. */
function columnsOf(value: Value | undefined): Part | undefined {
  const op = value?.op;
  if (!op || !isOp(op, Slice)) return undefined;
  const { starts, sizes, steps } = op.attributes as AttributesFor<typeof Slice>;
  const [x] = op.operands as readonly [Value];
  const [start, count] = [starts[1], sizes[1]];
  const isWhole = starts[0] === 0 && sizes[0] === x.tensor.shape[0] && steps.every((s) => s === 1);
  return isWhole && typeof start === "number" && typeof count === "number" ? { x, start, count } : undefined;
}

/** The matrix of image numbers and corners that regions and their images are columns of. */
export function regionsOf(rois: Value, batch: Value, user: Op): Value | undefined {
  const reshaped = isOp(batch.op, Cast) ? batch.op.operand(0) : undefined;
  const first = columnsOf(isOp(reshaped?.op, Reshape) ? reshaped.op.operand(0) : reshaped);
  const rest = columnsOf(rois);
  const isOne = first && rest && first.x === rest.x && first.start === 0 && first.count === 1 && rest.start === 1 && rest.count === 4;
  return isOne && [batch, rois].every((v) => v.op?.graph === user.graph) ? first.x : undefined;
}
