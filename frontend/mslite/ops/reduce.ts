/** Reductions, places of extremes, running sums, the greatest elements. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import { Argmax, Argmin } from "../../../ir/ops/arg-extreme.ts";
import { Cumsum } from "../../../ir/ops/cumulative.ts";
import { Mul } from "../../../ir/ops/elementwise.ts";
import * as op from "../../../ir/ops/reduce.ts";
import { TopK } from "../../../ir/ops/sort.ts";
import { dtypeOfId } from "../type-id.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { axisIn } from "./norm.ts";

/** By the mode's name. */
export const reductions = {
  ReduceMean: op.ReduceMean,
  ReduceMax: op.ReduceMax,
  ReduceMin: op.ReduceMin,
  ReduceProd: op.ReduceProd,
  ReduceSum: op.ReduceSum,
  ReduceSumSquare: op.ReduceSumSquare,
  ReduceASum: op.ReduceL1,
  ReduceAll: op.ReduceAll,
  ReduceL2: op.ReduceL2,
} as const;

/** The axes in the file's order: all where none is named, and with `reduce_to_end` all from the first on. */
function axesOf(n: NodeContext, rank: number): readonly number[] {
  const given = n.has(1) ? n.numbers(1, "the axes") : [];
  const axes = given.map((a) => normalizeAxis(a, rank));
  if (axes.length === 0) return Array.from({ length: rank }, (_, d) => d);
  if (!n.bool("reduce_to_end")) return [...new Set(axes)];
  const from = Math.min(...axes);
  return Array.from({ length: rank - from }, (_, d) => from + d);
}

/** An image stays in its order of axes where its axes stay, or where height and width go, which leaves the others in order. */
const reduce: Lowering = (n) => {
  const keepdims = n.bool("keep_dims");
  const given = axesOf(n, n.rank(0));
  const isSpatial = given.length === 2 && given.includes(1) && given.includes(2);
  const layout = n.isImage(0) && (keepdims || isSpatial) ? "second" : "last";
  const mode = n.choice("mode", "ReduceMean");
  const definition = reductions[mode as keyof typeof reductions] as typeof op.ReduceSum | undefined;
  if (!definition) return n.unsupported(`the mode '${mode}' is unknown`);
  const read = n.input(0, layout);
  const x = mode === "ReduceAll" ? n.cast(read, "bool") : read;
  const axes = given.map((a) => axisIn(layout, a, x)).sort((p, q) => p - q);
  const value = n.create(definition, { x }, { axes, keepdims });
  const coeff = n.float("coeff");
  const scaled = coeff === 0 || coeff === 1 ? value : n.create(Mul, { a: value, b: n.scalar(value.tensor.dtype, coeff) });
  return { layout: keepdims ? layout : "last", value: scaled };
};

/** The place of the greatest or least element of each line along an axis; or its value. */
const extreme =
  (isMax: boolean): Lowering =>
  (n) => {
    const x = n.input(0);
    const axis = normalizeAxis(n.int("axis"), x.tensor.shape.length);
    const keepdims = n.bool("keep_dims");
    if (n.int("top_k", 1) > 1) return n.unsupported("more than one place for each line is not supported");
    const declared = dtypeOfId(n.result().dataType);
    const place = (): Value => n.create(isMax ? Argmax : Argmin, { x }, { axis, keepdims, dtype: declared === "i64" ? "i64" : "i32" });
    const value = (): Value => n.create(isMax ? op.ReduceMax : op.ReduceMin, { x }, { axes: [axis], keepdims });
    if (n.operation.outputs.length > 1) return [place(), value()];
    return n.bool("out_max_value") ? value() : place();
  };

const topK: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.int("axis") === 0 && n.scope.release < 200 ? -1 : n.int("axis"), x.tensor.shape.length);
  const [k] = n.dims(1, "the number of elements");
  if (k === undefined) throw new OpError("the number of elements is missing", "bad-operand");
  const largest = n.int("largest", 1) !== 0 || n.scope.release < 200;
  const [values, indices] = n.createAll(TopK, { x }, { axis, k, largest });
  const declared = dtypeOfId(n.result(1).dataType);
  return [values!, n.cast(indices!, declared === "i64" ? "i64" : "i32")];
};

const cumulative: Lowering = (n) => {
  const x = n.input(0);
  const axis = normalizeAxis(n.has(1) ? n.number(1, "the axis") : 0, x.tensor.shape.length);
  return n.create(Cumsum, { x }, { axis, exclusive: n.bool("exclusive"), reverse: n.bool("reverse") });
};

export const reduceLowerings: Lowerings = {
  ReduceFusion: reduce,
  ArgMaxFusion: extreme(true),
  ArgMinFusion: extreme(false),
  TopKFusion: topK,
  CumSum: cumulative,
  All: (n) => {
    const x = n.cast(n.input(0), "bool");
    return n.create(
      op.ReduceAll,
      { x },
      { axes: n.has(1) ? n.numbers(1, "the axes") : x.tensor.shape.map((_, d) => d), keepdims: n.bool("keep_dims") },
    );
  },
};
