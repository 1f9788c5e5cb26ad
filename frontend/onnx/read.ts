/** An ONNX file's bytes as messages: models, and the values of test data. */
import type { ByteSource } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { Schema } from "../protobuf.ts";
import type { OnnxGraph, OnnxModel, OnnxOptional, OnnxSequence, OnnxTensor } from "./messages.ts";

const schema = new Schema(
  "onnx.proto",
  "onnx",
  new Set(["raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"].map((field) => `TensorProto.${field}`)),
);

/**
 * The model in `source`. Throws a `CompileError`: "syntax" or "truncated" with the byte where the file is malformed,
 * "limit" where it nests too deep.
 */
export function readOnnx(source: ByteSource): OnnxModel {
  const model = schema.read<Omit<OnnxModel, "graph" | "source"> & { graph?: OnnxGraph }>("ModelProto", source);
  const { graph } = model;
  if (graph === undefined)
    throw CompileError.of("syntax", { source: source.name, path: "byte 0" }, "this is not an ONNX model: it holds no graph");
  return { ...model, graph, source };
}

/** A file that is one `TensorProto`, as the inputs and outputs of test data. Errors as for `readOnnx`. */
export const readOnnxTensor = (source: ByteSource): OnnxTensor => schema.read<OnnxTensor>("TensorProto", source);

/** A file that is one `SequenceProto`. */
export const readOnnxSequence = (source: ByteSource): OnnxSequence => schema.read<OnnxSequence>("SequenceProto", source);

/** A file that is one `OptionalProto`. */
export const readOnnxOptional = (source: ByteSource): OnnxOptional => schema.read<OnnxOptional>("OptionalProto", source);
