/** Nodes that compute on integers: those whose operands were quantised and whose result is quantised at once. */
import type { Op, Value } from "../../../ir/graph.ts";
import { DequantizeLinear, QuantizeLinear } from "../../../ir/ops/quantize.ts";
import type { Layout } from "../layout.ts";
import { type Emitter, onlyUser } from "./emitter.ts";
import { perTensor, quantisedActivation } from "./quantize.ts";

/** Gives the tensor of an operand. */
export type Inputs = (v: Value, layout: Layout) => number;

/** The op that quantises the value alone and at once. */
function quantiserOf(v: Value): Op | undefined {
  const user = onlyUser(v);
  return user?.definition === QuantizeLinear && perTensor(user) && user.operand(0) === v && ["i8", "u8"].includes(user.result.tensor.dtype)
    ? user
    : undefined;
}

/**
 * Emits a node by `emit`, on integers where all activations are quantised and `fits` says so; its result then must be made
 * by `quantisedResult`.
 */
export function withQuantisation(e: Emitter, activations: readonly Value[], fits: boolean, emit: (inputs: Inputs) => void): void {
  const isQuantised = fits && activations.every((v) => v.op?.definition === DequantizeLinear && quantisedActivation(e, v.op) !== undefined);
  if (!isQuantised) return emit((v, layout) => e.get(v, layout));
  e.quantType = "QUANT_ALL";
  emit((v, layout) => e.get(v.op!.operand(0)!, layout));
  e.quantType = "QUANT_NONE";
}

/** The tensor of a result: of a node on integers the quantised one, with what quantises it absorbed. */
export function quantisedResult(e: Emitter, v: Value, layout: Layout): number {
  const quantiser = e.quantType === "QUANT_ALL" ? quantiserOf(v) : undefined;
  if (!quantiser) return e.result(v, layout);
  e.absorbed.add(quantiser);
  return e.result(quantiser.result, layout, perTensor(quantiser)!.messages);
}
