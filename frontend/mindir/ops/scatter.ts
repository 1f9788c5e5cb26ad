/** Operators that write at indices which are data. The ones that change a parameter give its new value. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Neg, Reciprocal } from "../../../ir/ops/elementwise.ts";
import { ScatterElements, ScatterNd } from "../../../ir/ops/scatter.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { integerBits, isFloat, isUnsigned } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue } from "../values.ts";
import { Formula } from "../../formula.ts";

type Reduction = "none" | "add" | "mul" | "max" | "min";

const zeros = (n: NodeContext, like: Value, shape: readonly Dim[]): Value => {
  const zero = n.scalar(like.tensor.dtype, 0);
  return shape.length === 0 ? zero : n.create(Expand, { x: zero }, { shape });
};

/** indices, updates, shape: updates of one place add up. */
const scatterNd: Lowering = (n) => {
  const updates = n.input(1);
  const x = zeros(n, updates, n.dims([2, "shape"]));
  return n.create(ScatterNd, { x, indices: n.input(0), updates }, { reduction: "add" });
};

/** Updates negated or inverted, so that a sum or product does. */
const prepared = (n: NodeContext, updates: Value, how: Reduction | "sub" | "div"): { updates: Value; reduction: Reduction } => {
  if (how === "sub") return { updates: n.create(Neg, { x: updates }), reduction: "add" };
  if (how !== "div") return { updates, reduction: how };
  if (!isFloat(updates.tensor.dtype)) return n.unsupported("division at scattered places is supported for floats only");
  return { updates: n.create(Reciprocal, { x: updates }), reduction: "mul" };
};

/** x, index vectors, updates. */
const tensorScatter =
  (how: Reduction | "sub" | "div"): Lowering =>
  (n) => {
    const x = n.input(0);
    const { updates, reduction } = prepared(n, n.cast(n.input(2), x.tensor.dtype), how);
    return n.create(ScatterNd, { x, indices: n.input(1), updates }, { reduction });
  };

/** x, indices of rows, updates of shape `indices + x[1:]`. */
const scatterRows =
  (how: Reduction | "sub" | "div"): Lowering =>
  (n) => {
    const x = n.input(0);
    const given = n.input(1);
    const { updates, reduction } = prepared(n, n.cast(n.input(2), x.tensor.dtype), how);
    return n.create(ScatterNd, { x, indices: n.reshape(given, [...given.tensor.shape, 1]), updates }, { reduction });
  };

/** An update that is a number, or smaller than the indices, filled up; indices smaller than the update. */
function elements(n: NodeContext, x: Value, axis: number, indices: Value, source: Value, reduction: Reduction): Value {
  const isScalar = source.tensor.shape.length === 0;
  const updates = isScalar ? n.create(Expand, { x: source }, { shape: indices.tensor.shape }) : source;
  const rank = x.tensor.shape.length;
  return n.create(
    ScatterElements,
    { x, indices, updates: n.cast(updates, x.tensor.dtype) },
    { axis: normalizeAxis(axis, rank), reduction },
  );
}

const reductionNames = ["none", "add", "multiply"];

/** x, dim, index, source, reduce. */
const scatter: Lowering = (n) => {
  const x = n.input(0);
  const name = n.string([4, "reduce"], "none", reductionNames);
  const reduction = name === "multiply" || name === "mul" ? "mul" : name === "add" ? "add" : "none";
  const source = n.tensorOf(n.items[3] ?? { kind: "none" }, isValue(n.items[3]) ? undefined : x.tensor.dtype);
  return elements(n, x, n.int([1, "dim", "axis"]), n.input(2), source, reduction);
};

const scatterAdd: Lowering = (n) => elements(n, n.input(0), n.int([1, "dim"]), n.input(2), n.input(3), "add");

/** x, indices, updates, axis, reduction. */
const scatterElements: Lowering = (n) => {
  const name = n.string([4, "reduction", "reduce"], "none", reductionNames);
  const reduction =
    (["none", "add", "mul", "max", "min"] as const).find((r) => r === name) ?? n.unsupported(`the reduction '${name}' is not supported`);
  return elements(n, n.input(0), n.int([3, "axis"], 0), n.input(1), n.input(2), reduction);
};

/** x, axis, indices, updates: slices of the update added to those of `x`. */
const indexAdd: Lowering = (n) => {
  const isFunctional = n.operator.name !== "IndexAdd";
  const x = n.input(0);
  const axis = normalizeAxis(n.int([isFunctional ? 1 : -1, "axis", "dim"]), x.tensor.shape.length);
  const indices = n.input(isFunctional ? 2 : 1);
  const source = n.cast(n.input(isFunctional ? 3 : 2), x.tensor.dtype);
  const alpha = n.float([isFunctional ? 4 : -1, "alpha"], 1);
  const updates = alpha === 1 ? source : new Formula(n).mul(source, alpha);
  const column = n.reshape(
    indices,
    updates.tensor.shape.map((_, d) => (d === axis ? indices.tensor.shape[0]! : 1)),
  );
  const wide = n.create(Expand, { x: column }, { shape: updates.tensor.shape });
  return n.create(ScatterElements, { x, indices: wide, updates }, { axis, reduction: "add" });
};

/** The places of `tuple of index tensors` get the values. */
const indexPut: Lowering = (n) => {
  const x = n.input(0);
  const given = isKind(n.items[1], "tuple") ? n.items[1].elements : [];
  if (given.length !== 1) return n.unsupported("values can be put by indices of the first axis only");
  const indices = n.tensorOf(given[0]!);
  const accumulate = n.int([3, "accumulate"], 0) !== 0;
  const shape = [...indices.tensor.shape, ...x.tensor.shape.slice(1)];
  const updates = n.create(Expand, { x: n.cast(n.input(2), x.tensor.dtype) }, { shape });
  return n.create(
    ScatterNd,
    { x, indices: n.reshape(indices, [...indices.tensor.shape, 1]), updates },
    { reduction: accumulate ? "add" : "none" },
  );
};

/** x, segment ids of the leading axes, number of segments; ids below zero are dropped. */
const segment =
  (reduction: Reduction, initial: (n: NodeContext, x: Value) => number): Lowering =>
  (n) => {
    const x = n.input(0);
    const ids = n.cast(n.input(1), "i64");
    const count = n.dim([2, "num_segments"]);
    const rest = x.tensor.shape.slice(ids.tensor.shape.length);
    const f = new Formula(n);
    // Negative ids would count from the end; past the end they are dropped.
    const placed = f.where(f.less(ids, 0), n.tensorOf({ kind: "int", value: count, dtype: "i64" }), ids);
    const start = n.scalar(x.tensor.dtype, initial(n, x));
    const into = n.create(Expand, { x: start }, { shape: [count, ...rest] });
    const length = dim.product(ids.tensor.shape);
    return n.create(
      ScatterNd,
      { x: into, indices: n.reshape(placed, [length, 1]), updates: n.reshape(x, [length, ...rest]) },
      { reduction },
    );
  };

/** MindSpore fills segments without elements with the least or greatest finite number of the type. */
const lowest = (n: NodeContext, x: Value): number => {
  const { dtype } = x.tensor;
  if (!isFloat(dtype)) return isUnsigned(dtype) ? 0 : -(2 ** (integerBits(dtype) - 1));
  return dtype === "f64"
    ? -Number.MAX_VALUE
    : dtype === "f16"
      ? -65504
      : dtype === "f32"
        ? -3.4028234663852886e38
        : n.unsupported(`a segment's extreme of ${dtype}`);
};
const highest = (n: NodeContext, x: Value): number => {
  const { dtype } = x.tensor;
  if (isFloat(dtype)) return -lowest(n, x);
  const bits = integerBits(dtype) - (isUnsigned(dtype) ? 0 : 1);
  return bits > 52 ? n.unsupported(`a segment's extreme of ${dtype}`) : 2 ** bits - 1;
};

const assign: Lowering = (n) => n.cast(n.input(1), n.type(0).dtype);

const assignWith =
  (sign: 1 | -1): Lowering =>
  (n) => {
    const f = new Formula(n);
    const value = n.cast(n.input(1), n.type(0).dtype);
    return sign === 1 ? f.add(n.input(0), value) : f.sub(n.input(0), value);
  };

export const scatters: Lowerings = {
  ScatterNd: scatterNd,
  TensorScatterUpdate: tensorScatter("none"),
  TensorScatterAdd: tensorScatter("add"),
  TensorScatterSub: tensorScatter("sub"),
  TensorScatterMul: tensorScatter("mul"),
  TensorScatterDiv: tensorScatter("div"),
  TensorScatterMax: tensorScatter("max"),
  TensorScatterMin: tensorScatter("min"),
  ScatterNdUpdate: tensorScatter("none"),
  ScatterNdAdd: tensorScatter("add"),
  ScatterNdSub: tensorScatter("sub"),
  ScatterNdMul: tensorScatter("mul"),
  ScatterNdDiv: tensorScatter("div"),
  ScatterNdMax: tensorScatter("max"),
  ScatterNdMin: tensorScatter("min"),
  ScatterNonAliasingAdd: tensorScatter("add"),
  ScatterUpdate: scatterRows("none"),
  ScatterAdd: scatterRows("add"),
  ScatterSub: scatterRows("sub"),
  ScatterMul: scatterRows("mul"),
  ScatterDiv: scatterRows("div"),
  ScatterMax: scatterRows("max"),
  ScatterMin: scatterRows("min"),
  Scatter: scatter,
  ScatterValue: scatter,
  ScatterAddExt: scatterAdd,
  TensorScatterElements: scatterElements,
  ScatterElements: scatterElements,
  IndexAdd: indexAdd,
  IndexAddExt: indexAdd,
  IndexPut: indexPut,
  UnsortedSegmentSum: segment("add", () => 0),
  UnsortedSegmentProd: segment("mul", () => 1),
  UnsortedSegmentMax: segment("max", lowest),
  UnsortedSegmentMin: segment("min", highest),
  Assign: assign,
  AssignAdd: assignWith(1),
  AssignSub: assignWith(-1),
};
