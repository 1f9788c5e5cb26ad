/** Transposed convolutions whose windows do not overlap are convolutions by one element whose results are moved apart. */
import { attributesOf, type OpOf } from "../../ir/define.ts";
import { type Dim, mul } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Conv, ConvTranspose, Expand, Reshape, Transpose } from "../../ir/ops/index.ts";
import { opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { isBlocked, isFixed } from "./blocks.ts";

const isZero = (list: readonly (Dim | readonly Dim[])[]): boolean => list.flat().every((d) => d === 0);

/** `w[c, m, k...]` as the weights of a convolution by one element, `[k... * m, c, 1...]`. */
function weightsByPoint(r: Rewriter, w: Value, outputs: number): Value {
  const [channels, , ...kernel] = w.tensor.shape as readonly number[];
  const inOrder = r.create(Transpose, { x: w }, { perm: [...kernel.map((_, d) => 2 + d), 1, 0] });
  return r.create(Reshape, { x: inOrder }, { shape: [outputs, channels!, ...kernel.map(() => 1)] });
}

/**
 * `y[n, m, s k + i] = sum of x[n, c, s] w[c, m, i]`, where the window's extents `k` are the strides: one convolution gives
 * every `i` channels of its own. Only the products with zero are left out.
 */
export const convForTransposed: Rule = opRule("conv-for-transposed", "reassociates", ConvTranspose, (op, r) => {
  const [x, w, b] = op.operands as [Value, Value, Value | undefined];
  const { group, strides, pads, output_padding } = attributesOf(op as OpOf<typeof ConvTranspose>);
  const [batch, , ...spatial] = x.tensor.shape;
  const [, columns, ...kernel] = w.tensor.shape;
  const isApart = kernel.every((k, d) => typeof k === "number" && k === (strides[d] ?? 1)) && isZero(pads) && isZero(output_padding);
  if (!isApart || group !== 1 || !isBlocked(x.tensor.dtype) || !isFixed(w) || (b && !isFixed(b)) || spatial.length === 0) return undefined;
  const points = (kernel as number[]).reduce((n, k) => n * k, 1);
  const outputs = points * (columns as number);
  const bias = b && r.create(Reshape, { x: r.create(Expand, { x: b }, { shape: [points, columns!] }) }, { shape: [outputs] });
  const y = r.create(Conv, { x, w: weightsByPoint(r, w, outputs), b: bias }, {});
  const apart = r.create(Reshape, { x: y }, { shape: [batch!, ...kernel, columns!, ...spatial] });
  const perm = [0, 1 + kernel.length, ...kernel.flatMap((_, d) => [2 + kernel.length + d, 1 + d])];
  const shape = [batch!, columns!, ...spatial.map((e, d) => mul(e, kernel[d]!))];
  return r.create(Reshape, { x: r.create(Transpose, { x: apart }, { perm }) }, { shape });
});
