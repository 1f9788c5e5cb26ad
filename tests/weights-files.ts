/** What tests of files of weights share. */
import { createCipheriv, createHash } from "node:crypto";
import { memoryData, MemorySource, pieces } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { byteSize, type DType } from "../ir/type.ts";
import type { TensorValue } from "../frontend/tensor-data.ts";
import type { WrittenWeights } from "../frontend/weights-file.ts";
import { randomIntegers } from "./mutations.ts";

export const joined = (parts: Iterable<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat([...parts]));

/** The file's bytes as a source. */
export const written = ({ files: [{ name, content }] }: WrittenWeights): MemorySource => new MemorySource(name, joined(content));

export const bytesOf = (value: TensorValue): Uint8Array => joined(pieces(value.data));

export function sha256({ data }: TensorValue): string {
  const hash = createHash("sha256");
  for (const piece of pieces(data)) hash.update(piece);
  return hash.digest("hex");
}

/** A tensor of pseudo-random bits that are valid elements. */
export function tensorOf(name: string, dtype: DType, dims: readonly number[], seed = 1): TensorValue {
  const random = randomIntegers(seed);
  const length = dims.reduce((a, b) => a * b, 1) * byteSize(dtype);
  const element = (): number => (dtype === "bool" ? random(2) : dtype === "i4" ? (random(16) << 28) >> 28 : random(256));
  return { name, dtype, dims, data: memoryData(Uint8Array.from({ length }, element)) };
}

export const textOf = (name: string, text: string): TensorValue => ({
  name,
  dtype: "string",
  dims: [],
  data: memoryData(new Uint8Array(0)),
  strings: [text],
});

/** What can be compared: elements in place of where they are. */
export const plain = (values: Iterable<TensorValue>): object[] =>
  Array.from(values, ({ name, dtype, dims, strings, ...rest }) => ({
    name,
    dtype,
    dims,
    ...(strings ? { strings } : { bytes: bytesOf({ name, dtype, dims, ...rest }) }),
  }));

/** "code: message" of the diagnostics. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    return e.diagnostics.map((d) => `${d.code}: ${d.message}`).join("\n");
  }
  return "accepted";
}

export const checkpointTypes: readonly DType[] = [
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "i64",
  "u64",
  "f16",
  "bf16",
  "f32",
  "f64",
  "bool",
  "i4",
];

/** Of each type a matrix, a scalar, a vector of one and, but for checkpoints, an empty tensor. */
export const samples = (dtypes: readonly DType[]): TensorValue[] =>
  dtypes.flatMap((dtype, i) => [
    tensorOf(`layer.${dtype}.weight`, dtype, [3, 1, 4], i),
    tensorOf(`${dtype} scalar`, dtype, [], i),
    tensorOf(`größe/${dtype}`, dtype, [2], i),
    tensorOf(`none.${dtype}`, dtype, [0], i),
    tensorOf(`none.${dtype}.matrix`, dtype, [2, 0], i),
  ]);

export const encryptionKey = new TextEncoder().encode("0123456789ABCDEF");

/** As MindSpore encrypts: blocks of AES-GCM with a header each. */
export function encrypted(content: Uint8Array, blockBytes: number): MemorySource {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += blockBytes) {
    const iv = new Uint8Array(16).fill(at);
    const cipher = createCipheriv("aes-128-gcm", encryptionKey, iv.subarray(0, 12));
    const data = Buffer.concat([cipher.update(content.subarray(at, at + blockBytes)), cipher.final()]);
    const sizes = Uint32Array.of(24 + data.length, 16);
    parts.push(
      Uint8Array.of(0xd8, 0x5e, 0x3a, 0x7f),
      cipher.getAuthTag(),
      new Uint8Array(sizes.buffer),
      iv,
      new Uint8Array(Uint32Array.of(data.length).buffer),
      data,
    );
  }
  return new MemorySource("a.ckpt", joined(parts));
}
