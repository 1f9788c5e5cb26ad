/** Between real numbers and integers: the tensors say how, these nodes say where. */
import { OpError } from "../../../ir/diagnostic.ts";
import { isFloat, isInteger } from "../../../ir/type.ts";
import type { Lowering, Lowerings } from "../node.ts";
import { dtypeOfId } from "../type-id.ts";

/** What the result is follows from its tensor; constants may have a scale per slice of an axis. */
const quantCast: Lowering = (n) => {
  const [from, to] = ["src_t", "dst_t"].map((name) => dtypeOfId(n.int(name)));
  if (!from || !to) throw new OpError("the node casts between unknown types", "unsupported-type");
  const layout = n.isImage(0) ? "second" : "last";
  const real = n.isConstant(0) ? n.weight(0, { axis: n.int("axis") }) : n.input(0, layout);
  if (isInteger(real.tensor.dtype) && isFloat(to)) return n.cast(real, to);
  return { layout: n.isConstant(0) ? "last" : layout, value: real };
};

/** The range of each run decides: as real numbers nothing happens but for the rounding. */
const dynamicQuant: Lowering = (n) => {
  n.warn("precision", "the input is taken as it is, where the file's runtime rounds it to 8 bits");
  return n.input(0);
};

export const quantizeLowerings: Lowerings = { QuantDTypeCast: quantCast, DynamicQuant: dynamicQuant };
