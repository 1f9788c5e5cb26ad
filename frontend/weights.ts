/** Files of weights, whatever their format: named tensors without a graph. */
import type { ByteSource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { FileSource } from "./bytes.ts";
import { isEncrypted } from "./decrypt.ts";
import { detectFormat } from "./detect.ts";
import type { TensorValue } from "./tensor-data.ts";
import type { WeightsFile, WeightsFormat, WrittenWeights } from "./weights-file.ts";

export interface WeightsOptions {
  /** Of encrypted checkpoints: 16, 24 or 32 bytes. */
  readonly key?: Uint8Array | undefined;
}

export interface WeightsWriteOptions {
  /** The file's name. */
  readonly name: string;
  /** Checkpoints: a checksum at the end, which MindSpore reads since 2.3. */
  readonly crc?: boolean | undefined;
}

interface Carrier {
  readonly extension: string;
  readonly read: (source: ByteSource, options: WeightsOptions) => Promise<WeightsFile>;
  readonly write: (tensors: Iterable<TensorValue>, options: WeightsWriteOptions) => Promise<WrittenWeights>;
}

/** By format; each is loaded when it is first needed. */
const carriers: Readonly<Record<WeightsFormat, Carrier>> = {
  checkpoint: {
    extension: ".ckpt",
    read: async (source, options) => (await import("./checkpoint/read.ts")).readCheckpoint(source, options),
    write: async (tensors, options) => (await import("./checkpoint/write.ts")).writeCheckpoint(tensors, options),
  },
  safetensors: {
    extension: ".safetensors",
    read: async (source) => (await import("./safetensors/read.ts")).readSafetensors(source),
    write: async (tensors, options) => (await import("./safetensors/write.ts")).writeSafetensors(tensors, options),
  },
  npz: {
    extension: ".npz",
    read: async (source) => (await import("./npz/read.ts")).readNpz(source),
    write: async (tensors, options) => (await import("./npz/write.ts")).writeNpz(tensors, options),
  },
};

/** The formats of weights. */
export const weightsFormats = Object.keys(carriers) as readonly WeightsFormat[];

/** The extensions of their files. */
export const weightsExtensions = weightsFormats.map((format) => carriers[format].extension);

/**
 * The format of weights that `source` has by its content; undefined where it is no such file. What is called a checkpoint
 * and is none counts as one: its reader says what it is.
 */
export function detectWeights(source: ByteSource): WeightsFormat | undefined {
  const format = detectFormat(source);
  const isCalled = format === undefined && source.name.endsWith(carriers.checkpoint.extension);
  return isCalled ? "checkpoint" : weightsFormats.find((f) => f === format);
}

/** The format of weights that a file of this name is to have. */
export const weightsFormatOfName = (path: string): WeightsFormat | undefined =>
  weightsFormats.find((format) => path.endsWith(carriers[format].extension));

/**
 * The tensors in the file at `path`. Rejects with a `CompileError` that says all that is wrong with it: "usage" where it
 * cannot be read, "syntax" where it is no file of weights, and as its format's reader says.
 */
export const openWeights = (path: string, options: WeightsOptions = {}): Promise<WeightsFile> => readWeights(new FileSource(path), options);

/** As `openWeights`, for bytes from anywhere. */
export async function readWeights(source: ByteSource, options: WeightsOptions = {}): Promise<WeightsFile> {
  // An encrypted file says no more of itself; of weights only checkpoints are encrypted.
  const format = isEncrypted(source) ? "checkpoint" : detectWeights(source);
  if (format === undefined) {
    throw CompileError.of("syntax", { source: source.name }, "this is no file of weights that Sinter knows", {
      expected: weightsExtensions.join(", "),
    });
  }
  return carriers[format].read(source, options);
}

/** The file that holds the tensors. Rejects with a `CompileError` that names all that the format cannot hold. */
export const writeWeights = (
  tensors: Iterable<TensorValue>,
  format: WeightsFormat,
  options: WeightsWriteOptions,
): Promise<WrittenWeights> => carriers[format].write(tensors, options);
