/**
 * Ascend's offline model, `.om`: a header, a table of partitions, the partitions. The first partition is the model as an
 * AIR file has it, with constants' bytes in the second; the others hold code for the chip.
 */
import type { ByteSource, TensorData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { Schema } from "../protobuf.ts";

const taskSchema = new Schema("om.proto", "domi", new Set());

const headerBytes = 256;
/** More partitions than any version has kinds of. */
const mostPartitions = 64;

const kinds = ["model", "weights", "tasks", "kernels", "CPU kernels"];
/** What a partition's number says it holds. */
export const partitionKind = (type: number): string => kinds[type] ?? `kind ${type}`;

export interface Partition {
  readonly type: number;
  readonly data: TensorData;
}

export interface OfflineModel {
  readonly isEncrypted: boolean;
  readonly name: string;
  readonly partitions: readonly Partition[];
}

/** Whether the file is an offline model, by its first bytes. */
export const isOfflineModel = (source: ByteSource): boolean => source.size >= 4 && String.fromCharCode(...source.read(0, 4)) === "IMOD";

/** The container's table. Throws a `CompileError`, "truncated" or "limit", where it does not fit the file. */
export function readOfflineModel(source: ByteSource): OfflineModel {
  const fail = (at: number, message: string): never => {
    throw CompileError.of("truncated", { source: source.name, path: `byte ${at}` }, message);
  };
  if (source.size < headerBytes + 4) fail(source.size, `an offline model has a header of ${headerBytes} bytes`);
  const header = source.read(0, headerBytes + 4);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const count = view.getUint32(headerBytes, true);
  const start = headerBytes + 4 + 12 * count;
  if (count > mostPartitions)
    throw CompileError.of("limit", { source: source.name, path: `byte ${headerBytes}` }, `${count} partitions are too many`);
  if (start > source.size) fail(headerBytes, `a table of ${count} partitions is longer than the file`);
  const bytes = source.read(headerBytes + 4, 12 * count);
  const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const partitions = Array.from({ length: count }, (_, i): Partition => {
    const [type, offset, byteLength] = [0, 4, 8].map((at) => table.getUint32(12 * i + at, true)) as [number, number, number];
    if (start + offset + byteLength > source.size)
      fail(headerBytes + 4 + 12 * i, `the partition of ${partitionKind(type)} ends after the file`);
    return { type, data: { source, offset: start + offset, byteLength } };
  });
  return { isEncrypted: header[80] !== 0, name: textAt(header.subarray(84, 116)), partitions };
}

const textAt = (bytes: Uint8Array): string => String.fromCharCode(...bytes).replace(/\0.*$/s, "");

/** The kernels that a partition of tasks runs, in order; "" for a task that runs none. Throws a `CompileError`. */
export function readTasks({ data }: Partition): readonly string[] {
  interface Tasks {
    readonly task: readonly { readonly kernel?: { readonly kernelName: string } }[];
  }
  const { task } = taskSchema.read<Tasks>("ModelTaskDef", data.source, data.offset, data.byteLength);
  return task.map(({ kernel }) => kernel?.kernelName ?? "");
}
