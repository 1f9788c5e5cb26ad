/** Operators that work element by element: arithmetic, comparison, logic, bits. */
import type { Value } from "../../../ir/graph.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import * as op from "../../../ir/ops/elementwise.ts";
import { IdentityOp } from "../../../ir/ops/identity.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { floatOf, intOf, isKind, isValue, type Item, tupleOf } from "../values.ts";
import { binary, floating, rounding, unary, type Unary, withNumber } from "./map.ts";
import { Formula } from "../../formula.ts";
import { floats, pair, promote } from "./promote.ts";

/** True division: integers become what the file declares, else floats; declared integers divide as C does. */
const trueDivision: Lowering = (n) => {
  const [a, b] = pair(n);
  if (isFloat(a.tensor.dtype)) return n.create(op.Div, { a, b });
  const declared = n.declared?.dtype ?? "f32";
  const type = isFloat(declared) ? declared : a.tensor.dtype;
  return n.create(op.Div, { a: n.cast(a, type), b: n.cast(b, type) });
};

const truncatedDivision: Lowering = (n) => {
  const [a, b] = pair(n);
  const y = n.create(op.Div, { a, b });
  return isFloat(a.tensor.dtype) ? n.create(op.Trunc, { x: y }) : y;
};

/** With a rounding mode: none, "floor" or "trunc" (as numbers 2 and 1). */
const divMod: Lowering = (n) => {
  const mode = n.string([2, "rounding_mode"], "none", ["none", "trunc", "floor"]);
  if (mode === "floor") return binary(op.FloorDiv)(n);
  return mode === "trunc" ? truncatedDivision(n) : trueDivision(n);
};

/** `a + alpha * b`, or minus. */
const scaled =
  (definition: Unary): Lowering =>
  (n) => {
    const [a, b] = pair(n);
    const alpha = n.float([2, "alpha"], 1);
    return n.create(definition, { a, b: alpha === 1 ? b : new Formula(n).mul(b, alpha) });
  };

const power: Lowering = (n) => {
  const [a, b] = pair(n);
  return n.create(op.Pow, { a, b });
};

const addAll: Lowering = (n) => {
  const [first, ...rest] = n.tensors(0);
  if (!first) return n.unsupported("a sum of no tensors", "bad-operand");
  return rest.reduce((sum, b) => n.create(op.Add, { a: sum, b }), first);
};

/** `a + b * (c - a)` with the weight last. */
const lerp: Lowering = (n) => {
  const [start, end] = pair(n);
  const [x, weight] = promote(n, start, n.items[2]);
  const f = new Formula(n);
  return f.add(x, f.mul(weight, f.sub(n.cast(end, x.tensor.dtype), x)));
};

/** `x + value * (a * b)` or `x + value * (a / b)`. */
const addCombined =
  (definition: Unary): Lowering =>
  (n) => {
    const [x, a] = promote(n, n.items[0], n.items[1]);
    const b = n.cast(n.input(2), x.tensor.dtype);
    const f = new Formula(n);
    const combined = n.create(definition, { a, b });
    const value = n.argument([3, "value"]);
    return f.add(x, value === undefined ? combined : f.mul(combined, n.cast(n.tensorOf(value, x.tensor.dtype), x.tensor.dtype)));
  };

/** To `decimals` places after the point: negative ones before it. */
const round: Lowering = (n) => {
  const decimals = n.int([1, "decimals"], 0);
  if (decimals === 0) return rounding(op.Round)(n);
  const f = new Formula(n);
  const scale = 10 ** Math.abs(decimals);
  const x = floats(n, 0);
  const big = decimals > 0 ? f.mul(x, scale) : f.div(x, scale);
  const whole = n.create(op.Round, { x: big });
  return decimals > 0 ? f.div(whole, scale) : f.mul(whole, scale);
};

const filled =
  (value: number): Lowering =>
  (n) =>
    likeItem(n, n.items[0], value, n.has([1, "dtype"]) ? n.dtype([1, "dtype"]) : undefined);

/** Zeros or ones of the shape and kind of an item; tuples element by element. */
export function likeItem(n: NodeContext, item: Item | undefined, value: number, dtype?: DType): Item {
  if (item === undefined) return n.unsupported("the operator has no input", "bad-operand");
  if (isKind(item, "tuple")) return tupleOf(item.elements.map((e) => likeItem(n, e, value, dtype)));
  if (isKind(item, "int")) return intOf(value, item.dtype);
  if (isKind(item, "float")) return floatOf(value, item.dtype);
  if (!isValue(item)) return item;
  const type = dtype ?? item.tensor.dtype;
  const scalar = n.scalar(type, value);
  return item.tensor.shape.length === 0 ? scalar : n.create(Expand, { x: scalar }, { shape: item.tensor.shape });
}

const cast: Lowering = (n) => {
  const [item] = n.items;
  const to = n.dtype([1, "dst_type", "DstT", "dtype"]);
  if (!isValue(item)) return n.tensorOf(item ?? { kind: "none" }, to);
  return n.create(Cast, { x: item }, { to });
};

/** 0 below zero, `b` at it, 1 above. */
const heaviside: Lowering = (n) => {
  const [a, b] = pair(n);
  const f = new Formula(n);
  const step = n.cast(f.greater(a, 0), a.tensor.dtype);
  return f.where(f.equal(a, 0), b, step);
};

const hypot: Lowering = (n) => {
  const [a, b] = pair(n);
  const f = new Formula(n);
  return f.sqrt(f.add(f.square(a), f.square(b)));
};

/** Logarithms of another base. */
const logBase =
  (base: number): Lowering =>
  (n) =>
    new Formula(n).mul(n.create(op.Log, { x: floats(n, 0) }), 1 / Math.log(base));

const sinc: Lowering = (n) => {
  const x = floats(n, 0);
  const f = new Formula(n);
  const angle = f.mul(x, Math.PI);
  return f.where(f.equal(x, 0), 1, f.div(n.create(op.Sin, { x: angle }), angle));
};

/** With its MindSpore attributes base, scale and shift, where they are not the neutral ones. */
const log: Lowering = (n) => {
  const [base, scale, shift] = [n.float([-1, "base"], -1), n.float([-1, "scale"], 1), n.float([-1, "shift"], 0)];
  const f = new Formula(n);
  const x = floats(n, 0);
  const inner = scale === 1 && shift === 0 ? x : f.add(f.mul(x, scale), shift);
  const y = f.log(inner);
  return base > 0 ? f.mul(y, 1 / Math.log(base)) : y;
};

const exp: Lowering = (n) => {
  const [base, scale, shift] = [n.float([-1, "base"], -1), n.float([-1, "scale"], 1), n.float([-1, "shift"], 0)];
  const f = new Formula(n);
  const x = floats(n, 0);
  const inner = scale === 1 && shift === 0 ? x : f.add(f.mul(x, scale), shift);
  return f.exp(base > 0 ? f.mul(inner, Math.log(base)) : inner);
};

const squareOf: Lowering = (n) => n.create(op.Square, { x: n.input(0) });

const copied: Lowering = (n) => n.create(IdentityOp, { x: n.input(0) });

export const elementwise: Lowerings = {
  Abs: unary(op.Abs),
  Neg: unary(op.Neg),
  Sign: unary(op.Sign),
  Square: squareOf,
  Floor: rounding(op.Floor),
  Ceil: rounding(op.Ceil),
  Trunc: rounding(op.Trunc),
  Rint: rounding(op.Round),
  Round: round,
  Reciprocal: floating(op.Reciprocal),
  Inv: floating(op.Reciprocal),
  Sqrt: floating(op.Sqrt),
  Rsqrt: floating(op.Rsqrt),
  Exp: exp,
  Exp2: (n) => new Formula(n).exp(new Formula(n).mul(floats(n, 0), Math.LN2)),
  Expm1: floating(op.Expm1),
  Log: log,
  Log1p: floating(op.Log1p),
  Log2: logBase(2),
  Log10: logBase(10),
  Sin: floating(op.Sin),
  Cos: floating(op.Cos),
  Tan: floating(op.Tan),
  Asin: floating(op.Asin),
  AsinExt: floating(op.Asin),
  ACos: floating(op.Acos),
  Acos: floating(op.Acos),
  AcosExt: floating(op.Acos),
  Atan: floating(op.Atan),
  AtanExt: floating(op.Atan),
  Sinh: floating(op.Sinh),
  Cosh: floating(op.Cosh),
  Tanh: floating(op.Tanh),
  Asinh: floating(op.Asinh),
  AsinhExt: floating(op.Asinh),
  Acosh: floating(op.Acosh),
  AcoshExt: floating(op.Acosh),
  Atanh: floating(op.Atanh),
  Erf: floating(op.Erf),
  Erfc: floating(op.Erfc),
  Sinc: sinc,
  Frac: (n) => new Formula(n).sub(n.input(0), n.create(op.Trunc, { x: n.input(0) })),
  Identity: copied,
  Contiguous: copied,
  Copy: copied,
  TensorMove: copied,
  Clone: copied,
  ZerosLike: filled(0),
  ZerosLikeExt: filled(0),
  OnesLike: filled(1),
  OnesLikeExt: filled(1),
  Cast: cast,
  cast,
  Add: binary(op.Add),
  TensorAdd: binary(op.Add),
  Sub: binary(op.Sub),
  Mul: binary(op.Mul),
  Adds: withNumber(op.Add),
  Subs: withNumber(op.Sub),
  Muls: withNumber(op.Mul),
  AddExt: scaled(op.Add),
  SubExt: scaled(op.Sub),
  AddScalar: scaled(op.Add),
  SubScalar: scaled(op.Sub),
  Div: trueDivision,
  RealDiv: trueDivision,
  Divs: trueDivision,
  DivMod: divMod,
  DivMods: divMod,
  DivNoNan: binary(op.DivNoNan),
  MulNoNan: binary(op.MulNoNan),
  FloorDiv: binary(op.FloorDiv),
  FloorDivScalar: withNumber(op.FloorDiv),
  TruncateDiv: truncatedDivision,
  FloorMod: binary(op.FloorMod),
  Mod: binary(op.Rem),
  RemainderTensorTensor: binary(op.FloorMod),
  RemainderTensorScalar: withNumber(op.FloorMod),
  RemainderScalarTensor: withNumber(op.FloorMod),
  TruncateMod: binary(op.Rem),
  FmodTensor: binary(op.Rem),
  FmodScalar: withNumber(op.Rem),
  Pow: power,
  PowTensorScalar: power,
  PowScalarTensor: power,
  Maximum: binary(op.Max),
  Minimum: binary(op.Min),
  Fmax: binary(op.Max),
  Fmin: binary(op.Min),
  Atan2: binary(op.Atan2),
  Atan2Ext: binary(op.Atan2),
  SquaredDifference: binary(op.SquaredDifference),
  SquareSumV1: (n) => new Formula(n).sum(squareOf(n) as Value, n.ints([-1, "axis"])),
  Xlogy: binary(op.Xlogy),
  XLogYScalarOther: withNumber(op.Xlogy),
  XLogYScalarSelf: withNumber(op.Xlogy),
  Xdivy: binary(op.Xdivy),
  Hypot: hypot,
  Heaviside: heaviside,
  AddN: addAll,
  AccumulateNV2: addAll,
  Lerp: lerp,
  LerpScalar: lerp,
  Addcmul: addCombined(op.Mul),
  AddcmulExt: addCombined(op.Mul),
  Addcdiv: addCombined(op.Div),
  AddcdivExt: addCombined(op.Div),
};
