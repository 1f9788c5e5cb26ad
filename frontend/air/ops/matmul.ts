/** Matrix products. */
import type { Dim } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Einsum } from "../../../ir/ops/einsum.ts";
import { Gemm, Matmul } from "../../../ir/ops/matmul.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { isFloat, tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

const last = (rank: number): number[] =>
  Array.from({ length: rank }, (_, d) => (d === rank - 1 ? rank - 2 : d === rank - 2 ? rank - 1 : d));

export const transposedLast = (n: NodeContext, x: Value): Value => n.create(Transpose, { x }, { perm: last(x.tensor.shape.length) });

/** Integers give what the file declares. */
const product =
  (transposeA: string, transposeB: string): Lowering =>
  (n) => {
    const [left, right] = [n.input("x1"), n.input("x2")];
    const declared = n.declared();
    const wide = !isFloat(left.tensor.dtype) && declared ? declared : left.tensor.dtype;
    const a = n.bool(transposeA) ? transposedLast(n, left) : left;
    const b = n.bool(transposeB) ? transposedLast(n, right) : right;
    const y = n.create(Matmul, { a: n.cast(a, wide), b: n.cast(b, wide) });
    const bias = n.optional("bias");
    return bias ? new Formula(n).add(y, n.cast(bias, wide)) : y;
  };

/** Axes from `axis` on are one; the weights are [outputs, inputs], or the other way round. */
const fullyConnection: Lowering = (n) => {
  const [x, w] = [n.input("x"), n.input("w")];
  const axis = n.int("axis");
  const { shape } = x.tensor;
  const rows = n.reshape(x, [...shape.slice(0, axis), dim.product(shape.slice(axis))]);
  const [first] = w.tensor.shape;
  const matrix = n.reshape(w, [first!, dim.product(w.tensor.shape.slice(1))]);
  const y = n.create(Matmul, { a: rows, b: n.bool("transpose") ? matrix : transposedLast(n, matrix) });
  const b = n.optional("b");
  const sum = b ? new Formula(n).add(y, n.reshape(b, [dim.product(b.tensor.shape)])) : y;
  return axis === 1 ? n.reshape(sum, [...sum.tensor.shape, 1, 1]) : sum;
};

const gemm: Lowering = (n) => {
  const attributes = { trans_a: n.bool("transpose_a"), trans_b: n.bool("transpose_b"), alpha: n.float("alpha"), beta: n.float("beta") };
  return n.create(Gemm, { a: n.input("a"), b: n.input("b"), c: n.input("c") }, attributes);
};

/** Vectors are a row on the left, a column on the right. */
function writeMatmul(e: ExportNode): Written {
  const [left, right] = [e.in(0), e.in(1)];
  const [result] = e.types;
  const a = left.type.shape.length === 1 ? e.reshape(left, [1, ...left.type.shape]) : left;
  const b = right.type.shape.length === 1 ? e.reshape(right, [...right.type.shape, 1]) : right;
  const type = a.type.shape.length === 2 && b.type.shape.length === 2 ? "MatMulV2" : "BatchMatMul";
  if (a === left && b === right) return e.emit(type, { x1: a, x2: b });
  const shape = productShape(a.type.shape, b.type.shape);
  const y = e.step(type, { x1: a, x2: b }, {}, tensor(result!.dtype, shape));
  return e.emit("Reshape", { x: y, shape: e.sizes(result!.shape) });
}

function productShape(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const longer = a.length >= b.length ? a : b;
  return [...longer.slice(0, -2), a.at(-2)!, b.at(-1)!];
}

export const matmulFamily: Family = {
  imports: {
    BatchMatMul: product("adj_x1", "adj_x2"),
    BatchMatMulV2: product("adj_x1", "adj_x2"),
    Einsum: (n) => n.create(Einsum, { xs: n.inputs("x") }, { equation: n.text("equation") }),
    FullyConnection: fullyConnection,
    GEMM: gemm,
    MatMul: product("transpose_x1", "transpose_x2"),
    MatMulV2: product("transpose_x1", "transpose_x2"),
  },
  exports: [
    row(Matmul, writeMatmul),
    row(Gemm, (e, { trans_a, trans_b, alpha, beta }) => {
      const [a, b, c] = [e.in(0), e.in(1), e.optional(2)];
      const { dtype } = a.type;
      const zero: Ref = c ?? e.scalar(dtype, 0);
      const inputs = { a, b, c: zero, alpha: e.scalar(dtype, alpha), beta: e.scalar(dtype, c ? beta : 0) };
      return e.emit("GEMM", inputs, { transpose_a: trans_a, transpose_b: trans_b });
    }),
    row(Einsum, (e, { equation }) => e.emit("Einsum", { x: e.ins(0) }, { equation, N: e.ins(0).length })),
  ],
};
