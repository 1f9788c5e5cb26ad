/**
 * Functions that generated JavaScript calls, by name. Their text is the text of the functions in `ir`, so the meaning of
 * arithmetic is written once.
 */
import * as minifloat from "../../ir/minifloat.ts";
import * as scalar from "../../ir/scalar.ts";

/** Out-of-range values saturate and NaN becomes zero. */
function toI32(x: number): number {
  if (x !== x) return 0;
  return x >= 2147483647 ? 2147483647 : x <= -2147483648 ? -2147483648 : x | 0;
}
function toI64(x: number): bigint {
  if (x !== x) return 0n;
  return x >= 2 ** 63 ? 2n ** 63n - 1n : x <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(x));
}
function toU64(x: number): bigint {
  if (!(x > 0)) return 0n;
  return x >= 2 ** 64 ? 2n ** 64n - 1n : BigInt(Math.trunc(x));
}
function divI32(a: number, b: number): number {
  return b === 0 ? 0 : (a / b) | 0;
}
function remI32(a: number, b: number): number {
  return b === 0 ? 0 : (a % b) | 0;
}
function divI64(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : BigInt.asIntN(64, a / b);
}
function divU64(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : a / b;
}
function remI64(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : a % b;
}
function shlI32(a: number, b: number): number {
  return b < 0 || b >= 32 ? 0 : a << b;
}
function shrI32(a: number, b: number): number {
  return b < 0 || b >= 32 ? 0 : a >> b;
}
function shlI64(a: bigint, b: bigint): bigint {
  return b < 0n || b >= 64n ? 0n : a << b;
}
function shrI64(a: bigint, b: bigint): bigint {
  return b < 0n || b >= 64n ? 0n : a >> b;
}
function powI32(a: number, b: number): number {
  return Number(BigInt.asIntN(32, integerPower(BigInt(a), BigInt(b))));
}
declare const integerPower: (a: bigint, b: bigint) => bigint;
function maxNum(a: number, b: number): number {
  return a !== a ? b : b !== b ? a : Math.max(a, b);
}
function minNum(a: number, b: number): number {
  return a !== a ? b : b !== b ? a : Math.min(a, b);
}
function maxBig(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
function minBig(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
function floorMod(a: number, b: number): number {
  return a - b * Math.floor(a / b);
}
/** The values of all bit patterns of a float format, and the way back. */
function floatCodec(f: minifloat.FloatFormat): { values: Float32Array; encode: (x: number) => number } {
  const values = new Float32Array(2 ** (f.exponentBits + f.mantissaBits + (f.signed ? 1 : 0)));
  for (let bits = 0; bits < values.length; bits++) values[bits] = decodeFloat(f, bits);
  return { values, encode: encoderOf(f) };
}
declare const decodeFloat: (f: minifloat.FloatFormat, bits: number) => number;
declare const encoderOf: (f: minifloat.FloatFormat) => (x: number) => number;

const functions = {
  toI32,
  toI64,
  toU64,
  divI32,
  remI32,
  divI64,
  divU64,
  remI64,
  shlI32,
  shrI32,
  shlI64,
  shrI64,
  powI32,
  maxNum,
  minNum,
  maxBig,
  minBig,
  floorMod,
  floatCodec,
  rint: scalar.rint,
  erf: scalar.erf,
  cPow: scalar.cPow,
  integerPower: scalar.integerPower,
  magnitudeBits: minifloat.magnitudeBits,
  largestBits: minifloat.largestBits,
  nanBits: minifloat.nanBits,
  roundHalfEven: minifloat.roundHalfEven,
  encodeExponent: minifloat.encodeExponent,
  encodeMagnitude: minifloat.encodeMagnitude,
  encodeFloat: minifloat.encodeFloat,
  encoderOf: minifloat.encoderOf,
  decodeFloat: minifloat.decodeFloat,
};
export type HelperName = keyof typeof functions;

const needs: Partial<Record<HelperName, readonly HelperName[]>> = {
  powI32: ["integerPower"],
  floatCodec: ["encoderOf", "decodeFloat"],
  encoderOf: ["encodeFloat", "nanBits", "magnitudeBits", "largestBits"],
  encodeFloat: ["nanBits", "magnitudeBits", "largestBits", "encodeExponent", "encodeMagnitude"],
  encodeMagnitude: ["largestBits", "roundHalfEven"],
  encodeExponent: ["nanBits", "largestBits"],
  largestBits: ["magnitudeBits"],
  nanBits: ["magnitudeBits", "largestBits"],
  decodeFloat: ["magnitudeBits"],
};

/** The text of the helpers named and of those they call, each once, in a fixed order. */
export function helperText(names: ReadonlySet<HelperName>): string {
  const wanted = new Set<HelperName>();
  const want = (name: HelperName): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const n of needs[name] ?? []) want(n);
  };
  names.forEach(want);
  return (Object.keys(functions) as HelperName[])
    .filter((name) => wanted.has(name))
    .map((name) => `const ${name} = ${functions[name].toString()};\n`)
    .join("");
}
