/** Matrix products. */
import { dimKey } from "../../../../ir/dim.ts";
import { Einsum } from "../../../../ir/ops/einsum.ts";
import { Matmul } from "../../../../ir/ops/matmul.ts";
import { untransposed } from "../fuse.ts";
import { type NamedRow, row, since2 } from "../row.ts";

/** Both operands have the same leading axes. */
const matmul = row(Matmul, ({ a, b }, _attributes, n) => {
  const lead = [a, b].map((v) => v.tensor.shape.slice(0, -2).map(dimKey).join());
  if (lead[0] !== lead[1]) return n.cannot("of operands with different leading axes");
  const [left, right] = [untransposed(a, n.op), untransposed(b, n.op)];
  const flags = { transpose_a: left !== undefined, transpose_b: right !== undefined };
  if (a.tensor.shape.length === 2) {
    return n.node("MatMul", [left ?? a, right ?? b], { ...flags, input_names: ["x1", "x2"], output_names: ["output"] });
  }
  return n.node("BatchMatMul", [left ?? a, right ?? b], { ...flags, input_names: ["x1", "x2"], output_names: ["output"] });
});

const einsum = row(Einsum, ({ xs }, { equation }, n) => n.node("Einsum", [n.tuple(xs)], { equation }));

export const matmulRows: readonly NamedRow[] = [matmul, ...since2(einsum)];
