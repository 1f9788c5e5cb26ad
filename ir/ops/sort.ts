/** Sorting along an axis, and the first few of the sorted. Stable: of equal values the one at the lower index comes first. */
import * as attribute from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand, type Routine } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { type Buffer, constantLike, index, load, lt, makeBuffer } from "../expr.ts";
import { ifThen, type Stmt, store } from "../loop.ts";
import { type TensorType, tensor } from "../type.ts";
import { eachIndex, mergeSort, precedes, selectFirst, type SortedPositions } from "./merge-sort.ts";

/** Up to this many, insertion into a sorted list beats sorting everything. */
const mostByInsertion = 32;

const isOrdered = (t: TensorType, op: string): void => {
  if (t.dtype === "string") throw new OpError(`'${op}' needs numbers`, "unsupported-type", { received: t.dtype });
  if (t.shape.length === 0) throw new OpError(`'${op}' needs an axis, but its operand is a scalar`);
};

const withExtent = (shape: readonly Dim[], axis: number, extent: Dim): Dim[] => shape.map((e, d) => (d === axis ? extent : e));

/** A row of the input: the points that differ in `axis` alone. */
interface Row {
  /** Indices of all axes but `axis`. */
  readonly others: readonly Dim[];
  /** The full indices of the point `i` of the row. */
  readonly point: (i: Dim) => Dim[];
}

/** A loop per axis other than `axis`, the outermost one parallel. */
function eachRow(shape: readonly Dim[], axis: number, body: (row: Row) => readonly Stmt[]): readonly Stmt[] {
  const axes = shape.map((_, d) => d).filter((d) => d !== axis);
  const nest = (depth: number, others: readonly Dim[]): readonly Stmt[] => {
    const d = axes[depth];
    if (d === undefined) return body({ others, point: (i) => [...others.slice(0, axis), i, ...others.slice(axis)] });
    return [eachIndex(`row${depth}`, shape[d]!, (i) => nest(depth + 1, [...others, i]), depth === 0 ? "parallel" : "serial")];
  };
  return nest(0, []);
}

interface SortedRow {
  readonly row: Row;
  readonly n: Dim;
  readonly sorted: SortedPositions;
}

/** Stores the first `count` values of the sorted row and their positions; zeros past its end, should `count` be larger. */
function storeSorted(x: Buffer, [values, indices]: readonly Buffer[], count: Dim, { row, n, sorted }: SortedRow): Stmt[] {
  const zero = constantLike(load(x, row.point(0)), 0);
  return [
    ...sorted.body,
    eachIndex("place", count, (i) => {
      const put = [store(values!, row.point(i), load(x, row.point(sorted.at(i)))), store(indices!, row.point(i), index(sorted.at(i)))];
      const isThere = lt(index(i), index(n));
      if (isThere.kind === "const" || count === n) return put;
      return [ifThen(isThere, put, [store(values!, row.point(i), zero), store(indices!, row.point(i), index(0))])];
    }),
  ];
}

function sortRows(x: Buffer, results: readonly Buffer[], axis: number, count: Dim, descending: boolean): Routine {
  const n = x.shape[axis]!;
  const rows = x.shape.filter((_, d) => d !== axis);
  const byInsertion = typeof count === "number" && count <= mostByInsertion && count !== n;
  const order = makeBuffer("order", "i32", [...rows, ...(byInsertion ? [count] : [2, n])]);
  const before = (row: Row) => (a: Dim, b: Dim) => precedes(load(x, row.point(a)), load(x, row.point(b)), descending);
  const sorted = (row: Row): SortedPositions =>
    byInsertion
      ? selectFirst({ best: order, row: row.others, count: n, k: count, before: before(row) })
      : mergeSort({ order, row: row.others, count: n, before: (a, b) => ({ holds: before(row)(a, b) }) });
  return { temporaries: [order], body: eachRow(x.shape, axis, (row) => storeSorted(x, results, count, { row, n, sorted: sorted(row) })) };
}

const sortOperands = { x: operand };

export const Sort = defineOp({
  name: "sort",
  summary: "The values of `x` in order along an axis, and for each its index (i64) in `x`; stable, NaN is the greatest value.",
  operands: sortOperands,
  attributes: { axis: attribute.int(-1), descending: attribute.flag(false) },
  results: ["values", "indices"],
  infer({ x }, { axis }) {
    isOrdered(x, "sort");
    normalizeAxis(axis, x.shape.length);
    return [x, tensor("i64", x.shape)];
  },
  routine: ({ operands: { x }, attributes: { axis, descending }, results }) => {
    const a = normalizeAxis(axis, x.shape.length);
    return sortRows(x, results, a, x.shape[a]!, descending);
  },
});

export const TopK = defineOp({
  name: "top_k",
  summary:
    "The `k` greatest (or least) values of `x` along an axis, the most extreme one first, and for each its index (i64) in `x`; of equal values the one at the lower index comes first, NaN is the greatest value.",
  operands: sortOperands,
  attributes: { axis: attribute.int(-1), k: attribute.dim(), largest: attribute.flag(true) },
  results: ["values", "indices"],
  infer({ x }, { axis, k }) {
    isOrdered(x, "top_k");
    const a = normalizeAxis(axis, x.shape.length);
    const n = x.shape[a]!;
    const isTooMany = typeof k === "number" && (k < 0 || (typeof n === "number" && k > n));
    if (isTooMany) throw new OpError(`cannot take ${formatDim(k)} of the ${formatDim(n)} values along axis ${axis}`, "bad-attribute");
    const shape = withExtent(x.shape, a, k);
    return [tensor(x.dtype, shape), tensor("i64", shape)];
  },
  routine: ({ operands: { x }, attributes: { axis, k, largest }, results }) =>
    sortRows(x, results, normalizeAxis(axis, x.shape.length), k, largest),
});
