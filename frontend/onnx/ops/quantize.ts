/** ONNX operators that quantise. */
import { DequantizeLinear, DynamicQuantizeLinear, QuantizeLinear } from "../../../ir/ops/quantize.ts";
import type { DType } from "../../../ir/type.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { onnxDType } from "../tensor-data.ts";

/** The element type that an attribute names by its number; undefined where absent or 0. */
function typeAttribute(n: NodeContext, name: string): DType | undefined {
  const code = n.int(name, 0);
  return code === 0 ? undefined : (onnxDType(code) ?? n.unsupported(`'${name}' is ${code}, which is no element type`, "unsupported-type"));
}

const blocks = (n: NodeContext): { axis: number; block_size: number } => ({ axis: n.int("axis", 1), block_size: n.int("block_size", 0) });

export const quantizeLowerings: Lowerings = {
  QuantizeLinear(n) {
    const zero_point = n.optional(2);
    const to = zero_point?.tensor.dtype ?? typeAttribute(n, "output_dtype") ?? "u8";
    const attributes = { ...blocks(n), to, precision: typeAttribute(n, "precision"), saturate: n.int("saturate", 1) !== 0 };
    return n.create(QuantizeLinear, { x: n.input(0), scale: n.input(1), zero_point }, attributes);
  },

  DequantizeLinear(n) {
    return n.create(
      DequantizeLinear,
      { x: n.input(0), scale: n.input(1), zero_point: n.optional(2) },
      { ...blocks(n), to: typeAttribute(n, "output_dtype") },
    );
  },

  DynamicQuantizeLinear: (n) => n.createAll(DynamicQuantizeLinear, { x: n.input(0) }),
};
