/** The elements of ONNX's tensors, in all their encodings. */
import { alignedBytes, memoryData, readData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import { byteSize, type DType } from "../../ir/type.ts";
import type { ExternalFiles } from "../external-files.ts";
import { scatter, tensorValue, type Encoding, type TensorValue } from "../tensor-data.ts";
import { externalData } from "./external.ts";
import { OnnxDataType, type OnnxSparseTensor, type OnnxTensor } from "./messages.ts";

const encode = (dtype: DType, bits: number, field: Encoding["field"] = "int32Data"): Encoding => ({ dtype, bits, field });

/** By `OnnxDataType`. */
const encodings: ReadonlyMap<number, Encoding> = new Map([
  [OnnxDataType.float, encode("f32", 32, "floatData")],
  [OnnxDataType.uint8, encode("u8", 8)],
  [OnnxDataType.int8, encode("i8", 8)],
  [OnnxDataType.uint16, encode("u16", 16)],
  [OnnxDataType.int16, encode("i16", 16)],
  [OnnxDataType.int32, encode("i32", 32)],
  [OnnxDataType.int64, encode("i64", 64, "int64Data")],
  [OnnxDataType.string, encode("string", 0, "stringData")],
  [OnnxDataType.bool, encode("bool", 8)],
  [OnnxDataType.float16, encode("f16", 16)],
  [OnnxDataType.double, encode("f64", 64, "doubleData")],
  [OnnxDataType.uint32, encode("u32", 32, "uint64Data")],
  [OnnxDataType.uint64, encode("u64", 64, "uint64Data")],
  [OnnxDataType.bfloat16, encode("bf16", 16)],
  [OnnxDataType.float8e4m3fn, encode("f8e4m3fn", 8)],
  [OnnxDataType.float8e4m3fnuz, encode("f8e4m3fnuz", 8)],
  [OnnxDataType.float8e5m2, encode("f8e5m2", 8)],
  [OnnxDataType.float8e5m2fnuz, encode("f8e5m2fnuz", 8)],
  [OnnxDataType.uint4, encode("u4", 4)],
  [OnnxDataType.int4, encode("i4", 4)],
  [OnnxDataType.float4e2m1, encode("f4e2m1", 4)],
  [OnnxDataType.float8e8m0, encode("f8e8m0", 8)],
  [OnnxDataType.uint2, encode("u2", 2)],
  [OnnxDataType.int2, encode("i2", 2)],
]);

const codes: ReadonlyMap<DType, number> = new Map([...encodings].map(([code, { dtype }]) => [dtype, code]));

/** The `OnnxDataType` of an element type. */
export const dtypeCode = (dtype: DType): number => codes.get(dtype)!;

/** The most bytes a sparse tensor may have when it is made dense. */
const maxDenseBytes = 256 * 1024 * 1024;

/** The element type of an `OnnxDataType`; undefined for those that are not carried (complex numbers). */
export const onnxDType = (dataType: number): DType | undefined => encodings.get(dataType)?.dtype;

/**
 * The value of an initializer, a tensor attribute or a test's tensor. `files` are the files beside the model
 * (`ExternalFiles.beside`). Throws a `CompileError` at `where`: "unsupported-type", "external-data", "truncated" where
 * elements and bytes differ, "syntax" where the data is in the wrong field.
 */
export function onnxTensorValue(tensor: OnnxTensor, where: Location, files?: ExternalFiles): TensorValue {
  const encoding = encodings.get(tensor.dataType);
  if (encoding === undefined)
    throw CompileError.of(
      "unsupported-type",
      where,
      `the tensor '${tensor.name}' has the data type ${typeName(tensor.dataType)}, which is not carried`,
    );
  if (tensor.segment !== undefined)
    throw CompileError.of("unsupported-type", where, `the tensor '${tensor.name}' is a segment of a larger one`);
  return tensorValue(tensor, encoding, where, externalData(tensor, where, files));
}

const typeName = (dataType: number): string => Object.entries(OnnxDataType).find(([, n]) => n === dataType)?.[0] ?? String(dataType);

/** A sparse tensor as a dense one. Errors as above, and "limit" where the dense one is larger than 256 MiB. */
export function onnxSparseTensorValue(tensor: OnnxSparseTensor, where: Location, files?: ExternalFiles): TensorValue {
  const { values, indices, dims } = tensor;
  const fail = (code: "syntax" | "limit", message: string): never => {
    throw CompileError.of(code, where, `the sparse tensor '${values?.name ?? ""}' ${message}`);
  };
  if (values === undefined || indices === undefined) return fail("syntax", "lacks values or indices");
  const value = onnxTensorValue(values, where, files);
  const at = onnxTensorValue(indices, where, files);
  const size = byteSize(value.dtype);
  if (dims.some((d) => d < 0)) fail("syntax", "has a negative extent");
  const count = dims.reduce((a, b) => a * b, 1);
  if (value.dtype === "string" || at.dtype !== "i64") fail("syntax", "must have numbers as values and i64 indices");
  if (count * size > maxDenseBytes) fail("limit", `would have ${count} elements when dense`);
  const linear = linearIndices(at, dims, value.data.byteLength / size);
  if (linear === undefined) return fail("syntax", "has indices that do not fit its values or its shape");
  return { name: value.name, dtype: value.dtype, dims, data: memoryData(scatter(readData(value.data), linear, size, count), where.source) };
}

/** Indices of shape [n], linear, or [n,rank]; undefined where one is out of range or their number is not `count`. */
function linearIndices(at: TensorValue, dims: readonly number[], count: number): number[] | undefined {
  const all = Array.from(new BigInt64Array(alignedBytes(at.data).buffer), Number);
  const isLinear = at.dims.length === 1;
  const extents = isLinear ? [dims.reduce((a, b) => a * b, 1)] : dims;
  if (at.dims[0] !== count || (!isLinear && (at.dims.length !== 2 || at.dims[1] !== dims.length))) return undefined;
  if (all.some((index, i) => index < 0 || index >= (extents[i % extents.length] as number))) return undefined;
  return Array.from({ length: count }, (_, n) =>
    extents.reduce((sum, extent, axis) => sum * extent + (all[n * extents.length + axis] as number), 0),
  );
}
