/** ONNX's declared types as ours. */
import { type Dim, extent } from "../../ir/dim.ts";
import { optional, sequence, tensor, type Type } from "../../ir/type.ts";
import type { OnnxDimension, OnnxType } from "./messages.ts";
import { onnxDType } from "./tensor-data.ts";

/** Gives a named extent, or one without a name, at axis `axis` of a shape; undefined where it is not known. */
export type Extents = (name: string, axis: number) => Dim | undefined;

/** Sizes past this are not exact numbers any more. */
const mostExtent = 2 ** 48;
/** More axes than any operator or target has use for. */
export const mostAxes = 32;

/** A type, or in words why there is none. */
export type TypeOrReason = { readonly type: Type } | { readonly reason: string };

/** The type that `t` declares. Extents that are negative count as unknown, as some exporters write -1. */
export function importType(t: OnnxType | undefined, extents: Extents): TypeOrReason {
  if (t?.tensorType) return importTensorType(t.tensorType, extents);
  if (t?.sequenceType) return wrap(importType(t.sequenceType.elemType, extents), sequence);
  if (t?.optionalType) return wrap(importType(t.optionalType.elemType, extents), optional);
  if (t?.mapType) return { reason: "maps are not supported" };
  if (t?.sparseTensorType) return { reason: "sparse tensors are not supported as inputs" };
  if (t?.opaqueType) return { reason: "opaque types are not supported" };
  return { reason: "it has no type" };
}

const wrap = (inner: TypeOrReason, f: (element: Type) => Type): TypeOrReason => ("type" in inner ? { type: f(inner.type) } : inner);

function importTensorType({ elemType, shape }: NonNullable<OnnxType["tensorType"]>, extents: Extents): TypeOrReason {
  const dtype = onnxDType(elemType);
  if (dtype === undefined)
    return {
      reason: elemType === 14 || elemType === 15 ? "complex numbers are not supported" : `the data type ${elemType} is not supported`,
    };
  if (!shape) return { reason: "its number of axes is not declared" };
  if (shape.dim.length > mostAxes) return { reason: `it has ${shape.dim.length} axes, more than ${mostAxes}` };
  const dims = shape.dim.map((d, axis) => importDimension(d, axis, extents));
  if (dims.some((d) => d === undefined)) return { reason: "its shape is not declared" };
  return { type: tensor(dtype, dims as readonly Dim[]) };
}

function importDimension({ dimValue, dimParam }: OnnxDimension, axis: number, extents: Extents): Dim | undefined {
  if (dimValue !== undefined && dimValue >= 0 && dimValue <= mostExtent) return dimValue;
  return extents(dimParam ?? "", axis);
}

/** Named extents as they are, extents without a name not at all. */
export const namedExtents: Extents = (name) => (name ? extent(name) : undefined);
