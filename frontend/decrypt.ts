/**
 * Encrypted MindIR files and checkpoints: a series of blocks, each with its own header, that decrypt to consecutive
 * pieces of the plain file. A block is decrypted when it is read; AES-GCM blocks are authenticated then.
 *
 *     magic(4)  [tag(16), AES-GCM since 1.7]  blockSize(4)  ivLength(4) = 16  iv(16)  cipherLength(4)  cipher
 *
 * Integers are little-endian; blockSize is 24 + cipherLength. The AES-GCM nonce is the first 12 bytes of the iv.
 */
import { createDecipheriv, getCiphers, type DecipherGCM } from "node:crypto";
import type { ByteSource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";

const magics: Readonly<Record<number, Mode>> = { 0x7f3a5ed8: "gcm", 0x7f3a5ed9: "cbc", 0x7f3a5eda: "sm4" };
type Mode = "gcm" | "cbc" | "sm4";

/** A plain block has at most 64 MiB; its cipher at most one padding more. */
const maxCipher = 64 * 1024 * 1024 + 16;
const headerBytes = 4 + 4 + 4 + 16 + 4;

interface Block {
  readonly mode: Mode;
  readonly tag: Uint8Array | undefined;
  readonly iv: Uint8Array;
  /** Where the cipher is in the file. */
  readonly offset: number;
  readonly cipherLength: number;
  /** Where the plain bytes are in the plain file. */
  readonly start: number;
  readonly length: number;
}

/** Whether the file starts with the magic number of an encrypted block. */
export const isEncrypted = (source: ByteSource): boolean => source.size >= 4 && uint32(source, 0) in magics;

const uint32 = (source: ByteSource, at: number): number => {
  const b = source.read(at, 4);
  return new DataView(b.buffer, b.byteOffset, 4).getUint32(0, true);
};

/**
 * The plain bytes of an encrypted file. `key` has 16, 24 or 32 bytes (AES-128, AES-192, AES-256), 16 for SM4. Throws a
 * `CompileError` with the code "encrypted" without a key and where the key does not fit the first block.
 */
export function decrypt(source: ByteSource, key: Uint8Array | undefined): DecryptedSource {
  if (key === undefined) refuse(source, "the file is encrypted", "give its key");
  if (![16, 24, 32].includes(key.length)) refuse(source, `the key has ${key.length} bytes; it must have 16, 24 or 32`);
  const plain = new DecryptedSource(source, key);
  if (plain.size > 0) plain.read(0, 1);
  return plain;
}

/**
 * What `read` makes of the plain bytes of `source`, decrypted where it is encrypted. A file that is not authenticated and
 * cannot be read once it is decrypted had another key: a `CompileError` "encrypted".
 */
export function readDecrypted<T>(source: ByteSource, key: Uint8Array | undefined, read: (plain: ByteSource) => T): T {
  if (!isEncrypted(source)) return read(source);
  const plain = decrypt(source, key);
  if (plain.isAuthenticated) return read(plain);
  try {
    return read(plain);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    throw CompileError.of("encrypted", { source: source.name }, "the key does not fit, or the file is damaged", {
      notes: e.diagnostics.map(({ location, message }) => ({ location, message })),
    });
  }
}

function refuse(source: ByteSource, message: string, remedy?: string): never {
  throw CompileError.of("encrypted", { source: source.name }, message, remedy === undefined ? {} : { remedy });
}

export class DecryptedSource implements ByteSource {
  readonly size: number;
  /** Whether a wrong key or a change of the file is certain to be noticed. */
  readonly isAuthenticated: boolean;
  private readonly blocks: readonly Block[];
  private last: { block: Block; plain: Uint8Array } | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly key: Uint8Array,
  ) {
    this.blocks = this.index();
    const end = this.blocks.at(-1);
    this.size = end === undefined ? 0 : end.start + end.length;
    this.isAuthenticated = this.blocks.every((b) => b.tag !== undefined);
  }

  get name(): string {
    return this.source.name;
  }

  /** The encrypted file. */
  get file(): ByteSource {
    return this.source;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    const result = new Uint8Array(length);
    for (let i = this.blockAt(offset), done = 0; done < length; i++) {
      const block = this.blocks[i] as Block;
      const from = offset + done - block.start;
      const piece = this.plain(block).subarray(from, from + length - done);
      result.set(piece, done);
      done += piece.length;
    }
    return result;
  }

  /** The index of the block in which the plain byte `offset` is. */
  private blockAt(offset: number): number {
    let low = 0;
    let high = this.blocks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.blocks[middle] as Block).start <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  private index(): Block[] {
    const blocks: Block[] = [];
    for (let at = 0, start = 0; at < this.source.size;) {
      const block = this.header(at, start);
      blocks.push(block);
      start += block.length;
      at = block.offset + block.cipherLength;
    }
    return blocks;
  }

  private header(at: number, start: number): Block {
    const mode = this.has(at, headerBytes) ? magics[uint32(this.source, at)] : undefined;
    if (mode === undefined) this.malformed(at, "an encrypted block does not start here");
    const isTagged = mode === "gcm" && !this.isHeader(at + 4);
    const sizes = at + (isTagged ? 20 : 4);
    if (!this.has(sizes, headerBytes - 4) || !this.isHeader(sizes))
      this.malformed(at, "the sizes of an encrypted block contradict each other");
    const cipherLength = uint32(this.source, sizes + 24);
    const offset = sizes + headerBytes - 4;
    const isPadded = mode !== "gcm";
    if (cipherLength > maxCipher || (isPadded && (cipherLength === 0 || cipherLength % 16 !== 0)))
      this.malformed(at, `an encrypted block cannot have ${cipherLength} bytes`);
    if (!this.has(offset, cipherLength)) this.malformed(at, "an encrypted block is cut off");
    const tag = isTagged ? this.source.read(at + 4, 16).slice() : undefined;
    const block = { mode, tag, iv: this.source.read(sizes + 8, 16).slice(), offset, cipherLength, start };
    return { ...block, length: isPadded ? cipherLength - this.padding(block) : cipherLength };
  }

  private has(at: number, count: number): boolean {
    return at + count <= this.source.size;
  }

  /** Whether `blockSize, ivLength, iv, cipherLength` at `at` fit each other. */
  private isHeader(at: number): boolean {
    const { source } = this;
    return this.has(at, headerBytes - 4) && uint32(source, at + 4) === 16 && uint32(source, at) === 24 + uint32(source, at + 24);
  }

  /** How many bytes of padding the block's last 16 bytes end with. */
  private padding(block: Pick<Block, "mode" | "iv" | "offset" | "cipherLength">): number {
    const end = block.offset + block.cipherLength;
    const iv = block.cipherLength === 16 ? block.iv : this.source.read(end - 32, 16);
    return 16 - this.decipher(block.mode, iv, undefined, this.source.read(end - 16, 16)).length;
  }

  private plain(block: Block): Uint8Array {
    if (this.last?.block !== block) {
      const cipher = this.source.read(block.offset, block.cipherLength);
      this.last = { block, plain: this.decipher(block.mode, block.iv, block.tag, cipher) };
    }
    return this.last.plain;
  }

  private decipher(mode: Mode, iv: Uint8Array, tag: Uint8Array | undefined, cipher: Uint8Array): Uint8Array {
    const name = mode === "sm4" ? "sm4-cbc" : `aes-${this.key.length * 8}-${mode}`;
    if (!getCiphers().includes(name)) refuse(this.source, `this build of Node.js has no ${name}`);
    if (mode === "sm4" && this.key.length !== 16) refuse(this.source, `the key has ${this.key.length} bytes; for SM4 it must have 16`);
    const decipher = createDecipheriv(name, this.key, mode === "gcm" ? iv.subarray(0, 12) : iv);
    try {
      if (tag !== undefined) (decipher as DecipherGCM).setAuthTag(tag);
      const head = decipher.update(cipher);
      return mode === "gcm" && tag === undefined ? head : Buffer.concat([head, decipher.final()]);
    } catch {
      return refuse(this.source, "the key does not fit, or the file is damaged");
    }
  }

  private malformed(at: number, message: string): never {
    throw CompileError.of("truncated", { source: this.name, path: `byte ${at}` }, message);
  }
}
