/**
 * Floating-point formats narrower than 32 bits: bits to value, value to bits, round to nearest even.
 *
 * Layouts: IEEE 754 binary16; bfloat16 (the upper half of binary32); the OCP 8-bit formats E4M3 and E5M2 and their
 * FNUZ variants, E8M0 and E2M1, as the ONNX specification of its float types gives them.
 */

export interface FloatFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  readonly signed: boolean;
  /** `ieee`: the last exponent is infinity and NaN; `finite`: only all ones is NaN; `fnuz`: only minus zero is; `none`: no NaN. */
  readonly special: "ieee" | "finite" | "fnuz" | "none";
  /** Finite values too large become the largest finite one (ONNX's `saturate`) instead of infinity or NaN; infinity stays where the format has it. */
  readonly saturates: boolean;
}

const format = (
  exponentBits: number,
  mantissaBits: number,
  bias: number,
  special: FloatFormat["special"],
  saturates = false,
  signed = true,
): FloatFormat => ({ exponentBits, mantissaBits, bias, signed, special, saturates });

export const floatFormats = {
  f16: format(5, 10, 15, "ieee"),
  bf16: format(8, 7, 127, "ieee"),
  f8e4m3fn: format(4, 3, 7, "finite", true),
  f8e4m3fnuz: format(4, 3, 8, "fnuz", true),
  f8e5m2: format(5, 2, 15, "ieee", true),
  f8e5m2fnuz: format(5, 2, 16, "fnuz", true),
  f8e8m0: format(8, 0, 127, "finite", true, false),
  f4e2m1: format(2, 1, 1, "none", true),
} as const satisfies Record<string, FloatFormat>;
export type MinifloatType = keyof typeof floatFormats;

export const isMinifloat = (dtype: string): dtype is MinifloatType => dtype in floatFormats;

export const magnitudeBits = (f: FloatFormat): number => f.exponentBits + f.mantissaBits;

/** The bit pattern of the largest finite magnitude. */
export function largestBits(f: FloatFormat): number {
  const all = 2 ** magnitudeBits(f) - 1;
  if (f.special === "ieee") return all - 2 ** f.mantissaBits;
  return f.special === "finite" ? all - 1 : all;
}

export function nanBits(f: FloatFormat): number {
  const all = 2 ** magnitudeBits(f) - 1;
  if (f.special === "ieee") return all - 2 ** f.mantissaBits + 2 ** Math.max(0, f.mantissaBits - 1);
  // Of a format without NaN, minus zero takes its place, as in ONNX's conversions.
  return f.special === "finite" ? all : 2 ** magnitudeBits(f);
}

/** The value of a bit pattern. */
export function decodeFloat(f: FloatFormat, bits: number): number {
  const scale = 2 ** f.mantissaBits;
  const sign = f.signed && bits >= 2 ** magnitudeBits(f) ? -1 : 1;
  const magnitude = bits % 2 ** magnitudeBits(f);
  if (f.special === "fnuz" && sign < 0 && magnitude === 0) return NaN;
  if (f.special === "finite" && magnitude === 2 ** magnitudeBits(f) - 1) return NaN;
  const exponent = Math.floor(magnitude / scale);
  const mantissa = magnitude % scale;
  if (f.special === "ieee" && exponent === 2 ** f.exponentBits - 1) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === 0 && f.signed) return sign * mantissa * 2 ** (1 - f.bias - f.mantissaBits);
  return sign * (1 + mantissa / scale) * 2 ** (exponent - f.bias);
}

export const roundHalfEven = (x: number): number => {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
};

/** The bit pattern nearest to `value`; ties go to the even one. */
export function encodeFloat(f: FloatFormat, value: number, saturate = f.saturates): number {
  if (Number.isNaN(value)) return nanBits(f);
  const negative = value < 0 || Object.is(value, -0);
  const sign = f.signed && negative ? 2 ** magnitudeBits(f) : 0;
  if (!f.signed) return encodeExponent(f, value, saturate);
  const magnitude = encodeMagnitude(f, Math.abs(value), saturate);
  if (magnitude === undefined) return f.special === "ieee" ? sign + largestBits(f) + 1 : nanBits(f);
  return f.special === "fnuz" && magnitude === 0 ? 0 : sign + magnitude;
}

/** `encodeFloat` of one format, quick where the format is like those of IEEE 754. */
export function encoderOf(f: FloatFormat): (value: number) => number {
  if (!f.signed || f.special !== "ieee" || f.saturates) return (value) => encodeFloat(f, value);
  const [nan, infinity, minus, least] = [nanBits(f), largestBits(f) + 1, 2 ** magnitudeBits(f), 1 - f.bias];
  const step = 2 ** f.mantissaBits;
  // What a value of each exponent is multiplied with to be counted in units of the last place.
  const scales = Float64Array.from({ length: f.bias - least + 1 }, (_, i) => step / 2 ** (least + i));
  const bits64 = new BigInt64Array(1);
  const double = new Float64Array(bits64.buffer);
  const words = new Int32Array(bits64.buffer);
  bits64[0] = 1n;
  const high = words[0] === 1 ? 1 : 0;
  return (value) => {
    double[0] = value;
    const word = words[high]!;
    const sign = word < 0 ? minus : 0;
    const exponent = ((word >>> 20) & 0x7ff) - 1023;
    if (exponent > f.bias) return Number.isNaN(value) ? nan : sign + infinity;
    const place = exponent < least ? 0 : exponent - least;
    const units = Math.abs(value) * scales[place]!;
    // Numbers from 2^52 on are whole: the sum is rounded to the nearest, ties to even.
    const bits = units + 4503599627370496 - 4503599627370496 + place * step;
    return bits > infinity ? sign + infinity : sign + bits;
  };
}

/** E8M0 has neither sign nor zero: the power of two nearest to `value` from above at ties. */
export function encodeExponent(f: FloatFormat, value: number, saturate: boolean): number {
  if (value < 0) return nanBits(f);
  if (value === Infinity) return saturate ? largestBits(f) : nanBits(f);
  const exponent = value === 0 ? 0 : Math.round(Math.log2(value)) + f.bias;
  return Math.min(Math.max(exponent, 0), largestBits(f));
}

export function encodeMagnitude(f: FloatFormat, value: number, saturate: boolean): number | undefined {
  const largest = largestBits(f);
  if (value === Infinity) return saturate && f.special !== "ieee" ? largest : undefined;
  const scale = 2 ** f.mantissaBits;
  let exponent = Math.max(Math.floor(Math.log2(value)), 1 - f.bias);
  if (2 ** exponent > value && exponent > 1 - f.bias) exponent--;
  // Counted in units of the last place, normal and subnormal numbers have consecutive patterns.
  const units = roundHalfEven((value / 2 ** exponent) * scale);
  const bits = units + (exponent - (1 - f.bias)) * scale;
  return bits > largest ? (saturate ? largest : undefined) : bits;
}

/** `value` rounded to the format. */
export const roundToFormat = (f: FloatFormat, value: number, saturate = f.saturates): number =>
  decodeFloat(f, encodeFloat(f, value, saturate));
