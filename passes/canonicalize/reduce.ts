/** Reductions: of extents of one, of reductions, of transposes, and with their axes kept. */
import { normalizeAxes } from "../../ir/axis.ts";
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Abs, Add } from "../../ir/ops/elementwise.ts";
import {
  ReduceAll,
  ReduceAny,
  ReduceL1,
  ReduceL2,
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
} from "../../ir/ops/reduce.ts";
import { reducedShape } from "../../ir/ops/reduction.ts";
import { Reshape, Transpose } from "../../ir/ops/shape.ts";
import { isFloat, sameShape } from "../../ir/type.ts";
import { isUsedOnce } from "../pattern.ts";
import { kebab, opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { isWrapping, reshaped, scalar } from "./known.ts";

const keepers = [ReduceMax, ReduceMin, ReduceProd, ReduceAny, ReduceAll];
const sums = [ReduceSum, ReduceMean];
const all: readonly AnyOpDefinition[] = [...keepers, ...sums, ReduceL1, ReduceL2, ReduceSumSquare];

const shapeOf = (v: Value): readonly Dim[] => v.tensor.shape;
const axesOf = (op: Op): number[] => normalizeAxes(op.attributes["axes"] as number[], shapeOf(op.operand(0)!).length);
const keepsDims = (op: Op): boolean => op.attributes["keepdims"] as boolean;
const reduce = (r: Rewriter, d: AnyOpDefinition, x: Value, axes: readonly number[], keepdims: boolean): Value =>
  r.create(d, { x }, { axes, keepdims });

/** What a reduction of a single element is: the element, for sums of floats but for -0, which 0 is added to; its size for norms. */
function ofOne(r: Rewriter, d: AnyOpDefinition, x: Value): Value | undefined {
  const { dtype } = x.tensor;
  if (keepers.includes(d as typeof ReduceMax)) return x;
  if (sums.includes(d as typeof ReduceSum)) return isFloat(dtype) ? r.create(Add, { a: x, b: scalar(r, dtype, 0) }) : x;
  return d === ReduceL1 ? r.create(Abs, { x }) : undefined;
}

/** Axes of extent one need no folding. */
const unitAxes = all.map((d) =>
  opRule(`unit-axes-of-${kebab(d)}`, "exact", d, (op, r) => {
    const x = op.operand(0)!;
    const axes = axesOf(op);
    const solid = axes.filter((a) => shapeOf(x)[a] !== 1);
    if (solid.length === axes.length && axes.length > 0) return undefined;
    const made = solid.length === 0 ? ofOne(r, d, x) : reduce(r, d, x, solid, true);
    return made && reshaped(r, made, shapeOf(op.result));
  }),
);

const orderFree: readonly AnyOpDefinition[] = [ReduceMax, ReduceMin, ReduceAny, ReduceAll];

/** Both axes of a reduction of a reduction, as axes of the inner operand. */
function bothAxes(op: Op, inner: Op): number[] {
  const first = axesOf(inner);
  const left = shapeOf(inner.operand(0)!).flatMap((_, a) => (first.includes(a) ? [] : [a]));
  const second = axesOf(op).map((a) => (keepsDims(inner) ? a : left[a]!));
  return [...new Set([...first, ...second])].sort((a, b) => a - b);
}

/** `reduce(reduce(x)) = reduce(x)` over both axes. Sums of floats are then added in another order; means of integers truncate. */
const reduceOfReduceRule = (d: AnyOpDefinition, exact: boolean): Rule =>
  opRule(`${kebab(d)}-of-${kebab(d)}${exact ? "" : "-of-floats"}`, exact ? "exact" : "reassociates", d, (op, r) => {
    const inner = op.operand(0)!.op;
    const x = inner?.operand(0);
    if (inner?.definition !== d || !x || !isUsedOnce(inner.result)) return undefined;
    const fits = orderFree.includes(d) || isWrapping(x.tensor.dtype) === exact;
    return fits ? reshaped(r, reduce(r, d, x, bothAxes(op, inner), true), shapeOf(op.result)) : undefined;
  });
const reduceOfReduce = [
  ...[...keepers, ReduceSum].map((d) => reduceOfReduceRule(d, true)),
  ...[ReduceProd, ...sums].map((d) => reduceOfReduceRule(d, false)),
];

/** A reshape that puts extents of one where axes were folded, or drops them, is the reduction's own to do. */
const keptAxes = opRule("reshape-of-reduction", "exact", Reshape, (op, r) => {
  const inner = op.operand(0)!.op;
  if (!inner || !all.includes(inner.definition) || !isUsedOnce(inner.result)) return undefined;
  const x = inner.operand(0)!;
  const axes = axesOf(inner);
  const keepdims = !keepsDims(inner);
  return sameShape(reducedShape(shapeOf(x), axes, keepdims), shapeOf(op.result))
    ? reduce(r, inner.definition, x, axes, keepdims)
    : undefined;
});

/** A reduction of a transpose folds other axes, where those that stay keep their order. */
const reduceOfTranspose = [ReduceMax, ReduceMin, ReduceAny, ReduceAll, ...sums].map((d) =>
  opRule(`${kebab(d)}-of-transpose`, "exact", d, (op, r) => {
    const inner = op.operand(0)!.op;
    if (inner?.definition !== Transpose) return undefined;
    const perm = inner.attributes["perm"] as number[];
    const folded = axesOf(op).map((a) => perm[a]!);
    const kept = perm.filter((a) => !folded.includes(a));
    const inOrder = (list: readonly number[]): boolean => list.every((a, i) => i === 0 || a > list[i - 1]!);
    const isOrderFree = !sums.includes(d) || isWrapping(op.result.tensor.dtype) || inOrder(folded);
    if (!inOrder(kept) || !isOrderFree) return undefined;
    return reshaped(
      r,
      reduce(
        r,
        d,
        inner.operand(0)!,
        folded.sort((a, b) => a - b),
        false,
      ),
      shapeOf(op.result),
    );
  }),
);

export const reduceRules: readonly Rule[] = [...unitAxes, ...reduceOfReduce, keptAxes, ...reduceOfTranspose];
