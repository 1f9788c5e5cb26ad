/** Encoders of compressed weights, written from the format's description alone, for tests of the decoders. */

/** Numbers as bits, the highest first, in bytes. */
export class BitWriter {
  readonly bits: number[] = [];

  put(value: number, width: number): this {
    for (let b = width - 1; b >= 0; b--) this.bits.push(Math.floor(value / 2 ** b) % 2);
    return this;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.bits.length / 8));
    this.bits.forEach((bit, i) => (bytes[i >> 3]! |= bit << (7 - (i & 7))));
    return bytes;
  }
}

/** The integers by a queue of bits, lowest first, cut into words. */
export function encodePacked(values: readonly number[], bits: number): Uint8Array {
  const queue = values.flatMap((v) => Array.from({ length: bits }, (_, b) => ((v + 2 ** (bits - 1)) >> b) & 1));
  const word = bits < 8 ? 8 : 16;
  while (queue.length % word !== 0) queue.push(0);
  const words = Array.from({ length: queue.length / word }, (_, k) =>
    queue.slice(k * word, (k + 1) * word).reduce((w, bit, b) => w + bit * 2 ** b, 0),
  );
  return bits < 8 ? Uint8Array.from(words) : new Uint8Array(Uint16Array.from(words).buffer);
}

const widthOf = (n: number): number => Math.ceil(Math.log2(n));

export function encodeIndexed(values: readonly number[], bits: number): Uint8Array {
  const unique = [...new Set(values)];
  const writer = new BitWriter().put(unique.length % 2 ** bits, bits);
  for (const v of unique) writer.put(v + 2 ** (bits - 1), bits);
  for (const v of values) writer.put(unique.indexOf(v), widthOf(unique.length));
  return writer.bytes();
}

/** Runs of `zero` before each other value; longer runs than `runBits` can say end in a zero among the values. */
export function encodeSparse(values: readonly number[], bits: number, zero: number, runBits: number): Uint8Array {
  const most = 2 ** runBits - 1;
  const solid: number[] = [];
  const runs: number[] = [];
  let run = 0;
  for (const v of values) {
    if (v === zero && run < most) run++;
    else {
      solid.push(v);
      runs.push(run);
      run = 0;
    }
  }
  const unique = [...new Set(solid)];
  const writer = new BitWriter()
    .put(runBits, 8)
    .put(solid.length, 32)
    .put(unique.length % 2 ** bits, bits);
  for (const v of unique) writer.put(v + 2 ** (bits - 1), bits);
  for (const v of solid) writer.put(unique.indexOf(v), widthOf(unique.length));
  for (const r of runs) writer.put(r, runBits);
  return writer.bytes();
}

/** Codes of any prefix code: here the number of a key in unary, which ends with a zero. */
export function encodeHuffman(values: readonly number[]): Uint8Array {
  const keys = [...new Set(values), 128];
  const codes = keys.map((_, i) => "1".repeat(i) + (i === keys.length - 1 ? "" : "0"));
  const writer = new BitWriter();
  for (const v of [...values, 128]) for (const bit of codes[keys.indexOf(v)]!) writer.put(Number(bit), 1);
  const head = `${keys.map((k) => `${k} `).join("")}#${codes.map((c) => `${c} `).join("")}#`;
  return Buffer.concat([Buffer.from(head, "latin1"), writer.bytes()]);
}

interface Coder {
  readonly symbol: readonly number[];
  readonly width: readonly number[];
  readonly base: readonly number[];
}

function coderOf(frequencies: readonly number[], tableLog: number): Coder {
  const size = 2 ** tableLog;
  const symbol = new Array<number>(size).fill(0);
  let at = 0;
  for (const [s, f] of frequencies.entries())
    for (let k = 0; k < f; k++, at = (at + Math.floor(size / 2) + Math.floor(size / 8) + 3) % size) symbol[at] = s;
  const seen = [...frequencies];
  const x = symbol.map((s) => seen[s]!++);
  const width = x.map((v) => tableLog - Math.floor(Math.log2(v)));
  return { symbol, width, base: x.map((v, i) => v * 2 ** width[i]! - size) };
}

/**
 * Values coded from the first on by the states that the decoder goes through backwards. `frequencies` of the unique
 * values, in order of their first places, must add up to a power of two.
 */
export function encodeFse(values: readonly number[], frequencies: readonly number[], kind: "real" | "int" | "infer"): Uint8Array {
  const unique = [...new Set(values)];
  const tableLog = Math.log2(frequencies.reduce((a, b) => a + b, 0));
  const { symbol, width, base } = coderOf(frequencies, tableLog);
  const pieces: (readonly [value: number, width: number])[] = [];
  let state = symbol.indexOf(unique.indexOf(values[0]!));
  for (const v of values.slice(1)) {
    const next = symbol.findIndex((s, i) => s === unique.indexOf(v) && base[i]! <= state && state < base[i]! + 2 ** width[i]!);
    pieces.unshift([state - base[next]!, width[next]!]);
    state = next;
  }
  const { bits } = [[state, tableLog] as const, ...pieces].reduce((w, [value, n]) => w.put(value, n), new BitWriter());
  return fseBytes(unique, frequencies, tableLog, bits, kind);
}

function fseBytes(
  unique: readonly number[],
  frequencies: readonly number[],
  tableLog: number,
  bits: readonly number[],
  kind: string,
): Uint8Array {
  const first = bits.length % 64 || 64;
  const words = [bits.slice(0, first)];
  for (let at = first; at < bits.length; at += 64) words.push(bits.slice(at, at + 64));
  const wordBytes = (w: readonly number[]): Buffer => {
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE(BigInt(`0b${w.join("").padEnd(64, "0")}`));
    return word;
  };
  const u32 = (values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const centroids = kind === "real" ? Buffer.from(Float32Array.from(unique).buffer) : Buffer.from(Int32Array.from(unique).buffer);
  const padded = (b: Buffer, to: number): Buffer => Buffer.concat([b, Buffer.alloc((to - (b.length % to)) % to)]);
  const head = Buffer.concat([Buffer.from(Uint16Array.from([unique.length, tableLog]).buffer), u32([words.length])]);
  const tables = padded(Buffer.concat([padded(Buffer.concat([head, u32(frequencies)]), 8), centroids]), 8);
  const chunks = [...words.slice(1)].reverse().map(wordBytes);
  const whole = Buffer.concat([tables, ...chunks, wordBytes(words[0]!), Buffer.from([first])]);
  return kind === "infer" ? Buffer.concat([padded(whole, 4), u32([0])]) : whole;
}
