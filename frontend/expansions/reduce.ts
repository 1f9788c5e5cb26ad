/** Reductions as others. */
import { normalizeAxes, normalizeAxis } from "../../ir/axis.ts";
import type { AttributesFor } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import { Argmax, Argmin } from "../../ir/ops/arg-extreme.ts";
import { IsInf } from "../../ir/ops/compare.ts";
import * as op from "../../ir/ops/reduce.ts";
import { Reverse } from "../../ir/ops/slice.ts";
import { ReduceLogSumExp } from "../../ir/ops/softmax.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

type Reduce = AttributesFor<typeof op.ReduceSum>;

const sum = (e: Expander, x: Value, a: Reduce): Value => e.create(op.ReduceSum, { x }, a);

/** Stable: the greatest element is taken out first, where it is finite. */
const logSumExp = expansion(ReduceLogSumExp, ({ x }, a, e) => {
  const { f } = e;
  const most = e.create(op.ReduceMax, { x }, { axes: a.axes, keepdims: true });
  const shift = f.where(e.create(IsInf, { x: most }), 0, most);
  const total = f.log(sum(e, f.exp(f.sub(x, shift)), { ...a, keepdims: true }));
  const y = f.add(total, shift);
  if (a.keepdims) return y;
  const axes = normalizeAxes(a.axes, x.tensor.shape.length);
  return e.reshape(
    y,
    x.tensor.shape.filter((_, d) => !axes.includes(d)),
  );
});

/** Over no axes a reduction is what it makes of one element. */
const overNone = (definition: typeof op.ReduceSum): NamedExpansion =>
  expansion(definition, ({ x }, { axes }) => (axes.length === 0 ? x : undefined));

/** With the axis kept, of another integer type, or the last of equal elements. */
const place = (definition: typeof Argmax): NamedExpansion =>
  expansion(definition, ({ x }, a, e) => {
    const axis = normalizeAxis(a.axis, x.tensor.shape.length);
    const extent = x.tensor.shape[axis]!;
    if (a.last) {
      if (typeof extent !== "number") return undefined;
      const mirrored = e.create(definition, { x: e.create(Reverse, { x }, { axes: [axis] }) }, { ...a, axis, last: false });
      return e.f.sub(e.scalar(a.dtype, extent - 1), mirrored);
    }
    if (!a.keepdims && a.dtype === "i32") return undefined;
    const found = e.create(definition, { x }, { axis, dtype: "i32" });
    return e.cast(a.keepdims ? e.reshape(found, x.tensor.shape.with(axis, 1)) : found, a.dtype);
  });

export const reduceExpansions: readonly NamedExpansion[] = [
  logSumExp,
  expansion(op.ReduceLogSum, ({ x }, a, e) => e.f.log(sum(e, x, a))),
  expansion(op.ReduceL1, ({ x }, a, e) => sum(e, e.f.abs(x), a)),
  expansion(op.ReduceL2, ({ x }, a, e) => e.f.sqrt(sum(e, e.f.square(x), a))),
  expansion(op.ReduceSumSquare, ({ x }, a, e) => sum(e, e.f.square(x), a)),
  ...[op.ReduceSum, op.ReduceMean, op.ReduceMax, op.ReduceMin, op.ReduceProd].map(overNone),
  ...[op.ReduceAll, op.ReduceAny].map(overNone),
  place(Argmax),
  place(Argmin),
];
