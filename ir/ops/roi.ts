/** Pools over regions of interest. */
import { choice, flag, float, int } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { dataIndex } from "../data-index.ts";
import { type AttributesOf, defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import {
  add,
  and,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  type Expr,
  i64,
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
  toDim,
  unary,
  variable,
} from "../expr.ts";
import { interpolate, linearWeights, nearestElement, splitFloor, tapsAt } from "../interpolation.ts";
import { assign, forAll, forLoop, letVar, store } from "../loop.ts";
import { type Folding, maximum, reduction, sum } from "../stage.ts";
import { type ComputeType, computeType, formatType, tensor, type TensorType } from "../type.ts";
import { storedExtremes } from "./reduction.ts";

const number = (d: Dim, type: ComputeType): Expr => convert(index(d), type);

const alignAttributes = {
  height: int(1, "rows of the result"),
  width: int(1, "columns of the result"),
  spatial_scale: float(1, "from the coordinates of regions to those of `x`"),
  mode: choice(["avg", "max"], "avg"),
  offset: float(0.5, "taken from scaled coordinates"),
  end_offset: float(0, "added to the ends of regions before they are scaled"),
  at_least_one: flag(false, "regions are at least one element high and wide"),
};
type AlignAttributes = AttributesOf<typeof alignAttributes>;

/** Shape `[rois, c, height, width]` of a pool of `x[n, c, h, w]` over `rois[r, 4]` in images `batch[r]`. */
function regionShape(x: TensorType, rois: TensorType, columns: number, a: { height: number; width: number }): Dim[] {
  if (x.shape.length !== 4 || rois.shape.length !== 2 || rois.shape[1] !== columns)
    throw new OpError(`${formatType(rois)} is no list of regions of ${formatType(x)}`);
  if (a.height < 1 || a.width < 1) throw new OpError("the result has no elements", "bad-attribute");
  return [rois.shape[0]!, x.shape[1]!, a.height, a.width];
}

function alignType({ x, rois, batch }: { x: TensorType; rois: TensorType; batch: TensorType }, a: AlignAttributes): TensorType {
  if (batch.shape.length !== 1 || commonExtent(batch.shape[0]!, rois.shape[0] ?? 0) === undefined)
    throw new OpError(`${formatType(batch)} is no list of image numbers`);
  return tensor(x.dtype, regionShape(x, rois, 4, a));
}

/** One axis of a bin: where it starts and how long it is, in elements of `x`. */
interface Bin {
  readonly start: Expr;
  readonly size: Expr;
}

/** The bin number `p` of `count` along an axis of region `r` (axis 0: rows). */
function binOf(rois: Buffer, r: Dim, axis: number, p: Dim, count: number, a: AlignAttributes): Bin {
  const real = computeType(rois.dtype);
  const value = (x: number): Expr => constant(real, x);
  const place = (column: number, more: number): Expr =>
    sub(mul(add(load(rois, [r, column]), value(more)), value(a.spatial_scale)), value(a.offset));
  const start = place(1 - axis, 0);
  const extent = sub(place(3 - axis, a.end_offset), start);
  const size = div(a.at_least_one ? max(extent, value(1)) : extent, value(count));
  return { start: add(start, mul(number(p, real), size)), size };
}

/** Position of sample `i` of `count` in a bin. */
const samplePosition = (bin: Bin, i: Expr, count: Expr): Expr => add(bin.start, div(mul(add(i, constantLike(i, 0.5)), bin.size), count));

/** Weighted neighbours of a position: zero beyond one element outside the image, the edge's element in between. */
function samplePlane(x: Buffer, before: readonly Dim[], at: readonly Expr[], mode: "avg" | "max"): Expr {
  const zero = constantLike(at[0]!, 0);
  const extents = x.shape.slice(2);
  const isOutside = or(...at.map((p, d) => or(lt(p, constantLike(p, -1)), lt(number(extents[d]!, p.dtype), p))));
  const axes = at.map((p, d) => {
    const inside = max(zero, min(number(dim.sub(extents[d]!, 1), p.dtype), p));
    const { base, fraction } = splitFloor(inside);
    return tapsAt(base, linearWeights(fraction));
  });
  const element = (i: readonly Expr[]): Expr => convert(nearestElement(x, before, i), zero.dtype);
  if (mode === "avg") return select(isOutside, zero, interpolate(axes, element));
  const corners = axes[0]!.flatMap((row) => axes[1]!.map((column) => mul(mul(row.weight!, column.weight!), element([row.at, column.at]))));
  return select(isOutside, zero, corners.reduce(max));
}

export const RoiAlign = defineOp({
  name: "roi_align",
  summary:
    "For each region `rois[r] = (x1, y1, x2, y2)` of image `batch[r]` a grid of bins, each the mean or the greatest of `samples` x `samples` values interpolated in it (He et al., Mask R-CNN, 2017; ONNX RoiAlign).",
  operands: { x: operand, rois: operand, batch: operand },
  attributes: { ...alignAttributes, samples: int(2, "samples per bin and axis") },
  infer(types, a) {
    if (a.samples < 1) throw new OpError("'samples' must be positive", "bad-attribute");
    return alignType(types, a);
  },
  compute({ operands: { x, rois, batch }, attributes: a, results: [y] }) {
    const count = constant(computeType(rois.dtype), a.samples);
    const point = ([r, c, ...o]: readonly Dim[], k: readonly Dim[]): Folding => {
      const at = [0, 1].map((axis) =>
        samplePosition(binOf(rois, r!, axis, o[axis]!, axis === 0 ? a.height : a.width, a), number(k[axis]!, count.dtype), count),
      );
      const value = samplePlane(x, [dataIndex(batch, [r!], x.shape[0]!), c!], at, a.mode);
      return a.mode === "avg" ? sum(value) : maximum(value);
    };
    const finish = (v: Expr): Expr => convert(a.mode === "avg" ? div(v, mul(count, count)) : v, computeType(y!.dtype));
    return [reduction(y!, [a.samples, a.samples], point, finish)];
  },
});

export const AdaptiveRoiAlign = defineOp({
  name: "adaptive_roi_align",
  summary: "As `roi_align`, with `ceil(size of the bin)` samples along each axis.",
  operands: { x: operand, rois: operand, batch: operand },
  attributes: alignAttributes,
  infer: alignType,
  routine({ operands: { x, rois, batch }, attributes: a, results: [y] }) {
    const real = computeType(rois.dtype);
    const [acc, rows, columns] = [variable("acc", real), variable("rows", "i64"), variable("columns", "i64")];
    const zero = constant(real, 0);
    return {
      body: forAll(y!.shape, ([r, c, p, q]) => {
        const bins = [binOf(rois, r!, 0, p!, a.height, a), binOf(rois, r!, 1, q!, a.width, a)];
        const counts = [rows, columns];
        const [i, j] = [dim.loopAtom("sample_row", toDim(rows)), dim.loopAtom("sample_column", toDim(columns))];
        const at = [i, j].map((l, axis) => samplePosition(bins[axis]!, number(dim.atomDim(l), real), convert(counts[axis]!, real)));
        const value = samplePlane(x, [dataIndex(batch, [r!], x.shape[0]!), c!], at, a.mode);
        const total = convert(max(i64(1), mul(rows, columns)), real);
        return [
          letVar("rows", max(i64(0), convert(unary("ceil", bins[0]!.size), "i64"))),
          letVar("columns", max(i64(0), convert(unary("ceil", bins[1]!.size), "i64"))),
          letVar("acc", a.mode === "avg" ? zero : select(lt(i64(0), mul(rows, columns)), constant(real, -Infinity), zero)),
          forLoop(i, [forLoop(j, [assign("acc", a.mode === "avg" ? add(acc, value) : max(acc, value))])]),
          store(y!, [r!, c!, p!, q!], convert(a.mode === "avg" ? div(acc, total) : acc, computeType(y!.dtype))),
        ];
      }),
    };
  },
});

/** Nearest integer, halves away from zero, as i64. */
function roundAway(x: Expr): Expr {
  const half = select(lt(x, constantLike(x, 0)), constantLike(x, -0.5), constantLike(x, 0.5));
  return convert(unary("trunc", add(x, half)), "i64");
}

export const MaxRoiPool = defineOp({
  name: "max_roi_pool",
  summary:
    "For each region `rois[r] = (image, x1, y1, x2, y2)`, rounded to whole elements, the greatest element of each of `height` x `width` bins; zero for an empty one (Girshick, Fast R-CNN, 2015; ONNX MaxRoiPool).",
  operands: { x: operand, rois: operand },
  attributes: { height: int(1), width: int(1), spatial_scale: float(1) },
  infer: ({ x, rois }, a) => tensor(x.dtype, regionShape(x, rois, 5, a)),
  compute({ operands: { x, rois }, attributes: a, results: [y] }) {
    const real = computeType(rois.dtype);
    const { least } = storedExtremes(x.dtype);
    const bounds = (r: Dim, axis: number, p: Dim, count: number): readonly [Expr, Expr] => {
      const place = (column: number): Expr => roundAway(mul(load(rois, [r, column]), constant(real, a.spatial_scale)));
      const start = place(2 - axis);
      const size = div(convert(max(i64(1), add(sub(place(4 - axis), start), i64(1))), real), constant(real, count));
      const edge = (d: Dim, way: "floor" | "ceil"): Expr => add(start, convert(unary(way, mul(number(d, real), size)), "i64"));
      return [edge(p, "floor"), edge(dim.add(p, 1), "ceil")];
    };
    return [
      reduction(
        y!,
        x.shape.slice(2),
        ([r, c, p, q], [i, j]) => {
          const [rows, columns] = [bounds(r!, 0, p!, a.height), bounds(r!, 1, q!, a.width)];
          const inside = and(le(rows[0], index(i!)), lt(index(i!), rows[1]), le(columns[0], index(j!)), lt(index(j!), columns[1]));
          const image = toDim(max(i64(0), min(index(dim.sub(x.shape[0]!, 1)), convert(load(rois, [r!, 0]), "i64"))));
          return maximum(select(inside, load(x, [image, c!, i!, j!]), least));
        },
        (v) => select(le(v, least), constantLike(v, 0), v),
      ),
    ];
  },
});
