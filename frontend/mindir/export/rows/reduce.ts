/** Reductions, running sums, places of extremes. */
import { normalizeAxis } from "../../../../ir/axis.ts";
import type { AttributesFor, OpDefinition, operand } from "../../../../ir/define.ts";
import type { Attribute } from "../../../../ir/attribute.ts";
import { Argmax, Argmin } from "../../../../ir/ops/arg-extreme.ts";
import { Cumprod, Cumsum } from "../../../../ir/ops/cumulative.ts";
import * as op from "../../../../ir/ops/reduce.ts";
import { literal } from "../graph-writer.ts";
import { type NamedRow, row, type RowContext, type RowResult, since2 } from "../row.ts";
import type { Value } from "../../../../ir/graph.ts";

type Reduction = OpDefinition<
  { x: typeof operand },
  { readonly axes: Attribute<readonly number[]>; readonly keepdims: Attribute<boolean> }
>;

/** An empty tuple of axes would be all of them. */
const reduction = (definition: Reduction, operator: string): NamedRow =>
  row(definition, ({ x }, { axes, keepdims }, n) =>
    axes.length === 0
      ? n.cannot("over no axes")
      : n.node(operator, [x, literal(axes)], { keep_dims: keepdims, input_names: ["input_x", "axis"], output_names: ["y"] }),
  );

const norm = (definition: Reduction, p: number): NamedRow =>
  row(definition, ({ x }, { axes, keepdims }, n) => {
    if (axes.length === 0) return n.cannot("over no axes");
    return n.node("LpNorm", [x], { axis: axes, p, keep_dims: keepdims, epsilon: { float: 1e-12 } });
  });

const place = (definition: typeof Argmax, operator: string): NamedRow =>
  row(definition, ({ x }: { readonly x: Value }, a: AttributesFor<typeof Argmax>, n: RowContext): RowResult => {
    if (a.keepdims || a.last || (a.dtype !== "i32" && a.dtype !== "i64") || (n.dialect === "1.1" && a.dtype !== "i32"))
      return n.cannot("that keeps its axis, takes the last place, or gives that type");
    const axis = normalizeAxis(a.axis, x.tensor.shape.length);
    return n.node(operator, [x], {
      axis,
      output_type: n.writer.model.dialect.typeInput(a.dtype),
      input_names: ["x"],
      output_names: ["output"],
    });
  });

const cumulative = (definition: typeof Cumsum, operator: string): NamedRow =>
  row(definition, ({ x }, { axis, exclusive, reverse }, n) => n.node(operator, [x, literal(axis)], { exclusive, reverse }));

export const reduceRows: readonly NamedRow[] = [
  reduction(op.ReduceSum, "ReduceSum"),
  reduction(op.ReduceMean, "ReduceMean"),
  reduction(op.ReduceMax, "ReduceMax"),
  reduction(op.ReduceMin, "ReduceMin"),
  reduction(op.ReduceProd, "ReduceProd"),
  reduction(op.ReduceAll, "ReduceAll"),
  reduction(op.ReduceAny, "ReduceAny"),
  ...since2(norm(op.ReduceL1, 1), norm(op.ReduceL2, 2)),
  place(Argmax, "Argmax"),
  place(Argmin, "Argmin"),
  cumulative(Cumsum, "CumSum"),
  cumulative(Cumprod, "CumProd"),
];
