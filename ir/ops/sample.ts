/** Sampling of images at positions that are data: grids, regions of interest, deformed windows. */
import { choice, dims, flag } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import {
  add,
  type Buffer,
  constantLike,
  convert,
  div,
  type Expr,
  index,
  le,
  load,
  lt,
  max,
  min,
  mul,
  or,
  select,
  sub,
  unary,
} from "../expr.ts";
import { cubicWeights, elementOrZero, interpolate, linearWeights, nearestElement, splitFloor, type Tap, tapsAt } from "../interpolation.ts";
import { pointwise } from "../stage.ts";
import { type ComputeType, computeType, formatType, isFloat, tensor } from "../type.ts";

const number = (d: Dim, type: ComputeType): Expr => convert(index(d), type);
const realOf = (b: Buffer): "f32" | "f64" => (b.dtype === "f64" ? "f64" : "f32");
const clamp = (x: Expr, low: Expr, high: Expr): Expr => max(low, min(high, x));

type Padding = "zeros" | "border" | "reflection";

/** Where an axis ends for reflection: at its first and last element, or half an element beyond them. */
function borders(extent: Dim, alignCorners: boolean, real: ComputeType): readonly [Expr, Expr] {
  const half = alignCorners ? 0 : 0.5;
  const low = constantLike(number(0, real), -half);
  return [low, sub(number(dim.sub(extent, 1), real), low)];
}

/** `x` folded back at the borders until it is between them. */
function reflect(x: Expr, [low, high]: readonly [Expr, Expr]): Expr {
  const zero = constantLike(x, 0);
  const span = sub(high, low);
  const apart = unary("abs", sub(x, low));
  const turns = unary("floor", div(apart, span));
  const rest = sub(apart, mul(turns, span));
  const isEven = le(unary("abs", sub(turns, mul(constantLike(x, 2), unary("floor", mul(turns, constantLike(x, 0.5)))))), zero);
  const folded = select(isEven, add(low, rest), sub(high, rest));
  return select(le(span, zero), low, select(or(lt(x, low), lt(high, x)), folded, x));
}

/** A grid's coordinate, -1 to 1 across the image, as a position; the ends are the outermost elements' centres or edges. */
function denormalize(x: Expr, extent: Dim, alignCorners: boolean): Expr {
  const [one, half] = [constantLike(x, 1), constantLike(x, 0.5)];
  const n = number(extent, x.dtype);
  return alignCorners ? mul(mul(add(x, one), half), sub(n, one)) : mul(sub(mul(add(x, one), n), one), half);
}

/** Positions outside the borders, moved inside as the padding asks. */
function padPosition(x: Expr, extent: Dim, padding: Padding, alignCorners: boolean): Expr {
  const ends = borders(extent, alignCorners, x.dtype);
  if (padding === "reflection") return reflect(x, ends);
  if (padding === "zeros") return x;
  const last = number(dim.sub(extent, 1), x.dtype);
  return select(or(lt(x, ends[0]), lt(ends[1], x)), clamp(x, constantLike(x, 0), last), x);
}

/** The element at indices that may be outside. */
function paddedElement(x: Buffer, before: readonly Dim[], at: readonly Expr[], padding: Padding, alignCorners: boolean): Expr {
  if (padding === "zeros") return elementOrZero(x, before, at);
  if (padding === "border") return nearestElement(x, before, at);
  const real = realOf(x);
  const inside = at.map((i, d) => convert(reflect(convert(i, real), borders(x.shape[before.length + d]!, alignCorners, real)), "i64"));
  return nearestElement(x, before, inside);
}

function gridTaps(position: Expr, mode: "nearest" | "linear" | "cubic"): Tap<Expr>[] {
  if (mode === "nearest") return [{ at: convert(position, "i64") }];
  const { base, fraction } = splitFloor(position);
  return mode === "linear" ? tapsAt(base, linearWeights(fraction)) : tapsAt(base, cubicWeights(fraction, -0.75), -1);
}

export const GridSample = defineOp({
  name: "grid_sample",
  summary:
    "`x[n, c, spatial...]` sampled at the positions `grid[n, out..., k]`, whose last axis names the spatial axes from the last to the first, from -1 to 1 (ONNX GridSample 20).",
  operands: { x: operand, grid: operand },
  attributes: {
    mode: choice(["nearest", "linear", "cubic"], "linear"),
    padding: choice(["zeros", "border", "reflection"], "zeros", "what stands outside the image"),
    align_corners: flag(false, "-1 and 1 are the centres of the outermost elements rather than their edges"),
  },
  infer({ x, grid }) {
    const rank = x.shape.length - 2;
    const fits = rank >= 1 && isFloat(grid.dtype) && grid.shape.length === rank + 2 && grid.shape.at(-1) === rank;
    if (!fits || commonExtent(x.shape[0]!, grid.shape[0]!) === undefined)
      throw new OpError(`${formatType(grid)} is no grid over ${formatType(x)}`);
    return tensor(x.dtype, [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)]);
  },
  compute({ operands: { x, grid }, attributes: { mode, padding, align_corners }, results: [y] }) {
    const extents = x.shape.slice(2);
    return [
      pointwise(y!, ([n, c, ...o]) => {
        const axes = extents.map((extent, d) => {
          const raw = denormalize(load(grid, [n!, ...o, extents.length - 1 - d]), extent, align_corners);
          const at = mode === "nearest" ? unary("rint", raw) : raw;
          // A cubic kernel reaches beyond the borders: its elements are moved inside, not its position.
          return gridTaps(mode === "cubic" ? at : padPosition(at, extent, padding, align_corners), mode);
        });
        const element = (at: readonly Expr[]): Expr => paddedElement(x, [n!, c!], at, padding, align_corners);
        return mode === "nearest"
          ? interpolate(axes, element)
          : convert(
              interpolate(axes, (at) => convert(element(at), realOf(grid))),
              computeType(x.dtype),
            );
      }),
    ];
  },
});

/** Coordinate of element `o` of an axis whose ends are -1 and 1. */
function normalized(o: Dim, extent: Dim, alignCorners: boolean, real: ComputeType): Expr {
  const numerator = number(alignCorners ? dim.mul(2, o) : dim.add(dim.mul(2, o), 1), real);
  const steps = alignCorners ? dim.max(1, dim.sub(extent, 1)) : extent;
  return sub(div(numerator, number(steps, real)), constantLike(numerator, 1));
}

export const AffineGrid = defineOp({
  name: "affine_grid",
  summary:
    "The grid `[n, spatial..., k]` for `grid_sample` whose positions are those of an image under the affine maps `theta[n, k, k + 1]` (ONNX AffineGrid).",
  operands: { theta: operand },
  attributes: { spatial: dims(undefined, "extents of the image"), align_corners: flag(false) },
  infer({ theta }, { spatial }) {
    const rank = spatial.length;
    if (theta.shape.length !== 3 || theta.shape[1] !== rank || theta.shape[2] !== rank + 1)
      throw new OpError(`${formatType(theta)} is no list of affine maps of ${rank} axes`);
    return tensor(theta.dtype, [theta.shape[0]!, ...spatial, rank]);
  },
  compute({ operands: { theta }, attributes: { spatial, align_corners }, results: [y] }) {
    const rank = spatial.length;
    return [
      pointwise(y!, ([n, ...rest]) => {
        const row = rest[rank]!;
        const terms = spatial.map((extent, d) => {
          const factor = load(theta, [n!, row, rank - 1 - d]);
          return mul(factor, normalized(rest[d]!, extent, align_corners, factor.dtype));
        });
        return [...terms.reverse(), load(theta, [n!, row, rank])].reduce(add);
      }),
    ];
  },
});
