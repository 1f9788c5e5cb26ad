/** Constants, products, selections: what networks of text, graphs and recommendations do with tensors beside layers. */
import { memoryData } from "../../ir/data.ts";
import type { Value } from "../../ir/graph.ts";
import { Equal, GreaterEqual, Where } from "../../ir/ops/compare.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { Gather, GatherNd } from "../../ir/ops/gather.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { Tile, Transpose } from "../../ir/ops/shape.ts";
import { Slice } from "../../ir/ops/slice.ts";
import { TopK } from "../../ir/ops/sort.ts";
import { writeElements } from "../../ir/storage.ts";
import { type DType, tensor } from "../../ir/type.ts";
import { Formula } from "../formula.ts";
import type { RegionScope } from "../regions.ts";
import type { Cell } from "./cell.ts";
import { cast, reshape, shapeOf } from "./layers.ts";

/** The elements in row-major order. */
export const constant = (c: Cell, dtype: DType, shape: readonly number[], values: readonly number[]): Value =>
  c.create(ConstantOp, {}, { data: { type: tensor(dtype, shape), data: memoryData(writeElements(dtype, values)) } });

/** One number everywhere. */
export const filled = (c: Cell, dtype: DType, shape: readonly number[], value: number): Value =>
  constant(c, dtype, shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(value));

/** The cell, for what networks share with importers. */
export const scope = (c: Cell): RegionScope => ({
  create: (definition, operands, attributes) => c.create(definition, operands, attributes),
  createAll: (definition, operands, attributes) => c.createAll(definition, operands, attributes),
  scalar: (dtype, value) => filled(c, dtype, [], value),
});

/** Arithmetic of tensors and numbers. */
export const formula = (c: Cell): Formula => new Formula(scope(c));

export const transpose = (c: Cell, x: Value, perm: readonly number[]): Value => c.create(Transpose, { x }, { perm });

/** The last two axes exchanged. */
const transposedLast = (c: Cell, x: Value): Value => {
  const axes = shapeOf(x).map((_, d) => d);
  return transpose(c, x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
};

/** Of the last two axes; `b` may stand transposed. */
export const matmul = (c: Cell, a: Value, b: Value, { transposeB = false } = {}): Value =>
  c.create(Matmul, { a, b: transposeB ? transposedLast(c, b) : b });

/** An axis of extent one before axis `axis`; -1: behind all. */
export const expandDims = (c: Cell, x: Value, axis: number): Value => {
  const shape = shapeOf(x);
  return reshape(c, x, shape.toSpliced(axis < 0 ? shape.length + axis + 1 : axis, 0, 1));
};

/** `sizes` elements per axis from `starts` on; by default from the beginning. */
export const slice = (c: Cell, x: Value, sizes: readonly number[], starts: readonly number[] = sizes.map(() => 0)): Value =>
  sizes.every((size, d) => size === x.tensor.shape[d]) ? x : c.create(Slice, { x }, { starts, sizes, steps: sizes.map(() => 1) });

/** Rows of `table[rows, ...]`: shape `ids + table[1:]`. */
export const gather = (c: Cell, table: Value, ids: Value): Value => c.create(Gather, { x: table, indices: ids }, { axis: 0 });

/** Slices of `x` at the index vectors in the last axis of `indices`. */
export const gatherNd = (c: Cell, x: Value, indices: Value): Value => c.create(GatherNd, { x, indices });

/** `x` repeated along each axis. */
export const tile = (c: Cell, x: Value, repeats: readonly number[]): Value =>
  c.create(Tile, { x }, { shape: shapeOf(x).map((extent, d) => extent * repeats[d]!) });

/** The greatest `k` along the last axis, and their indices (i32). */
export function topK(c: Cell, x: Value, k: number): readonly [values: Value, indices: Value] {
  const [values, indices] = c.createAll(TopK, { x }, { k, axis: shapeOf(x).length - 1 });
  return [values!, cast(c, indices!, "i32")];
}

export const where = (c: Cell, condition: Value, a: Value, b: Value): Value => c.create(Where, { condition, a, b });
export const equal = (c: Cell, a: Value, b: Value): Value => c.create(Equal, { a, b });
export const greaterEqual = (c: Cell, a: Value, b: Value): Value => c.create(GreaterEqual, { a, b });
