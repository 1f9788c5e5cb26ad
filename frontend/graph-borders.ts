/** The borders of imported graphs: what stands for an input or an output. */
import type { Builder } from "../ir/define.ts";
import type { Value } from "../ir/graph.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { IdentityOp } from "../ir/ops/identity.ts";
import type { TensorType } from "../ir/type.ts";

/** Inputs, constants and what is given twice get a copy each, so that every output has an op of its own. */
export function ownOutputs(values: readonly Value[], builder: Builder): Value[] {
  const taken = new Set<Value>();
  return values.map((v) => {
    const own = v.op && v.op.definition !== ConstantOp && !taken.has(v) ? v : builder.create(IdentityOp, { x: v });
    taken.add(own);
    return own;
  });
}

/** Whether a value can be given for an input, whose open extents may be any. */
export const fitsInput = (given: TensorType, input: TensorType): boolean =>
  given.dtype === input.dtype &&
  given.shape.length === input.shape.length &&
  input.shape.every((d, axis) => typeof d !== "number" || d === given.shape[axis]);
