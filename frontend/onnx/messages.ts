/**
 * The messages of an ONNX file as `read.ts` gives them: plain objects, one property per field of `proto/onnx.proto`.
 *
 * Absent strings are "", absent numbers 0, absent lists empty; a `?` property says whether the field was there. 64-bit
 * integers are numbers where a size or a version is meant, bigints where the value belongs to an operator. Payloads
 * are ranges of the file that are read when needed (`tensor-data.ts`).
 */
import type { ByteSource, TensorData } from "../../ir/data.ts";
import type { ScalarRun } from "../protobuf.ts";

/** `TensorProto.DataType`; the numbers of the format. */
export const OnnxDataType = {
  undefined: 0,
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

export interface OnnxModel {
  /** The file it was read from. */
  readonly source: ByteSource;
  readonly irVersion: number;
  readonly opsetImport: readonly OnnxOperatorSet[];
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: bigint;
  readonly graph: OnnxGraph;
  readonly metadataProps: readonly OnnxStringEntry[];
  readonly functions: readonly OnnxFunction[];
}

export interface OnnxOperatorSet {
  /** "" and "ai.onnx" are the same. */
  readonly domain: string;
  readonly version: number;
}

export interface OnnxStringEntry {
  readonly key: string;
  readonly value: string;
}

export interface OnnxGraph {
  readonly node: readonly OnnxNode[];
  readonly name: string;
  readonly initializer: readonly OnnxTensor[];
  readonly sparseInitializer: readonly OnnxSparseTensor[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
  readonly valueInfo: readonly OnnxValueInfo[];
  readonly quantizationAnnotation: readonly OnnxTensorAnnotation[];
  readonly metadataProps: readonly OnnxStringEntry[];
}

export interface OnnxNode {
  /** "" stands for an omitted optional input or output. */
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  readonly attribute: readonly OnnxAttribute[];
  readonly metadataProps: readonly OnnxStringEntry[];
}

export interface OnnxAttribute {
  readonly name: string;
  /** `AttributeProto.AttributeType`; 0 in files before IR version 2, where the field that is set tells. */
  readonly type: number;
  /** Inside functions: the attribute of the function whose value this one takes; else "". */
  readonly refAttrName: string;
  readonly f?: number;
  readonly i?: bigint;
  readonly s?: Uint8Array;
  readonly t?: OnnxTensor;
  readonly g?: OnnxGraph;
  readonly tp?: OnnxType;
  readonly sparseTensor?: OnnxSparseTensor;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly OnnxTensor[];
  readonly graphs: readonly OnnxGraph[];
  readonly typeProtos: readonly OnnxType[];
  readonly sparseTensors: readonly OnnxSparseTensor[];
}

export interface OnnxTensor {
  readonly dims: readonly number[];
  /** One of `OnnxDataType`. */
  readonly dataType: number;
  readonly segment?: { readonly begin: number; readonly end: number };
  readonly name: string;
  readonly rawData?: TensorData;
  readonly floatData: readonly ScalarRun[];
  readonly int32Data: readonly ScalarRun[];
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: readonly ScalarRun[];
  readonly doubleData: readonly ScalarRun[];
  readonly uint64Data: readonly ScalarRun[];
  /** Keys `location`, `offset`, `length`, `checksum`, with `dataLocation` 1. */
  readonly externalData: readonly OnnxStringEntry[];
  /** 0: in this message; 1: in another file. */
  readonly dataLocation: number;
  readonly metadataProps: readonly OnnxStringEntry[];
}

/** `values` is 1-D and carries the tensor's name; `indices` is i64[nnz], linear, or i64[nnz,rank]. */
export interface OnnxSparseTensor {
  readonly values?: OnnxTensor;
  readonly indices?: OnnxTensor;
  readonly dims: readonly number[];
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly type?: OnnxType;
  readonly metadataProps: readonly OnnxStringEntry[];
}

/** At most one of the types is there. */
export interface OnnxType {
  readonly tensorType?: OnnxTensorType;
  readonly sequenceType?: { readonly elemType?: OnnxType };
  readonly mapType?: { readonly keyType: number; readonly valueType?: OnnxType };
  readonly opaqueType?: { readonly domain: string; readonly name: string };
  readonly sparseTensorType?: OnnxTensorType;
  readonly optionalType?: { readonly elemType?: OnnxType };
  readonly denotation: string;
}

/** Without `shape` the rank is unknown; an empty `dim` list is a scalar. */
export interface OnnxTensorType {
  readonly elemType: number;
  readonly shape?: { readonly dim: readonly OnnxDimension[] };
}

/** With neither value nor parameter the extent is unknown. */
export interface OnnxDimension {
  readonly dimValue?: number;
  readonly dimParam?: string;
  readonly denotation: string;
}

/** A model-local function; nodes of its body see its inputs only. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Names of attributes that every call gives. */
  readonly attribute: readonly string[];
  /** Attributes with a default. */
  readonly attributeProto: readonly OnnxAttribute[];
  readonly node: readonly OnnxNode[];
  readonly opsetImport: readonly OnnxOperatorSet[];
  readonly valueInfo: readonly OnnxValueInfo[];
  readonly metadataProps: readonly OnnxStringEntry[];
}

/** Keys of `quantParameterTensorNames`: `SCALE_TENSOR`, `ZERO_POINT_TENSOR`. */
export interface OnnxTensorAnnotation {
  readonly tensorName: string;
  readonly quantParameterTensorNames: readonly OnnxStringEntry[];
}

/** Test data: a list of values of one kind. */
export interface OnnxSequence {
  readonly name: string;
  /** 1 tensors, 2 sparse tensors, 3 sequences, 4 maps, 5 optionals. */
  readonly elemType: number;
  readonly tensorValues: readonly OnnxTensor[];
  readonly sparseTensorValues: readonly OnnxSparseTensor[];
  readonly sequenceValues: readonly OnnxSequence[];
  readonly mapValues: readonly OnnxMap[];
  readonly optionalValues: readonly OnnxOptional[];
}

/** Test data: keys are integers or strings, values a sequence of equal length. */
export interface OnnxMap {
  readonly name: string;
  readonly keyType: number;
  readonly keys: readonly bigint[];
  readonly stringKeys: readonly Uint8Array[];
  readonly values?: OnnxSequence;
}

/** Test data: one value or none. `elemType` as in `OnnxSequence`, 0 when there is no value. */
export interface OnnxOptional {
  readonly name: string;
  readonly elemType: number;
  readonly tensorValue?: OnnxTensor;
  readonly sparseTensorValue?: OnnxSparseTensor;
  readonly sequenceValue?: OnnxSequence;
  readonly mapValue?: OnnxMap;
  readonly optionalValue?: OnnxOptional;
}
