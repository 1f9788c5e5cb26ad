/** Blocks of pixels as channels, images or columns, and back. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Col2im, Im2col } from "../../../ir/ops/conv-transpose.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { spatialEntries } from "./nn.ts";
import { listedPads, pad } from "./pad.ts";
import { take } from "./slice.ts";

/** Blocks of channels become pixels: channel `(i * block + j) * depth + c` goes to row i, column j of the block. */
const depthToSpace: Lowering = (n) => {
  const x = n.input(0);
  const block = n.int([-1, "block_size"]);
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const depth = dim.floordiv(channels, block * block);
  const apart = n.reshape(x, [images, block, block, depth, height, width]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 3, 4, 1, 5, 2] });
  return n.reshape(moved, [images, depth, dim.mul(height, block), dim.mul(width, block)]);
};

const spaceToDepth: Lowering = (n) => {
  const x = n.input(0);
  const block = n.int([-1, "block_size"]);
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const [rows, columns] = [dim.floordiv(height, block), dim.floordiv(width, block)];
  const apart = n.reshape(x, [images, channels, rows, block, columns, block]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 3, 5, 1, 2, 4] });
  return n.reshape(moved, [images, dim.mul(channels, block * block), rows, columns]);
};

/** x[n, c, h r, w r] from x[n, c r^2, h, w], channel `c r^2 + i r + j`. */
const pixelShuffle: Lowering = (n) => {
  const x = n.input(0);
  const r = n.int([1, "upscale_factor"]);
  const { shape } = x.tensor;
  const [channels, height, width] = shape.slice(-3) as [Dim, Dim, Dim];
  const lead = shape.slice(0, -3);
  const depth = dim.floordiv(channels, r * r);
  const apart = n.reshape(x, [dim.product(lead), depth, r, r, height, width]);
  const moved = n.create(Transpose, { x: apart }, { perm: [0, 1, 4, 2, 5, 3] });
  return n.reshape(moved, [...lead, depth, dim.mul(height, r), dim.mul(width, r)]);
};

/** The blocks of an image as columns. */
const im2col: Lowering = (n) => {
  const x = n.input(0);
  const isOld = n.operator.name === "Im2Col";
  const entries = (at: number, name: string, plural: string, fallback: readonly number[]): readonly number[] =>
    spatialEntries(n, n.ints([isOld ? -1 : at, name, plural], fallback), 2, false);
  const kernel = entries(1, "kernel_size", "ksizes", [1]);
  const attributes = {
    kernel,
    dilations: entries(2, "dilation", "dilations", [1]),
    pads: entries(3, "padding", "pads", [0]).map((p) => [p, p] as const),
    strides: entries(4, "stride", "strides", [1]),
  };
  const y = n.create(Im2col, { x }, attributes);
  const [images, , blocks] = y.tensor.shape;
  return isOld ? n.reshape(y, [images!, x.tensor.shape[1]!, dim.product(kernel), blocks!]) : y;
};

const col2im: Lowering = (n) => {
  const isOld = n.operator.name === "Col2Im";
  const given = n.input(0);
  const { shape } = given.tensor;
  const x = isOld ? n.reshape(given, [shape[0]!, dim.mul(shape[1]!, shape[2]!), shape[3]!]) : given;
  const entries = (at: number, name: string, fallback: readonly number[]): readonly number[] =>
    spatialEntries(n, n.ints([isOld ? -1 : at, name], fallback), 2, false);
  return n.create(
    Col2im,
    { x },
    {
      image: n.dims([1, "output_size"]),
      kernel: entries(2, "kernel_size", [1]),
      dilations: entries(3, "dilation", [1]),
      pads: entries(4, "padding", [0]).map((p) => [p, p] as const),
      strides: entries(5, "stride", [1]),
    },
  );
};

/** Blocks of pixels become images; the spatial axes are padded first. */
const spaceToBatch: Lowering = (n) => {
  const given = n.input(0);
  const block = blockOf(n);
  const pads = listedPads(n.ints([2, "paddings"]));
  const lead = given.tensor.shape.length - block.length;
  const x = pad(n, given, [...new Array<readonly [Dim, Dim]>(lead).fill([0, 0]), ...pads]);
  const { shape } = x.tensor;
  const inner = shape.slice(1, lead);
  const apart = block.flatMap((b, i) => [dim.floordiv(shape[lead + i]!, b), b]);
  const split = n.reshape(x, [shape[0]!, ...inner, ...apart]);
  const spatial = (offset: number): number[] => block.map((_, i) => lead + 2 * i + offset);
  const moved = n.create(Transpose, { x: split }, { perm: [...spatial(1), 0, ...inner.map((_, i) => i + 1), ...spatial(0)] });
  return n.reshape(moved, [dim.mul(shape[0]!, dim.product(block)), ...inner, ...block.map((_, i) => apart[2 * i]!)]);
};

const batchToSpace: Lowering = (n) => {
  const x = n.input(0);
  const block = blockOf(n);
  const crops = listedPads(n.ints([2, "crops"]));
  const { shape } = x.tensor;
  const lead = shape.length - block.length;
  const images = dim.floordiv(shape[0]!, dim.product(block));
  const split = n.reshape(x, [...block, images, ...shape.slice(1)]);
  const perm = [
    block.length,
    ...shape.slice(1, lead).map((_, i) => block.length + 1 + i),
    ...block.flatMap((_, i) => [block.length + lead + i, i]),
  ];
  const moved = n.reshape(n.create(Transpose, { x: split }, { perm }), [
    images,
    ...shape.slice(1, lead),
    ...block.map((b, i) => dim.mul(shape[lead + i]!, b)),
  ]);
  return take(
    n,
    moved,
    moved.tensor.shape.map((extent, d) => {
      const [begin, end] = crops[d - lead] ?? [0, 0];
      return { start: begin, size: dim.sub(extent, dim.add(begin, end)), step: 1 };
    }),
  );
};

function blockOf(n: NodeContext): readonly number[] {
  const given = n.ints([1, "block_size", "block_shape"]);
  return given.length === 1 ? spatialEntries(n, given, 2, false) : given;
}

export const blocks: Lowerings = {
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  PixelShuffle: pixelShuffle,
  Im2Col: im2col,
  Im2ColExt: im2col,
  Unfold: im2col,
  Col2Im: col2im,
  Col2ImExt: col2im,
  SpaceToBatch: spaceToBatch,
  SpaceToBatchND: spaceToBatch,
  BatchToSpace: batchToSpace,
  BatchToSpaceND: batchToSpace,
  BatchToSpaceNDV2: batchToSpace,
  SpaceToBatchNDV2: spaceToBatch,
};
