/**
 * Where the bytes of a model come from: files, and bytes that are computed from other bytes when they are read.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { ByteSource, TensorData } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";

/** One `readSync` returns at most 2^31 - 4096 bytes. */
const pieceBytes = 1 << 30;
/** Files up to this size are read at once and not kept open. */
const smallFile = 1 << 20;
/** Reads up to this size go through a block that is kept. */
const blockBytes = 1 << 16;
const openFilesMax = 32;

/** Sources whose file is open, the one used least recently first. */
const openFiles = new Set<FileSource>();

/** A file, opened at the first read. Files that cannot be read throw a `CompileError`. */
export class FileSource implements ByteSource {
  readonly size: number;
  private descriptor: number | undefined;
  private block: Uint8Array = new Uint8Array(0);
  private blockStart = 0;

  /** `path` is what is opened; `name` is what diagnostics call it. */
  constructor(
    readonly path: string,
    readonly name: string = path,
  ) {
    const stat = this.attempt(() => statSync(path));
    if (!stat.isFile()) throw CompileError.of("usage", { source: name }, "this is not a file");
    this.size = stat.size;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    if (length > blockBytes && this.size > smallFile) return this.fetch(offset, length);
    const at = offset - this.blockStart;
    if (at < 0 || at + length > this.block.length) this.loadBlock(offset);
    const start = offset - this.blockStart;
    return this.block.length === this.size ? this.block.subarray(start, start + length) : this.block.slice(start, start + length);
  }

  /** The file is opened again when it is read again. */
  close(): void {
    openFiles.delete(this);
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private loadBlock(offset: number): void {
    const whole = this.size <= smallFile;
    this.blockStart = whole ? 0 : offset;
    this.block = this.fetch(this.blockStart, whole ? this.size : Math.min(blockBytes, this.size - offset));
    if (whole) this.close();
  }

  private fetch(offset: number, length: number): Uint8Array {
    return this.attempt(() => {
      const descriptor = this.open();
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const count = readSync(descriptor, bytes, done, Math.min(length - done, pieceBytes), offset + done);
        if (count === 0)
          throw CompileError.of(
            "truncated",
            { source: this.name, path: `byte ${offset + done}` },
            "the file became shorter while it was read",
          );
        done += count;
      }
      return bytes;
    });
  }

  private open(): number {
    openFiles.delete(this);
    openFiles.add(this);
    const [oldest] = openFiles;
    if (openFiles.size > openFilesMax) oldest?.close();
    this.descriptor ??= openSync(this.path, "r");
    return this.descriptor;
  }

  private attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (e) {
      if (e instanceof CompileError) throw e;
      throw CompileError.of("usage", { source: this.name }, `the file cannot be read: ${(e as Error).message}`);
    }
  }
}

/** Bytes that `compute(offset, length)` makes anew at every read. */
export class ComputedSource implements ByteSource {
  constructor(
    readonly name: string,
    readonly size: number,
    private readonly compute: (offset: number, length: number) => Uint8Array,
  ) {}

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    return this.compute(offset, length);
  }
}

/** Ranges of other sources, one after the other. */
class ConcatenatedSource implements ByteSource {
  readonly size: number;
  private readonly starts: readonly number[];

  constructor(
    readonly name: string,
    private readonly parts: readonly TensorData[],
  ) {
    const starts: number[] = [];
    this.size = parts.reduce((at, part) => at + (starts.push(at), part.byteLength), 0);
    this.starts = starts;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    const first = this.starts.findLastIndex((start) => start <= offset);
    const whole = this.piece(first, offset, length);
    if (whole.length === length) return whole;
    const bytes = new Uint8Array(length);
    for (let i = first, done = 0; done < length; i++) {
      const piece = this.piece(i, offset + done, length - done);
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  /** Of `length` bytes from `offset`, those in part `i`, in which `offset` is. */
  private piece(i: number, offset: number, length: number): Uint8Array {
    const { source, offset: start, byteLength } = this.parts[i]!;
    const from = offset - this.starts[i]!;
    return source.read(start + from, Math.min(length, byteLength - from));
  }
}

/** The parts one after the other; one part alone stays what it is. At least one is needed. */
export function concatenated(parts: readonly TensorData[]): TensorData {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const source = new ConcatenatedSource(first!.source.name, parts);
  return { source, offset: 0, byteLength: source.size };
}
