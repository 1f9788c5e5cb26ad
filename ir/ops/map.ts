/**
 * Declarations of the ops that compute each element of the result from one element of each operand; `elementwise.ts`,
 * `activation.ts` and `compare.ts` are tables of them.
 *
 * Two operands broadcast and have one element type; arithmetic is in its compute type.
 */
import { broadcastLoad, broadcastShapes } from "../broadcast.ts";
import { type AttributesOf, type AttributeSpecs, defineOp, type OpDefinition, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { type Expr, load } from "../expr.ts";
import { pointwise } from "../stage.ts";
import { type DType, formatType, isFloat, isInteger, tensor, type TensorType } from "../type.ts";

const typeClasses = {
  float: isFloat,
  integer: isInteger,
  number: (t: DType): boolean => isFloat(t) || isInteger(t),
  bool: (t: DType): boolean => t === "bool",
  any: (t: DType): boolean => t !== "string",
};
/** Sets of element types: floats, integers, both, bool, everything but strings. */
export type TypeClass = keyof typeof typeClasses;

/** Throws an `OpError` unless the elements of `t`, an operand of `op`, are of the class. */
export function expectElements(t: TensorType, on: TypeClass, op: string): void {
  if (typeClasses[on](t.dtype)) return;
  throw new OpError(`'${op}' is not defined on ${formatType(t)}`, "unsupported-type", { expected: on, received: t.dtype });
}

/** Throws an `OpError` unless all operands of `op` have one element type. */
export function expectSameElements(op: string, ...types: readonly TensorType[]): void {
  if (types.every((t) => t.dtype === types[0]!.dtype)) return;
  throw new OpError(`the operands of '${op}' differ in their element types: ${types.map(formatType).join(" and ")}`);
}

type X = { readonly x: typeof operand };

/** `y = f(x)` for each element; `result` is the element type of `y` where it is not that of `x`. */
export const unaryOp = (name: string, on: TypeClass, summary: string, f: (x: Expr) => Expr, result?: DType) =>
  unaryOpWith(name, on, summary, {}, f, result);

/** `y = f(x)` for each element, by static attributes. */
export function unaryOpWith<const A extends AttributeSpecs>(
  name: string,
  on: TypeClass,
  summary: string,
  attributes: A,
  f: (x: Expr, attributes: AttributesOf<A>) => Expr,
  result?: DType,
): OpDefinition<X, A> {
  return defineOp<X, A>({
    name,
    summary,
    operands: { x: operand },
    attributes,
    infer({ x }) {
      expectElements(x, on, name);
      return tensor(result ?? x.dtype, x.shape);
    },
    compute: ({ operands: { x }, attributes: given, results: [y] }) => [pointwise(y!, (at) => f(load(x, at), given))],
  });
}

/** `y = f(a, b)` for each pair of elements; `a` and `b` broadcast. */
export function binaryOp(name: string, on: TypeClass, summary: string, f: (a: Expr, b: Expr) => Expr, result?: DType) {
  return defineOp({
    name,
    summary,
    operands: { a: operand, b: operand },
    attributes: {},
    infer({ a, b }) {
      expectSameElements(name, a, b);
      expectElements(a, on, name);
      return tensor(result ?? a.dtype, broadcastShapes(a.shape, b.shape));
    },
    compute: ({ operands: { a, b }, results: [y] }) => [pointwise(y!, (at) => f(broadcastLoad(a, at), broadcastLoad(b, at)))],
  });
}
