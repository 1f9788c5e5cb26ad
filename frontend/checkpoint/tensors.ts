/** The tensors that a checkpoint's values describe. */
import { memoryData, readData, type TensorData } from "../../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../../ir/diagnostic.ts";
import type { Location } from "../../ir/location.ts";
import { concatenated } from "../bytes.ts";
import { unpaired } from "../int4-pairs.ts";
import { rawTensorValue, type TensorValue } from "../tensor-data.ts";
import { decodeUtf32 } from "../utf32.ts";
import { checkpointDType, type CheckpointTensor, type CheckpointValue } from "./types.ts";

const fail = (code: DiagnosticCode, where: Location, name: string, message: string): never => {
  throw CompileError.of(code, where, `the tensor '${name}' ${message}`);
};

/** The tensor whose pieces are `group`, with the shape of the last; at least one. */
export function tensorOf(name: string, group: readonly CheckpointValue[], where: Location): TensorValue {
  const parts = group.map(({ tensor }) => tensor ?? fail("syntax", where, name, "is missing from its value"));
  const { dims, tensorType } = parts.at(-1)!;
  if (parts.some((p) => p.tensorType !== tensorType)) fail("syntax", where, name, "has pieces of several types");
  return valueOf(name, tensorType, dims, contentOf(parts), where);
}

const mapParts = ["keys", "values", "status"] as const;

/** A hash map, as the three tensors it is kept as: NAME.keys, NAME.values, NAME.status. Pieces are joined along axis 0. */
export function mapValues(name: string, group: readonly CheckpointValue[], where: Location): TensorValue[] {
  const maps = group.map(({ maptensor }) => maptensor?.tensor ?? fail("syntax", where, name, "is a map in some of its pieces only"));
  if (maps.some((tensors) => tensors.length !== mapParts.length)) fail("syntax", where, name, "is a map and has not three tensors");
  return mapParts.map((part, i) => {
    const parts = maps.map((tensors) => tensors[i]!);
    const { dims, tensorType } = parts.at(-1)!;
    const fits = (p: CheckpointTensor): boolean =>
      p.tensorType === tensorType && p.dims.length === dims.length && p.dims.every((d, axis) => axis === 0 || d === dims[axis]);
    if (dims.length === 0 || !parts.every(fits)) fail("syntax", where, name, `has ${part} that do not fit together`);
    const count = parts.reduce((sum, p) => sum + p.dims[0]!, 0);
    return valueOf(`${name}.${part}`, tensorType, [count, ...dims.slice(1)], contentOf(parts), where);
  });
}

const noContent: TensorData = memoryData(new Uint8Array(0));

const contentOf = (parts: readonly CheckpointTensor[]): TensorData => concatenated(parts.map((p) => p.tensorContent ?? noContent));

function valueOf(name: string, type: string, dims: readonly number[], content: TensorData, where: Location): TensorValue {
  const dtype = checkpointDType(type);
  if (dtype === undefined) return fail("unsupported-type", where, name, `has elements of the type '${type}', which is not carried`);
  if (dtype === "string") return textOf(name, content, where);
  const shape = shapeOf(dims, content);
  if (dtype !== "i4") return rawTensorValue(name, dtype, shape, content, where);
  // The shape counts bytes, or elements.
  const isOfBytes = shape.length > 0 && content.byteLength === shape.reduce((a, b) => a * b, 1);
  return isOfBytes ? unpaired(name, shape, content, where) : rawTensorValue(name, dtype, shape, content, where, 4);
}

/** Scalars are written as `[0]`. */
const shapeOf = (dims: readonly number[], content: TensorData): readonly number[] =>
  dims.length === 1 && dims[0] === 0 && content.byteLength > 0 ? [] : dims;

const mostTextBytes = 1 << 24;

/** One text, as numbers of its characters of four bytes each. */
function textOf(name: string, content: TensorData, where: Location): TensorValue {
  if (content.byteLength > mostTextBytes) fail("limit", where, name, `is a text of ${content.byteLength} bytes`);
  if (content.byteLength % 4 !== 0)
    fail("truncated", where, name, `is a text of ${content.byteLength} bytes, which are no whole characters`);
  const text = decodeUtf32(readData(content)) ?? fail("syntax", where, name, "is a text with characters that do not exist");
  return { name, dtype: "string", dims: [], data: noContent, strings: [text] };
}
