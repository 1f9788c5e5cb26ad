/** Reductions, running sums and the softmax family as ONNX's operators. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Argmax, Argmin } from "../../../ir/ops/arg-extreme.ts";
import { Cumprod, Cumsum } from "../../../ir/ops/cumulative.ts";
import * as reduce from "../../../ir/ops/reduce.ts";
import { realType } from "../../../ir/ops/reduction.ts";
import { Hardmax, LogSoftmax, ReduceLogSumExp, Softmax } from "../../../ir/ops/softmax.ts";
import { isFloat, isInteger } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { functionRow, row, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import type { Operand, Term } from "./term.ts";

type ReduceDefinition = typeof reduce.ReduceSum;

/** A reduction; its axes are an operand from version 18 on, those of sums from version 13 on. */
export function reduced(n: Body, operator: string, x: Term, axes: readonly number[], keepdims: boolean): Term {
  const isOperand = n.opset >= 18 || operator === "ReduceSum";
  const keep = { keepdims: keepdims ? undefined : 0 };
  return isOperand ? n.op(operator, [x, n.ints(axes)], keep) : n.op(operator, [x], { axes, ...keep });
}

/** No axes mean all of them in ONNX: a fresh one of extent one is folded then. */
function reduceAny(n: Body, operator: string, x: Term, axes: readonly number[], keepdims: boolean): Term {
  if (axes.length > 0) return reduced(n, operator, x, axes, keepdims);
  return reduced(n, operator, n.op("Unsqueeze", [x, n.ints([0])]), [0], false);
}

const reduction = (definition: ReduceDefinition, operator: string): Row =>
  row(definition, (n, { x }, { axes, keepdims }) => reduceAny(n, operator, x, axes, keepdims));

/** Of integers as real numbers. */
const realReduction = (definition: ReduceDefinition, operator: string): Row =>
  row(definition, (n, { x }, { axes, keepdims }) =>
    reduceAny(n, operator, isFloat(x.dtype) ? x : n.cast(x, realType(x.dtype)), axes, keepdims),
  );

/** Means of integers are rounded towards zero, their sums have 64 bits. */
function mean(n: Body, x: Operand, axes: readonly number[], keepdims: boolean): Term {
  if (!isInteger(x.dtype)) return reduceAny(n, "ReduceMean", x, axes, keepdims);
  const wide = n.cast(x, x.dtype === "u64" ? "u64" : "i64");
  const count = dim.product(normalizeAxes(axes, x.shape.length).map((a) => x.shape[a]!));
  return n.op("Div", [reduceAny(n, "ReduceSum", wide, axes, keepdims), n.cast(n.size(count), wide.dtype)]);
}

const logical = (definition: ReduceDefinition, operator: string): Row =>
  functionRow(definition, (n, { x }, { axes, keepdims }) => reduceAny(n, operator, x, axes, keepdims));

const argExtreme = (definition: typeof Argmax, operator: string): Row =>
  row(definition, (n, { x }, { axis, keepdims, last }) =>
    n.op(operator, [x], { axis, keepdims: keepdims ? 1 : 0, select_last_index: last || undefined }, "i64"),
  );

interface Running {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** Products up to each element: a scan that carries the product so far. */
function cumprod(n: Body, x: Operand, { axis, exclusive, reverse }: Running): Term {
  const a = normalizeAxis(axis, x.shape.length);
  if (n.has("CumProd")) return n.op("CumProd", [x, n.size(a)], { exclusive: exclusive || undefined, reverse: reverse || undefined });
  const lifted = n.lift(x);
  const others = x.shape.filter((_, d) => d !== a);
  const type = { kind: "tensor", dtype: lifted.dtype, shape: others } as const;
  const body = n.inner();
  const [before, element] = ["before", "element"].map((hint) => body.input(hint, type)) as [Term, Term];
  const after = body.op("Mul", [before, element]);
  body.output(after, type);
  body.output(body.op("Identity", [exclusive ? before : after]), type);
  const ones = n.op("Expand", [n.like(lifted, 1), n.dims(others)]);
  const direction = reverse ? [1] : undefined;
  const attributes = {
    body: { graph: body },
    num_scan_inputs: 1,
    scan_input_axes: [a],
    scan_output_axes: [a],
    scan_input_directions: direction,
    scan_output_directions: direction,
  };
  return n.ops("Scan", [ones, lifted], attributes, { results: [undefined, undefined] })[1]!;
}

/** Axes that are normalised together as one, at the end; `f` of that, and back. */
function together(n: Body, x: Operand, given: readonly number[], f: (x: Term) => Term): Term {
  const axes = normalizeAxes(given, x.shape.length);
  const others = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const perm = [...others, ...axes];
  const shape = perm.map((d) => x.shape[d]!);
  const merged: Dim[] = [...others.map((d) => x.shape[d]!), dim.product(axes.map((a) => x.shape[a]!))];
  const back = n.reshape(f(n.reshape(transposed(n, x, perm), merged)), shape);
  return transposed(
    n,
    back,
    perm.map((_, d) => perm.indexOf(d)),
  );
}

const softmaxOf = (definition: typeof Softmax, operator: string): Row =>
  row(definition, (n, { x }, { axes }) =>
    axes.length === 1
      ? n.op(operator, [x], { axis: axes[0] === -1 ? undefined : axes[0] })
      : together(n, x, axes, (t) => n.op(operator, [t])),
  );

export const reduceRows: readonly Row[] = [
  reduction(reduce.ReduceSum, "ReduceSum"),
  row(reduce.ReduceMean, (n, { x }, { axes, keepdims }) => mean(n, x, axes, keepdims)),
  reduction(reduce.ReduceProd, "ReduceProd"),
  reduction(reduce.ReduceMax, "ReduceMax"),
  reduction(reduce.ReduceMin, "ReduceMin"),
  reduction(reduce.ReduceL1, "ReduceL1"),
  realReduction(reduce.ReduceL2, "ReduceL2"),
  reduction(reduce.ReduceSumSquare, "ReduceSumSquare"),
  realReduction(reduce.ReduceLogSum, "ReduceLogSum"),
  logical(reduce.ReduceAny, "ReduceMax"),
  logical(reduce.ReduceAll, "ReduceMin"),
  realReduction(ReduceLogSumExp, "ReduceLogSumExp"),
  argExtreme(Argmax, "ArgMax"),
  argExtreme(Argmin, "ArgMin"),
  row(Cumsum, (n, { x }, { axis, exclusive, reverse }) =>
    n.op("CumSum", [x, n.size(axis)], { exclusive: exclusive || undefined, reverse: reverse || undefined }),
  ),
  functionRow(Cumprod, (n, { x }, a) => cumprod(n, x, a)),
  softmaxOf(Softmax, "Softmax"),
  softmaxOf(LogSoftmax, "LogSoftmax"),
  softmaxOf(Hardmax, "Hardmax"),
];
