/** NumPy's `.npz` files: zip archives of `.npy` files, one per tensor. */
import { crc32 } from "node:zlib";
import { type ByteSource, memoryData, pieces, readData, type TensorData } from "../../ir/data.ts";
import { CompileError } from "../../ir/diagnostic.ts";
import { ComputedSource } from "../bytes.ts";
import { npyElements, type NpyHeader, readNpyHeader } from "../npy.ts";
import { Problems } from "../problems.ts";
import { rawTensorValue, type TensorValue } from "../tensor-data.ts";
import { decodeUtf32 } from "../utf32.ts";
import type { WeightsFile } from "../weights-file.ts";
import { readZip, zipContent, type ZipEntry } from "./zip.ts";

const extension = ".npy";

/**
 * The tensors of an archive. Elements of two bytes without a meaning, as NumPy writes bfloat16, are taken for bf16. Throws
 * a `CompileError` with all that is wrong: "syntax" where it is another archive, "truncated" where it is damaged,
 * "unsupported-type".
 */
export function readNpz(source: ByteSource): WeightsFile {
  const entries = readZip(source);
  if (entries.some(({ name }) => /(^|\/)data\.pkl$/.test(name)))
    throw CompileError.of("syntax", { source: source.name }, "this is a checkpoint of PyTorch");
  const problems = new Problems();
  const tensors = new Map<string, TensorValue>();
  for (const entry of entries) {
    try {
      const value = tensorIn(source, entry);
      if (tensors.has(value.name))
        problems.error("syntax", { source: source.name, path: entry.name }, `the tensor '${value.name}' is there twice`);
      tensors.set(value.name, value);
    } catch (e) {
      if (!(e instanceof CompileError)) throw e;
      problems.take(e);
    }
  }
  problems.throwIfErrors();
  return { format: "npz", tensors, diagnostics: [] };
}

function tensorIn(source: ByteSource, entry: ZipEntry): TensorValue {
  const where = { source: source.name, path: entry.name };
  if (!entry.name.endsWith(extension)) throw CompileError.of("syntax", where, `'${entry.name}' is not a .npy file`);
  const content = zipContent(source, entry);
  checkSum(content, entry, source);
  const file = new ComputedSource(`${source.name}:${entry.name}`, content.byteLength, (offset, length) =>
    content.source.read(content.offset + offset, length),
  );
  const name = entry.name.slice(0, -extension.length);
  const header = readNpyHeader(file);
  if (header.type.startsWith("U")) return textOf(name, file, header);
  const dtype = header.dtype ?? (header.type === "V2" ? "bf16" : undefined);
  if (dtype === undefined)
    throw CompileError.of(
      "unsupported-type",
      where,
      `the tensor '${name}' has elements of the type '${header.type}', which is not carried`,
    );
  return rawTensorValue(name, dtype, header.dims, npyElements(file, header), where);
}

function checkSum(content: TensorData, entry: ZipEntry, source: ByteSource): void {
  let crc = 0;
  for (const piece of pieces(content)) crc = crc32(piece, crc);
  if (crc !== entry.crc)
    throw CompileError.of("truncated", { source: source.name, path: entry.name }, `'${entry.name}' is damaged: its checksum differs`);
}

const mostTextBytes = 1 << 24;

/** Texts of one length, padded with zeros, four bytes a character. */
function textOf(name: string, file: ByteSource, header: NpyHeader): TensorValue {
  const where = { source: file.name };
  const count = header.dims.reduce((a, b) => a * b, 1);
  const content = npyElements(file, header);
  if (content.byteLength > mostTextBytes || count > mostTextBytes)
    throw CompileError.of("limit", where, `the texts '${name}' have ${content.byteLength} bytes`);
  const bytes = readData(content);
  const strings = Array.from({ length: count }, (_, i) => decodeUtf32(bytes.subarray(i * header.width, (i + 1) * header.width)));
  if (strings.includes(undefined)) throw CompileError.of("syntax", where, `the texts '${name}' have characters that do not exist`);
  return { name, dtype: "string", dims: header.dims, data: memoryData(new Uint8Array(0)), strings: strings as string[] };
}
