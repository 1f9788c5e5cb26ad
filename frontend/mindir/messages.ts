/**
 * The messages of a MindIR file as `read.ts` gives them: plain objects, one property per field of `proto/mind_ir.proto`.
 *
 * Absent strings are "", absent numbers 0, absent lists empty; a `?` property says whether the field was there. 64-bit
 * integers are numbers where a size is meant, bigints where the value belongs to an operator. Payloads are ranges of
 * the file (or of its decrypted form) that are read when needed (`tensor-data.ts`).
 */
import type { ByteSource, TensorData } from "../../ir/data.ts";
import type { ScalarRun } from "../protobuf.ts";

/** `TensorProto.DataType`; 11 and 17 are both f64. */
export const MindirDataType = {
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
  float64: 17,
  qint4x2: 18,
} as const;

/** `AttributeProto.AttributeType`. */
export const MindirAttributeType = {
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
  tensor: 17,
  graph: 18,
  tensors: 19,
  tuple: 20,
  list: 21,
  dict: 22,
  umonad: 23,
  iomonad: 24,
  none: 25,
  primitiveClosure: 26,
  funcGraphClosure: 27,
  partialClosure: 28,
  unionFuncClosure: 29,
  csrTensor: 30,
  cooTensor: 31,
  rowTensor: 32,
  classType: 33,
  nameSpace: 34,
  symbol: 35,
  typeNull: 36,
  mapTensor: 37,
  functor: 38,
  scalar: 39,
  scalarGraphHolder: 40,
} as const;

export interface MindirModel {
  /** The file, or its decrypted form. */
  readonly source: ByteSource;
  /** "0.1.0" until 1.6, "0.1.1" since. */
  readonly irVersion: string;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: string;
  readonly graph: MindirGraph;
  /** The other graphs, called by name (since 1.5). */
  readonly functions: readonly MindirGraph[];
  readonly littleEndian?: boolean;
  /** What `REF::<name>` op types stand for (since 1.7). */
  readonly primitives: readonly MindirPrimitive[];
  readonly mindIrVersion: number;
  readonly userInfo: readonly MindirStringEntry[];
}

export interface MindirStringEntry {
  readonly key: string;
  readonly value: string;
}

export interface MindirPrimitive {
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly MindirAttribute[];
  readonly instanceName: string;
  /** 1: primitive, 2: primitive function (its arguments are all inputs); 0 before 2.3. */
  readonly primType: number;
}

export interface MindirGraph {
  /** Topologically sorted; constants precede their users. */
  readonly node: readonly MindirNode[];
  readonly name: string;
  /** Weights. */
  readonly parameter: readonly MindirTensor[];
  readonly input: readonly MindirValueInfo[];
  readonly output: readonly MindirValueInfo[];
  readonly bpropHash: string;
  readonly attribute: readonly MindirAttribute[];
  readonly bpropFilepath: string;
  readonly mapParameter: readonly MindirMapTensor[];
}

export interface MindirNode {
  readonly input: readonly string[];
  /** Exactly one; names are resolved by it, not by `name`. */
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly MindirAttribute[];
  /** The full name with scope, `Default/conv1-Conv2d/Conv2D-op1`. */
  readonly domain: string;
  readonly nodeAttr: readonly MindirAttribute[];
  readonly primalAttr: readonly MindirAttribute[];
}

export interface MindirValueInfo {
  readonly name: string;
  /** Element type and extents, no data; at most one element. */
  readonly tensor: readonly MindirTensor[];
  /** The type's name where it is not a tensor, as "Tuple:3". */
  readonly denotation: string;
  readonly attrInfo?: MindirAttribute;
}

export interface MindirAttribute {
  readonly name: string;
  /** One of `MindirAttributeType`. */
  readonly type: number;
  /** Until 1.6: kind and structure, as "scalar:Tuple[value1,value2,],"; else "". */
  readonly refAttrName: string;
  readonly f?: number;
  readonly i?: bigint;
  readonly d?: number;
  readonly s?: Uint8Array;
  readonly t?: MindirTensor;
  readonly g?: MindirGraph;
  readonly floats: readonly number[];
  readonly doubles: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly MindirTensor[];
  readonly graphs: readonly MindirGraph[];
  /** Elements of tuples, lists and dictionaries (since 1.5). */
  readonly values: readonly MindirAttribute[];
  readonly seqInfo?: { readonly isDynLen: boolean; readonly tupleElemItem?: MindirAttribute };
  readonly functor?: { readonly type: number; readonly name: string; readonly values: readonly MindirAttribute[] };
}

export interface MindirTensor {
  readonly name: string;
  /** -1: unknown; a single -2: unknown rank. */
  readonly dims: readonly number[];
  /** One of `MindirDataType`. */
  readonly dataType: number;
  readonly rawData?: TensorData;
  readonly floatData: readonly ScalarRun[];
  readonly int32Data: readonly ScalarRun[];
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: readonly ScalarRun[];
  readonly doubleData: readonly ScalarRun[];
  readonly uint64Data: readonly ScalarRun[];
  readonly externalData?: MindirExternalData;
  /** The bare name of a weight, `conv2.weight` (since 1.6). */
  readonly refKey: string;
  readonly minDims: readonly number[];
  readonly maxDims: readonly number[];
  /** 0: none; otherwise `rawData` is a compressed stream. */
  readonly compressionType: number;
  readonly quantParams: readonly MindirQuantParam[];
}

/** `length` bytes at `offset` of the file `location`, relative to the model's folder. */
export interface MindirExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** `linear_quant` with lists `scale_list`, `zero_point_list`, ...; or `cluster_quant`. */
export interface MindirQuantParam {
  readonly quantAlgoName: string;
  readonly attribute: readonly MindirAttribute[];
}

export interface MindirMapTensor {
  readonly name: string;
  readonly defaultValue?: MindirAttribute;
  readonly keyTensor?: MindirTensor;
  readonly valueTensor?: MindirTensor;
  readonly statusTensor?: MindirTensor;
}
