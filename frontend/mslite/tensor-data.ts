/** The elements of a constant tensor of a file, decompressed where it is compressed. */
import type { Constant } from "../../ir/attribute.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import { byteSize, type DType, tensor } from "../../ir/type.ts";
import type { ExternalFiles } from "../external-files.ts";
import { decompressed } from "./compressed.ts";
import { externalData } from "./external-data.ts";
import type { LiteTensor } from "./messages.ts";
import { dtypeOfId, specialTypes } from "./type-id.ts";

/** Larger tensors are none. */
const mostElements = 2 ** 40;

/** Whether the file holds the tensor's elements. */
export const isConstantTensor = (t: LiteTensor): boolean => t.data.byteLength > 0 || t.externalData.length > 0;

/** The element type; an `OpError` where there is no such of ours. */
export function dtypeOf(t: LiteTensor): DType {
  const dtype = dtypeOfId(t.dataType);
  if (dtype !== undefined) return dtype;
  const kind = specialTypes.get(t.dataType) ?? `elements of type ${t.dataType}`;
  throw new OpError(`the tensor '${t.name}' holds ${kind}`, "unsupported-type");
}

export function elementCount(t: LiteTensor): number {
  const count = t.dims.reduce((a, b) => a * b, 1);
  if (t.dims.some((d) => d < 0) || count > mostElements)
    throw new OpError(`the constant '${t.name}' has the impossible shape [${t.dims.join(",")}]`, "invalid-graph");
  return count;
}

/** The constant as the file means it; an `OpError` or `CompileError` where its bytes do not fit its shape. */
export function constantOf(t: LiteTensor, files: ExternalFiles | undefined, where: Location): Constant {
  const isExternal = t.data.byteLength === 0 && t.externalData.length > 0;
  const stored = isExternal ? externalData(t, files, where) : t.data;
  const count = elementCount(t);
  const decoded = decompressed(t, stored, count);
  if (decoded) return { type: tensor(decoded.dtype, t.dims), data: decoded.data };
  const dtype = dtypeOf(t);
  const byteLength = count * byteSize(dtype);
  if (stored.byteLength !== byteLength) {
    throw new OpError(`the constant '${t.name}' has ${stored.byteLength} bytes`, "truncated", { expected: String(byteLength) });
  }
  return { type: tensor(dtype, t.dims), data: stored };
}
