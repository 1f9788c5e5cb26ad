/** The place of the greatest or least element along an axis. */
import { dtype, flag, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { type AttributesOf, defineOp, type OpDefinition, operand } from "../define.ts";
import { cast, load } from "../expr.ts";
import { argExtreme, reduction } from "../stage.ts";
import { expectElements } from "./map.ts";
import { reducedType, reductionIndices } from "./reduction.ts";

const attributes = {
  axis: int(0),
  keepdims: flag(false, "whether the axis stays, with extent one"),
  last: flag(false, "of equal elements the last one counts, not the first"),
  dtype: dtype("i64", "element type of the result"),
};
type ArgAttributes = AttributesOf<typeof attributes>;

function argOp(name: string, summary: string, extreme: "max" | "min"): OpDefinition<{ x: typeof operand }, typeof attributes> {
  return defineOp<{ x: typeof operand }, typeof attributes>({
    name,
    summary,
    operands: { x: operand },
    attributes,
    infer({ x }, a: ArgAttributes) {
      expectElements(x, "any", name);
      return reducedType(x, a.dtype, [a.axis], a.keepdims);
    },
    compute({ operands: { x }, attributes: a, results: [y] }) {
      const rank = x.shape.length;
      const axis = normalizeAxis(a.axis, rank);
      return [
        reduction(
          y!,
          [x.shape[axis]!],
          (at, r) => argExtreme(load(x, reductionIndices(rank, [axis], a.keepdims, at, r)), r[0]!, extreme, a.last),
          (v) => cast(v, a.dtype),
        ),
      ];
    },
  });
}

export const Argmax = argOp("argmax", "Index of the greatest element along the axis; of the first NaN when there is one.", "max");
export const Argmin = argOp("argmin", "Index of the least element along the axis; of the first NaN when there is one.", "min");
