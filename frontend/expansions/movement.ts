/** Slices, pads, triangles, one-hot vectors, and reading at places that are data. */
import { normalizeAxis } from "../../ir/axis.ts";
import { broadcastShapes } from "../../ir/broadcast.ts";
import { constantContent } from "../../ir/content.ts";
import { isOp } from "../../ir/define.ts";
import { add, type Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { GreaterEqual, Where } from "../../ir/ops/compare.ts";
import { Gather, GatherNd } from "../../ir/ops/gather.ts";
import { Eye, OneHot, Range, Trilu } from "../../ir/ops/generate.ts";
import { Concat, Split, Stack } from "../../ir/ops/join.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { ScatterElements, ScatterNd } from "../../ir/ops/scatter.ts";
import { Compress, NonZero } from "../../ir/ops/select-data.ts";
import { Expand, Tile } from "../../ir/ops/shape.ts";
import { AxisValues, DynamicSlice, Roll } from "../../ir/ops/slice.ts";
import { Sort, TopK } from "../../ir/ops/sort.ts";
import { type Expander, expansion, fixed, type NamedExpansion } from "./expander.ts";

const split = expansion(Split, ({ x }, { axis, sizes }, e) => {
  let start: Dim = 0;
  return sizes.map((size) => {
    const part = e.part(x, axis, start, size);
    start = add(start, size);
    return part;
  });
});

/** Where each element of an axis comes from when it is padded by repeating what is there. */
function sources(extent: number, begin: number, end: number, mode: string): number[] {
  const wrapped = (i: number, n: number): number => ((i % n) + n) % n;
  return Array.from({ length: begin + extent + end }, (_, k) => {
    const i = k - begin;
    if (mode === "edge") return Math.max(0, Math.min(extent - 1, i));
    if (mode === "wrap") return wrapped(i, extent);
    if (mode === "symmetric") return Math.min(wrapped(i, 2 * extent), 2 * extent - 1 - wrapped(i, 2 * extent));
    if (extent === 1) return 0;
    const at = wrapped(i, 2 * (extent - 1));
    return Math.min(at, 2 * (extent - 1) - at);
  });
}

/** Axis by axis: a gather, or blocks of the value joined around; negative pads cut. */
const pad = expansion(Pad, ({ x, value }, { pads, mode }, e) => {
  if (!pads.every((p) => fixed(p))) return undefined;
  let y = x;
  for (const [axis, [begin, end]] of pads.entries() as IterableIterator<[number, readonly [number, number]]>) {
    if (begin === 0 && end === 0) continue;
    const next =
      mode === "constant"
        ? padAxis(e, y, axis, begin, end, value ?? e.scalar(x.tensor.dtype, 0))
        : repeatAxis(e, y, axis, begin, end, mode);
    if (!next) return undefined;
    y = next;
  }
  return y;
});

function padAxis(e: Expander, x: Value, axis: number, begin: number, end: number, value: Value): Value {
  const extent = x.tensor.shape[axis]!;
  const cut = e.part(x, axis, Math.max(0, -begin), add(extent, Math.min(0, begin), Math.min(0, end)));
  const block = (count: number): Value[] => (count <= 0 ? [] : [e.expand(e.reshape(value, []), cut.tensor.shape.with(axis, count))]);
  const xs = [...block(begin), cut, ...block(end)];
  return xs.length === 1 ? cut : e.create(Concat, { xs }, { axis });
}

function repeatAxis(e: Expander, x: Value, axis: number, begin: number, end: number, mode: string): Value | undefined {
  const extent = x.tensor.shape[axis]!;
  if (typeof extent !== "number" || extent === 0) return undefined;
  const places = sources(extent, begin, end, mode);
  return e.create(Gather, { x, indices: e.constant("i32", [places.length], places) }, { axis });
}

const roll = expansion(Roll, ({ x }, { shifts, axes }, e) => {
  let y = x;
  for (const [k, given] of axes.entries()) {
    const axis = normalizeAxis(given, x.tensor.shape.length);
    const extent = x.tensor.shape[axis]!;
    if (typeof extent !== "number" || extent === 0) return undefined;
    const shift = ((shifts[k]! % extent) + extent) % extent;
    if (shift === 0) continue;
    y = e.create(Concat, { xs: [e.part(y, axis, extent - shift, shift), e.part(y, axis, 0, extent - shift)] }, { axis });
  }
  return y;
});

/** Row and column numbers compared. */
const trilu = expansion(Trilu, ({ x, offset }, { upper, k }, e) => {
  const { f } = e;
  const [rows, columns] = x.tensor.shape.slice(-2) as [Dim, Dim];
  const row = e.reshape(e.counting("i64", rows), [rows, 1]);
  const column = e.counting("i64", columns);
  const from = offset ? f.add(row, e.cast(e.reshape(offset, []), "i64")) : k === 0 ? row : f.add(row, k);
  const condition = upper ? e.create(GreaterEqual, { a: column, b: from }) : e.create(GreaterEqual, { a: from, b: column });
  return f.where(condition, x, e.scalar(x.tensor.dtype, 0));
});

const eye = expansion(Eye, (_operands, { shape, k, dtype }, e) => {
  const [rows, columns] = shape.slice(-2) as [Dim, Dim];
  const row = e.reshape(e.counting("i64", rows), [rows, 1]);
  const is = e.cast(e.f.equal(e.counting("i64", columns), k === 0 ? row : e.f.add(row, k)), dtype);
  return e.expand(is, shape);
});

/** Indices below zero count from the end; bools by way of integers. */
const oneHot = expansion(OneHot, ({ indices, on, off }, a, e) => {
  if (on.tensor.dtype === "bool") return e.cast(e.create(OneHot, { indices, on: e.cast(on, "i32"), off: e.cast(off, "i32") }, a), "bool");
  if (!a.from_end || typeof a.depth !== "number") return undefined;
  const positive = e.f.where(e.f.less(indices, 0), e.f.add(indices, a.depth), indices);
  return e.create(OneHot, { indices: positive, on, off }, { ...a, from_end: false });
});

/** From zero by ones as i64, or a constant, scaled and moved. */
const range = expansion(Range, ({ start, delta }, { length }, e) => {
  const { f } = e;
  const { dtype } = start.tensor;
  const isCount = dtype === "i64" && isAll(start, 0) && isAll(delta, 1);
  if (isCount && typeof length !== "number") return undefined;
  const count = typeof length === "number" ? e.counting(dtype, length) : e.cast(e.counting("i64", length), dtype);
  const scaled = isAll(delta, 1) ? count : f.mul(count, delta);
  return isAll(start, 0) ? scaled : f.add(scaled, start);
});

/** All operands of the result's shape. */
const where = expansion(Where, ({ condition, a, b }, _attributes, e) => {
  const shape = broadcastShapes(condition.tensor.shape, a.tensor.shape, b.tensor.shape);
  return e.create(Where, { condition: e.expand(condition, shape), a: e.expand(a, shape), b: e.expand(b, shape) });
});

/** Batches as a further index, the number of the batch. */
const gatherNd = expansion(GatherNd, ({ x, indices }, { batch_dims }, e) => {
  const { shape, dtype } = indices.tensor;
  if (batch_dims === 0 || !fixed(shape.slice(0, batch_dims))) return undefined;
  const places = Array.from({ length: batch_dims }, (_, d) => {
    const axis = e.reshape(
      e.counting(dtype, shape[d]!),
      shape.map((n, i) => (i === d ? n : 1)),
    );
    return e.expand(axis, shape.with(-1, 1));
  });
  return e.create(GatherNd, { x, indices: e.create(Concat, { xs: [...places, indices] }, { axis: shape.length - 1 }) });
});

const gather = expansion(Gather, ({ x, indices }, { axis, batch_dims }, e) => {
  if (batch_dims === 0) return undefined;
  const { shape } = x.tensor;
  const moved = e.transpose(x, [
    ...shape.map((_, d) => d).filter((d) => d < batch_dims),
    axis,
    ...shape.map((_, d) => d).filter((d) => d >= batch_dims && d !== axis),
  ]);
  const found = e.create(GatherNd, { x: moved, indices: e.reshape(indices, [...indices.tensor.shape, 1]) }, { batch_dims });
  const rank = indices.tensor.shape.length;
  const between = axis - batch_dims;
  const all = found.tensor.shape.map((_, d) => d);
  const perm = [
    ...all.slice(0, batch_dims),
    ...all.slice(rank, rank + between),
    ...all.slice(batch_dims, rank),
    ...all.slice(rank + between),
  ];
  return e.transpose(found, perm);
});

/** As a scatter of single elements by all their indices. */
const scatterElements = expansion(ScatterElements, ({ x, indices, updates }, { axis: given, reduction }, e) => {
  const { shape } = indices.tensor;
  if (!fixed(shape) || !fixed(x.tensor.shape)) return undefined;
  const { f } = e;
  const axis = normalizeAxis(given, shape.length);
  const wide = e.cast(indices, "i64");
  const positive = f.where(f.less(wide, 0), f.add(wide, x.tensor.shape[axis]!), wide);
  const places = shape.map((n, d) =>
    d === axis
      ? positive
      : e.expand(
          e.reshape(
            e.counting("i64", n),
            shape.map((m, i) => (i === d ? m : 1)),
          ),
          shape,
        ),
  );
  return e.create(ScatterNd, { x, indices: e.create(Stack, { xs: places }, { axis: shape.length }), updates }, { reduction });
});

/** Whether all elements are known to be the number. */
export function isAll(x: Value, value: number): boolean {
  const source = isOp(x.op, Expand) ? x.op.operand(0)! : x;
  return constantContent(source)?.every((e) => e === value) ?? false;
}

/** Sums from zero, added to what was there. */
const scatterNd = expansion(ScatterNd, ({ x, indices, updates }, { reduction }, e) => {
  const zero = e.scalar(x.tensor.dtype, 0);
  if (reduction !== "add" || isAll(x, 0)) return undefined;
  return e.f.add(x, e.create(ScatterNd, { x: e.expand(zero, x.tensor.shape), indices, updates }, { reduction }));
});

/** Axis by axis at places that start where the data says. */
const dynamicSlice = expansion(DynamicSlice, ({ x, starts, steps }, { shape }, e) => {
  if (!fixed(x.tensor.shape) || !fixed(shape)) return undefined;
  const { f } = e;
  return shape.reduce<Value>((y, size, axis) => {
    const extent = (x.tensor.shape as readonly number[])[axis]!;
    const clamped = (v: Value): Value => f.min(f.max(v, 0), Math.max(0, extent - 1));
    const element = (v: Value): Value => e.cast(e.part(v, 0, axis, 1), "i64");
    const start = element(starts);
    const from = clamped(f.where(f.less(start, 0), f.add(start, extent), start));
    const places = e.counting("i64", size);
    const indices = clamped(f.add(from, steps ? f.mul(places, element(steps)) : places));
    return e.create(Gather, { x: y, indices }, { axis });
  }, x);
});

const axisValues = expansion(AxisValues, ({ values, axes }, { rank, fallback }, e) => {
  const { f } = e;
  const wide = e.cast(axes, "i64");
  const indices = f.where(f.less(wide, 0), f.add(wide, rank), wide);
  const x = e.constant("i64", [rank], new Array<number>(rank).fill(fallback));
  const [count] = indices.tensor.shape;
  return e.create(ScatterNd, { x, indices: e.reshape(indices, [count!, 1]), updates: e.cast(values, "i64") });
});

/** The elements at which the condition holds: their places, and what stands there. */
const compress = expansion(Compress, ({ x, condition }, { axis, extent }, e) => {
  const [indices, count] = e.createAll(NonZero, { x: condition }, { extent });
  const [, found] = indices!.tensor.shape;
  return [e.create(Gather, { x, indices: e.reshape(indices!, [found!]) }, { axis }), count!];
});

/** Along the last axis, and the least elements as the last ones in ascending order. */
const topK = expansion(TopK, ({ x }, { axis: given, k, largest }, e) => {
  const rank = x.tensor.shape.length;
  const axis = normalizeAxis(given, rank);
  if (axis !== rank - 1) {
    const perm = x.tensor.shape.map((_, d) => (d === axis ? rank - 1 : d === rank - 1 ? axis : d));
    return e.createAll(TopK, { x: e.transpose(x, perm) }, { axis: -1, k, largest }).map((v) => e.transpose(v, perm));
  }
  if (largest) return undefined;
  return e.createAll(Sort, { x }, { axis }).map((v) => e.part(v, axis, 0, k));
});

/** As a tensor with an axis of copies in front of each axis that is repeated. */
const tile = expansion(Tile, ({ x }, { shape }, e) => {
  const from = x.tensor.shape;
  if (!from.every((d, i) => d === shape[i] || d === 1)) return undefined;
  return e.create(Expand, { x }, { shape });
});

export const movementExpansions: readonly NamedExpansion[] = [
  split,
  pad,
  roll,
  trilu,
  eye,
  oneHot,
  range,
  where,
  gatherNd,
  gather,
  scatterElements,
  scatterNd,
  dynamicSlice,
  axisValues,
  compress,
  topK,
  tile,
];
