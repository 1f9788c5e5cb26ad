/** The copy that an output needs whose value has another name or place already. */
import { defineOp, operand } from "../define.ts";
import { load } from "../expr.ts";
import { pointwise } from "../stage.ts";

export const IdentityOp = defineOp({
  name: "identity",
  summary: "A copy of `x`, for graph outputs that are inputs or other outputs as well.",
  operands: { x: operand },
  attributes: {},
  infer: ({ x }) => x,
  compute: ({ operands: { x }, results: [y] }) => [pointwise(y!, (at) => load(x, at))],
});
