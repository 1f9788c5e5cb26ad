/**
 * Elements of constants as text, exact for every dtype: the shortest decimal that reads back to the same bits, and the
 * bits themselves (`0x7fc00001`) where no decimal does, as for NaNs with a payload.
 */
import type { Scalar } from "../scalar.ts";
import { readElements, writeElements } from "../storage.ts";
import { byteSize, type DType, integerBits, isFloat, isUnsigned } from "../type.ts";

/** A float as text that reads back to the same f64: `0.1`, `1e-7`, `nan`, `-inf`, `-0`. */
export function formatFloat(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  return Object.is(x, -0) ? "-0" : String(x);
}

const encode = (dtype: DType, value: Scalar): string => hex(writeElements(dtype, [value]));
const hex = (bytes: Uint8Array): string =>
  "0x" +
  [...bytes]
    .reverse()
    .map((b) => b.toString(16).padStart(2, "0"))
    .join("");

/** The shortest decimal that is stored as the same bits as `x`; whole numbers are not shortened. */
function shortest(dtype: DType, x: number, bits: string): string {
  if (dtype === "f64" || !Number.isFinite(x) || (Number.isInteger(x) && Math.abs(x) < 1e9)) return formatFloat(x);
  for (let digits = 1; digits <= 9; digits++) {
    const rounded = Number(x.toPrecision(digits));
    if (encode(dtype, rounded) === bits) return formatFloat(rounded);
  }
  return formatFloat(x);
}

/** A scalar of a compute type in as few digits as it needs. */
export function formatScalar(dtype: DType, value: Scalar): string {
  if (dtype === "bool") return value ? "true" : "false";
  return isFloat(dtype) ? shortest(dtype, Number(value), encode(dtype, Number(value))) : String(value);
}

/** Every element of the bytes as text; `bytes` start at an aligned address. */
export function formatElements(dtype: DType, bytes: Uint8Array): string[] {
  const size = byteSize(dtype);
  return readElements(dtype, bytes).map((value, i) => {
    const bits = hex(bytes.subarray(i * size, (i + 1) * size));
    const text = formatScalar(dtype, value);
    return readElement(dtype, text) === bits ? text : bits;
  });
}

/** The bits, as `0x...`, that the text of one element stands for, or undefined when it does not fit the type. */
function readElement(dtype: DType, text: string): string | undefined {
  const value = parseElement(dtype, text);
  return value === undefined ? undefined : hex(value);
}

/** The range of an integer type. */
function integerRange(dtype: DType): readonly [bigint, bigint] {
  const bits = BigInt(integerBits(dtype));
  return isUnsigned(dtype) ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
}

/** The bytes of one element given as text (`-1.5`, `nan`, `true`, `0x3c00`), or undefined when it does not fit the type. */
export function parseElement(dtype: DType, text: string): Uint8Array | undefined {
  if (dtype === "string") return undefined;
  if (text.startsWith("0x")) return parseBits(dtype, text);
  if (dtype === "bool") return text === "true" || text === "false" ? Uint8Array.of(text === "true" ? 1 : 0) : undefined;
  if (isFloat(dtype)) {
    const value = parseFloatText(text);
    return value === undefined ? undefined : writeElements(dtype, [value]);
  }
  if (!/^-?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  const [low, high] = integerRange(dtype);
  return value < low || value > high
    ? undefined
    : writeElements(dtype, [integerBits(dtype) < 32 || dtype === "i32" ? Number(value) : value]);
}

function parseBits(dtype: DType, text: string): Uint8Array | undefined {
  const size = byteSize(dtype);
  const digits = text.slice(2);
  if (digits.length > 2 * size) return undefined;
  const padded = digits.padStart(2 * size, "0");
  return Uint8Array.from({ length: size }, (_, i) => parseInt(padded.slice(2 * (size - 1 - i), 2 * (size - i)), 16));
}

/** The f64 that `formatFloat` printed, or undefined for other text. */
export function parseFloatText(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = sign < 0 ? text.slice(1) : text;
  if (digits === "nan") return NaN;
  if (digits === "inf") return sign * Infinity;
  return /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(digits) ? sign * Number(digits) : undefined;
}
