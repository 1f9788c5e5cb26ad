/** Ops that write at indices which are data. Negative indices count from the end; updates outside are dropped. */
import { choice, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { indexFromEnd } from "../data-index.ts";
import { defineOp, operand, optionalOperand, type Routine } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { and, type Buffer, convert, type Expr, i64, index, le, load, lt, select, toDim, variable } from "../expr.ts";
import { forAll, ifThen, letVar, type Stmt, store } from "../loop.ts";
import { isInside, pointwise } from "../stage.ts";
import { formatType, sameShape, sameType, tensor, type TensorType } from "../type.ts";
import { checkElementwise, expectIndices, tupleLength } from "./gather.ts";

const reduction = choice(["none", "add", "mul", "max", "min"], "none", "how an update joins what is there: `none` replaces it, in order");
type Reduction = "none" | "add" | "mul" | "max" | "min";

function checkUpdates(x: TensorType, updates: TensorType, shape: readonly Dim[]): void {
  const expected = tensor(x.dtype, shape);
  if (!sameType(updates, expected)) {
    throw new OpError(`updates of ${formatType(updates)} do not fit ${formatType(x)}`, "type-mismatch", {
      expected: formatType(expected),
      received: formatType(updates),
    });
  }
}

/** `y = x`, then for every point of `shape` an update of `y` at the indices of `place`, some of which are data. */
function scatter(x: Buffer, y: Buffer, shape: readonly Dim[], updates: Buffer, how: Reduction, place: Place): Routine {
  return {
    body: [
      ...forAll(x.shape, (at) => [store(y, at, load(x, at))]),
      ...forAll(shape, (at) => {
        const { target, lets } = place(at);
        const update: Stmt = { kind: "store", buffer: y, at: target, value: load(updates, at), ...(how !== "none" && { combine: how }) };
        return [
          ...lets.map(([name, value]) => letVar(name, value)),
          ifThen(and(...lets.map(([name, , extent]) => isWithin(name, extent))), [update]),
        ];
      }),
    ],
  };
}

/** Where an update goes, by scalars that must lie inside their axes. */
type Place = (at: readonly Dim[]) => {
  readonly target: readonly Dim[];
  readonly lets: readonly (readonly [name: string, value: Expr, extent: Dim])[];
};

function isWithin(name: string, extent: Dim): Expr {
  const i = variable(name, "i64");
  return and(le(i64(0), i), lt(i, index(extent)));
}

export const ScatterElements = defineOp({
  name: "scatter_elements",
  summary:
    "`x` with `y[i, indices[i, j, k], k] = updates[i, j, k]` (for axis 1), or joined with what is there; updates outside are dropped.",
  operands: { x: operand, indices: operand, updates: operand },
  attributes: { axis: int(0), reduction },
  infer({ x, indices, updates }, { axis }) {
    expectIndices(indices);
    checkElementwise(x, indices, normalizeAxis(axis, x.shape.length));
    checkUpdates(x, updates, indices.shape);
    return x;
  },
  routine({ operands: { x, indices, updates }, attributes: { axis, reduction: how }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length);
    const extent = x.shape[a]!;
    return scatter(x, y!, indices.shape, updates, how, (at) => ({
      target: at.with(a, toDim(variable("target", "i64"))),
      lets: [["target", indexFromEnd(indices, at, extent), extent]],
    }));
  },
});

export const ScatterNd = defineOp({
  name: "scatter_nd",
  summary:
    "`x` with slices replaced by, or joined with, `updates`, at index vectors in the last axis of `indices`; " +
    "updates have the shape `indices[:-1] + x[k:]` for vectors of `k`; those outside are dropped.",
  operands: { x: operand, indices: operand, updates: operand },
  attributes: { reduction },
  infer({ x, indices, updates }) {
    expectIndices(indices);
    const count = tupleLength(x, indices, 0);
    checkUpdates(x, updates, [...indices.shape.slice(0, -1), ...x.shape.slice(count)]);
    return x;
  },
  routine({ operands: { x, indices, updates }, attributes: { reduction: how }, results: [y] }) {
    const lead = indices.shape.length - 1;
    const count = indices.shape[lead] as number;
    return scatter(x, y!, updates.shape, updates, how, (at) => ({
      target: [...Array.from({ length: count }, (_, k) => toDim(variable(`target${k}`, "i64"))), ...at.slice(lead)],
      lets: Array.from(
        { length: count },
        (_, k) => [`target${k}`, indexFromEnd(indices, [...at.slice(0, lead), k], x.shape[k]!), x.shape[k]!] as const,
      ),
    }));
  },
});

export const TensorScatter = defineOp({
  name: "tensor_scatter",
  summary:
    "A cache with consecutive slices along `axis` replaced by `update`, from `starts[b]` (default 0) for each index `b` of axis 0; " +
    "mode circular goes on at the beginning (ONNX TensorScatter 24).",
  operands: { cache: operand, update: operand, starts: optionalOperand },
  attributes: { axis: int(-2), mode: choice(["linear", "circular"], "linear") },
  infer({ cache, update, starts }, { axis }) {
    const a = normalizeAxis(axis, cache.shape.length);
    if (
      update.dtype !== cache.dtype ||
      update.shape.length !== cache.shape.length ||
      !sameShape(update.shape.with(a, 0), cache.shape.with(a, 0))
    ) {
      throw new OpError(`${formatType(update)} does not update ${formatType(cache)} along axis ${a}`);
    }
    if (starts) {
      expectIndices(starts);
      if (a === 0 || !sameShape(starts.shape, [cache.shape[0]!]))
        throw new OpError(`${formatType(starts)} is not a start for each index of axis 0 of ${formatType(cache)}`);
    }
    return cache;
  },
  compute({ operands: { cache, update, starts }, attributes: { axis, mode }, results: [y] }) {
    const a = normalizeAxis(axis, cache.shape.length);
    return [
      pointwise(y!, (at) => {
        const start = starts ? toDim(convert(load(starts, [at[0]!]), "i64")) : 0;
        const apart = dim.sub(at[a]!, start);
        const from = mode === "circular" ? dim.mod(apart, cache.shape[a]!) : apart;
        const length = update.shape[a]!;
        return select(isInside(from, length), load(update, at.with(a, from)), load(cache, at));
      }),
    ];
  },
});
