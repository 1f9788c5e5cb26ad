/**
 * Layout as ops: an axis split into blocks with the elements of a block last, and the products that run on such
 * layouts. Elements beyond the axis are zero in what `pack` makes.
 */
import { choice, dim as dimAttribute, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add, asAtom, ceildiv, type Dim, floordiv, type Loop, min, mod, mul as mulDim, sub } from "../dim.ts";
import { add as addExpr, type Buffer, constantLike, type Expr, load, mul, select } from "../expr.ts";
import { axesOf, foldAxesOf, isInside, pointwise, reduction, sum } from "../stage.ts";
import { formatType, isSmallInteger, tensor, type TensorType } from "../type.ts";
import { makeWindow, windowAttributes, windowExtents, windowPoint } from "../window.ts";

/** Where block number `b` starts when the last one may overlap the one before it. */
export const blockStart = (b: Dim, block: Dim, extent: Dim): Dim => min(mulDim(b, block), sub(extent, block));

export const Pack = defineOp({
  name: "pack",
  summary:
    "Splits `axis` into blocks of `block` elements, which become the last axis: `y[..., a, ..., l] = x[..., a * block + l, ...]`. Beyond the end are zeros, or, with `overlap`, the last block starts earlier.",
  operands: { x: operand },
  attributes: { axis: int(), block: int(), tail: choice(["zero", "overlap"], "zero") },
  infer({ x }, { axis, block }) {
    const a = normalizeAxis(axis, x.shape.length);
    return tensor(x.dtype, [...x.shape.map((e, d) => (d === a ? ceildiv(e, block) : e)), block]);
  },
  compute({ operands: { x }, attributes: { axis, block, tail }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length);
    return [
      pointwise(y!, (at) => {
        const start = tail === "zero" ? mulDim(at[a]!, block) : blockStart(at[a]!, block, x.shape[a]!);
        const position = add(start, at.at(-1)!);
        const value = load(
          x,
          at.slice(0, -1).map((i, d) => (d === a ? position : i)),
        );
        return select(isInside(position, x.shape[a]!), value, constantLike(value, 0));
      }),
    ];
  },
});

export const Unpack = defineOp({
  name: "unpack",
  summary: "Undoes `pack`: `y[..., i, ...] = x[..., i / block, ..., i mod block]` for `extent` elements along `axis`.",
  operands: { x: operand },
  attributes: { axis: int(), extent: dimAttribute() },
  infer({ x }, { axis, extent }) {
    const a = normalizeAxis(axis, x.shape.length - 1);
    if (ceildiv(extent, x.shape.at(-1)!) !== x.shape[a]) throw new OpError(`${formatType(x)} holds no axis of such an extent`);
    return tensor(
      x.dtype,
      x.shape.slice(0, -1).map((e, d) => (d === a ? extent : e)),
    );
  },
  compute({ operands: { x }, attributes: { axis }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length - 1);
    const block = x.shape.at(-1)!;
    return [pointwise(y!, (at) => load(x, [...at.map((i, d) => (d === a ? floordiv(i, block) : i)), mod(at[a]!, block)]))];
  },
});

export const loopOf = (d: Dim): Loop => asAtom(d) as Loop;

const withBias = (value: Expr, b: Buffer | undefined, at: readonly Dim[]): Expr => (b ? addExpr(value, load(b, at)) : value);

/** A number of the type for each output channel of the weights `w[M, ..., m]`. */
function expectBias(b: TensorType | undefined, w: TensorType): void {
  if (b && (b.shape.length !== 2 || b.shape[0] !== w.shape[0] || b.shape[1] !== w.shape.at(-1)))
    throw new OpError(`a bias of ${formatType(b)} does not fit`);
}

/** What lies outside the image: one number of its type. */
export function expectPadding(padding: TensorType | undefined, x: TensorType): void {
  if (padding && (padding.dtype !== x.dtype || padding.shape.length > 0))
    throw new OpError(`padding of ${formatType(padding)} does not fit ${formatType(x)}`);
}

export const ConvPacked = defineOp({
  name: "conv_packed",
  summary:
    "Convolution on blocked channels: `x[n, C, spatial..., c]` by `w[M, C, kernel..., c, m]` plus the bias `b[M, m]` gives `y[n, M, spatial..., m]`; padding is zero.",
  operands: { x: operand, w: operand, b: optionalOperand },
  attributes: windowAttributes,
  infer({ x, w, b }, a) {
    const spatial = x.shape.slice(2, -1);
    const fits =
      x.shape.length >= 3 &&
      w.shape.length === x.shape.length + 1 &&
      x.dtype === w.dtype &&
      x.shape[1] === w.shape[1] &&
      x.shape.at(-1) === w.shape.at(-2);
    if (!fits) throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)} in blocks`);
    expectBias(b, w);
    return tensor(x.dtype, [
      x.shape[0]!,
      w.shape[0]!,
      ...windowExtents(spatial, makeWindow(spatial, w.shape.slice(2, -2), a)),
      w.shape.at(-1)!,
    ]);
  },
  compute({ operands: { x, w, b }, attributes: a, results: [y] }) {
    const spatial = x.shape.slice(2, -1);
    const window = makeWindow(spatial, w.shape.slice(2, -2), a);
    return [
      reduction(
        y!,
        w.shape.slice(1, -1),
        (at, r) => {
          const [n, block, ...o] = at.slice(0, -1);
          const [c, ...k] = r.slice(0, -1);
          const { at: position, inside } = windowPoint(spatial, window, o, k);
          const image = load(x, [n!, c!, ...position, r.at(-1)!]);
          return sum(mul(select(inside, image, constantLike(image, 0)), load(w, [block!, c!, ...k, r.at(-1)!, at.at(-1)!])));
        },
        (value, at) => withBias(value, b, [at[1]!, at.at(-1)!]),
      ),
    ];
  },
});

export const DepthwisePacked = defineOp({
  name: "depthwise_packed",
  summary:
    "Convolution of each channel by itself on blocked channels: `x[n, C, spatial..., c]` by `w[C, kernel..., c]` plus the bias `b[C, c]` gives `y[n, C, spatial..., c]`; padding holds `padding`, by default zero. Of small integers the sum is i32.",
  operands: { x: operand, w: operand, b: optionalOperand, padding: optionalOperand },
  attributes: windowAttributes,
  infer({ x, w, b, padding }, a) {
    const spatial = x.shape.slice(2, -1);
    const fits =
      x.shape.length >= 3 &&
      w.shape.length === x.shape.length - 1 &&
      (x.dtype === w.dtype || (isSmallInteger(x.dtype) && isSmallInteger(w.dtype))) &&
      x.shape[1] === w.shape[0] &&
      x.shape.at(-1) === w.shape.at(-1);
    if (!fits) throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)} channel by channel`);
    expectBias(b, w);
    expectPadding(padding, x);
    const extents = windowExtents(spatial, makeWindow(spatial, w.shape.slice(1, -1), a));
    return tensor(isSmallInteger(x.dtype) ? "i32" : x.dtype, [x.shape[0]!, x.shape[1]!, ...extents, x.shape.at(-1)!]);
  },
  compute({ operands: { x, w, b, padding }, attributes: a, results: [y] }) {
    const spatial = x.shape.slice(2, -1);
    const window = makeWindow(spatial, w.shape.slice(1, -1), a);
    return [
      reduction(
        y!,
        w.shape.slice(1, -1),
        (at, k) => {
          const [n, block, ...o] = at.slice(0, -1);
          const { at: position, inside } = windowPoint(spatial, window, o, k);
          const image = load(x, [n!, block!, ...position, at.at(-1)!]);
          const outside = padding ? load(padding, []) : constantLike(image, 0);
          return sum(mul(select(inside, image, outside), load(w, [block!, ...k, at.at(-1)!])));
        },
        (value, at) => withBias(value, b, [at[1]!, at.at(-1)!]),
      ),
    ];
  },
});

export const MatmulPacked = defineOp({
  name: "matmul_packed",
  summary:
    "Matrix product by packed columns: `y[..., m, j] = sum over k of a[..., m, k] * b[N, k, n]`, where column `j` is element `n` of block `N`; the last of the blocks of `columns` overlaps the one before it where they do not divide.",
  operands: { a: operand, b: operand },
  attributes: { columns: int() },
  infer({ a, b }, { columns }) {
    const fits = a.shape.length >= 1 && b.shape.length === 3 && a.dtype === b.dtype && a.shape.at(-1) === b.shape[1];
    if (!fits || ceildiv(columns, b.shape[2]!) !== b.shape[0])
      throw new OpError(`cannot multiply ${formatType(a)} by ${columns} columns in ${formatType(b)}`);
    return tensor(a.dtype, [...a.shape.slice(0, -1), columns]);
  },
  compute({ operands: { a, b }, attributes: { columns }, results: [y] }) {
    const [blocks, inner, width] = b.shape as [Dim, Dim, Dim];
    const at = axesOf([...a.shape.slice(0, -1), blocks, width]);
    const rows = at.slice(0, -2);
    const [block, lane] = at.slice(-2) as [Dim, Dim];
    const [k] = foldAxesOf([inner]) as [Dim];
    const { value, ...folding } = sum(mul(load(a, [...rows, k]), load(b, [block, k, lane])));
    const column = add(blockStart(block, width, columns), lane);
    return [{ axes: at.map(loopOf), fold: { axes: [loopOf(k)], ...folding }, results: [{ out: y!, at: [...rows, column], value }] }];
  },
});
