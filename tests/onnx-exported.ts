/** Models written by the exporter to ONNX, in memory. */
import { exportOnnx } from "../frontend/onnx/export.ts";
import type { OnnxModel } from "../frontend/onnx/messages.ts";
import { readOnnx } from "../frontend/onnx/read.ts";
import { MemorySource } from "../ir/data.ts";
import type { Graph } from "../ir/graph.ts";

/** The model without external data. */
export const exportedBytes = (graph: Graph, opset?: number): Uint8Array =>
  Buffer.concat([...exportOnnx(graph, { name: "model", opset }).files[0]!.content]);

/** The messages of the model's file. */
export const exportedModel = (graph: Graph, opset?: number): OnnxModel =>
  readOnnx(new MemorySource("model.onnx", exportedBytes(graph, opset)));
