/**
 * Products of small integers on blocked layouts. The weights hold groups of channels side by side, last, so that a
 * machine multiplies and adds a group in one operation. Factors are i8, u8 or i16, sums i32; zero points are not seen
 * here: `passes/block-layout` takes them out.
 */
import { int } from "../attribute.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add, ceildiv, type Dim, mul as mulDim } from "../dim.ts";
import { type Buffer, constantLike, load, mul, select } from "../expr.ts";
import { axesOf, foldAxesOf, reduction, sum } from "../stage.ts";
import { formatType, isSmallInteger, tensor } from "../type.ts";
import { makeWindow, windowAttributes, windowExtents, windowPoint } from "../window.ts";
import { blockStart, expectPadding, loopOf } from "./layout.ts";

/** The place of element `g` of group `q` where groups of `w`'s size follow each other. */
const inGroup = (w: Buffer, q: Dim, g: Dim): Dim => add(mulDim(q, w.shape.at(-1)!), g);

export const ConvPackedInteger = defineOp({
  name: "conv_packed_integer",
  summary:
    "Convolution of integers on blocked channels: `x[n, C, spatial..., q * g]` by `w[M, C, kernel..., q, m, g]`, where groups of `g` channels are last, gives `y[n, M, spatial..., m]` in i32; padding holds `padding`, by default zero.",
  operands: { x: operand, w: operand, padding: optionalOperand },
  attributes: windowAttributes,
  infer({ x, w, padding }, a) {
    const spatial = x.shape.slice(2, -1);
    const fits =
      isSmallInteger(x.dtype) &&
      isSmallInteger(w.dtype) &&
      x.shape.length >= 3 &&
      w.shape.length === x.shape.length + 2 &&
      x.shape[1] === w.shape[1] &&
      x.shape.at(-1) === mulDim(w.shape.at(-3)!, w.shape.at(-1)!);
    if (!fits) throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)} in blocks of groups`);
    expectPadding(padding, x);
    const extents = windowExtents(spatial, makeWindow(spatial, w.shape.slice(2, -3), a));
    return tensor("i32", [x.shape[0]!, w.shape[0]!, ...extents, w.shape.at(-2)!]);
  },
  compute({ operands: { x, w, padding }, attributes: a, results: [y] }) {
    const spatial = x.shape.slice(2, -1);
    const window = makeWindow(spatial, w.shape.slice(2, -3), a);
    return [
      reduction(y!, [...w.shape.slice(1, -2), w.shape.at(-1)!], (at, r) => {
        const [n, block, ...o] = at.slice(0, -1);
        const [c, ...k] = r.slice(0, -2);
        const [q, g] = r.slice(-2) as [Dim, Dim];
        const { at: position, inside } = windowPoint(spatial, window, o, k);
        const image = load(x, [n!, c!, ...position, inGroup(w, q, g)]);
        const outside = padding ? load(padding, []) : constantLike(image, 0);
        return sum(mul(select(inside, image, outside), load(w, [block!, c!, ...k, q, at.at(-1)!, g])));
      }),
    ];
  },
});

export const MatmulPackedInteger = defineOp({
  name: "matmul_packed_integer",
  summary:
    "Matrix product of integers by packed columns: `y[..., m, j] = sum over k of a[..., m, k] * b[N, k / g, n, k mod g]` in i32, where column `j` is element `n` of block `N`; the last of the blocks of `columns` overlaps the one before it where they do not divide.",
  operands: { a: operand, b: operand },
  attributes: { columns: int() },
  infer({ a, b }, { columns }) {
    const fits =
      isSmallInteger(a.dtype) &&
      isSmallInteger(b.dtype) &&
      a.shape.length >= 1 &&
      b.shape.length === 4 &&
      a.shape.at(-1) === mulDim(b.shape[1]!, b.shape[3]!);
    if (!fits || ceildiv(columns, b.shape[2]!) !== b.shape[0])
      throw new OpError(`cannot multiply ${formatType(a)} by ${columns} columns in ${formatType(b)}`);
    return tensor("i32", [...a.shape.slice(0, -1), columns]);
  },
  compute({ operands: { a, b }, attributes: { columns }, results: [y] }) {
    const [blocks, groups, width, group] = b.shape as [Dim, Dim, Dim, Dim];
    const at = axesOf([...a.shape.slice(0, -1), blocks, width]);
    const rows = at.slice(0, -2);
    const [block, lane] = at.slice(-2) as [Dim, Dim];
    const [q, g] = foldAxesOf([groups, group]) as [Dim, Dim];
    const { value, ...folding } = sum(mul(load(a, [...rows, inGroup(b, q, g)]), load(b, [block, q, lane, g])));
    const column = add(blockStart(block, width, columns), lane);
    return [
      { axes: at.map(loopOf), fold: { axes: [loopOf(q), loopOf(g)], ...folding }, results: [{ out: y!, at: [...rows, column], value }] },
    ];
  },
});
