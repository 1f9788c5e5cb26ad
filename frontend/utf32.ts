/** Texts as NumPy keeps them: UTF-32, little-endian, padded with zeros. */

/** Undefined where a character does not exist. */
export function decodeUtf32(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points = Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
  if (points.some((p) => p > 0x10ffff || (p >= 0xd800 && p < 0xe000))) return undefined;
  return points
    .map((p) => String.fromCodePoint(p))
    .join("")
    .replace(/\0+$/, "");
}

/** Padded to `length` characters. */
export function encodeUtf32(text: string, length = charactersOf(text)): Uint8Array {
  const view = new DataView(new ArrayBuffer(length * 4));
  Array.from(text).forEach((c, i) => {
    view.setUint32(i * 4, c.codePointAt(0)!, true);
  });
  return new Uint8Array(view.buffer);
}

export const charactersOf = (text: string): number => Array.from(text).length;
