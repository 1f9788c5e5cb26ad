/** Sampling of images by grids and at deformed windows. */
import type { AttributesFor } from "../../ir/define.ts";
import { type Dim, mul, product } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { LogicalOr } from "../../ir/ops/compare.ts";
import { DeformConv } from "../../ir/ops/conv-deform.ts";
import { Floor, Round } from "../../ir/ops/elementwise.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { AffineGrid, GridSample } from "../../ir/ops/sample.ts";
import { makeWindow, windowExtents } from "../../ir/window.ts";
import { addBias } from "./conv.ts";
import { type Expander, expansion, fixed, mostElements, type NamedExpansion, points, realOf } from "./expander.ts";
import { Image, linearNeighbours, type Neighbour } from "./positions.ts";

type Padding = AttributesFor<typeof GridSample>["padding"];

/** An axis of an image, as a grid names positions on it. */
interface Axis {
  readonly extent: number;
  /** -1 and 1 are the centres of the outermost elements rather than their edges. */
  readonly areCentres: boolean;
}

/** Positions by elements, of coordinates from -1 to 1. */
function denormalize({ f }: Expander, x: Value, { extent, areCentres }: Axis): Value {
  const moved = f.add(x, 1);
  return areCentres ? f.mul(moved, (extent - 1) / 2) : f.mul(f.add(f.mul(moved, extent), -1), 0.5);
}

/** Positions folded back at the axis' ends until they are between them. */
function reflect(e: Expander, x: Value, { extent, areCentres }: Axis): Value {
  const { f } = e;
  const low = areCentres ? 0 : -0.5;
  const high = extent - 1 - low;
  const span = high - low;
  if (span <= 0) return e.expand(f.number(low, x), x.tensor.shape);
  const floor = (v: Value): Value => e.create(Floor, { x: v });
  const apart = f.abs(f.add(x, -low));
  const turns = floor(f.div(apart, span));
  const rest = f.sub(apart, f.mul(turns, span));
  const isEven = f.equal(turns, f.mul(floor(f.mul(turns, 0.5)), 2));
  const folded = f.where(isEven, f.add(rest, low), f.add(f.neg(rest), high));
  return f.where(e.create(LogicalOr, { a: f.less(x, low), b: f.greater(x, high) }), folded, x);
}

function padPosition(e: Expander, x: Value, axis: Axis, padding: Padding): Value {
  if (padding === "reflection") return reflect(e, x, axis);
  return padding === "border" ? e.f.min(e.f.max(x, 0), axis.extent - 1) : x;
}

/** Keys' kernel (1981) with -3/4, from one element before to two behind. */
function cubicNeighbours(e: Expander, x: Value): Neighbour[] {
  const { f } = e;
  const a = -0.75;
  const base = e.create(Floor, { x });
  const fraction = f.sub(x, base);
  const polynomial = (d: Value, [first, ...more]: readonly number[]): Value =>
    more.reduce((p, c) => f.add(f.mul(p, d), c), f.mul(f.number(1, d), first!));
  const near = (d: Value): Value => polynomial(d, [a + 2, -(a + 3), 0, 1]);
  const far = (d: Value): Value => polynomial(d, [a, -5 * a, 8 * a, -4 * a]);
  const rest = f.add(f.neg(fraction), 1);
  const weights = [far(f.add(fraction, 1)), near(fraction), near(rest), far(f.add(rest, 1))];
  return weights.map((weight, k) => ({ at: f.add(base, k - 1), weight }));
}

function gridNeighbours(e: Expander, coordinate: Value, axis: Axis, { mode, padding }: AttributesFor<typeof GridSample>): Neighbour[] {
  const position = denormalize(e, coordinate, axis);
  if (mode === "nearest") return [{ at: padPosition(e, e.create(Round, { x: position }), axis, padding) }];
  if (mode === "linear") return linearNeighbours(e, padPosition(e, position, axis, padding));
  // A cubic kernel reaches beyond the borders: its elements are moved inside, not its position.
  const neighbours = cubicNeighbours(e, position);
  return padding === "reflection" ? neighbours.map(({ at, weight }) => ({ at: reflect(e, at, axis), weight: weight! })) : neighbours;
}

const gridSample = expansion(GridSample, ({ x, grid }, a, e) => {
  const extents: readonly Dim[] = x.tensor.shape.slice(2);
  if (!fixed(extents) || extents.includes(0)) return undefined;
  const [images, ...out] = grid.tensor.shape.slice(0, -1);
  const real = realOf(grid);
  const rank = extents.length;
  const axes = extents.map((extent, d) => {
    const coordinate = e.cast(e.reshape(e.part(grid, rank + 1, rank - 1 - d, 1), [images!, product(out)]), real);
    return gridNeighbours(e, coordinate, { extent, areCentres: a.align_corners }, a);
  });
  const image = new Image(e, a.mode === "nearest" ? x : e.cast(x, real));
  const rows = image.interpolate(axes, a.padding === "zeros" ? "zero" : "nearest");
  return e.cast(image.shaped(rows, out), x.tensor.dtype);
});

/** The maps times the homogeneous coordinates of all elements. */
const affineGrid = expansion(AffineGrid, ({ theta }, { spatial, align_corners }, e) => {
  if (!fixed(spatial)) return undefined;
  const [images, rank] = [theta.tensor.shape[0]!, spatial.length];
  const count = spatial.reduce((p, q) => p * q, 1);
  if (count > mostElements) return undefined;
  const coordinate = (o: number, extent: number): number =>
    align_corners ? (2 * o) / Math.max(1, extent - 1) - 1 : (2 * o + 1) / extent - 1;
  const places = points(spatial);
  const rows = [...spatial.map((extent, d) => places.map((o) => coordinate(o[d]!, extent))).reverse(), places.map(() => 1)];
  const real = realOf(theta);
  const a = e.cast(e.reshape(theta, [mul(images, rank), rank + 1]), real);
  const y = e.create(Matmul, { a, b: e.constant(real, [rank + 1, count], rows.flat()) });
  const grid = e.transpose(e.reshape(y, [images, rank, count]), [0, 2, 1]);
  return e.cast(e.reshape(grid, [images, ...spatial, rank]), theta.tensor.dtype);
});

/** Where the elements of the windows lie before they are moved, along one axis: `kernel * out` of them. */
function windowPlaces(
  kernel: readonly number[],
  out: readonly number[],
  { strides, dilations, pads }: ReturnType<typeof makeWindow>,
  d: number,
): number[] {
  return points(kernel).flatMap((k) => points(out).map((o) => o[d]! * strides[d]! + k[d]! * dilations[d]! - (pads[d]![0] as number)));
}

/** Columns of what the moved windows see, times the weights. */
const deformConv = expansion(DeformConv, ({ x, w, offset, b, mask }, a, e) => {
  const { f } = e;
  const [images, channels, ...spatial] = x.tensor.shape as readonly [Dim, Dim, ...Dim[]];
  const [outputs, inner, ...kernel] = w.tensor.shape;
  const sizes = [...spatial, outputs!, inner!, ...kernel, channels];
  if (!fixed(sizes) || !fixed(spatial) || !fixed(kernel) || !fixed(a.pads.flat())) return undefined;
  const window = makeWindow(spatial, kernel, a);
  const out = windowExtents(spatial, window) as readonly number[];
  const [taps, count] = [kernel, out].map((list) => list.reduce((p, q) => p * q, 1)) as [number, number];
  const [real, rank, parts] = [realOf(x), spatial.length, mul(images, a.offset_group)];
  const moves = e.cast(e.reshape(offset, [parts, taps, rank, count]), real);
  const axes = kernel.map((_, d) => {
    const places = e.constant(real, [taps * count], windowPlaces(kernel, out, window, d));
    return linearNeighbours(e, f.add(e.reshape(e.part(moves, 2, d, 1), [parts, taps * count]), places));
  });
  const width = (channels as number) / a.offset_group;
  const seen = new Image(e, e.cast(e.reshape(x, [parts, width, ...spatial]), real)).interpolate(axes, "zero");
  const masked = mask ? f.mul(seen, e.cast(e.reshape(mask, [mul(parts, taps * count), 1]), real)) : seen;
  const columns = e.transpose(e.reshape(masked, [parts, taps, count, width]), [0, 3, 1, 2]);
  const rows = (inner as number) * taps;
  const weights = e.cast(e.reshape(w, [1, a.group, (outputs as number) / a.group, rows]), real);
  const y = e.create(Matmul, { a: weights, b: e.reshape(columns, [images, a.group, rows, count]) });
  const image = e.cast(e.reshape(y, [images, outputs!, ...out]), x.tensor.dtype);
  return b ? addBias(e, image, b) : image;
});

export const sampleExpansions: readonly NamedExpansion[] = [gridSample, affineGrid, deformConv];
