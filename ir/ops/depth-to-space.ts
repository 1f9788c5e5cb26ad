/** Blocks of an image into channels and back, as reshapes and a transpose: for importers. */
import type { Builder } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import type { Value } from "../graph.ts";
import { formatType } from "../type.ts";
import { Reshape, Transpose } from "./shape.ts";

/** Channels are ordered block row, block column, depth (`dcr`, as TensorFlow does), or depth first (`crd`, pixel shuffle). */
export type ChannelOrder = "dcr" | "crd";

function imageOf(x: Value, block: number): readonly [Dim, Dim, Dim, Dim] {
  const [n, c, h, w, ...more] = x.tensor.shape;
  if (n === undefined || c === undefined || h === undefined || w === undefined || more.length > 0 || block < 1) {
    throw new OpError(`${formatType(x.type)} is no batch of images to take blocks of ${block} from`);
  }
  return [n, c, h, w];
}

function shrink(extent: Dim, by: number): Dim {
  const quotient = dim.exactDiv(extent, by) ?? (typeof extent === "number" ? undefined : dim.floordiv(extent, by));
  if (quotient === undefined) throw new OpError(`an extent of ${formatDim(extent)} does not divide by ${by}`);
  return quotient;
}

/** `[n, c, h, w]` to `[n, c / block^2, h * block, w * block]`. Throws an `OpError` where channels do not divide. */
export function depthToSpace(builder: Builder, x: Value, block: number, order: ChannelOrder): Value {
  const [n, c, h, w] = imageOf(x, block);
  const depth = shrink(c, block * block);
  const split = order === "dcr" ? [n, block, block, depth, h, w] : [n, depth, block, block, h, w];
  const parts = builder.create(Reshape, { x }, { shape: split });
  const moved = builder.create(Transpose, { x: parts }, { perm: order === "dcr" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3] });
  return builder.create(Reshape, { x: moved }, { shape: [n, depth, dim.mul(h, block), dim.mul(w, block)] });
}

/** `[n, c, h, w]` to `[n, c * block^2, h / block, w / block]`, the inverse of `depthToSpace`. Throws an `OpError`. */
export function spaceToDepth(builder: Builder, x: Value, block: number, order: ChannelOrder): Value {
  const [n, c, h, w] = imageOf(x, block);
  const [rows, columns] = [shrink(h, block), shrink(w, block)];
  const parts = builder.create(Reshape, { x }, { shape: [n, c, rows, block, columns, block] });
  const moved = builder.create(Transpose, { x: parts }, { perm: order === "dcr" ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4] });
  return builder.create(Reshape, { x: moved }, { shape: [n, dim.mul(c, block * block), rows, columns] });
}
