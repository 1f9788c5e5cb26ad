/** Operators that read and write at indices which are data. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import { Where } from "../../../ir/ops/compare.ts";
import { Gather, GatherElements, GatherNd } from "../../../ir/ops/gather.ts";
import { ScatterElements, ScatterNd } from "../../../ir/ops/scatter.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { type DType, integerBits, isFloat, isUnsigned } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { row } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

type Reduction = "none" | "add" | "mul" | "max" | "min";

/** `axis` is 0 where the operator has none. */
const gather =
  (axis: (n: NodeContext) => number): Lowering =>
  (n) => {
    const [x, indices] = [n.input("x"), n.input("indices")];
    const batch = n.has("batch_dims") ? n.int("batch_dims") : 0;
    const batch_dims = batch < 0 ? batch + indices.tensor.shape.length : batch;
    return n.create(Gather, { x, indices }, { axis: normalizeAxis(axis(n), x.tensor.shape.length), batch_dims });
  };

const gatherElements: Lowering = (n) =>
  n.create(GatherElements, { x: n.input("x"), indices: n.input("index") }, { axis: normalizeAxis(n.int("dim"), n.type("x").shape.length) });

function filled(n: NodeContext, dtype: DType, value: number, shape: readonly Dim[]): Value {
  const x = n.scalar(dtype, value);
  return shape.length === 0 ? x : n.create(Expand, { x }, { shape });
}

/** Updates of one place add up. */
const scatterNd: Lowering = (n) => {
  const updates = n.input("x");
  const x = filled(n, updates.tensor.dtype, 0, n.dims("shape"));
  return n.create(ScatterNd, { x, indices: n.input("indices"), updates }, { reduction: "add" });
};

const tensorScatter =
  (x: string, reduction: Reduction): Lowering =>
  (n) =>
    n.create(ScatterNd, { x: n.input(x), indices: n.input("indices"), updates: n.input("updates") }, { reduction });

/** Indices are those of rows. */
const scatterRows =
  (reduction: Reduction): Lowering =>
  (n) => {
    const indices = n.input("indices");
    const vectors = n.reshape(indices, [...indices.tensor.shape, 1]);
    return n.create(ScatterNd, { x: n.input("var"), indices: vectors, updates: n.input("updates") }, { reduction });
  };

const reductions: Readonly<Record<string, Reduction>> = { none: "none", add: "add", mul: "mul", max: "max", min: "min" };

const scatterElements: Lowering = (n) => {
  const reduction = reductions[n.string("reduction")] ?? n.unsupported(`the reduction '${n.string("reduction")}' is not supported`);
  const operands = { x: n.input("data"), indices: n.input("indices"), updates: n.input("updates") };
  return n.create(ScatterElements, operands, { axis: normalizeAxis(n.int("axis"), operands.x.tensor.shape.length), reduction });
};

/** Ids below zero are dropped; segments without elements hold `initial`. */
const segment =
  (reduction: Reduction, initial: (dtype: DType) => number): Lowering =>
  (n) => {
    const x = n.input("x");
    const ids = n.cast(n.input("segment_ids"), "i64");
    const count = n.dim("num_segments");
    const f = new Formula(n);
    const placed = n.create(Where, { condition: f.less(ids, 0), a: n.extentValue(count, "i64"), b: ids });
    const rest = x.tensor.shape.slice(ids.tensor.shape.length);
    const length = dim.product(ids.tensor.shape);
    const operands = {
      x: filled(n, x.tensor.dtype, initial(x.tensor.dtype), [count, ...rest]),
      indices: n.reshape(placed, [length, 1]),
      updates: n.reshape(x, [length, ...rest]),
    };
    return n.create(ScatterNd, operands, { reduction });
  };

const greatest: Partial<Record<DType, number>> = { f16: 65504, f32: 3.4028234663852886e38, f64: Number.MAX_VALUE };

function highest(dtype: DType): number {
  const most = isFloat(dtype) ? greatest[dtype] : 2 ** (integerBits(dtype) - (isUnsigned(dtype) ? 0 : 1)) - 1;
  if (most === undefined || (!isFloat(dtype) && integerBits(dtype) > 52))
    throw new OpError(`a segment's extreme of ${dtype}`, "unsupported-type");
  return most;
}
const lowest = (dtype: DType): number => (isFloat(dtype) ? -highest(dtype) : isUnsigned(dtype) ? 0 : -highest(dtype) - 1);

const maskedFill: Lowering = (n) => {
  const x = n.input("x");
  return n.create(Where, { condition: n.cast(n.input("mask"), "bool"), a: n.cast(n.input("value"), x.tensor.dtype), b: x });
};

const scatterTypes: Readonly<Record<Reduction, string>> = {
  none: "TensorScatterUpdate",
  add: "TensorScatterAdd",
  mul: "TensorScatterMul",
  max: "TensorScatterMax",
  min: "TensorScatterMin",
};

export const gatherFamily: Family = {
  imports: {
    Gather: gather(() => 0),
    GatherD: gatherElements,
    GatherElements: gatherElements,
    GatherNd: (n) => n.create(GatherNd, { x: n.input("x"), indices: n.input("indices") }),
    GatherV2: gather((n) => n.int("axis")),
    GatherV2D: gather((n) => n.int("axis")),
    MaskedFill: maskedFill,
    ScatterElements: scatterElements,
    ScatterMax: scatterRows("max"),
    ScatterNd: scatterNd,
    ScatterNdD: scatterNd,
    ScatterNdUpdate: tensorScatter("var", "none"),
    ScatterUpdate: scatterRows("none"),
    TensorScatterAdd: tensorScatter("x", "add"),
    TensorScatterMax: tensorScatter("x", "max"),
    TensorScatterMin: tensorScatter("x", "min"),
    TensorScatterMul: tensorScatter("x", "mul"),
    TensorScatterUpdate: tensorScatter("x", "none"),
    UnsortedSegmentMax: segment("max", lowest),
    UnsortedSegmentMin: segment("min", highest),
    UnsortedSegmentSum: segment("add", () => 0),
    UnsortedSegmentSumD: segment("add", () => 0),
  },
  exports: [
    row(Gather, (e, { axis, batch_dims }) => {
      const [x, indices] = [e.in(0), e.in(1)];
      if (batch_dims === 0) return e.emit("GatherV2D", { x, indices }, { axis });
      return e.emit("GatherV2", { x, indices, axis: e.scalar("i64", axis) }, { batch_dims });
    }),
    row(GatherElements, (e, { axis }) => e.emit("GatherElements", { x: e.in(0), index: e.in(1) }, { dim: axis })),
    row(GatherNd, (e, { batch_dims }) =>
      batch_dims === 0 ? e.emit("GatherNd", { x: e.in(0), indices: e.in(1) }) : e.refuse("it has batch dimensions"),
    ),
    row(ScatterElements, (e, { axis, reduction }) =>
      e.emit("ScatterElements", { data: e.in(0), indices: e.in(1), updates: e.in(2) }, { axis, reduction }),
    ),
    row(ScatterNd, (e, { reduction }) => e.emit(scatterTypes[reduction], { x: e.in(0), indices: e.in(1), updates: e.in(2) })),
  ],
};
