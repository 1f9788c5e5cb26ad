/** The messages of `proto/ge_ir.proto` as the reader gives them and the writer takes them. */
import type { ByteSource, TensorData } from "../../ir/data.ts";

export interface GeModel {
  /** The file, or the partition of a container. */
  readonly source: ByteSource;
  readonly name: string;
  readonly version: number;
  readonly customVersion: string;
  /** The main graph, then the graphs that ops name in `subgraphName`. */
  readonly graph: readonly GeGraph[];
  readonly attr: readonly GeAttributeEntry[];
  /** Of containers: the bytes that constants without data point into. */
  readonly weights?: TensorData | undefined;
}

export interface GeGraph {
  readonly name: string;
  readonly input: readonly string[];
  /** `op:result` in order; empty where an op `NetOutput` takes the results. */
  readonly output: readonly string[];
  /** In any order. */
  readonly op: readonly GeOp[];
}

export interface GeOp {
  /** Unique in its graph. */
  readonly name: string;
  readonly type: string;
  /** One `op:result` per slot, "" for a slot without input; then `op:-1` for each op that must come before. */
  readonly input: readonly string[];
  readonly attr: readonly GeAttributeEntry[];
  readonly inputDesc: readonly GeTensorDescriptor[];
  readonly outputDesc: readonly GeTensorDescriptor[];
  readonly subgraphName: readonly string[];
}

export interface GeAttributeEntry {
  readonly key: string;
  readonly value?: GeAttribute;
}

/** One of the fields is set. */
export interface GeAttribute {
  readonly list?: GeList;
  readonly s?: Uint8Array;
  readonly i?: bigint;
  readonly f?: number;
  readonly b?: boolean;
  readonly bt?: Uint8Array;
  readonly t?: GeTensor;
  readonly listListInt?: { readonly listListI: readonly { readonly listI: readonly bigint[] }[] };
  /** A data type in the numbering of the programming interface. */
  readonly dt?: bigint;
}

export interface GeList {
  readonly s: readonly Uint8Array[];
  readonly i: readonly bigint[];
  readonly f: readonly number[];
  readonly b: readonly boolean[];
  readonly dt: readonly bigint[];
  readonly valType: number;
}

export interface GeTensorDescriptor {
  /** A data type in the numbering of the file format. */
  readonly dtype: number;
  /** -1: unknown extent; a single -2: unknown number of axes. */
  readonly shape?: { readonly dim: readonly number[] };
  readonly layout: string;
  readonly attr: readonly GeAttributeEntry[];
  /** Of constants in containers: bytes, and where they begin among the weights. */
  readonly weightSize: number;
  readonly dataOffset: number;
}

export interface GeTensor {
  readonly desc?: GeTensorDescriptor;
  readonly data?: TensorData;
}
