/**
 * Softmax and its kin, over one axis or several together. The greatest element is subtracted before the exponential, so
 * that nothing overflows.
 */
import { flag, ints } from "../attribute.ts";
import { normalizeAxes } from "../axis.ts";
import { defineOp, operand } from "../define.ts";
import { add, type Dim, mul as multiply } from "../dim.ts";
import {
  type Buffer,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  index,
  load,
  add as plus,
  makeBuffer,
  select,
  sub,
  unary,
} from "../expr.ts";
import { argExtreme, maximum, pointwise, reduction, type Stage, sum } from "../stage.ts";
import { computeType } from "../type.ts";
import { isFiniteExpr } from "./elementwise.ts";
import { expectElements } from "./map.ts";
import { extentsOf, realType, reducedShape, reducedType, reductionIndices } from "./reduction.ts";

const axesAttribute = ints([-1], "the axes that are normalised together");

/** A buffer with one element for each group of elements that are normalised together. */
const perGroup = (x: Buffer, name: string, axes: readonly number[]): Buffer =>
  makeBuffer(name, computeType(x.dtype), reducedShape(x.shape, axes, false));

/** The point's group: its indices but those of the axes. */
const groupOf = (at: readonly Dim[], axes: readonly number[]): Dim[] => at.filter((_, d) => !axes.includes(d));

/** `greatest[group] = max x`. */
const greatestOf = (x: Buffer, greatest: Buffer, axes: readonly number[]): Stage =>
  reduction(greatest, extentsOf(x.shape, axes), (at, r) => maximum(load(x, reductionIndices(x.shape.length, axes, false, at, r))));

/** `total[group] = sum of term(point)`. */
const totalOf = (x: Buffer, total: Buffer, axes: readonly number[], term: (at: readonly Dim[]) => Expr): Stage =>
  reduction(total, extentsOf(x.shape, axes), (at, r) => sum(term(reductionIndices(x.shape.length, axes, false, at, r))));

export const Softmax = defineOp({
  name: "softmax",
  summary: "`exp(x) / sum of exp(x)` over the axes together.",
  operands: { x: operand },
  attributes: { axes: axesAttribute },
  infer({ x }, attributes) {
    expectElements(x, "float", "softmax");
    normalizeAxes(attributes.axes, x.shape.length);
    return x;
  },
  compute({ operands: { x }, attributes, results: [y] }) {
    const axes = normalizeAxes(attributes.axes, x.shape.length);
    const greatest = perGroup(x, "greatest", axes);
    const powers = makeBuffer("powers", computeType(x.dtype), x.shape);
    const total = perGroup(x, "total", axes);
    return [
      greatestOf(x, greatest, axes),
      pointwise(powers, (at) => unary("exp", sub(load(x, at), load(greatest, groupOf(at, axes))))),
      totalOf(x, total, axes, (at) => load(powers, at)),
      pointwise(y!, (at) => div(load(powers, at), load(total, groupOf(at, axes)))),
    ];
  },
});

export const LogSoftmax = defineOp({
  name: "log_softmax",
  summary: "`x - log(sum of exp(x))` over the axes together.",
  operands: { x: operand },
  attributes: { axes: axesAttribute },
  infer({ x }, attributes) {
    expectElements(x, "float", "log_softmax");
    normalizeAxes(attributes.axes, x.shape.length);
    return x;
  },
  compute({ operands: { x }, attributes, results: [y] }) {
    const axes = normalizeAxes(attributes.axes, x.shape.length);
    const greatest = perGroup(x, "greatest", axes);
    const total = perGroup(x, "total", axes);
    const shifted = (at: readonly Dim[]): Expr => sub(load(x, at), load(greatest, groupOf(at, axes)));
    return [
      greatestOf(x, greatest, axes),
      totalOf(x, total, axes, (at) => unary("exp", shifted(at))),
      pointwise(y!, (at) => sub(shifted(at), unary("log", load(total, groupOf(at, axes))))),
    ];
  },
});

export const Hardmax = defineOp({
  name: "hardmax",
  summary: "1 at the first greatest element over the axes together, else 0.",
  operands: { x: operand },
  attributes: { axes: axesAttribute },
  infer({ x }, attributes) {
    expectElements(x, "float", "hardmax");
    normalizeAxes(attributes.axes, x.shape.length);
    return x;
  },
  compute({ operands: { x }, attributes, results: [y] }) {
    const axes = normalizeAxes(attributes.axes, x.shape.length);
    const extents = extentsOf(x.shape, axes);
    const place = makeBuffer("place", "i64", reducedShape(x.shape, axes, false));
    const position = (r: readonly Dim[]): Dim => r.reduce<Dim>((sum, i, k) => add(multiply(sum, extents[k]!), i), 0);
    return [
      reduction(place, extents, (at, r) => argExtreme(load(x, reductionIndices(x.shape.length, axes, false, at, r)), position(r), "max")),
      pointwise(y!, (at) => {
        const value = load(x, at);
        const here = index(position(axes.map((a) => at[a]!)));
        return select(eq(load(place, groupOf(at, axes)), here), constantLike(value, 1), constantLike(value, 0));
      }),
    ];
  },
});

export const ReduceLogSumExp = defineOp({
  name: "reduce_log_sum_exp",
  summary: "Logarithm of the sum of exponentials over the axes; minus infinity over none.",
  operands: { x: operand },
  attributes: { axes: ints(), keepdims: flag(false, "whether the axes stay, with extent one") },
  infer({ x }, { axes, keepdims }) {
    expectElements(x, "number", "reduce_log_sum_exp");
    return reducedType(x, x.dtype, axes, keepdims);
  },
  compute({ operands: { x }, attributes: { axes: given, keepdims }, results: [y] }) {
    const rank = x.shape.length;
    const axes = normalizeAxes(given, rank);
    const extents = extentsOf(x.shape, axes);
    const type = realType(x.dtype);
    const greatest = makeBuffer("greatest", type, y!.shape);
    const element = (at: readonly Dim[], r: readonly Dim[]): Expr => convert(load(x, reductionIndices(rank, axes, keepdims, at, r)), type);
    // An infinite shift would make infinity minus infinity of the infinite elements.
    const shift = (at: readonly Dim[]): Expr => {
      const value = load(greatest, at);
      return select(isFiniteExpr(value), value, constantLike(value, 0));
    };
    return [
      reduction(greatest, extents, (at, r) => maximum(element(at, r))),
      reduction(
        y!,
        extents,
        (at, r) => sum(unary("exp", sub(element(at, r), shift(at)))),
        (v, at) => convert(plus(unary("log", v), shift(at)), computeType(y!.dtype)),
      ),
    ];
  },
});
