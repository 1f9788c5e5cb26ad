/** A MindIR file's bytes as messages, decrypted where need be. */
import type { ByteSource } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { decrypt, DecryptedSource, isEncrypted, readDecrypted } from "../decrypt.ts";
import { ExternalFiles } from "../external-files.ts";
import { Schema } from "../protobuf.ts";
import type { MindirGraph, MindirModel } from "./messages.ts";
import { readOldMindir } from "./read-old.ts";

const schema = new Schema(
  "mind_ir.proto",
  "mind_ir",
  new Set(["raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"].map((field) => `TensorProto.${field}`)),
);

export interface MindirReadOptions {
  /** Of encrypted files: 16, 24 or 32 bytes. */
  readonly key?: Uint8Array | undefined;
}

/**
 * The model in `source`. Throws a `CompileError`: "encrypted" where a key is missing or wrong, "syntax" or "truncated"
 * with the byte where the file is malformed, "limit" where it nests too deep.
 */
export const readMindir = (source: ByteSource, options: MindirReadOptions = {}): MindirModel =>
  readDecrypted(source, options.key, readPlain);

/** The weight files beside `source`, decrypted with the key where they are encrypted. */
export const mindirExternalFiles = (source: ByteSource, options: MindirReadOptions = {}): ExternalFiles | undefined =>
  ExternalFiles.beside(source instanceof DecryptedSource ? source.file : source, (file) =>
    isEncrypted(file) ? decrypt(file, options.key) : file,
  );

function readPlain(source: ByteSource): MindirModel {
  if (source.size > 0 && source.read(0, 1)[0] === onnxFirstByte) return readOldMindir(source) ?? refuseOnnx(source);
  const model = readMessage(source);
  const { graph } = model;
  if (graph === undefined)
    throw CompileError.of("syntax", { source: source.name, path: "byte 0" }, "this is not a MindIR model: it holds no graph");
  if (model.littleEndian === false)
    throw CompileError.of("unsupported-type", { source: source.name }, "the model's weights are big-endian");
  return { ...model, graph, source };
}

/** The tag of ONNX's `ir_version`, a number; MindIR's is a string. */
const onnxFirstByte = 0x08;

function refuseOnnx(source: ByteSource): never {
  throw CompileError.of("syntax", { source: source.name, path: "byte 0" }, "this is an ONNX model, not MindIR of MindSpore 1.0");
}

type ModelMessage = Omit<MindirModel, "graph" | "source"> & { readonly graph?: MindirGraph };

/** Some of the gradient graphs that MindSpore ships end with a newline, which is not part of the message. */
function readMessage(source: ByteSource): ModelMessage {
  try {
    return schema.read<ModelMessage>("ModelProto", source);
  } catch (e) {
    const size = source.size - 1;
    const endsHere = e instanceof CompileError && e.diagnostics[0]?.location.path === `byte ${source.size}`;
    if (!endsHere || size < 1 || source.read(size, 1)[0] !== 10) throw e;
    return schema.read<ModelMessage>("ModelProto", source, 0, size);
  }
}
