/** Reads numbers from bytes bit by bit, the highest bit of a byte first. */
import { OpError } from "../../ir/diagnostic.ts";

export class BitReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  bit(): number {
    const byte = this.bytes[this.at >>> 3];
    if (byte === undefined) throw new OpError("the bits end too early", "truncated");
    return (byte >>> (7 - (this.at++ & 7))) & 1;
  }

  /** At most 32 bits, the highest first. */
  take(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) value = value * 2 + this.bit();
    return value;
  }
}

/** Bits that tell `n` things apart. */
export const bitsFor = (n: number): number => (n <= 1 ? 0 : 32 - Math.clz32(n - 1));
