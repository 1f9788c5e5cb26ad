/** ONNX operators that multiply matrices. */
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import { Einsum, formatEquation, parseEquation } from "../../../ir/ops/einsum.ts";
import { Gemm, Matmul, MatmulInteger, QlinearMatmul } from "../../../ir/ops/matmul.ts";
import type { Lowerings, NodeContext } from "../node.ts";

/** Vectors stand for a row on the left and a column on the right, which the result lacks. */
function vectorProduct(n: NodeContext, a: Value, b: Value): Value {
  const [left, right] = [a, b].map((v) => v.tensor.shape.length === 1);
  const equation = left && right ? "k,k->" : left ? "k,...kn->...n" : "...mk,k->...m";
  return n.create(Einsum, { xs: [a, b] }, { equation });
}

/** The product of many tensors, two at a time from the left; each step keeps the axes that are still needed. */
function contract(n: NodeContext, equation: string, operands: readonly Value[]): Value {
  const e = parseEquation(
    equation,
    operands.map((v) => v.tensor.shape.length),
  );
  const [first, ...rest] = operands;
  let product = first!;
  let labels = e.operands[0]!;
  for (let i = 1; i < operands.length; i++) {
    const needed = new Set(i === operands.length - 1 ? e.result : [...e.result, ...e.operands.slice(i + 1).flat()]);
    const both = [...new Set([...labels, ...e.operands[i]!])].filter((l) => needed.has(l));
    const isCovered = (l: string): boolean => l.startsWith(".");
    const covered = both.filter(isCovered).sort((p, q) => Number(q.slice(1)) - Number(p.slice(1)));
    const result = i === operands.length - 1 ? e.result : [...covered, ...both.filter((l) => !isCovered(l))];
    product = n.create(
      Einsum,
      { xs: [product, rest[i - 1]!] },
      { equation: formatEquation({ operands: [labels, e.operands[i]!], result }) },
    );
    labels = result;
  }
  return product;
}

export const matmulLowerings: Lowerings = {
  MatMul(n) {
    const [a, b] = [n.input(0), n.input(1)];
    const isVector = n.rank(0) === 1 || n.rank(1) === 1;
    return isVector ? vectorProduct(n, a, b) : n.create(Matmul, { a, b });
  },

  Gemm(n) {
    if (n.rank(0) !== 2 || n.rank(1) !== 2) throw new OpError("Gemm multiplies matrices", "bad-operand");
    return n.create(
      Gemm,
      { a: n.input(0), b: n.input(1), c: n.optional(2) },
      { trans_a: n.int("transA", 0) !== 0, trans_b: n.int("transB", 0) !== 0, alpha: n.float("alpha", 1), beta: n.float("beta", 1) },
    );
  },

  Einsum(n) {
    const equation = n.string("equation");
    const xs = n.inputs();
    return xs.length > 2 ? contract(n, equation, xs) : n.create(Einsum, { xs }, { equation });
  },

  MatMulInteger(n) {
    return n.create(MatmulInteger, { a: n.input(0), b: n.input(1), a_zero_point: n.optional(2), b_zero_point: n.optional(3) });
  },

  QLinearMatMul(n) {
    const [a, b] = [n.input(0), n.input(3)];
    const scales = {
      a_scale: n.input(1),
      a_zero_point: n.input(2),
      b_scale: n.input(4),
      b_zero_point: n.input(5),
      y_scale: n.input(6),
      y_zero_point: n.input(7),
    };
    return n.create(QlinearMatmul, { a, b, ...scales });
  },
};
