/** Comparison, logic, bits, and the choice between tensors. */
import * as compare from "../../../ir/ops/compare.ts";
import { type DType, isFloat, isInteger } from "../../../ir/type.ts";
import type { Lowering, Lowerings } from "../node.ts";
import { isKind, type Item } from "../values.ts";
import { likeItem } from "./elementwise.ts";
import { asBool, binary, type Unary, withNumber } from "./map.ts";
import { Formula } from "../../formula.ts";
import { floats, pair, promote } from "./promote.ts";

const logical =
  (definition: Unary): Lowering =>
  (n) =>
    n.create(definition, { a: asBool(n, n.input(0)), b: asBool(n, n.input(1)) });

/** Comparisons of dtypes, strings and None are decided at import. */
const equality =
  (definition: Unary, whenSame: boolean): Lowering =>
  (n) => {
    const [a, b] = n.items;
    const symbolic = [a, b].some((item) => isKind(item, "dtype") || isKind(item, "string") || isKind(item, "none"));
    if (symbolic) return { kind: "bool", value: sameSymbol(a, b) === whenSame };
    return binary(definition)(n);
  };

const sameSymbol = (a: Item | undefined, b: Item | undefined): boolean => {
  if (isKind(a, "dtype") && isKind(b, "dtype")) return a.dtype === b.dtype;
  if (isKind(a, "string") && isKind(b, "string")) return a.value === b.value;
  return isKind(a, "none") && isKind(b, "none");
};

const approximatelyEqual: Lowering = (n) => {
  const [a, b] = pair(n);
  const f = new Formula(n);
  return f.less(f.abs(f.sub(a, b)), n.float([-1, "tolerance"], 1e-5));
};

/** `|a - b| <= atol + rtol * |b|`; infinities equal themselves, NaN itself where asked. */
const isClose: Lowering = (n) => {
  const [x, y] = pair(n);
  const type = isFloat(x.tensor.dtype) ? x.tensor.dtype : "f32";
  const [a, b] = [n.cast(x, type), n.cast(y, type)];
  const f = new Formula(n);
  const bound = f.add(f.mul(f.abs(b), n.float([2, "rtol"], 1e-5)), n.float([3, "atol"], 1e-8));
  const near = n.create(compare.LessEqual, { a: f.abs(f.sub(a, b)), b: bound });
  const finite = n.create(compare.LogicalAnd, { a: near, b: n.create(compare.IsFinite, { x: b }) });
  const same = n.create(compare.LogicalOr, { a: f.equal(a, b), b: finite });
  if (!n.bool([4, "equal_nan"], false)) return same;
  const bothNan = n.create(compare.LogicalAnd, { a: n.create(compare.IsNan, { x: a }), b: n.create(compare.IsNan, { x: b }) });
  return n.create(compare.LogicalOr, { a: same, b: bothNan });
};

const select: Lowering = (n) => {
  const [a, b] = promote(n, n.items[1], n.items[2]);
  return n.create(compare.Where, { condition: asBool(n, n.input(0)), a, b });
};

/** `value` where the mask holds, else the input. */
const maskedFill: Lowering = (n) => {
  const x = n.input(0);
  const value = n.tensorOf(n.items[2] ?? { kind: "none" }, x.tensor.dtype);
  return n.create(compare.Where, { condition: asBool(n, n.input(1)), a: n.cast(value, x.tensor.dtype), b: x });
};

/** Numbers for NaN and the infinities; the greatest finite ones where none are given. */
const nanToNum: Lowering = (n) => {
  const x = n.input(0);
  if (!isFloat(x.tensor.dtype)) return x;
  const f = new Formula(n);
  const largest = largestFinite[x.tensor.dtype] ?? 3.4028234663852886e38;
  const isNan = n.create(compare.IsNan, { x });
  const above = n.create(compare.IsInf, { x }, { negative: false, positive: true });
  const below = n.create(compare.IsInf, { x }, { negative: true, positive: false });
  const noNan = f.where(isNan, n.float([1, "nan"], 0), x);
  return f.where(below, n.float([3, "neginf"], -largest), f.where(above, n.float([2, "posinf"], largest), noNan));
};

const largestFinite: Partial<Record<DType, number>> = {
  f16: 65504,
  bf16: 3.3895313892515355e38,
  f32: 3.4028234663852886e38,
  f64: Number.MAX_VALUE,
};

const isFiniteOf: Lowering = (n) => {
  const x = n.input(0);
  if (isFloat(x.tensor.dtype)) return n.create(compare.IsFinite, { x });
  return likeItem(n, x, 1, "bool");
};

const neverFor =
  (definition: Unary): Lowering =>
  (n) => {
    const x = n.input(0);
    return isFloat(x.tensor.dtype) ? n.create(definition, { x }) : likeItem(n, x, 0, "bool");
  };

const bits =
  (definition: Unary): Lowering =>
  (n) => {
    const [a, b] = pair(n);
    if (isInteger(a.tensor.dtype)) return n.create(definition, { a, b });
    const logicalOf = { bitwise_and: compare.LogicalAnd, bitwise_or: compare.LogicalOr, bitwise_xor: compare.LogicalXor }[
      definition.name as "bitwise_and"
    ];
    return n.create(logicalOf, { a, b });
  };

const bitwiseNot: Lowering = (n) => {
  const x = n.input(0);
  return x.tensor.dtype === "bool" ? n.create(compare.LogicalNot, { x }) : n.create(compare.BitwiseNot, { x });
};

export const comparison: Lowerings = {
  Equal: equality(compare.Equal, true),
  equal: equality(compare.Equal, true),
  NotEqual: equality(compare.NotEqual, false),
  Less: binary(compare.Less),
  LessEqual: binary(compare.LessEqual),
  Greater: binary(compare.Greater),
  GreaterEqual: binary(compare.GreaterEqual),
  EqScalar: withNumber(compare.Equal),
  NeScalar: withNumber(compare.NotEqual),
  LessScalar: withNumber(compare.Less),
  LessEqualScalar: withNumber(compare.LessEqual),
  GreaterScalar: withNumber(compare.Greater),
  GreaterEqualScalar: withNumber(compare.GreaterEqual),
  ApproximateEqual: approximatelyEqual,
  IsClose: isClose,
  IsNan: neverFor(compare.IsNan),
  IsInf: neverFor(compare.IsInf),
  IsNegInf: (n) => n.create(compare.IsInf, { x: floats(n, 0) }, { negative: true, positive: false }),
  IsFinite: isFiniteOf,
  LogicalAnd: logical(compare.LogicalAnd),
  LogicalOr: logical(compare.LogicalOr),
  LogicalXor: logical(compare.LogicalXor),
  LogicalNot: (n) => n.create(compare.LogicalNot, { x: asBool(n, n.input(0)) }),
  BitwiseAnd: bits(compare.BitwiseAnd),
  BitwiseAndTensor: bits(compare.BitwiseAnd),
  BitwiseAndScalar: bits(compare.BitwiseAnd),
  BitwiseOr: bits(compare.BitwiseOr),
  BitwiseOrTensor: bits(compare.BitwiseOr),
  BitwiseOrScalar: bits(compare.BitwiseOr),
  BitwiseXor: bits(compare.BitwiseXor),
  BitwiseXorTensor: bits(compare.BitwiseXor),
  BitwiseXorScalar: bits(compare.BitwiseXor),
  Invert: bitwiseNot,
  BitwiseNot: bitwiseNot,
  LeftShift: binary(compare.ShiftLeft),
  RightShift: binary(compare.ShiftRight),
  BitwiseLeftShift: binary(compare.ShiftLeft),
  BitwiseRightShift: binary(compare.ShiftRight),
  Select: select,
  SelectV2: select,
  Where: select,
  MaskedFill: maskedFill,
  MaskedFillScalar: maskedFill,
  NanToNum: nanToNum,
};
