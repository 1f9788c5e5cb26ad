/** Constants: the op that every other op's fixed operands come from. */
import { data } from "../attribute.ts";
import { memoryData } from "../data.ts";
import { type Builder, defineOp } from "../define.ts";
import type { Value } from "../graph.ts";
import type { Scalar } from "../scalar.ts";
import { writeElements } from "../storage.ts";
import { type DType, tensor } from "../type.ts";

export const ConstantOp = defineOp({
  name: "constant",
  summary: "A tensor that is known at compile time.",
  operands: {},
  attributes: { data: data() },
  infer: (_operands, attributes) => attributes.data.type,
  structural: true,
});

/** A constant of the given elements, in row-major order; `values` are in the dtype's compute type. */
export function constantValue(builder: Builder, dtype: DType, shape: readonly number[], values: readonly Scalar[]): Value {
  return builder.create(ConstantOp, {}, { data: { type: tensor(dtype, shape), data: memoryData(writeElements(dtype, values)) } });
}
