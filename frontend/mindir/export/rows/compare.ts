/** Comparison, logic, bits, and the choice between tensors. */
import { dimKey } from "../../../../ir/dim.ts";
import * as op from "../../../../ir/ops/compare.ts";
import { type NamedRow, row, same, since2 } from "../row.ts";

/** Old `Select` takes tensors of one shape. */
const where = row(op.Where, ({ condition, a, b }, _attributes, n) => {
  const [result, ...others] = [n.type(), condition.tensor, a.tensor, b.tensor].map(({ shape }) => shape.map(dimKey).join());
  if (others.some((shape) => shape !== result)) return n.cannot("of tensors of several shapes");
  return n.node("Select", [condition, a, b], { input_names: ["condition", "x", "y"], output_names: ["output"] });
});

export const compareRows: readonly NamedRow[] = [
  where,
  row(op.IsInf, ({ x }, { negative, positive }, n) => (negative && positive ? n.node("IsInf", [x]) : n.cannot("of one sign"))),
  ...same([
    [op.Equal, "Equal"],
    [op.NotEqual, "NotEqual"],
    [op.Less, "Less"],
    [op.LessEqual, "LessEqual"],
    [op.Greater, "Greater"],
    [op.GreaterEqual, "GreaterEqual"],
    [op.LogicalAnd, "LogicalAnd"],
    [op.LogicalOr, "LogicalOr"],
    [op.LogicalNot, "LogicalNot"],
    [op.IsNan, "IsNan"],
    [op.IsFinite, "IsFinite"],
    [op.BitwiseAnd, "BitwiseAnd"],
    [op.BitwiseOr, "BitwiseOr"],
    [op.BitwiseXor, "BitwiseXor"],
    [op.BitwiseNot, "Invert"],
  ]),
  ...since2(
    ...same([
      [op.LogicalXor, "LogicalXor"],
      [op.ShiftLeft, "LeftShift"],
      [op.ShiftRight, "RightShift"],
    ]),
  ),
];
