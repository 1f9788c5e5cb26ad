/** Matrix products, with the bias and the activation that follow. */
import { OpError } from "../../../ir/diagnostic.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { isFloat } from "../../../ir/type.ts";
import { constantView, type Emitter, onlyUser } from "./emitter.ts";
import { quantisedResult, withQuantisation } from "./quantised-nodes.ts";
import { isQuantisedWeight, weightTensor } from "./quantize.ts";
import { attribute, rank, type Row, type Rows, withActivation } from "./row.ts";

interface Matrix {
  readonly value: Value;
  readonly isTransposed: boolean;
}

/** A transpose of the last two axes is a flag of the node. */
function matrixOf(v: Value): Matrix {
  const perm = v.op?.definition === Transpose ? (v.op.attributes["perm"] as readonly number[]) : undefined;
  const last = rank(v) - 1;
  const isSwap = perm?.every((p, k) => p === (k === last ? last - 1 : k === last - 1 ? last : k)) === true;
  return isSwap ? { value: v.op!.operand(0)!, isTransposed: true } : { value: v, isTransposed: false };
}

/** A bias of one element per column that is added to the product alone. */
function withBias(e: Emitter, y: Value): { readonly value: Value; readonly bias: Value | undefined } {
  const user = onlyUser(y);
  const other = user?.definition === Add ? user.operands.find((v) => v !== y) : undefined;
  const view = other && constantView(other);
  const isVector = view?.constant.type.shape.length === 1 && view.constant.type.shape[0] === y.tensor.shape.at(-1);
  if (!user || !other || !isVector) return { value: y, bias: undefined };
  e.absorbed.add(user);
  return { value: user.result, bias: other };
}

function emitProduct(e: Emitter, op: Op, a: Matrix, b: Matrix, given: Value | undefined): void {
  const axis = rank(b.value) - (b.isTransposed ? 2 : 1);
  withQuantisation(e, [a.value], isQuantisedWeight(b.value, axis), (inputs) => {
    const { value, bias } = given ? { value: op.result, bias: given } : withBias(e, op.result);
    const { value: last, activation } = withActivation(e, value);
    const tensors = [inputs(a.value, "second"), weightTensor(e, b.value, "second", axis)];
    if (bias) tensors.push(weightTensor(e, bias, "second", 0));
    const fields = { transpose_a: a.isTransposed, transpose_b: b.isTransposed, activation_type: activation };
    e.node("MatMulFusion", fields, tensors, [quantisedResult(e, last, "second")]);
  });
}

const matmul: Row = {
  accepts: (op) => op.operands.every((v) => rank(v!) >= 2),
  emit(e, op) {
    emitProduct(e, op, matrixOf(op.operand(0)!), matrixOf(op.operand(1)!), undefined);
  },
};

const flipped = (m: Matrix, flag: boolean): Matrix => ({ value: m.value, isTransposed: m.isTransposed !== flag });

/** With factors of one, and with nothing or a bias of one element per column added. */
const gemm: Row = {
  accepts(op) {
    const c = op.operand(2);
    const hasVector = !c || (rank(c) === 1 && c.tensor.shape[0] === op.result.tensor.shape[1]);
    return (
      isFloat(op.result.tensor.dtype) && attribute<number>(op, "alpha") === 1 && (!c || attribute<number>(op, "beta") === 1) && hasVector
    );
  },
  emit(e, op) {
    const [a, b] = [op.operand(0), op.operand(1)];
    if (!a || !b) throw new OpError("a product needs two matrices", "bad-operand");
    emitProduct(e, op, flipped(matrixOf(a), attribute(op, "trans_a")), flipped(matrixOf(b), attribute(op, "trans_b")), op.operand(2));
  },
};

export const matmulRows: Rows = { matmul, gemm };
