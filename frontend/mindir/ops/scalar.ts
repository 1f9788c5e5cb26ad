/**
 * Arithmetic on numbers and tuples that exist at import time, sizes among them. Where an operand is a tensor after all,
 * the tensor operator of the same meaning is applied.
 */
import { constantContent } from "../../../ir/content.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import { isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { plainOperator } from "../operator.ts";
import { dtypeOfNumber } from "../type-id.ts";
import { boolOf, describe, floatOf, intOf, isKind, isValue, type Item, tupleOf } from "../values.ts";

interface Arithmetic {
  /** The tensor operator. */
  readonly tensor: string;
  readonly numbers: (a: number, b: number) => number | boolean;
  /** On sizes, where they have such an operation. */
  readonly sizes?: (a: dim.Dim, b: dim.Dim) => dim.Dim;
  /** The result is a float even for integers. */
  readonly real?: true;
}

/** The number of an item; undefined for sizes that are not numbers. */
function numberOf(item: Item | undefined): number | undefined {
  if (isKind(item, "int")) return typeof item.value === "number" ? item.value : undefined;
  if (isKind(item, "float")) return item.value;
  if (isKind(item, "bool")) return item.value ? 1 : 0;
  return undefined;
}

const binary =
  (a: Arithmetic): Lowering =>
  (n) => {
    const [x, y] = n.items;
    if (x === undefined || y === undefined) throw new OpError("the operator needs two operands", "bad-operand");
    if (isKind(x, "tuple") && isKind(y, "tuple") && a.tensor === "Add") return tupleOf([...x.elements, ...y.elements]);
    if (isValue(x) || isValue(y)) return n.scope.apply(plainOperator(a.tensor), [x, y]);
    const [p, q] = [numberOf(x), numberOf(y)];
    if (p !== undefined && q !== undefined) return result(a, x, y, a.numbers(p, q));
    if (isKind(x, "int") && isKind(y, "int") && a.sizes) return intOf(a.sizes(x.value, y.value));
    const isSize = isKind(x, "int") && isKind(y, "int");
    if (isSize || a.tensor === "Equal" || a.tensor === "NotEqual") return n.scope.apply(plainOperator(a.tensor), [x, y]);
    throw new OpError(`no such operation on ${describe(x)} and ${describe(y)}`, "bad-operand");
  };

function result(a: Arithmetic, x: Item, y: Item, value: number | boolean): Item {
  if (typeof value === "boolean") return boolOf(value);
  return a.real || isKind(x, "float") || isKind(y, "float") ? floatOf(value) : intOf(value);
}

const pythonMod = (a: number, b: number): number => a - b * Math.floor(a / b);

const add: Arithmetic = { tensor: "Add", numbers: (a, b) => a + b, sizes: dim.add };
const sub: Arithmetic = { tensor: "Sub", numbers: (a, b) => a - b, sizes: dim.sub };
const mul: Arithmetic = { tensor: "Mul", numbers: (a, b) => a * b, sizes: dim.mul };
const div: Arithmetic = { tensor: "RealDiv", numbers: (a, b) => a / b, real: true };
const floordiv: Arithmetic = { tensor: "FloorDiv", numbers: (a, b) => Math.floor(a / b), sizes: dim.floordiv };
const mod: Arithmetic = { tensor: "FloorMod", numbers: pythonMod, sizes: dim.mod };
const pow: Arithmetic = { tensor: "Pow", numbers: (a, b) => a ** b };
const max: Arithmetic = { tensor: "Maximum", numbers: Math.max, sizes: dim.max };
const min: Arithmetic = { tensor: "Minimum", numbers: Math.min, sizes: dim.min };
const eq: Arithmetic = { tensor: "Equal", numbers: (a, b) => a === b };
const ne: Arithmetic = { tensor: "NotEqual", numbers: (a, b) => a !== b };
const lt: Arithmetic = { tensor: "Less", numbers: (a, b) => a < b };
const le: Arithmetic = { tensor: "LessEqual", numbers: (a, b) => a <= b };
const gt: Arithmetic = { tensor: "Greater", numbers: (a, b) => a > b };
const ge: Arithmetic = { tensor: "GreaterEqual", numbers: (a, b) => a >= b };
const and: Arithmetic = { tensor: "LogicalAnd", numbers: (a, b) => a !== 0 && b !== 0 };
const or: Arithmetic = { tensor: "LogicalOr", numbers: (a, b) => a !== 0 || b !== 0 };

const unary =
  (tensor: string, f: (x: number) => number | boolean): Lowering =>
  (n) => {
    const [x] = n.items;
    const value = numberOf(x);
    if (value === undefined) return n.scope.apply(plainOperator(tensor), n.items);
    const y = f(value);
    return typeof y === "boolean" ? boolOf(y) : isKind(x, "float") ? floatOf(y) : intOf(y);
  };

/** x, dtype. */
const scalarCast: Lowering = (n) => {
  const [x] = n.items;
  const value = numberOf(x);
  const to = n.dtype([1, "dtype"], "f32");
  if (value === undefined) return isValue(x) ? n.cast(x, to) : (x ?? n.unsupported("nothing to cast", "bad-operand"));
  if (to === "bool") return boolOf(value !== 0);
  return isFloat(to) ? floatOf(value, to) : intOf(Math.trunc(value), to);
};

/** x, dtype: the number as a tensor. */
const scalarToTensor: Lowering = (n) => {
  const [item] = n.items;
  if (item === undefined) return n.unsupported("the input is missing", "bad-operand");
  const to = n.has([1, "dtype"]) ? n.dtype([1, "dtype"]) : undefined;
  const x = n.tensorOf(item, isValue(item) ? undefined : to);
  return to ? n.cast(x, to) : x;
};

/** A tuple of numbers as a vector: x, dtype. */
const tupleToTensor: Lowering = (n) => {
  const [item] = n.items;
  const to = n.has([1, "dtype"]) ? n.dtype([1, "dtype"]) : undefined;
  if (isKind(item, "tuple") && item.elements.some((e) => isKind(e, "float"))) {
    const values = item.elements.map((e) => numberOf(e) ?? n.unsupported("a tuple of numbers and other things"));
    return n.constant(to ?? "f32", [values.length], values);
  }
  if (isKind(item, "tuple") && item.elements.some(isValue)) return n.scope.apply(plainOperator("Stack"), [item]);
  const x = n.tensorOf(item ?? tupleOf([]));
  return to ? n.cast(x, to) : x;
};

/** The elements of a tensor as numbers, where they are known; else slices of it. */
const tensorToTuple: Lowering = (n) => {
  const [item] = n.items;
  if (!isValue(item)) return item ?? tupleOf([]);
  const content = constantContent(item);
  if (content) return tupleOf(content.map((v) => (isFloat(item.tensor.dtype) ? floatOf(v) : intOf(v))));
  if (item.tensor.shape.length === 1 && !isFloat(item.tensor.dtype)) {
    const dims = n.dimsOf(item, "the tensor");
    return tupleOf(dims.map((d) => intOf(d)));
  }
  return n.scope.apply(plainOperator("Unstack"), [item]);
};

const tensorToScalar: Lowering = (n) => {
  const [item] = n.items;
  if (!isValue(item)) return item ?? n.unsupported("the input is missing", "bad-operand");
  const [value] = constantContent(item) ?? [];
  if (value === undefined) return item.tensor.shape.length === 0 ? item : n.reshape(item, []);
  return item.tensor.dtype === "bool" ? boolOf(value !== 0) : isFloat(item.tensor.dtype) ? floatOf(value) : intOf(value);
};

const no: Lowering = () => boolOf(false);

const inTuple: Lowering = (n) => {
  const [x, list] = n.items;
  const key = (item: Item): string =>
    JSON.stringify([describe(item), numberOf(item) ?? (isKind(item, "string") ? item.value : isKind(item, "dtype") ? item.dtype : "")]);
  return boolOf(x !== undefined && isKind(list, "tuple") && list.elements.some((e) => key(e) === key(x)));
};

const typeIdOf: Lowering = (n) => {
  const id = numberOf(n.items[0]);
  const dtype = id === undefined ? undefined : dtypeOfNumber(id);
  return dtype === undefined ? (n.items[0] ?? intOf(0)) : { kind: "dtype", dtype };
};

/** All positive axes of a permutation. */
const positiveAxes: Lowering = (n) => {
  const perm = n.ints([0, "perm"]);
  return tupleOf(perm.map((p) => intOf(p < 0 ? p + perm.length : p)));
};

const reduceList =
  (f: (...values: number[]) => number): Lowering =>
  (n: NodeContext) => {
    const values = n.floats([0, "x"]);
    return intOf(f(...values));
  };

const named = (names: readonly string[], lowering: Lowering): Record<string, Lowering> =>
  Object.fromEntries(names.map((name) => [name, lowering]));

export const scalar: Lowerings = {
  ...named(["ScalarAdd", "scalar_add", "add", "ListAdd", "TupleAdd"], binary(add)),
  ...named(["ScalarSub", "scalar_sub", "sub"], binary(sub)),
  ...named(["ScalarMul", "scalar_mul", "mul"], binary(mul)),
  ...named(["ScalarDiv", "scalar_div", "div", "truediv", "_div"], binary(div)),
  ...named(["ScalarFloorDiv", "scalar_floordiv", "floordiv"], binary(floordiv)),
  ...named(["ScalarMod", "scalar_mod", "mod"], binary(mod)),
  ...named(["ScalarPow", "scalar_pow", "pow_", "pow"], binary(pow)),
  ...named(["ScalarMax", "scalar_max", "maximum"], binary(max)),
  ...named(["ScalarMin", "scalar_min", "minimum"], binary(min)),
  ...named(["ScalarEq", "scalar_eq", "equal"], binary(eq)),
  ...named(["scalar_ne", "not_equal"], binary(ne)),
  ...named(["ScalarLt", "scalar_lt", "less"], binary(lt)),
  ...named(["ScalarLe", "scalar_le", "less_equal"], binary(le)),
  ...named(["ScalarGt", "scalar_gt", "greater"], binary(gt)),
  ...named(["ScalarGe", "scalar_ge", "greater_equal"], binary(ge)),
  ...named(["BoolAnd", "bool_and", "logical_and"], binary(and)),
  ...named(["BoolOr", "bool_or", "logical_or"], binary(or)),
  ...named(
    ["ScalarUsub", "scalar_usub", "negative"],
    unary("Neg", (x) => -x),
  ),
  ...named(
    ["ScalarUadd", "scalar_uadd", "uadd"],
    unary("Identity", (x) => x),
  ),
  ...named(
    ["BoolNot", "bool_not", "logical_not"],
    unary("LogicalNot", (x) => x === 0),
  ),
  ...named(["ScalarFloor", "scalar_floor"], unary("Floor", Math.floor)),
  ...named(["ScalarLog", "scalar_log"], unary("Log", Math.log)),
  ...named(
    ["ScalarBool", "ScalarToBool", "__bool__", "bool_"],
    unary("CastToBool", (x) => x !== 0),
  ),
  ScalarCast: scalarCast,
  scalar_cast: scalarCast,
  ScalarToTensor: scalarToTensor,
  scalar_to_tensor: scalarToTensor,
  scalar_to_array: scalarToTensor,
  TupleToTensor: tupleToTensor,
  ListToTensor: tupleToTensor,
  TensorToTuple: tensorToTuple,
  TensorToList: tensorToTuple,
  TensorToScalar: tensorToScalar,
  CastToBool: (n) => n.reshape(n.cast(n.input(0), "bool"), []),
  DtypeToEnum: (n) => n.items[0] ?? intOf(0),
  StringToEnum: (n) => n.items[0] ?? intOf(0),
  TypeIdToType: typeIdOf,
  IsShapeUnKnown: no,
  IsDimUnKnown: no,
  IsElementUnknown: no,
  IsMutable: no,
  is_mutable: no,
  inner_abs: unary("Abs", Math.abs),
  InSequence: inTuple,
  _transpose_perm_positive: positiveAxes,
  SequenceMax: reduceList(Math.max),
  SequenceMin: reduceList(Math.min),
};
