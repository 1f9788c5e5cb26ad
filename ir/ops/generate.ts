/** Ops whose elements follow from their position: ranges, identity matrices, triangles, one-hot vectors, grids. */
import { choice, dim as dimAttribute, dims, dtype, flag, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand, optionalOperand, variadicOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { add, constant, constantLike, convert, eq, type Expr, i64, index, le, load, lt, mul, select } from "../expr.ts";
import { pointwise } from "../stage.ts";
import { computeType, formatType, sameType, tensor, type TensorType } from "../type.ts";

function expectScalar(t: TensorType, name: string): void {
  if (t.shape.length > 0)
    throw new OpError(`'${name}' must be a scalar`, "bad-operand", { expected: formatType(tensor(t.dtype, [])), received: formatType(t) });
}

export const Range = defineOp({
  name: "range",
  summary: "The vector `start + i * delta` of the given length; computed in the compute type of the scalars.",
  operands: { start: operand, delta: operand },
  attributes: { length: dimAttribute() },
  infer({ start, delta }, { length }) {
    expectScalar(start, "start");
    expectScalar(delta, "delta");
    if (!sameType(start, delta)) throw new OpError(`a range cannot go from ${formatType(start)} by ${formatType(delta)}`);
    return tensor(start.dtype, [length]);
  },
  compute: ({ operands: { start, delta }, results: [y] }) => [
    pointwise(y!, ([i]) => add(load(start, []), mul(convert(index(i!), computeType(delta.dtype)), load(delta, [])))),
  ],
});

/** Number of elements of a range of numbers from `start` up to, not including, `limit`. Zero for a zero `delta`. */
export const rangeLength = (start: number, limit: number, delta: number): number =>
  delta === 0 ? 0 : Math.max(0, Math.ceil((limit - start) / delta));

export const Eye = defineOp({
  name: "eye",
  summary: "A matrix with ones on diagonal `k` (above the main one where positive) and zeros elsewhere.",
  operands: {},
  attributes: { shape: dims(), k: int(0), dtype: dtype("f32") },
  infer(_operands, { shape, dtype: type }) {
    if (shape.length !== 2) throw new OpError("an identity matrix has two axes", "bad-attribute");
    return tensor(type, shape);
  },
  compute: ({ attributes: { k, dtype: type }, results: [y] }) => [
    pointwise(y!, ([i, j]) => select(eq(index(dim.add(i!, k)), index(j!)), constant(computeType(type), 1), constant(computeType(type), 0))),
  ],
});

export const Trilu = defineOp({
  name: "trilu",
  summary:
    "The part of matrices (the last two axes) on and above diagonal `k` when `upper`, else on and below it; zero elsewhere. `offset`, a scalar, is added to `k`.",
  operands: { x: operand, offset: optionalOperand },
  attributes: { upper: flag(true), k: int(0) },
  infer({ x, offset }) {
    if (offset) expectScalar(offset, "offset");
    if (x.shape.length < 2) throw new OpError(`${formatType(x)} is not a matrix`);
    return x;
  },
  compute: ({ operands: { x, offset }, attributes: { upper, k }, results: [y] }) => [
    pointwise(y!, (at) => {
      const column = index(at.at(-1)!);
      const row = index(dim.add(at.at(-2)!, k));
      const diagonal = offset ? add(row, convert(load(offset, []), "i64")) : row;
      const value = load(x, at);
      return select(upper ? le(diagonal, column) : le(column, diagonal), value, constantLike(value, 0));
    }),
  ],
});

export const OneHot = defineOp({
  name: "one_hot",
  summary:
    "A new axis of extent `depth`, where the element at the index is `on` and all others are `off`. With `from_end`, negative indices count " +
    "from the end; other indices outside give no `on`. Fractions of indices are dropped.",
  operands: { indices: operand, on: operand, off: operand },
  attributes: { depth: dimAttribute(), axis: int(-1), from_end: flag(false) },
  infer({ indices, on, off }, { depth, axis }) {
    expectScalar(on, "on");
    expectScalar(off, "off");
    if (!sameType(on, off)) throw new OpError(`'on' of ${formatType(on)} and 'off' of ${formatType(off)}`);
    return tensor(on.dtype, indices.shape.toSpliced(normalizeAxis(axis, indices.shape.length, true), 0, depth));
  },
  compute({ operands: { indices, on, off }, attributes: { depth, axis, from_end }, results: [y] }) {
    const a = normalizeAxis(axis, y!.shape.length);
    return [
      pointwise(y!, (at) => {
        const given = convert(load(indices, at.toSpliced(a, 1)), "i64");
        const i = from_end ? select(lt(given, i64(0)), add(given, index(depth)), given) : given;
        return select(eq(i, index(at[a]!)), load(on, []), load(off, []));
      }),
    ];
  },
});

/** The axis of a grid along which operand `k` varies. */
const gridAxis = (k: number, indexing: "ij" | "xy"): number => (indexing === "xy" && k < 2 ? 1 - k : k);

export const Meshgrid = defineOp({
  name: "meshgrid",
  summary:
    "Coordinates of a grid: result `k` repeats vector `k` along all other axes; with indexing `xy` the first two axes change places.",
  operands: { xs: variadicOperand },
  attributes: { indexing: choice(["ij", "xy"], "ij") },
  results: ["grids"],
  infer({ xs }, { indexing }) {
    const bad = xs.find((x) => x.shape.length !== 1);
    if (bad || xs.length === 0) throw new OpError(`a grid needs vectors${bad ? `, not ${formatType(bad)}` : ""}`, "bad-operand");
    const of = xs.length > 1 ? indexing : "ij";
    const shape: Dim[] = [];
    xs.forEach((x, k) => (shape[gridAxis(k, of)] = x.shape[0]!));
    return xs.map((x) => tensor(x.dtype, shape));
  },
  compute({ operands: { xs }, attributes: { indexing }, results }) {
    const of = xs.length > 1 ? indexing : "ij";
    return results.map((y, k) => pointwise(y, (at): Expr => load(xs[k]!, [at[gridAxis(k, of)]!])));
  },
});
