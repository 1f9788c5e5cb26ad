/** Values of tests as the runner passes them to targets, and how they are read from ONNX's test data. */
import { alignedBytes, MemorySource } from "../../ir/data.ts";
import { readElements } from "../../ir/storage.ts";
import type { DType, Type } from "../../ir/type.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { readFileSync } from "node:fs";
import type { OnnxOptional, OnnxSequence, OnnxTensor } from "../../frontend/onnx/messages.ts";
import { readOnnxOptional, readOnnxSequence, readOnnxTensor } from "../../frontend/onnx/read.ts";
import { onnxTensorValue } from "../../frontend/onnx/tensor-data.ts";

/** Elements in row-major order, one per `byteSize(dtype)` bytes; those of strings in `strings`. */
export interface HostTensor {
  readonly kind: "tensor";
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly strings?: readonly string[];
}
export interface HostSequence {
  readonly kind: "sequence";
  readonly elements: readonly HostValue[];
}
export interface HostOptional {
  readonly kind: "optional";
  readonly value: HostValue | undefined;
}
export type HostValue = HostTensor | HostSequence | HostOptional;

export function hostTensor(t: OnnxTensor): HostTensor {
  const { dtype, dims, data, strings } = onnxTensorValue(t, { source: t.name || "test data" });
  return { kind: "tensor", dtype, shape: dims, bytes: alignedBytes(data), ...(strings && { strings }) };
}

function hostSequence(s: OnnxSequence): HostSequence {
  const elements: HostValue[] = [
    ...s.tensorValues.map(hostTensor),
    ...s.sequenceValues.map(hostSequence),
    ...s.optionalValues.map(hostOptional),
  ];
  return { kind: "sequence", elements };
}

function hostOptional(o: OnnxOptional): HostOptional {
  if (o.tensorValue) return { kind: "optional", value: hostTensor(o.tensorValue) };
  return { kind: "optional", value: o.sequenceValue && hostSequence(o.sequenceValue) };
}

/** The value in a `.pb` file; which message it is, the model's type for it tells. */
export function readHostValue(path: string, type: Type["kind"]): HostValue {
  const source = new MemorySource(path, readFileSync(path));
  if (type === "sequence") return hostSequence(readOnnxSequence(source));
  return type === "optional" ? hostOptional(readOnnxOptional(source)) : hostTensor(readOnnxTensor(source));
}

/** A tensor, for targets that know nothing else. */
export function asHostTensor(v: HostValue): HostTensor {
  if (v.kind === "tensor") return v;
  throw CompileError.of("unsupported-by-target", { source: "test data" }, `inputs and outputs of the kind '${v.kind}' are not supported`);
}

/** Elements as numbers, bigints or strings. */
export const elementsOf = (t: HostTensor): readonly (number | bigint | string)[] => t.strings ?? readElements(t.dtype, t.bytes);
