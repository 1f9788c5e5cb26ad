/** ONNX's reductions, running sums, and the softmax family. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { AnyOpDefinition } from "../../../ir/define.ts";
import { Argmax, Argmin } from "../../../ir/ops/arg-extreme.ts";
import { Cumprod, Cumsum } from "../../../ir/ops/cumulative.ts";
import * as reduce from "../../../ir/ops/reduce.ts";
import { Hardmax, LogSoftmax, ReduceLogSumExp, Softmax } from "../../../ir/ops/softmax.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

const axesFrom = (first: number, rank: number): number[] => Array.from({ length: rank - first }, (_, i) => first + i);

/** Axes are an attribute, or from version `since` on an operand; none given means all, or none by `noop_with_empty_axes`. */
function reductionAxes(n: NodeContext, since: number): readonly number[] {
  const given = n.opset < since ? n.ints("axes", []) : n.optional(1) ? n.numbers(1, "the axes of a reduction") : [];
  if (given.length > 0) return given;
  return n.opset >= since && n.int("noop_with_empty_axes", 0) !== 0 ? [] : axesFrom(0, n.rank(0));
}

/** `since`: the version in which the axes became an operand. */
const reduction =
  (definition: AnyOpDefinition, since = 18): Lowering =>
  (n) =>
    n.create(definition, { x: n.input(0) }, { axes: reductionAxes(n, since), keepdims: n.int("keepdims", 1) !== 0 });

const argExtreme =
  (definition: typeof Argmax): Lowering =>
  (n) =>
    n.create(
      definition,
      { x: n.input(0) },
      { axis: n.int("axis", 0), keepdims: n.int("keepdims", 1) !== 0, last: n.int("select_last_index", 0) !== 0 },
    );

const cumulative =
  (definition: typeof Cumsum): Lowering =>
  (n) => {
    const [axis] = n.numbers(1, "the axis of a running sum");
    if (axis === undefined) n.unsupported("the axis is empty", "bad-operand");
    return n.create(
      definition,
      { x: n.input(0) },
      { axis: axis!, exclusive: n.int("exclusive", 0) !== 0, reverse: n.int("reverse", 0) !== 0 },
    );
  };

/** Before version 13 the operand counts as a matrix of the axes before `axis` by those from it on. */
const softmax =
  (definition: typeof Softmax): Lowering =>
  (n) => {
    const rank = n.rank(0);
    const axis = n.int("axis", n.opset < 13 ? 1 : -1);
    const axes = n.opset < 13 ? axesFrom(normalizeAxis(axis, rank, axis === rank), rank) : [axis];
    return n.create(definition, { x: n.input(0) }, { axes });
  };

export const reduceLowerings: Lowerings = {
  ArgMax: argExtreme(Argmax),
  ArgMin: argExtreme(Argmin),
  CumProd: cumulative(Cumprod),
  CumSum: cumulative(Cumsum),
  Hardmax: softmax(Hardmax),
  LogSoftmax: softmax(LogSoftmax),
  ReduceL1: reduction(reduce.ReduceL1),
  ReduceL2: reduction(reduce.ReduceL2),
  ReduceLogSum: reduction(reduce.ReduceLogSum),
  ReduceLogSumExp: reduction(ReduceLogSumExp),
  ReduceMax: reduction(reduce.ReduceMax),
  ReduceMean: reduction(reduce.ReduceMean),
  ReduceMin: reduction(reduce.ReduceMin),
  ReduceProd: reduction(reduce.ReduceProd),
  ReduceSum: reduction(reduce.ReduceSum, 13),
  ReduceSumSquare: reduction(reduce.ReduceSumSquare),
  Softmax: softmax(Softmax),
};
