/** Matrix products. */
import { broadcastIndices, broadcastShapes } from "../broadcast.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { load, mul } from "../expr.ts";
import { reduction, sum } from "../stage.ts";
import { formatType, tensor } from "../type.ts";

export const Matmul = defineOp({
  name: "matmul",
  summary: "Matrix product over the last two axes, `y[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]`; leading axes broadcast.",
  operands: { a: operand, b: operand },
  attributes: {},
  infer({ a, b }) {
    const [rows, inner] = a.shape.slice(-2);
    const [other, columns] = b.shape.slice(-2);
    const fits = a.shape.length >= 2 && b.shape.length >= 2 && a.dtype === b.dtype && inner === other;
    if (!fits) throw new OpError(`cannot multiply ${formatType(a)} by ${formatType(b)}`);
    return tensor(a.dtype, [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows!, columns!]);
  },
  compute({ operands: { a, b }, results: [y] }) {
    const inner = a.shape.at(-1)!;
    return [
      reduction(y!, [inner], (at, [k]) => {
        const batch = at.slice(0, -2);
        const left = load(a, [...broadcastIndices(a.shape.slice(0, -2), batch), at.at(-2)!, k!]);
        const right = load(b, [...broadcastIndices(b.shape.slice(0, -2), batch), k!, at.at(-1)!]);
        return sum(mul(left, right));
      }),
    ];
  },
});
