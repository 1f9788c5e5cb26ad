/** Determinants. */
import { defineOp, operand, type Routine } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add, type Dim, sub as minus } from "../dim.ts";
import { type Buffer, constant, div, type Expr, load, lt, makeBuffer, mul, ne, neg, sub, unary, variable } from "../expr.ts";
import { assign, ifThen, letVar, type Stmt, store } from "../loop.ts";
import { computeType, formatType, isFloat, tensor } from "../type.ts";
import { asI32, counter } from "./counter.ts";
import { eachIndex } from "./merge-sort.ts";

export const Det = defineOp({
  name: "det",
  summary: "The determinants of the matrices in the last two axes, by elimination with row pivots.",
  operands: { x: operand },
  attributes: {},
  infer({ x }) {
    const isSquare = x.shape.length >= 2 && x.shape.at(-1) === x.shape.at(-2);
    if (!isSquare || !isFloat(x.dtype))
      throw new OpError("'det' needs square matrices of floats", "type-mismatch", { received: formatType(x) });
    return tensor(x.dtype, x.shape.slice(0, -2));
  },
  routine({ operands: { x }, results: [y] }): Routine {
    const work = makeBuffer("work", computeType(x.dtype), x.shape);
    const batch = x.shape.slice(0, -2);
    const nest = (at: readonly Dim[]): readonly Stmt[] => {
      if (at.length === batch.length) return eliminate(x, work, y!, at);
      return [eachIndex(`batch${at.length}`, batch[at.length]!, (i) => nest([...at, i]), at.length === 0 ? "parallel" : "serial")];
    };
    return { temporaries: [work], body: nest([]) };
  },
});

/** Copies the matrix at `batch`, brings it to triangular form and stores the product of its diagonal. */
function eliminate(x: Buffer, work: Buffer, y: Buffer, batch: readonly Dim[]): Stmt[] {
  const n = x.shape.at(-1)!;
  const dtype = computeType(x.dtype);
  const at = (row: Dim, column: Dim): Expr => load(work, [...batch, row, column]);
  const put = (row: Dim, column: Dim, value: Expr): Stmt => store(work, [...batch, row, column], value);
  const det = variable("det", dtype);
  const factor = variable("factor", dtype);
  const below = (c: Dim, name: string, body: (i: Dim) => readonly Stmt[]): Stmt =>
    eachIndex(name, minus(minus(n, c), 1), (k) => body(add(c, 1, k)));
  const reduce = (c: Dim): Stmt =>
    below(c, "row", (r) => [
      letVar("factor", div(at(r, c), at(c, c))),
      below(c, "column", (k) => [put(r, k, sub(at(r, k), mul(factor, at(c, k))))]),
    ]);
  return [
    eachIndex("copy_row", n, (r) => [eachIndex("copy_column", n, (c) => [put(r, c, load(x, [...batch, r, c]))])]),
    letVar("det", constant(dtype, 1)),
    eachIndex("pivot", n, (c) => [
      ...choosePivot(c, n, at, put),
      assign("det", mul(det, at(c, c))),
      ifThen(ne(at(c, c), constant(dtype, 0)), [reduce(c)]),
    ]),
    store(y, batch, det),
  ];
}

/** Swaps row `c` with the one whose element in column `c` is largest; a swap changes the sign of `det`. */
function choosePivot(c: Dim, n: Dim, at: (row: Dim, column: Dim) => Expr, put: (row: Dim, column: Dim, value: Expr) => Stmt): Stmt[] {
  const best = counter("best");
  const kept = variable("kept", at(c, c).dtype);
  const size = (row: Dim): Expr => unary("abs", at(row, c));
  const det = variable("det", kept.dtype);
  return [
    best.declare(c),
    eachIndex("candidate", minus(minus(n, c), 1), (k) => [ifThen(lt(size(best.dim), size(add(c, 1, k))), [best.set(add(c, 1, k))])]),
    ifThen(ne(best.value, asI32(c)), [
      assign("det", neg(det)),
      eachIndex("swapped", n, (k) => [letVar("kept", at(c, k)), put(c, k, at(best.dim, k)), put(best.dim, k, kept)]),
    ]),
  ];
}
