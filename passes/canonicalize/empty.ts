/** Tensors without elements hold nothing to compute. */
import { constantValue } from "../../ir/ops/constant.ts";
import { staticShape } from "../../ir/type.ts";
import { opRule, type Rule } from "../rewrite.ts";

/** An op all of whose results have no element is as many empty constants. */
const emptyResults = opRule("empty-results", "exact", undefined, (op, r) => {
  if (op.name === "constant" || op.definition.impure || op.regions.length > 0 || op.definition.extents || op.results.length === 0)
    return undefined;
  const shapes = op.results.map((v) => (v.type.kind === "tensor" && v.type.dtype !== "string" ? staticShape(v.type.shape) : undefined));
  if (!shapes.every((s) => s?.includes(0))) return undefined;
  return op.results.map((v, i) => constantValue(r.builder, v.tensor.dtype, shapes[i]!, []));
});

export const emptyRules: readonly Rule[] = [emptyResults];
