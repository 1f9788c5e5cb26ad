/** What rules ask of values and types, and how they make constants and shapes to order. */
import type { Constant } from "../../ir/attribute.ts";
import { alignedBytes, readData } from "../../ir/data.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Expand, Reshape } from "../../ir/ops/shape.ts";
import type { Scalar } from "../../ir/scalar.ts";
import { readElements } from "../../ir/storage.ts";
import { byteSize, computeType, type DType, isInteger, sameShape, staticShape, type TensorType } from "../../ir/type.ts";
import type { Rewriter } from "../rewrite.ts";

/** Bytes that are read at once to see whether all elements of a constant are equal; at first fewer, since mostly they differ. */
const pieceBytes = 1 << 20;
const firstBytes = 1 << 10;

const splats = new WeakMap<Constant, Scalar | null>();

/** The constant whose result the value is. */
export const constantOf = (v: Value | undefined): Constant | undefined =>
  v?.op?.name === "constant" ? (v.op.attributes["data"] as Constant) : undefined;

/** The value of all elements of a constant, perhaps repeated or reshaped, in the compute type; undefined where they differ. */
export function splatOf(v: Value | undefined): Scalar | undefined {
  if (v?.op && (v.op.definition === Expand || v.op.definition === Reshape)) return splatOf(v.op.operand(0));
  const c = constantOf(v);
  if (!c) return undefined;
  const known = splats.get(c);
  if (known !== undefined) return known ?? undefined;
  const found = findSplat(c);
  splats.set(c, found ?? null);
  return found;
}

function findSplat({ type, data }: Constant): Scalar | undefined {
  if (type.dtype === "string" || data.byteLength === 0) return undefined;
  const size = byteSize(type.dtype);
  const first = readData({ ...data, byteLength: size });
  for (let at = 0, length = firstBytes; at < data.byteLength; at += length, length = pieceBytes) {
    const bytes = readData({ ...data, offset: data.offset + at, byteLength: Math.min(length, data.byteLength - at) });
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== first[i % size]) return undefined;
  }
  return readElements(type.dtype, alignedBytes({ ...data, byteLength: size }))[0];
}

/** Whether the value is a constant filled with the number; 0 is not -0. */
export function isFilled(v: Value | undefined, value: number): boolean {
  const splat = splatOf(v);
  return splat !== undefined && (typeof splat === "bigint" ? splat === BigInt(value) : Object.is(splat, value));
}

/** The elements of a constant of at most `most` elements, in the compute type. */
export function elementsOf(v: Value | undefined, most = 64): Scalar[] | undefined {
  const c = constantOf(v);
  if (!c || c.type.dtype === "string" || c.data.byteLength > most * byteSize(c.type.dtype)) return undefined;
  return readElements(c.type.dtype, alignedBytes(c.data));
}

/** As `elementsOf`, as numbers; undefined where one is no whole number that is safe. */
export function integersOf(v: Value | undefined, most = 64): number[] | undefined {
  const numbers = elementsOf(v, most)?.map(Number);
  return numbers?.every(Number.isSafeInteger) ? numbers : undefined;
}

/** A float whose values are closed under negation and that has both zeros, infinities and NaN. */
export const isIeee = (dtype: DType): boolean => dtype === "f16" || dtype === "bf16" || dtype === "f32" || dtype === "f64";
/** Stored as computed: merging two ops drops no rounding between them. */
export const isComputed = (dtype: DType): boolean => dtype !== "string" && computeType(dtype) === dtype;
/** Arithmetic on it is that of whole numbers modulo a power of two. */
export const isWrapping = (dtype: DType): boolean => isInteger(dtype);

export const isSameTensor = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** Whether the shapes differ in extents of one alone. */
export function isUnitReshape(from: readonly Dim[], to: readonly Dim[]): boolean {
  return sameShape(
    from.filter((d) => d !== 1),
    to.filter((d) => d !== 1),
  );
}

/** A scalar constant of the dtype. */
export const scalar = (r: Rewriter, dtype: DType, value: Scalar): Value => constantValue(r.builder, dtype, [], [value]);

/** A constant of the dtype and shape, all elements equal; undefined where an extent is not a number. */
export function filled(r: Rewriter, type: TensorType, value: Scalar): Value | undefined {
  const shape = staticShape(type.shape);
  if (!shape) return undefined;
  return broadcast(
    r,
    shape.length === 0 || shape.includes(0) ? emptyOrScalar(r, type.dtype, shape, value) : scalar(r, type.dtype, value),
    type,
  );
}

const emptyOrScalar = (r: Rewriter, dtype: DType, shape: readonly number[], value: Scalar): Value =>
  constantValue(r.builder, dtype, shape, shape.includes(0) ? [] : [value]);

/** `x` itself where it has the type's shape, else `x` repeated to it. */
export const broadcast = (r: Rewriter, x: Value, type: TensorType): Value =>
  sameShape(x.tensor.shape, type.shape) ? x : r.create(Expand, { x }, { shape: type.shape });

/** `x` itself where it has the shape, else `x` under it. */
export const reshaped = (r: Rewriter, x: Value, shape: readonly Dim[]): Value =>
  sameShape(x.tensor.shape, shape) ? x : r.create(Reshape, { x }, { shape });
