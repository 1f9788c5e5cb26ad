/**
 * Constant data: bytes that are somewhere, read when needed.
 *
 * The graph never holds large arrays; it holds `TensorData`, which knows where the bytes are. Elements are
 * little-endian and row-major, one element per `byteSize(dtype)` bytes.
 */
/** Bytes that can be read by position: a file, a decrypted buffer, a computed array. */
export interface ByteSource {
  /** The file's name as the user knows it, for printing and diagnostics. */
  readonly name: string;
  readonly size: number;
  /** `length` bytes from `offset`; the caller must not change them. Throws a `RangeError` past the end. */
  read(offset: number, length: number): Uint8Array;
}

export class MemorySource implements ByteSource {
  constructor(
    readonly name: string,
    private readonly bytes: Uint8Array,
  ) {}

  get size(): number {
    return this.bytes.byteLength;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    return this.bytes.subarray(offset, offset + length);
  }
}

/** The elements of one constant. `byteLength` is `count * byteSize(dtype)`. */
export interface TensorData {
  readonly source: ByteSource;
  readonly offset: number;
  readonly byteLength: number;
}

export const memoryData = (bytes: Uint8Array, name = "<memory>"): TensorData => ({
  source: new MemorySource(name, bytes),
  offset: 0,
  byteLength: bytes.byteLength,
});

export const readData = (data: TensorData): Uint8Array => data.source.read(data.offset, data.byteLength);

/** Bytes that are read, hashed or written at a time. */
const pieceBytes = 1 << 26;

/** The bytes in order, so many at a time that a large constant is never in memory as a whole. */
export function* pieces({ source, offset, byteLength }: TensorData): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < byteLength; at += pieceBytes) yield source.read(offset + at, Math.min(pieceBytes, byteLength - at));
}

/** A copy of the bytes at the start of a fresh buffer, so that typed arrays can be laid over it. */
export function alignedBytes(data: TensorData): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(readData(data));
  return bytes;
}
