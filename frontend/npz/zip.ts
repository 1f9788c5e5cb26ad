/**
 * Zip archives (PKWARE's APPNOTE 6.3.10), read by position: entries that are stored stay in the file, deflated ones are
 * inflated when they are read. Sizes over 4 GiB are read and written.
 */
import { constants, inflateRawSync } from "node:zlib";
import type { ByteSource, TensorData } from "../../ir/data.ts";
import { CompileError, type DiagnosticCode } from "../../ir/diagnostic.ts";
import { decodeUtf8 } from "../wire.ts";

export const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 } as const;
export const headerBytes = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 } as const;
/** Marks a size of 32 bits that is among the extra fields, where it has 64. */
export const inExtra = 0xffffffff;
export const extra64 = 1;
const longestComment = 65535;
const mostDirectoryBytes = 1 << 26;
/** Inflated entries are in memory as a whole. */
const mostInflatedBytes = 1 << 29;
/** Deflate makes at most so many bytes of one. */
const mostRatio = 1032;

export interface ZipEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  /** CRC-32 of the content. */
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its local header is. */
  readonly start: number;
}

type Fail = (code: DiagnosticCode, message: string, at?: number) => never;

const failIn =
  (source: ByteSource): Fail =>
  (code, message, at) => {
    throw CompileError.of(code, { source: source.name, ...(at !== undefined && { path: `byte ${at}` }) }, message);
  };

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A 64-bit size; one past any file where a number cannot hold it. */
const size64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

interface Directory {
  readonly start: number;
  readonly size: number;
  readonly count: number;
}

/** What the archive holds. Throws a `CompileError` "syntax", "truncated", "limit" or "unsupported-type". */
export function readZip(source: ByteSource): ZipEntry[] {
  const fail = failIn(source);
  const { start, size, count } = findDirectory(source, fail);
  if (!(start + size <= source.size)) fail("truncated", "the archive's directory is not in the file");
  if (size > mostDirectoryBytes) fail("limit", `the archive's directory has ${size} bytes`);
  const bytes = source.read(start, size);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count;) {
    const { entry, length } = directoryEntry(bytes, at, start + at, fail);
    entries.push(entry);
    at += length;
  }
  checkApart(entries, fail);
  return entries;
}

/** Entries that share bytes would make more of the file than it can hold. */
function checkApart(entries: readonly ZipEntry[], fail: Fail): void {
  let end = 0;
  for (const { name, start, compressedSize } of entries.toSorted((a, b) => a.start - b.start)) {
    if (start < end) fail("syntax", `'${name}' overlaps another entry`, start);
    end = start + headerBytes.local + compressedSize;
  }
}

function findDirectory(source: ByteSource, fail: Fail): Directory {
  const tail = Math.max(0, source.size - headerBytes.end - longestComment);
  const view = viewOf(source.read(tail, source.size - tail));
  for (let at = view.byteLength - headerBytes.end; at >= 0; at--) {
    if (view.getUint32(at, true) !== signatures.end || at + headerBytes.end + view.getUint16(at + 20, true) !== view.byteLength) continue;
    const directory = { count: view.getUint16(at + 10, true), size: view.getUint32(at + 12, true), start: view.getUint32(at + 16, true) };
    const isLarge = directory.count === 0xffff || directory.size === inExtra || directory.start === inExtra;
    return isLarge ? largeDirectory(source, tail + at - headerBytes.locator64, fail) : directory;
  }
  return fail("truncated", "the archive has no end");
}

function largeDirectory(source: ByteSource, at: number, fail: Fail): Directory {
  const locator = at < 0 ? undefined : viewOf(source.read(at, headerBytes.locator64).slice());
  if (locator?.getUint32(0, true) !== signatures.locator64) return fail("truncated", "the archive has no 64-bit end", at);
  const end = size64(locator, 8);
  if (end + headerBytes.end64 > source.size) return fail("truncated", "the archive's 64-bit end is not in the file", at);
  const view = viewOf(source.read(end, headerBytes.end64));
  if (view.getUint32(0, true) !== signatures.end64) return fail("syntax", "the archive's 64-bit end does not start here", end);
  return { count: size64(view, 32), size: size64(view, 40), start: size64(view, 48) };
}

function directoryEntry(bytes: Uint8Array, at: number, place: number, fail: Fail): { readonly entry: ZipEntry; readonly length: number } {
  const view = viewOf(bytes);
  if (at + headerBytes.central > bytes.length) return fail("truncated", "the archive's directory ends within an entry", place);
  if (view.getUint32(at, true) !== signatures.central)
    return fail("syntax", "an entry of the archive's directory does not start here", place);
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
    number,
    number,
    number,
  ];
  const extraStart = at + headerBytes.central + nameLength;
  const length = headerBytes.central + nameLength + extraLength + commentLength;
  if (at + length > bytes.length) return fail("truncated", "the archive's directory ends within an entry", place);
  const name = nameIn(bytes.subarray(at + headerBytes.central, extraStart), fail, place);
  if ((view.getUint16(at + 8, true) & 1) !== 0) return fail("unsupported-type", `'${name}' is encrypted`, place);
  const method = view.getUint16(at + 10, true);
  if (method !== 0 && method !== 8) return fail("unsupported-type", `'${name}' is compressed by method ${method}; deflate is known`, place);
  const [size, compressedSize, start] = sizesOf(view, at, viewOf(bytes.subarray(extraStart, extraStart + extraLength)));
  return { entry: { name, isDeflated: method === 8, crc: view.getUint32(at + 16, true), compressedSize, size, start }, length };
}

function nameIn(bytes: Uint8Array, fail: Fail, place: number): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    return fail("syntax", "the name of an entry is not UTF-8", place);
  }
}

/** Size, compressed size and start of the entry at `at`; those that 32 bits do not hold are in this order in an extra field. */
function sizesOf(view: DataView, at: number, extra: DataView): readonly [number, number, number] {
  const large: number[] = [];
  for (let e = 0; e + 4 <= extra.byteLength; e += 4 + extra.getUint16(e + 2, true)) {
    const end = Math.min(extra.byteLength, e + 4 + extra.getUint16(e + 2, true));
    if (extra.getUint16(e, true) !== extra64) continue;
    for (let i = e + 4; i + 8 <= end; i += 8) large.push(size64(extra, i));
  }
  const sizeAt = (field: number): number => {
    const size = view.getUint32(at + field, true);
    return size === inExtra ? (large.shift() ?? size) : size;
  };
  return [sizeAt(24), sizeAt(20), sizeAt(42)];
}

/** The bytes of an entry. Throws a `CompileError` "truncated" or "limit". */
export function zipContent(source: ByteSource, entry: ZipEntry): TensorData {
  const fail = failIn(source);
  const { name, start, size, compressedSize } = entry;
  if (!(start + headerBytes.local <= source.size)) return fail("truncated", `'${name}' is not in the file`);
  const view = viewOf(source.read(start, headerBytes.local).slice());
  if (view.getUint32(0, true) !== signatures.local) return fail("syntax", `'${name}' does not start here`, start);
  const offset = start + headerBytes.local + view.getUint16(26, true) + view.getUint16(28, true);
  if (!(offset + compressedSize <= source.size)) return fail("truncated", `'${name}' is cut off`, start);
  const packed = { source, offset, byteLength: compressedSize };
  if (entry.isDeflated) return inflated(packed, entry, fail);
  return size === compressedSize ? packed : fail("syntax", `'${name}' has two sizes`, start);
}

function inflated(packed: TensorData, { name, size }: ZipEntry, fail: Fail): TensorData {
  if (size > mostInflatedBytes) {
    const remedy = "write the file without compression";
    throw CompileError.of("limit", { source: packed.source.name, path: name }, `'${name}' has ${size} bytes when it is inflated`, {
      remedy,
    });
  }
  if (size > packed.byteLength * mostRatio) return fail("truncated", `'${name}' cannot have ${size} bytes when it is inflated`);
  return { source: new InflatedSource(packed, name, size), offset: 0, byteLength: size };
}

/** The one whose content is in memory: entries are read one after the other. */
let latest: { readonly of: InflatedSource; readonly bytes: Uint8Array } | undefined;

class InflatedSource implements ByteSource {
  constructor(
    private readonly packed: TensorData,
    private readonly entry: string,
    readonly size: number,
  ) {}

  get name(): string {
    return this.packed.source.name;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside '${this.name}'`);
    if (latest?.of !== this) latest = { of: this, bytes: this.inflate() };
    return latest.bytes.subarray(offset, offset + length);
  }

  private inflate(): Uint8Array {
    const { source, offset, byteLength } = this.packed;
    try {
      const bytes = inflateRawSync(source.read(offset, byteLength), {
        maxOutputLength: Math.max(1, this.size),
        finishFlush: constants.Z_FINISH,
      });
      if (bytes.length === this.size) return bytes;
    } catch (e) {
      if (e instanceof CompileError) throw e;
    }
    throw CompileError.of(
      "truncated",
      { source: this.name, path: this.entry },
      `'${this.entry}' cannot be inflated to its ${this.size} bytes`,
    );
  }
}
