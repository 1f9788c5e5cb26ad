/**
 * Ops whose results are as large as the data says: non_zero, compress.
 *
 * Each counts first, for the scalar i64 result that holds its extent, and then stores at flat offsets made with that
 * count, so that its results are dense in memory that is sized for the worst case.
 */
import * as attribute from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand, type Routine } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add, type Dim, extent, min, mul, product } from "../dim.ts";
import { type Buffer, constantLike, type Expr, index, load, makeBuffer, ne, toDim } from "../expr.ts";
import { ifThen, type Stmt, store } from "../loop.ts";
import { type TensorType, tensor } from "../type.ts";
import { asI32, counter } from "./counter.ts";
import { eachIndex } from "./merge-sort.ts";

const isNonZero = (x: Expr): Expr => ne(x, constantLike(x, 0));

/** Refuses strings. */
export const numeric = (t: TensorType, op: string): void => {
  if (t.dtype === "string") throw new OpError(`'${op}' needs numbers`, "unsupported-type", { received: t.dtype });
};

/** A loop per axis, the last one innermost; `body` gets all indices. */
export function eachPoint(
  shape: readonly Dim[],
  name: string,
  body: (at: readonly Dim[]) => readonly Stmt[],
  at: readonly Dim[] = [],
): readonly Stmt[] {
  if (at.length === shape.length) return body(at);
  return [eachIndex(`${name}${at.length}`, shape[at.length]!, (i) => eachPoint(shape, name, body, [...at, i]))];
}

export const NonZero = defineOp({
  name: "non_zero",
  summary: "The indices of the elements of `x` that are not zero, in row-major order, as i64[rank,extent]; and their number.",
  operands: { x: operand },
  attributes: { extent: attribute.text(undefined, "name of the number of elements found") },
  results: ["indices", "count"],
  infer({ x }, attributes) {
    numeric(x, "non_zero");
    return [tensor("i64", [x.shape.length, extent(attributes.extent)]), tensor("i64", [])];
  },
  extents: ({ x }, attributes) => [{ name: attributes.extent, capacity: product(x.shape), from: 1 }],
  routine({ operands: { x }, results: [indices, count] }): Routine {
    const [found, total] = [counter("found"), counter("total")];
    const whenFound = (at: readonly Dim[], then: readonly Stmt[]): Stmt => ifThen(isNonZero(load(x, at)), then);
    return {
      body: [
        total.declare(0),
        ...eachPoint(x.shape, "c", (at) => [whenFound(at, [total.grow()])]),
        store(count!, [], index(total.dim)),
        found.declare(0),
        ...eachPoint(x.shape, "p", (at) => [
          whenFound(at, [...at.map((i, d) => store(indices!, [add(mul(d, total.dim), found.dim)], index(i))), found.grow()]),
        ]),
      ],
    };
  },
});

export const Compress = defineOp({
  name: "compress",
  summary: "The slices of `x` along an axis at which `condition` (bool[m], m at most the extent) holds; and their number.",
  operands: { x: operand, condition: operand },
  attributes: { axis: attribute.int(0), extent: attribute.text(undefined, "name of the number of slices kept") },
  results: ["y", "count"],
  infer({ x, condition }, { axis, extent: name }) {
    numeric(x, "compress");
    const a = normalizeAxis(axis, x.shape.length);
    if (condition.dtype !== "bool" || condition.shape.length !== 1) throw new OpError("the condition must be one-dimensional and bool");
    return [
      tensor(
        x.dtype,
        x.shape.map((e, d) => (d === a ? extent(name) : e)),
      ),
      tensor("i64", []),
    ];
  },
  extents: ({ x, condition }, { axis, extent: name }) => [
    { name, capacity: min(condition.shape[0]!, x.shape[normalizeAxis(axis, x.shape.length)]!), from: 1 },
  ],
  routine({ operands: { x, condition }, attributes: { axis }, results: [y, count] }): Routine {
    const a = normalizeAxis(axis, x.shape.length);
    const length = min(condition.shape[0]!, x.shape[a]!);
    const kept = makeBuffer("kept", "i32", [length]);
    const found = counter("found");
    const collect = (i: Dim): Stmt => ifThen(load(condition, [i]), [store(kept, [found.dim], asI32(i)), found.grow()]);
    return {
      temporaries: [kept],
      body: [
        found.declare(0),
        eachIndex("i", length, (i) => [collect(i)]),
        store(count!, [], index(found.dim)),
        ...storeSlices(y!, x, a, found.dim, (place) => toDim(load(kept, [place]))),
      ],
    };
  },
});

/** Slice `source(p)` of `x` along `axis` to place `p` of `y`, for all of its `count` places. */
function storeSlices(y: Buffer, x: Buffer, axis: number, count: Dim, source: (place: Dim) => Dim): readonly Stmt[] {
  const shape = x.shape.map((e, d) => (d === axis ? count : e));
  return eachPoint(shape, "s", (at) => {
    const flat = at.reduce<Dim>((sum, i, d) => add(mul(sum, shape[d]!), i), 0);
    return [
      store(
        y,
        [flat],
        load(
          x,
          at.map((i, d) => (d === axis ? source(i) : i)),
        ),
      ),
    ];
  });
}
