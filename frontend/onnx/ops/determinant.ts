/** ONNX's linear algebra beyond products. */
import { Det } from "../../../ir/ops/determinant.ts";
import type { Lowerings } from "../node.ts";

export const determinantLowerings: Lowerings = {
  Det: (n) => n.create(Det, { x: n.input(0) }),
};
