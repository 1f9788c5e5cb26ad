/** Operators that work element by element: arithmetic, comparison, logic, bits, conversion. */
import type { Value } from "../../../ir/graph.ts";
import { BitCast, Cast } from "../../../ir/ops/cast.ts";
import * as compare from "../../../ir/ops/compare.ts";
import * as op from "../../../ir/ops/elementwise.ts";
import { IdentityOp } from "../../../ir/ops/identity.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { byteSize, isFloat, sameShape } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { typeNumber } from "../attributes.ts";
import { row } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import { alike, type Family, together } from "./family.ts";

const same = alike({
  Abs: op.Abs,
  Acos: op.Acos,
  Acosh: op.Acosh,
  Asin: op.Asin,
  Asinh: op.Asinh,
  Atan: op.Atan,
  Atanh: op.Atanh,
  Ceil: op.Ceil,
  Cos: op.Cos,
  Cosh: op.Cosh,
  Erf: op.Erf,
  Erfc: op.Erfc,
  Expm1: op.Expm1,
  Floor: op.Floor,
  Invert: compare.BitwiseNot,
  IsFinite: compare.IsFinite,
  IsNan: compare.IsNan,
  Log1p: op.Log1p,
  LogicalNot: compare.LogicalNot,
  Neg: op.Neg,
  Reciprocal: op.Reciprocal,
  Round: op.Round,
  Rint: op.Round,
  Rsqrt: op.Rsqrt,
  Sign: op.Sign,
  Sin: op.Sin,
  Sinh: op.Sinh,
  Sqrt: op.Sqrt,
  Square: op.Square,
  Tan: op.Tan,
  Tanh: op.Tanh,
  Trunc: op.Trunc,
  Identity: IdentityOp,
  Add: op.Add,
  Atan2: op.Atan2,
  BitwiseAnd: compare.BitwiseAnd,
  BitwiseOr: compare.BitwiseOr,
  BitwiseXor: compare.BitwiseXor,
  DivNoNan: op.DivNoNan,
  Equal: compare.Equal,
  FloorDiv: op.FloorDiv,
  FloorMod: op.FloorMod,
  Greater: compare.Greater,
  GreaterEqual: compare.GreaterEqual,
  LeftShift: compare.ShiftLeft,
  Less: compare.Less,
  LessEqual: compare.LessEqual,
  LogicalAnd: compare.LogicalAnd,
  LogicalOr: compare.LogicalOr,
  Maximum: op.Max,
  Minimum: op.Min,
  Mod: op.Rem,
  TruncateMod: op.Rem,
  Mul: op.Mul,
  MulNoNan: op.MulNoNan,
  NotEqual: compare.NotEqual,
  Pow: op.Pow,
  RightShift: compare.ShiftRight,
  Select: compare.Where,
  SelectV2: compare.Where,
  SquaredDifference: op.SquaredDifference,
  Sub: op.Sub,
  Xdivy: op.Xdivy,
  Xlogy: op.Xlogy,
});

const division: Lowering = (n) => n.create(op.Div, { a: n.input("x1"), b: n.input("x2") });

const truncated: Lowering = (n) => {
  const y = division(n) as Value;
  return isFloat(y.tensor.dtype) ? n.create(op.Trunc, { x: y }) : y;
};

/** What the function is applied to: `x * scale + shift`, with the attributes of Exp and Log. */
function scaled(n: NodeContext): Value {
  const [scale, shift] = [n.float("scale"), n.float("shift")];
  const f = new Formula(n);
  return scale === 1 && shift === 0 ? n.input("x") : f.add(f.mul(n.input("x"), scale), shift);
}

/** A base that is not positive is e. */
const exp: Lowering = (n) => {
  const base = n.float("base");
  const f = new Formula(n);
  return f.exp(base > 0 ? f.mul(scaled(n), Math.log(base)) : scaled(n));
};

const log: Lowering = (n) => {
  const base = n.float("base");
  const f = new Formula(n);
  const y = f.log(scaled(n));
  return base > 0 ? f.mul(y, 1 / Math.log(base)) : y;
};

const addAll: Lowering = (n) => {
  const [first, ...rest] = n.inputs("x");
  if (!first) return n.unsupported("a sum of no tensors", "bad-operand");
  return rest.reduce((a, b) => n.create(op.Add, { a, b }), first);
};

const filled =
  (value: number): Lowering =>
  (n) => {
    const { dtype, shape } = n.type("x");
    const scalar = n.scalar(dtype, value);
    return shape.length === 0 ? scalar : n.create(Expand, { x: scalar }, { shape });
  };

const squareSumAll: Lowering = (n) => {
  const f = new Formula(n);
  const sum = (x: Value): Value =>
    f.sum(
      f.square(x),
      x.tensor.shape.map((_, d) => d),
    );
  return [sum(n.input("x1")), sum(n.input("x2"))];
};

const others: Family = {
  imports: {
    AddN: addAll,
    Assign: (n) => n.input("value"),
    Bitcast: (n) => n.create(BitCast, { x: n.input("x") }, { to: n.dtype("type") }),
    Cast: (n) => n.create(Cast, { x: n.input("x") }, { to: n.dtype("dst_type") }),
    Div: division,
    RealDiv: division,
    TruncateDiv: truncated,
    Exp: exp,
    IsInf: (n) => n.create(compare.IsInf, { x: n.input("x") }),
    Log: log,
    OnesLike: filled(1),
    ZerosLike: filled(0),
    SquareSumAll: squareSumAll,
  },
  exports: [
    row(BitCast, (e, { to }) =>
      byteSize(to) === byteSize(e.in(0).type.dtype)
        ? e.emit("Bitcast", { x: e.in(0) }, { type: typeNumber(to) })
        : e.refuse("the element sizes differ"),
    ),
    row(Cast, (e, { to }) => (e.in(0).type.dtype === to ? e.in(0) : e.emit("Cast", { x: e.in(0) }, { dst_type: typeNumber(to) }))),
    row(op.Div, (e) => e.emit(isFloat(e.in(0).type.dtype) ? "RealDiv" : "TruncateDiv", { x1: e.in(0), x2: e.in(1) })),
    row(op.Exp, (e) => e.emit("Exp", { x: e.in(0) })),
    row(op.Log, (e) => e.emit("Log", { x: e.in(0) })),
    row(compare.IsInf, (e, { negative, positive }) => {
      const x = e.in(0);
      if (negative === positive) return positive ? e.emit("IsInf", { x }) : e.refuse("it is never true");
      return e.emit("Equal", { x1: x, x2: e.scalar(x.type.dtype, positive ? Infinity : -Infinity) });
    }),
    row(compare.Where, (e) => {
      const [c, a, b] = [e.in(0), e.in(1), e.in(2)];
      const isSame = sameShape(c.type.shape, a.type.shape) && sameShape(a.type.shape, b.type.shape);
      return isSame ? e.emit("Select", { condition: c, x1: a, x2: b }) : e.emit("SelectV2", { condition: c, then: a, else: b });
    }),
  ],
};

export const elementwiseFamily = together(same, others);
