/** Operators whose elements follow from their position. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Div } from "../../../ir/ops/elementwise.ts";
import { Eye, Meshgrid, OneHot, Range, rangeLength, Trilu } from "../../../ir/ops/generate.ts";
import { ReduceSum } from "../../../ir/ops/reduce.ts";
import { Expand, Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Argument, Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue, type Item } from "../values.ts";
import { Formula } from "../../formula.ts";
import { commonType } from "./promote.ts";

const filledShape = (n: NodeContext, x: Value, shape: readonly Dim[]): Value =>
  shape.length === 0 ? n.reshape(x, []) : n.create(Expand, { x }, { shape });

/** dtype, shape, value. */
const fill: Lowering = (n) => {
  const type = n.dtype([0, "dtype"]);
  return filledShape(n, n.cast(n.tensorOf(n.items[2] ?? { kind: "int", value: 0, dtype: "i64" }, type), type), n.dims([1, "shape"]));
};

/** shape, value, dtype. */
const fillSized: Lowering = (n) => {
  const value = n.items[1] ?? n.unsupported("the value is missing", "bad-operand");
  const type = n.has([2, "dtype"]) ? n.dtype([2, "dtype"]) : (n.declared?.dtype ?? undefined);
  const x = n.tensorOf(value, isValue(value) ? undefined : type);
  return filledShape(n, type ? n.cast(x, type) : x, n.dims([0, "shape", "size"]));
};

/** x, value, dtype. */
const fullLike: Lowering = (n) => {
  const x = n.input(0);
  const type = n.has([2, "dtype"]) ? n.dtype([2, "dtype"]) : x.tensor.dtype;
  return filledShape(n, n.cast(n.tensorOf(n.items[1] ?? { kind: "int", value: 0, dtype: "i64" }, type), type), x.tensor.shape);
};

const constantOf =
  (value: number): Lowering =>
  (n) => {
    const type = n.has([1, "dtype"]) ? n.dtype([1, "dtype"]) : "f32";
    return filledShape(n, n.scalar(type, value), n.dims([0, "shape"]));
  };

const eye: Lowering = (n) => n.create(Eye, {}, { shape: [n.dim([0, "n"]), n.dim([1, "m"])], dtype: n.dtype([2, "t", "dtype"], "f32") });

interface Bounds {
  readonly start: Item;
  readonly end: Item;
  readonly step: Item;
}

/** The values from start up to, not including, end, of the common type or the given one. */
function rangeOf(n: NodeContext, { start, end, step }: Bounds, given?: DType): Value {
  const types = [start, end, step].map((item) => n.tensorOf(item).tensor.dtype);
  const type = given ?? types.reduce(commonType);
  const [first, , delta] = [start, end, step].map((item) => n.reshape(n.cast(n.tensorOf(item), type), [])) as [Value, Value, Value];
  return n.create(Range, { start: first, delta }, { length: lengthOf(n, { start, end, step }) });
}

function lengthOf(n: NodeContext, { start, end, step }: Bounds): Dim {
  const numbers = [start, end, step].map((item) => numberOf(n, item));
  if (numbers.every((v) => v !== undefined)) return rangeLength(...(numbers as [number, number, number]));
  const [from, to, by] = [n.dimOf(start, "start"), n.dimOf(end, "end"), n.dimOf(step, "step")];
  return typeof by === "number" && by > 0
    ? dim.max(0, dim.ceildiv(dim.sub(to, from), by))
    : n.unsupported("the length of a range depends on data");
}

function numberOf(n: NodeContext, item: Item): number | undefined {
  if (isKind(item, "int")) return typeof item.value === "number" ? item.value : undefined;
  if (isKind(item, "float")) return item.value;
  return isValue(item) && n.isKnown([n.items.indexOf(item)]) ? n.float([n.items.indexOf(item)]) : undefined;
}

const zero: Item = { kind: "int", value: 0, dtype: "i64" };
const one: Item = { kind: "int", value: 1, dtype: "i64" };

/** start, end, step as inputs; until 1.1 they are attributes and the input is a vector of their length. */
const range: Lowering = (n) => {
  const [a, b, c] = n.items;
  if (a !== undefined && b !== undefined) return rangeOf(n, { start: a, end: b, step: c ?? one });
  const bounds = {
    start: n.argument([-1, "start"]) ?? zero,
    end: n.argument([-1, "limit"]) ?? zero,
    step: n.argument([-1, "delta"]) ?? one,
  };
  return rangeOf(n, bounds, isValue(a) ? a.tensor.dtype : undefined);
};

/** start, end, step, dtype. */
const arange: Lowering = (n) => {
  const [start = zero, end = zero, step = one] = n.items;
  const type = n.has([3, "dtype"]) ? n.dtype([3, "dtype"]) : n.declared?.dtype;
  return rangeOf(n, { start, end, step }, type);
};

/** start, stop, number: both ends count. */
function linspaceOf(n: NodeContext, count: Argument, type: DType): Value {
  const length = n.dim(count);
  const real: DType = type === "f64" ? "f64" : "f32";
  const [start, stop] = [0, 1].map((i) => n.cast(n.input(i), real)) as [Value, Value];
  const f = new Formula(n);
  const steps = dim.max(1, dim.sub(length, 1));
  const places = n.create(Range, { start: n.scalar(real, 0), delta: n.scalar(real, 1) }, { length });
  const size = n.tensorOf({ kind: "int", value: steps, dtype: real }, real);
  // As MindSpore computes it: from the start in equal steps.
  const step = n.create(Div, { a: f.sub(stop, start), b: size });
  const lead = start.tensor.shape;
  const column = (v: Value): Value => (lead.length === 0 ? v : n.reshape(v, [...lead, 1]));
  return n.cast(f.add(column(start), f.mul(column(step), places)), type);
}

const linspace: Lowering = (n) => linspaceOf(n, [2, "num"], isFloat(n.type(0).dtype) ? n.type(0).dtype : "f32");
const linspaceExt: Lowering = (n) =>
  linspaceOf(n, [2, "steps"], n.has([3, "dtype"]) ? n.dtype([3, "dtype"]) : (n.declared?.dtype ?? "f32"));

/** indices, depth, on, off, axis. */
const oneHot: Lowering = (n) => {
  const indices = n.input(0);
  const [on, off] = [n.reshape(n.input(2), []), n.reshape(n.input(3), [])];
  const axis = normalizeAxis(n.int([4, "axis"], -1), indices.tensor.shape.length, true);
  return n.create(OneHot, { indices, on, off: n.cast(off, on.tensor.dtype) }, { depth: n.dim([1, "depth", "num_classes"]), axis });
};

const triangle =
  (upper: boolean): Lowering =>
  (n) =>
    n.create(Trilu, { x: n.input(0) }, { upper, k: n.int([1, "diagonal"], 0) });

/** MindSpore's numbers of the indexing: ij, xy. */
const meshgrid: Lowering = (n) => {
  const indexing = n.string([isKind(n.items[0], "tuple") ? 1 : -1, "indexing"], "xy", ["ij", "xy"]) === "ij" ? "ij" : "xy";
  return n.createAll(Meshgrid, { xs: n.tensors(0).map((x) => (x.tensor.shape.length === 0 ? n.reshape(x, [1]) : x)) }, { indexing });
};

/** A matrix with the vector on diagonal `k`. */
function diagonalMatrix(n: NodeContext, x: Value, k: number): Value {
  const size = dim.add(x.tensor.shape.at(-1)!, Math.abs(k));
  const mask = n.create(Eye, {}, { shape: [x.tensor.shape.at(-1)!, size], k: Math.max(0, k), dtype: x.tensor.dtype });
  const f = new Formula(n);
  const rows = f.mul(n.reshape(x, [...x.tensor.shape, 1]), mask);
  if (k >= 0 && k === 0) return rows;
  return shiftedRows(n, rows, k, size);
}

/** Rows of zeros added so that the matrix is square. */
function shiftedRows(n: NodeContext, rows: Value, k: number, size: Dim): Value {
  const [before, after] = k > 0 ? [0, k] : [-k, 0];
  const padded = n.scope.apply({ name: "Pad", attributes: new Map() }, [
    rows,
    { kind: "tuple", elements: [before, after, 0, 0].map((v) => ({ kind: "int", value: v, dtype: "i64" }) as const) },
  ]);
  return n.create(Reshape, { x: padded as Value }, { shape: [size, size] });
}

/** The diagonal of a matrix, or of the two axes. */
function diagonalOf(n: NodeContext, given: Value, k: number, axis1: number, axis2: number): Value {
  const rank = given.tensor.shape.length;
  const [a, b] = [normalizeAxis(axis1, rank), normalizeAxis(axis2, rank)];
  const others = given.tensor.shape.map((_, d) => d).filter((d) => d !== a && d !== b);
  const x = n.create(Transpose, { x: given }, { perm: [...others, a, b] });
  const [rows, columns] = x.tensor.shape.slice(-2) as [Dim, Dim];
  const height = k < 0 ? dim.add(rows, k) : rows;
  const width = k > 0 ? dim.sub(columns, k) : columns;
  const length = dim.max(0, dim.min(height, width));
  const starts = [...others.map(() => 0), Math.max(0, -k), Math.max(0, k)];
  const square = n.create(
    Slice,
    { x },
    { starts, sizes: [...others.map((d) => given.tensor.shape[d]!), length, length], steps: starts.map(() => 1) },
  );
  const mask = n.create(Eye, {}, { shape: [length, length], dtype: "bool" });
  const f = new Formula(n);
  return f.sum(f.where(mask, square, 0), [square.tensor.shape.length - 1]);
}

/** Of a vector the matrix, of a matrix the vector. */
const diagExt: Lowering = (n) => {
  const x = n.input(0);
  const k = n.int([1, "diagonal"], 0);
  return x.tensor.shape.length === 1 ? diagonalMatrix(n, x, k) : diagonalOf(n, x, k, 0, 1);
};

/** A tensor of shape s gives one of shape s + s with it on the diagonal. */
const diag: Lowering = (n) => {
  const x = n.input(0);
  const flat = diagonalMatrix(n, n.reshape(x, [dim.product(x.tensor.shape)]), 0);
  return n.reshape(flat, [...x.tensor.shape, ...x.tensor.shape]);
};

const diagonal: Lowering = (n) => diagonalOf(n, n.input(0), n.int([1, "offset"], 0), n.int([2, "dim1"], 0), n.int([3, "dim2"], 1));

const trace: Lowering = (n) => {
  const d = diagonalOf(n, n.input(0), 0, 0, 1);
  return n.create(ReduceSum, { x: isFloat(d.tensor.dtype) ? d : n.cast(d, n.declared?.dtype ?? d.tensor.dtype) }, { axes: [0] });
};

export const generate: Lowerings = {
  Fill: fill,
  FillV2: fillSized,
  FillScalar: fillSized,
  FillTensor: fillSized,
  FullLike: fullLike,
  FillsV1: fullLike,
  Fills: fullLike,
  Zeros: constantOf(0),
  Ones: constantOf(1),
  Eye: eye,
  Range: range,
  RangeV2: range,
  Arange: arange,
  LinSpace: linspace,
  LinSpaceExt: linspaceExt,
  OneHot: oneHot,
  OneHotExt: oneHot,
  Tril: triangle(false),
  TrilExt: triangle(false),
  Triu: triangle(true),
  TriuExt: triangle(true),
  Meshgrid: meshgrid,
  Diag: diag,
  DiagExt: diagExt,
  Diagonal: diagonal,
  DiagonalView: diagonal,
  DiagPart: (n) => diagonalOf(n, n.input(0), 0, 0, 1),
  Trace: trace,
  TraceExt: trace,
};
