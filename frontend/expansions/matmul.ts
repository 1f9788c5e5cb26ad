/** Matrix products with batches, scales and zero points. */
import { broadcastShapes } from "../../ir/broadcast.ts";
import { product } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Gemm, Matmul, MatmulInteger } from "../../ir/ops/matmul.ts";
import { isFloat } from "../../ir/type.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

function transposedLast(e: Expander, x: Value): Value {
  const rank = x.tensor.shape.length;
  return e.transpose(
    x,
    x.tensor.shape.map((_, d) => (d === rank - 1 ? rank - 2 : d === rank - 2 ? rank - 1 : d)),
  );
}

const gemm = expansion(Gemm, ({ a, b, c }, { trans_a, trans_b, alpha, beta }, e) => {
  if (!isFloat(a.tensor.dtype) && (alpha !== 1 || beta !== 1)) return undefined;
  const { f } = e;
  const y = e.create(Matmul, { a: trans_a ? transposedLast(e, a) : a, b: trans_b ? transposedLast(e, b) : b });
  const scaled = alpha === 1 ? y : f.mul(y, alpha);
  if (!c || beta === 0) return scaled;
  return f.add(scaled, beta === 1 ? c : f.mul(c, beta));
});

/** A matrix on the right is one for all rows on the left; other leading axes are stretched to the common ones. */
const matmul = expansion(Matmul, ({ a, b }, _attributes, e) => {
  const [left, right] = [a.tensor.shape, b.tensor.shape];
  if (right.length === 2) {
    const y = e.create(Matmul, { a: e.reshape(a, [product(left.slice(0, -1)), left.at(-1)!]), b });
    return e.reshape(y, [...left.slice(0, -1), right[1]!]);
  }
  const lead = broadcastShapes(left.slice(0, -2), right.slice(0, -2));
  const stretched = (x: Value): Value => e.expand(x, [...lead, ...x.tensor.shape.slice(-2)]);
  const [wideA, wideB] = [stretched(a), stretched(b)];
  return wideA === a && wideB === b ? undefined : e.create(Matmul, { a: wideA, b: wideB });
});

/** Zero points are one for all, or one per row of the left and per column of the right operand. */
const integer = expansion(MatmulInteger, ({ a, b, a_zero_point, b_zero_point }, _attributes, e) => {
  const centred = (x: Value, zero: Value | undefined, isRow: boolean): Value => {
    const wide = e.cast(x, "i32");
    if (!zero) return wide;
    const { shape } = zero.tensor;
    const fits = isRow && shape.length === 1 && shape[0] !== 1 ? e.reshape(zero, [shape[0]!, 1]) : zero;
    return e.f.sub(wide, e.cast(fits, "i32"));
  };
  return e.create(Matmul, { a: centred(a, a_zero_point, true), b: centred(b, b_zero_point, false) });
});

export const matmulExpansions: readonly NamedExpansion[] = [gemm, matmul, integer];
