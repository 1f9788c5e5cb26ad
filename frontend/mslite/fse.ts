/**
 * Weights coded by a finite state entropy coder (Duda's tabled asymmetric numeral systems): a table of frequencies and
 * values, then words of 64 bits that are read from the last one backwards, and elements that come last first.
 */
import { OpError } from "../../ir/diagnostic.ts";

export interface FseFormat {
  /** Values are floats, not integers. */
  readonly isReal: boolean;
  /** A list of places where decoding may begin follows, which one decoder does not need. */
  readonly hasEnds?: boolean;
}

/** Larger tables are none. */
const mostTableLog = 20;

interface Coded {
  readonly tableLog: number;
  readonly frequencies: readonly number[];
  readonly values: readonly number[];
  readonly bits: BackwardBits;
}

function parse(bytes: Uint8Array, { isReal }: FseFormat): Coded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (at: number, length: number): number => {
    if (at + length > bytes.length) throw new OpError("the coded bytes end too early", "truncated");
    return at;
  };
  const symbols = view.getUint16(need(0, 8), true);
  const tableLog = view.getUint16(2, true);
  const chunkCount = view.getUint32(4, true);
  if (symbols === 0 || tableLog > mostTableLog || chunkCount === 0)
    throw new OpError("the head of the coded bytes makes no sense", "syntax");
  const aligned = (at: number): number => (at + 7) & ~7;
  const frequencyStart = need(8, symbols * 4);
  const valueStart = need(aligned(frequencyStart + symbols * 4), symbols * 4);
  const chunkStart = need(aligned(valueStart + symbols * 4), (chunkCount - 1) * 8 + 9);
  const list = (start: number, read: (at: number) => number): number[] => Array.from({ length: symbols }, (_, i) => read(start + 4 * i));
  const end = chunkStart + chunkCount * 8;
  return {
    tableLog,
    frequencies: list(frequencyStart, (at) => view.getUint32(at, true)),
    values: list(valueStart, (at) => (isReal ? view.getFloat32(at, true) : view.getInt32(at, true))),
    bits: new BackwardBits(view, chunkStart, chunkCount - 1, view.getUint8(end)),
  };
}

/** Takes bits from the top of a word of 64, then from the words before it, last first. */
class BackwardBits {
  private high = 0;
  private low = 0;

  /** `valid` bits are left of word number `word`. */
  constructor(
    private readonly view: DataView,
    private readonly start: number,
    private word: number,
    private valid: number,
  ) {
    if (valid > 64) throw new OpError("a word of more than 64 bits", "syntax");
    this.load();
  }

  private load(): void {
    const at = this.start + 8 * this.word;
    this.low = this.view.getUint32(at, true);
    this.high = this.view.getUint32(at + 4, true);
  }

  take(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  private bit(): number {
    if (this.valid === 0) {
      if (this.word === 0) throw new OpError("the coded bits end too early", "truncated");
      this.word--;
      this.load();
      this.valid = 64;
    }
    this.valid--;
    const bit = this.high >>> 31;
    this.high = (this.high << 1) | (this.low >>> 31);
    this.low <<= 1;
    return bit;
  }
}

interface Table {
  readonly symbol: Uint16Array;
  readonly bitCount: Uint8Array;
  readonly base: Int32Array;
}

/** Symbols spread over the states in steps that reach each once. */
function tableOf(tableLog: number, frequencies: readonly number[]): Table {
  const size = 1 << tableLog;
  if (frequencies.reduce((a, b) => a + b, 0) !== size) throw new OpError("the frequencies do not fill the table", "syntax");
  const step = (size >> 1) + (size >> 3) + 3;
  const symbol = new Uint16Array(size);
  let at = 0;
  frequencies.forEach((frequency, s) => {
    for (let i = 0; i < frequency; i++) {
      symbol[at] = s;
      at = (at + step) & (size - 1);
    }
  });
  const bitCount = new Uint8Array(size);
  const base = new Int32Array(size);
  const counters = [...frequencies];
  for (let state = 0; state < size; state++) {
    const x = counters[symbol[state]!]!++;
    bitCount[state] = tableLog - (31 - Math.clz32(x));
    base[state] = (x << bitCount[state]!) - size;
  }
  return { symbol, bitCount, base };
}

/** Exactly `count` values. */
export function decodeFse(bytes: Uint8Array, count: number, format: FseFormat): Float64Array {
  const { tableLog, frequencies, values, bits } = parse(bytes, format);
  const { symbol, bitCount, base } = tableOf(tableLog, frequencies);
  const result = new Float64Array(count);
  let state = bits.take(tableLog);
  for (let i = count - 1; i >= 0; i--) {
    result[i] = values[symbol[state]!]!;
    // After the first element nothing more may be asked of the bits.
    if (i > 0) state = base[state]! + bits.take(bitCount[state]!);
  }
  return result;
}
