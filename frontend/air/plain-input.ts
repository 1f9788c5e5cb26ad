/** Inputs that are blocked as the chip wants them, as the tensors they stand for. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { Reshape, Transpose } from "../../ir/ops/shape.ts";
import { Slice } from "../../ir/ops/slice.ts";
import { plainOf } from "./layout.ts";
import type { GeTensorDescriptor } from "./messages.ts";

/** Order of axes that puts [n, c1, h, w, c0] into each format, c1 and c0 side by side. */
const orders: Readonly<Record<string, readonly number[]>> = { NCHW: [0, 1, 4, 2, 3], ND: [0, 1, 4, 2, 3], NHWC: [0, 2, 3, 1, 4] };

/** The plain tensor of a blocked one, cut to its extents. Throws an `OpError` for layouts that no input has. */
export function plainInput(builder: Builder, desc: GeTensorDescriptor, x: Value): Value {
  const { shape, format } = plainOf(desc);
  const wide = desc.layout === "FRACTAL_NZ" ? matrix(builder, x) : image(builder, desc.layout, format, x);
  if (shape.length !== wide.tensor.shape.length)
    throw new OpError(`an input in the layout ${desc.layout} does not fit what it was made from`);
  const isWhole = shape.every((d, i) => d === wide.tensor.shape[i]);
  return isWhole ? wide : builder.create(Slice, { x: wide }, { starts: shape.map(() => 0), sizes: shape, steps: shape.map(() => 1) });
}

function image(builder: Builder, layout: string, format: string, x: Value): Value {
  const perm = orders[format];
  const [n, c1, h, w, c0] = x.tensor.shape as [number, number, number, number, number];
  if (layout !== "NC1HWC0" || !perm || x.tensor.shape.length !== 5)
    throw new OpError(`an input in the layout ${layout} is not carried`, "unsupported-attribute");
  const moved = builder.create(Transpose, { x }, { perm });
  const channels = c1 * c0;
  return builder.create(Reshape, { x: moved }, { shape: format === "NHWC" ? [n, h, w, channels] : [n, channels, h, w] });
}

/** [..., n1, m1, m0, n0] as [..., m, n]. */
function matrix(builder: Builder, x: Value): Value {
  const { shape } = x.tensor;
  const lead = shape.length - 4;
  if (lead < 0) throw new OpError("a blocked matrix has four axes at least");
  const [n1, m1, m0, n0] = shape.slice(lead) as [number, number, number, number];
  const before = shape.slice(0, lead);
  const moved = builder.create(Transpose, { x }, { perm: [...before.map((_, d) => d), lead + 1, lead + 2, lead, lead + 3] });
  return builder.create(Reshape, { x: moved }, { shape: [...before, m1 * m0, n1 * n0] });
}
