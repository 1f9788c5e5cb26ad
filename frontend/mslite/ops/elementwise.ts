/** Arithmetic, elementary functions, comparisons and logic. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import * as compare from "../../../ir/ops/compare.ts";
import * as op from "../../../ir/ops/elementwise.ts";
import { isFloat } from "../../../ir/type.ts";
import type { InLayout, Lowering, Lowerings, NodeContext } from "../node.ts";
import { dtypeOfId } from "../type-id.ts";
import { activated, unary } from "./activation.ts";

/** Primitives that are an op of ours as it is, of one input. */
export const unaryPrimitives = {
  Abs: op.Abs,
  Ceil: op.Ceil,
  Cos: op.Cos,
  Erf: op.Erf,
  Floor: op.Floor,
  IsFinite: compare.IsFinite,
  Log: op.Log,
  Log1p: op.Log1p,
  LogicalNot: compare.LogicalNot,
  Neg: op.Neg,
  Reciprocal: op.Reciprocal,
  Round: op.Round,
  Rsqrt: op.Rsqrt,
  Sin: op.Sin,
  Sqrt: op.Sqrt,
  Square: op.Square,
} as const;

/** Of two inputs. */
export const binaryPrimitives = {
  Equal: compare.Equal,
  FloorDiv: op.FloorDiv,
  FloorMod: op.FloorMod,
  Greater: compare.Greater,
  GreaterEqual: compare.GreaterEqual,
  Less: compare.Less,
  LessEqual: compare.LessEqual,
  LogicalAnd: compare.LogicalAnd,
  LogicalOr: compare.LogicalOr,
  Maximum: op.Max,
  Minimum: op.Min,
  Mod: op.Rem,
  NotEqual: compare.NotEqual,
  RealDiv: op.Div,
  SquaredDifference: op.SquaredDifference,
} as const;

/** Those that may apply an activation to their result. */
export const fusedPrimitives = { AddFusion: op.Add, DivFusion: op.Div, MulFusion: op.Mul, SubFusion: op.Sub } as const;

/** Two inputs in the same order of axes; numbers of different types become the first's, or floats. */
export function operands(n: NodeContext): { a: Value; b: Value } {
  const { layout } = n;
  const [a, b] = [n.input(0, layout), n.input(1, layout)];
  const [p, q] = [a.tensor.dtype, b.tensor.dtype];
  if (p === q) return { a, b };
  const to = isFloat(q) && !isFloat(p) ? q : p;
  return { a: n.cast(a, to), b: n.cast(b, to) };
}

const binary =
  (definition: AnyOpDefinition, isFused = false): Lowering =>
  (n) => {
    const { layout } = n;
    const value = n.create(definition, operands(n));
    return { layout, value: isFused ? activated(n, value) : value };
  };

/** All inputs by an op of two. */
const joined = (n: NodeContext, definition: typeof op.Add): InLayout => {
  const { layout } = n;
  const [first, ...more] = n.inputs(layout);
  if (!first) throw new OpError("there are no tensors to join", "bad-operand");
  return { layout, value: more.reduce((a, b) => n.create(definition, { a, b }), first) };
};

const eltwise: Lowering = (n) => {
  const mode = n.choice("mode", "PROD");
  const definition = { PROD: op.Mul, SUM: op.Add, MAXIMUM: op.Max }[mode];
  return definition ? joined(n, definition) : n.unsupported(`the mode '${mode}' is unknown`);
};

/** `(x * scale + shift) ^ exponent`. */
const power: Lowering = (n) => {
  const { layout } = n;
  const [x, exponent] = [n.input(0, layout), n.input(1, layout)];
  return { layout, value: n.create(op.Pow, { a: affine(n, x, n.float("scale", 1), n.float("shift")), b: exponent }) };
};

/** `base ^ (x * scale + shift)`; a base that is not positive stands for e. */
const exponential = unary((n, x) => {
  const base = n.float("base", -1);
  const inner = affine(n, x, n.float("scale", 1), n.float("shift"));
  return n.create(op.Exp, { x: base > 0 ? affine(n, inner, Math.log(base), 0) : inner });
});

function affine(n: NodeContext, x: Value, scale: number, shift: number): Value {
  const scaled = scale === 1 ? x : n.create(op.Mul, { a: x, b: n.scalar(x.tensor.dtype, scale) });
  return shift === 0 ? scaled : n.create(op.Add, { a: scaled, b: n.scalar(x.tensor.dtype, shift) });
}

const cast: Lowering = (n) => {
  const id = n.has(1) ? n.number(1, "the element type") : n.result().dataType;
  const to = dtypeOfId(id) ?? n.unsupported(`there is no element type ${id}`, "unsupported-type");
  if (n.isConstant(0) && n.rank(0) === 4) return { make: (layout) => n.cast(n.input(0, layout), to) };
  const layout = n.isImage(0) ? "second" : "last";
  return { layout, value: n.cast(n.input(0, layout), to) };
};

const select: Lowering = (n) => {
  const { layout } = n;
  const [condition, a, b] = [n.input(0, layout), n.input(1, layout), n.input(2, layout)];
  return { layout, value: n.create(compare.Where, { condition: n.cast(condition, "bool"), a, b: n.cast(b, a.tensor.dtype) }) };
};

const unaries = Object.fromEntries(
  Object.entries(unaryPrimitives).map(([name, definition]) => [name, unary((n, x) => n.create(definition, { x }))]),
);
const binaries = Object.fromEntries(Object.entries(binaryPrimitives).map(([name, definition]) => [name, binary(definition)]));
const fused = Object.fromEntries(Object.entries(fusedPrimitives).map(([name, definition]) => [name, binary(definition, true)]));

export const elementwiseLowerings: Lowerings = {
  ...unaries,
  ...binaries,
  ...fused,
  AddN: (n) => joined(n, op.Add),
  Eltwise: eltwise,
  PowFusion: power,
  ExpFusion: exponential,
  Cast: cast,
  Select: select,
};
