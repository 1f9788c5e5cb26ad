/** Normalisation by norms: along one axis, or over neighbouring channels. */
import { float, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { broadcastLoad } from "../broadcast.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add as addDims, type Dim } from "../dim.ts";
import { add, binary, constantLike, div, eq, type Expr, load, makeBuffer, mul, select, unary } from "../expr.ts";
import { isInside, paddedLoad, pointwise, reduction, sum } from "../stage.ts";
import { computeType, formatType } from "../type.ts";
import { expectElements } from "./map.ts";
import { extentsOf, reducedShape, reductionIndices } from "./reduction.ts";

export const LpNorm = defineOp({
  name: "lp_norm",
  summary: "`x` divided by its L1 or L2 norm along the axis; zero where the norm is zero.",
  operands: { x: operand },
  attributes: { axis: int(-1), p: int(2, "1 or 2") },
  infer({ x }, { axis, p }) {
    expectElements(x, "float", "lp_norm");
    normalizeAxis(axis, x.shape.length);
    if (p !== 1 && p !== 2) throw new OpError(`the norm L${p} is neither L1 nor L2`, "bad-attribute");
    return x;
  },
  compute({ operands: { x }, attributes: { axis: given, p }, results: [y] }) {
    const axes = [normalizeAxis(given, x.shape.length)];
    const norm = makeBuffer("norm", computeType(x.dtype), reducedShape(x.shape, axes, true));
    const term = (v: Expr): Expr => (p === 1 ? unary("abs", v) : mul(v, v));
    return [
      reduction(
        norm,
        extentsOf(x.shape, axes),
        (at, r) => sum(term(load(x, reductionIndices(x.shape.length, axes, true, at, r)))),
        (v) => (p === 1 ? v : unary("sqrt", v)),
      ),
      pointwise(y!, (at) => {
        const n = broadcastLoad(norm, at);
        const zero = constantLike(n, 0);
        return select(eq(n, zero), zero, div(load(x, at), n));
      }),
    ];
  },
});

export const Lrn = defineOp({
  name: "lrn",
  summary:
    "`x / (bias + alpha / size * sum of x^2)^beta`, the sum over a window of `size` channels (axis 1) around the element's: Krizhevsky et al. (2012). " +
    "Of an even size, the window has one channel more after the element's than before.",
  operands: { x: operand },
  attributes: { size: int(), alpha: float(1e-4), beta: float(0.75), bias: float(1) },
  infer({ x }, { size }) {
    expectElements(x, "float", "lrn");
    if (x.shape.length < 2) throw new OpError(`lrn needs channels on axis 1, not ${formatType(x)}`);
    if (size < 1) throw new OpError(`a window of ${size} channels is empty`, "bad-attribute");
    return x;
  },
  compute({ operands: { x }, attributes: { size, alpha, beta, bias }, results: [y] }) {
    const square = (at: readonly Dim[], r: Dim): Expr => {
      const channel = addDims(at[1]!, r, -Math.floor((size - 1) / 2));
      const value = paddedLoad(x, [at[0]!, channel, ...at.slice(2)], isInside(channel, x.shape[1]!));
      return mul(value, value);
    };
    const share = (v: Expr): Expr => add(constantLike(v, bias), mul(constantLike(v, alpha / size), v));
    return [
      reduction(
        y!,
        [size],
        (at, r) => sum(square(at, r[0]!)),
        (v, at) => div(load(x, at), binary("pow", share(v), constantLike(v, beta))),
      ),
    ];
  },
});
