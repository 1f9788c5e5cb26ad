/** What a MindSpore Lite file says, field by field; names are those of the schema `proto/ms_lite.fbs`. */
import type { ByteSource, TensorData } from "../../ir/data.ts";
import type { FlatMessage, UnionValue } from "../flatbuffers-reader.ts";

export interface LiteQuantParam extends FlatMessage {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly numBits: number;
  /** False: a place holder, which says nothing. */
  readonly inited: boolean;
  readonly varCorr: number;
  readonly meanCorr: number;
}

export interface LiteExternalData extends FlatMessage {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

export interface LiteTensor extends FlatMessage {
  readonly name: string;
  /** A `TypeId` of MindSpore. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly format: string | number;
  readonly data: TensorData;
  readonly quantParams: readonly LiteQuantParam[];
  readonly quantClusters: readonly number[];
  readonly enableHuffmanCode: boolean;
  readonly weightQuantCompressType: string | number;
  readonly externalData: readonly LiteExternalData[];
}

export interface LiteNode extends FlatMessage {
  readonly name: string;
  readonly primitive: { readonly value: UnionValue | undefined } | undefined;
  readonly inputIndex: readonly number[];
  readonly outputIndex: readonly number[];
}

export interface LiteSubGraph extends FlatMessage {
  readonly name: string;
  readonly inputIndices: readonly number[];
  readonly outputIndices: readonly number[];
  readonly nodeIndices: readonly number[];
}

export interface LiteMetaGraph extends FlatMessage {
  readonly name: string;
  /** "MindSpore Lite 2.1.1". */
  readonly version: string;
  readonly inputIndex: readonly number[];
  readonly outputIndex: readonly number[];
  readonly nodes: readonly LiteNode[];
  readonly allTensors: readonly LiteTensor[];
  readonly subGraph: readonly LiteSubGraph[];
}

export interface LiteModel {
  readonly source: ByteSource;
  /** 2: the schema of 1.2 and later; 1: that of 0.7 to 1.1. */
  readonly schema: 1 | 2;
  readonly graph: LiteMetaGraph;
  /** Of the version that wrote it, major * 100 + minor; 0 where the file does not say. */
  readonly release: number;
}
