/** Writes zip archives of stored entries. */
import { crc32 } from "node:zlib";
import { extra64, headerBytes, inExtra, signatures } from "./zip.ts";

export interface StoredFile {
  readonly name: string;
  readonly size: number;
  /** Gives the content anew each time: it is read twice, as its checksum stands before it. */
  readonly content: () => Iterable<Uint8Array>;
}

/** A directory's entry: where the file is. */
interface Placed {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly start: number;
}

/** The version that is needed to read sizes of 64 bits. */
const version = 45;
const isUtf8 = 1 << 11;
/** 1 January 1980, so that equal contents make equal archives. */
const date = 0x21;

export function* writeZip(files: Iterable<StoredFile>): Generator<Uint8Array, void, undefined> {
  const directory: Placed[] = [];
  let at = 0;
  for (const { name, size, content } of files) {
    let crc = 0;
    for (const piece of content()) crc = crc32(piece, crc);
    const placed = { name: new TextEncoder().encode(name), size, crc, start: at };
    const header = localHeader(placed);
    yield header;
    yield* content();
    at += header.length + size;
    directory.push(placed);
  }
  const start = at;
  for (const placed of directory) {
    const entry = directoryEntry(placed);
    yield entry;
    at += entry.length;
  }
  yield archiveEnd(directory.length, start, at - start);
}

/** Fields in order: [bytes, value]. */
type Field = readonly [2 | 4 | 8, number];

function record(...fields: readonly Field[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

const short = (value: number): number => Math.min(value, inExtra);
const shortCount = (value: number): number => Math.min(value, 0xffff);

/** What 32 bits do not hold. */
function extraOf(values: readonly number[]): Uint8Array {
  const large = values.filter((v) => v >= inExtra);
  return large.length === 0 ? new Uint8Array(0) : record([2, extra64], [2, large.length * 8], ...large.map((v): Field => [8, v]));
}

/** What both headers of a file have: the version needed up to the length of the name. */
const common = ({ name, size, crc }: Placed): Field[] => [
  [2, version],
  [2, isUtf8],
  [2, 0],
  [2, 0],
  [2, date],
  [4, crc],
  [4, short(size)],
  [4, short(size)],
  [2, name.length],
];

function localHeader(placed: Placed): Uint8Array {
  const extra = extraOf([placed.size, placed.size]);
  return joined(record([4, signatures.local], ...common(placed), [2, extra.length]), placed.name, extra);
}

function directoryEntry(placed: Placed): Uint8Array {
  const extra = extraOf([placed.size, placed.size, placed.start]);
  const places: Field[] = [
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, short(placed.start)],
  ];
  return joined(record([4, signatures.central], [2, version], ...common(placed), [2, extra.length], ...places), placed.name, extra);
}

function archiveEnd(count: number, start: number, size: number): Uint8Array {
  const isLarge = count >= 0xffff || start >= inExtra || size >= inExtra;
  const counts = [
    [2, shortCount(count)],
    [2, shortCount(count)],
    [4, short(size)],
    [4, short(start)],
    [2, 0],
  ] as const;
  const end = record([4, signatures.end], [2, 0], [2, 0], ...counts);
  return isLarge ? joined(largeEnd(count, start, size), end) : end;
}

function largeEnd(count: number, start: number, size: number): Uint8Array {
  const end = record(
    [4, signatures.end64],
    [8, headerBytes.end64 - 12],
    [2, version],
    [2, version],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, start],
  );
  return joined(end, record([4, signatures.locator64], [4, 0], [8, start + size], [4, 1]));
}
