/**
 * Compressed weights: packed bits, tables of unique values, entropy codes. They are decoded when they are read; what they
 * decode to is checked against the tensor's shape and bounded by it.
 */
import { readData, type TensorData } from "../../ir/data.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { byteSize, type DType } from "../../ir/type.ts";
import { ComputedSource } from "../bytes.ts";
import { decodeFse } from "./fse.ts";
import { decodeHuffman } from "./huffman.ts";
import type { LiteTensor } from "./messages.ts";
import { packedBytes, unpackBits } from "./packed-bits.ts";
import { decodeIndexed, decodeSparse } from "./unique-values.ts";

export interface Decoded {
  readonly dtype: DType;
  readonly data: TensorData;
}

/** Elements that a compressed constant may have. */
const mostElements = 2 ** 28;
/** Elements for each byte of the file: entropy codes take a bit of each at least, runs of zeros less. */
const mostPerByte = 4096;

/** The elements of a compressed constant; undefined where its bytes are its elements. An `OpError` where they do not fit. */
export function decompressed(t: LiteTensor, stored: TensorData, count: number): Decoded | undefined {
  const codec = codecOf(t, stored, count);
  if (!codec) return undefined;
  if (count > mostElements || count > mostPerByte * Math.max(stored.byteLength, 1))
    throw new OpError(`the compressed constant '${t.name}' would have ${count} elements`, "limit");
  const { dtype, decode } = codec;
  const size = count * byteSize(dtype);
  const read = (offset: number, length: number): Uint8Array => {
    const elements = named(t, () => decode(readData(stored)));
    return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength).subarray(offset, offset + length);
  };
  const data = { source: new ComputedSource(stored.source.name, size, read), offset: 0, byteLength: size };
  read(0, 0); // what does not decode is told now
  return { dtype, data };
}

type Elements = Int8Array | Int16Array | Float32Array;
interface Codec {
  readonly dtype: DType;
  readonly decode: (bytes: Uint8Array) => Elements;
}

/** Errors of decoders say which constant it is. */
function named<T>(t: LiteTensor, f: () => T): T {
  try {
    return f();
  } catch (e) {
    if (e instanceof OpError) throw new OpError(`the compressed constant '${t.name}': ${e.message}`, e.code, e.more);
    throw e;
  }
}

const bitsOf = (t: LiteTensor): number => t.quantParams[0]?.numBits ?? 8;

function codecOf(t: LiteTensor, stored: TensorData, count: number): Codec | undefined {
  if (t.enableHuffmanCode) return { dtype: "i8", decode: (bytes) => decodeHuffman(bytes, count) };
  if (t.quantClusters.length > 0) return clusters(t, count);
  const bits = bitsOf(t);
  const [dtype, isWide] = bits <= 8 ? (["i8", false] as const) : (["i16", true] as const);
  switch (t.weightQuantCompressType) {
    case "NONE":
    case "BITPACKING":
      return packed(t, stored, count);
    case "INDEXING":
      return { dtype, decode: (bytes) => narrowed(decodeIndexed(bytes, bits, count), isWide) };
    case "SPARSE":
      return {
        dtype,
        decode: (bytes) =>
          narrowed(
            decodeSparse(
              bytes,
              bits,
              count,
              t.quantParams.map((p) => p.zeroPoint),
            ),
            isWide,
          ),
      };
    case "FSE":
      return { dtype: "f32", decode: (bytes) => Float32Array.from(decodeFse(bytes, count, { isReal: true })) };
    case "FSE_INT":
      return { dtype, decode: (bytes) => narrowed(decodeFse(bytes, count, { isReal: false }), isWide) };
    case "FSE_INFER":
      return { dtype, decode: (bytes) => narrowed(decodeFse(bytes, count, { isReal: false, hasEnds: true }), isWide) };
    default:
      throw new OpError(`the constant '${t.name}' is compressed in an unknown way`, "unsupported-type");
  }
}

const narrowed = (values: ArrayLike<number>, isWide: boolean): Elements => (isWide ? Int16Array.from(values) : Int8Array.from(values));

/** Each element is the number of one of a few real numbers, less 128. */
function clusters(t: LiteTensor, count: number): Codec {
  return {
    dtype: "f32",
    decode(bytes) {
      if (bytes.length !== count) throw new OpError(`${bytes.length} bytes for ${count} elements`, "truncated");
      return Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length), (q) => t.quantClusters[q + 128] ?? missing());
    },
  };
}

function missing(): never {
  throw new OpError("an element is the number of no cluster", "invalid-graph");
}

/** Integers of 1 to 7 or 9 to 15 bits; others, and those that take a whole element each, are not packed. */
function packed(t: LiteTensor, stored: TensorData, count: number): Codec | undefined {
  const bits = bitsOf(t);
  const isQuantised = t.quantParams.some((p) => p.inited) || t.weightQuantCompressType === "BITPACKING";
  const isPackable = (bits >= 1 && bits <= 7) || (bits >= 9 && bits <= 15);
  if (!isQuantised || !isPackable || (t.dataType !== 32 && t.dataType !== 33)) return undefined;
  if (stored.byteLength === count * (bits < 8 ? 1 : 2) || stored.byteLength !== packedBytes(count, bits)) return undefined;
  // Elements of four and two bits have types of their own.
  const dtype = bits === 4 ? "i4" : bits === 2 ? "i2" : bits < 8 ? "i8" : "i16";
  return { dtype, decode: (bytes) => narrowed(unpackBits(bytes, bits, count), bits > 8) };
}
