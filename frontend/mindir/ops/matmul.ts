/** Matrix products. */
import type { Value } from "../../../ir/graph.ts";
import { Einsum } from "../../../ir/ops/einsum.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { Formula } from "../../formula.ts";
import { transposedLast } from "./nn.ts";
import { pair, promote } from "./promote.ts";

/** With MindSpore's transpositions; 8-bit integers give i32. */
function product(n: NodeContext, a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
  const [left, right] = [transposeA ? transposedLast(n, a) : a, transposeB ? transposedLast(n, b) : b];
  const type = left.tensor.dtype;
  const declared = n.declared?.dtype;
  const wide = !isFloat(type) && declared !== undefined && declared !== type ? declared : type;
  return n.create(Matmul, { a: n.cast(left, wide), b: n.cast(right, wide) });
}

const matmul: Lowering = (n) => {
  const [a, b] = promote(n, n.items[0], n.items[1]);
  const y = product(n, a, b, n.bool([2, "transpose_a", "transpose_x1"], false), n.bool([3, "transpose_b", "transpose_x2"], false));
  const bias = n.operator.name === "FusedMatMulBiasAdd" ? n.optional(2) : undefined;
  return bias ? new Formula(n).add(y, bias) : y;
};

/** As numpy: vectors are rows on the left, columns on the right. */
const matmulExt: Lowering = (n) => {
  const [a, b] = promote(n, n.items[0], n.items[1]);
  return numpyProduct(n, a, b);
};

function numpyProduct(n: NodeContext, a: Value, b: Value): Value {
  const [left, right] = [a.tensor.shape, b.tensor.shape];
  const row = left.length === 1 ? n.reshape(a, [1, left[0]!]) : a;
  const column = right.length === 1 ? n.reshape(b, [right[0]!, 1]) : b;
  const y = product(n, row, column, false, false);
  const shape = y.tensor.shape.filter(
    (_, d) => !(right.length === 1 && d === y.tensor.shape.length - 1) && !(left.length === 1 && d === y.tensor.shape.length - 2),
  );
  return n.reshape(y, shape);
}

/** `beta * input + alpha * (a b)`. */
const addProduct =
  (sumBatch: boolean): Lowering =>
  (n) => {
    const f = new Formula(n);
    const x = n.input(0);
    const product_ = numpyProduct(n, n.input(1), n.input(2));
    const y = sumBatch ? f.sum(product_, [0]) : product_;
    const [beta, alpha] = [n.float([3, "beta"], 1), n.float([4, "alpha"], 1)];
    const scaled = alpha === 1 ? y : f.mul(y, alpha);
    return f.add(beta === 1 ? x : f.mul(x, beta), scaled);
  };

const outer: Lowering = (n) => {
  const [a, b] = pair(n);
  return new Formula(n).mul(n.reshape(a, [...a.tensor.shape, 1]), b);
};

/** Products over the last axes with every axis of the other before them (numpy's inner and tensordot are alike). */
const dot: Lowering = (n) => {
  const [a, b] = pair(n);
  return new Formula(n).sum(new Formula(n).mul(a, b), [0]);
};

const einsum: Lowering = (n) => {
  const isFunctional = n.operator.name === "EinsumExt";
  const equation = n.text([isFunctional ? 0 : -1, "equation"]);
  return n.create(Einsum, { xs: n.tensors(isFunctional ? 1 : 0) }, { equation });
};

export const matrix: Lowerings = {
  MatMul: matmul,
  MatMulV2: matmul,
  BatchMatMul: matmul,
  FusedMatMulBiasAdd: matmul,
  MatMulExt: matmulExt,
  BatchMatMulExt: matmulExt,
  Bmm: matmulExt,
  Mm: matmulExt,
  Mv: matmulExt,
  Addmm: addProduct(false),
  Addmv: addProduct(false),
  Baddbmm: addProduct(false),
  Addbmm: addProduct(true),
  Outer: outer,
  Ger: outer,
  Dot: dot,
  Einsum: einsum,
  EinsumExt: einsum,
};
