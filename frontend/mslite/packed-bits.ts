/** Integers of fewer bits than a byte or a word has, packed: offset by half their range, lowest bits first. */

/** Bits of the words that the stream is cut into. */
const wordBits = (bits: number): number => (bits < 8 ? 8 : 16);

/** Bytes that `count` integers of `bits` bits take. */
export function packedBytes(count: number, bits: number): number {
  const word = wordBits(bits);
  return (Math.ceil((count * bits) / word) * word) / 8;
}

export function packBits(values: ArrayLike<number>, bits: number): Uint8Array {
  const bytes = new Uint8Array(packedBytes(values.length, bits));
  const offset = 2 ** (bits - 1);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]! + offset;
    for (let b = 0; b < bits; b++, at++) if ((v >>> b) & 1) bytes[at >>> 3]! |= 1 << (at & 7);
  }
  return bytes;
}

/** The first `count` integers of a stream that holds so many. */
export function unpackBits(bytes: Uint8Array, bits: number, count: number): Int16Array {
  const values = new Int16Array(count);
  const offset = 2 ** (bits - 1);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let v = 0;
    for (let b = 0; b < bits; b++, at++) v |= ((bytes[at >>> 3]! >>> (at & 7)) & 1) << b;
    values[i] = v - offset;
  }
  return values;
}
