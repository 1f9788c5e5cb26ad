/** What ops that fold some axes of an operand share: shapes, indices, counts and element types. */
import { normalizeAxes } from "../axis.ts";
import { type Dim, product } from "../dim.ts";
import { constant, convert, type Expr, index } from "../expr.ts";
import {
  computeType,
  type ComputeType,
  type DType,
  integerBits,
  isFloat,
  isInteger,
  isUnsigned,
  tensor,
  type TensorType,
} from "../type.ts";

/** `shape` without the axes, or with extents of one in their place. `axes` are normalised. */
export const reducedShape = (shape: readonly Dim[], axes: readonly number[], keepdims: boolean): Dim[] =>
  shape.flatMap((extent, d) => (axes.includes(d) ? (keepdims ? [1] : []) : [extent]));

/** Indices into the operand: `at` is a point of the reduced shape, `r` one of the axes. */
export function reductionIndices(rank: number, axes: readonly number[], keepdims: boolean, at: readonly Dim[], r: readonly Dim[]): Dim[] {
  const kept = keepdims ? at.filter((_, d) => !axes.includes(d)) : [...at];
  return Array.from({ length: rank }, (_, d) => (axes.includes(d) ? r[axes.indexOf(d)]! : kept.shift()!));
}

/** The extents of `axes` in `shape`. */
export const extentsOf = (shape: readonly Dim[], axes: readonly number[]): Dim[] => axes.map((a) => shape[a]!);

/** The number of points of `extents`, as a value of the type. */
export const countAs = (extents: readonly Dim[], dtype: ComputeType): Expr => convert(index(product(extents)), dtype);

/** The type for roots, logarithms and exponentials of a type's values: floats keep theirs. */
export function realType(dtype: DType): ComputeType {
  if (isFloat(dtype)) return computeType(dtype);
  return isInteger(dtype) && integerBits(dtype) > 16 ? "f64" : "f32";
}

/** The least and the greatest value of a storage type, as values of its compute type. */
export function storedExtremes(dtype: DType): { readonly least: Expr; readonly greatest: Expr } {
  const type = computeType(dtype);
  if (!isInteger(dtype)) {
    const isBool = dtype === "bool";
    return { least: constant(type, isBool ? 0 : -Infinity), greatest: constant(type, isBool ? 1 : Infinity) };
  }
  const span = 1n << BigInt(integerBits(dtype));
  const [least, greatest] = isUnsigned(dtype) ? [0n, span - 1n] : [-span / 2n, span / 2n - 1n];
  return { least: constant(type, least), greatest: constant(type, greatest) };
}

/** The shape that a reduction of `x` by its attributes has. */
export const reducedType = (x: TensorType, dtype: DType, axes: readonly number[], keep: boolean): TensorType =>
  tensor(dtype, reducedShape(x.shape, normalizeAxes(axes, x.shape.length), keep));
