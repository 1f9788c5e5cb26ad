/** The elements of MindIR's tensors. */
import type { TensorData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import type { DType } from "../../ir/type.ts";
import type { ExternalFiles } from "../external-files.ts";
import { tensorValue, type Encoding, type TensorValue } from "../tensor-data.ts";
import { MindirDataType, type MindirTensor } from "./messages.ts";

const encode = (dtype: DType, bits: number, field: Encoding["field"]): Encoding => ({ dtype, bits, field });

/** By `MindirDataType`. */
const encodings: ReadonlyMap<number, Encoding> = new Map([
  [MindirDataType.float, encode("f32", 32, "floatData")],
  [MindirDataType.uint8, encode("u8", 8, "int32Data")],
  [MindirDataType.int8, encode("i8", 8, "int32Data")],
  [MindirDataType.uint16, encode("u16", 16, "int32Data")],
  [MindirDataType.int16, encode("i16", 16, "int32Data")],
  [MindirDataType.int32, encode("i32", 32, "int32Data")],
  [MindirDataType.int64, encode("i64", 64, "int64Data")],
  [MindirDataType.string, encode("string", 0, "stringData")],
  [MindirDataType.bool, encode("bool", 8, "int32Data")],
  [MindirDataType.float16, encode("f16", 16, "int32Data")],
  [MindirDataType.double, encode("f64", 64, "doubleData")],
  [MindirDataType.float64, encode("f64", 64, "doubleData")],
  [MindirDataType.uint32, encode("u32", 32, "uint64Data")],
  [MindirDataType.uint64, encode("u64", 64, "uint64Data")],
  [MindirDataType.bfloat16, encode("bf16", 16, "int32Data")],
  [MindirDataType.qint4x2, encode("i4", 4, "int32Data")],
]);

/** The element type of a `MindirDataType`; undefined for those that are not carried (complex numbers). */
export const mindirDType = (dataType: number): DType | undefined => encodings.get(dataType)?.dtype;

/**
 * The value of a weight or of a tensor constant. `files` are the weight files beside the model (`mindirExternalFiles`).
 * Throws a `CompileError` at `where`: "unsupported-type", "external-data", "truncated" where elements and bytes differ.
 */
export function mindirTensorValue(tensor: MindirTensor, where: Location, files?: ExternalFiles): TensorValue {
  const encoding = encodings.get(tensor.dataType);
  if (encoding === undefined)
    throw CompileError.of(
      "unsupported-type",
      where,
      `the tensor '${tensor.name}' has the data type ${tensor.dataType}, which is not carried`,
    );
  if (tensor.compressionType !== 0)
    throw CompileError.of("unsupported-type", where, `the tensor '${tensor.name}' is compressed (kind ${tensor.compressionType})`);
  return tensorValue(tensor, encoding, where, external(tensor, where, files));
}

function external(tensor: MindirTensor, where: Location, files: ExternalFiles | undefined): TensorData | undefined {
  const entry = tensor.externalData;
  if (entry === undefined || entry.location === "") return undefined;
  const refuse = (message: string): never => {
    throw CompileError.of("external-data", where, `the tensor '${tensor.name}' ${message}`);
  };
  if (files === undefined) return refuse("is in another file, and the model was not read from a folder");
  if (entry.offset < 0 || entry.length < 0) return refuse("has a negative offset or length");
  const data = files.range(entry.location, entry.offset, entry.length, where);
  if (entry.offset >= headerBytes && data.source.read(0, 1)[0] === 0) return refuse("is in a big-endian file");
  return data;
}

/** A weight file starts with 1 when it is little-endian, padded to 64 bytes. */
const headerBytes = 64;
