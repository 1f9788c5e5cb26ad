/** Elements in memory and as values: loads, stores and rounding of every storage type, one value or lanes at a time. */
import { type FloatFormat, floatFormats, isMinifloat, type MinifloatType } from "../../ir/minifloat.ts";
import { byteSize, computeType, type DType, integerBits, isInteger, isUnsigned } from "../../ir/type.ts";
import type { Helpers } from "./helpers.ts";
import { decodeHalf, encodeHalf, isHalf, loadHalf, memoryVector, roundHalf, storeHalf } from "./half.ts";
import { isNarrow, narrowBody, widenBody } from "./narrow.ts";
import { storageType, valueType } from "./types.ts";

/** An element, given as C text of the storage type, as a value of the compute type. */
export function decode(h: Helpers, dtype: DType, text: string): string {
  if (isMinifloat(dtype)) return `${defineDecode(h, dtype)}(${text})`;
  if (dtype === "bool") return `(${text} != 0)`;
  return dtype === "u32" ? `(int64_t)${text}` : text;
}

/** A value of the compute type, given as C text, as an element. */
export function encode(h: Helpers, dtype: DType, text: string): string {
  if (isMinifloat(dtype)) return `${defineEncode(h, dtype)}(${text})`;
  const type = storageType(dtype);
  if (dtype === "bool") return `(${type})(${text})`;
  if (!isInteger(dtype)) return text;
  const bits = integerBits(dtype);
  if (bits >= 8) return type === valueType(computeType(dtype)) ? text : `(${type})${text}`;
  const mask = 2 ** bits - 1;
  return isUnsigned(dtype) ? `(uint8_t)(${text} & ${mask})` : `(int8_t)(((${text} & ${mask}) ^ ${2 ** (bits - 1)}) - ${2 ** (bits - 1)})`;
}

/** The value as it comes back after a store to memory of type `dtype`. */
export function roundTo(h: Helpers, dtype: DType, lanes: number, text: string): string {
  const compute = computeType(dtype);
  if (lanes === 1) return compute === dtype ? text : decode(h, dtype, encode(h, dtype, text));
  const name = `round_${dtype}x${lanes}`;
  const type = h.type(compute, lanes);
  h.define(name, () => roundLanes(h, dtype, lanes, name, type), true);
  return `${name}(${text})`;
}

function roundLanes(h: Helpers, dtype: DType, lanes: number, name: string, type: string): string {
  if (isInteger(dtype)) {
    const bits = integerBits(dtype);
    const masked = dtype === "u32" ? "x & 0xffffffffLL" : `x & ${2 ** bits - 1}`;
    return `${type} ${name}(${type} x) { return ${isUnsigned(dtype) ? `(${masked})` : `((${masked}) ^ ${2 ** (bits - 1)}) - ${2 ** (bits - 1)}`}; }`;
  }
  if (isHalf(dtype)) return `${type} ${name}(${type} x) {\n${roundHalf(h, dtype, lanes)}\n}`;
  const each = decode(h, dtype, encode(h, dtype, "x[l]"));
  return `${type} ${name}(${type} x) { for (int l = 0; l < ${lanes}; l++) x[l] = ${each}; return x; }`;
}

/** `lanes` elements from the address `pointer` on, as a vector of the compute type. */
export function loadLanes(h: Helpers, dtype: DType, lanes: number, pointer: string): string {
  const name = `load_${dtype}x${lanes}`;
  const [type, element] = [h.type(computeType(dtype), lanes), storageType(dtype)];
  h.define(name, () => `${type} ${name}(const ${element} *p) { ${loadBody(h, dtype, lanes, type, element)} }`, true);
  return `${name}(${pointer})`;
}

function loadBody(h: Helpers, dtype: DType, lanes: number, type: string, element: string): string {
  const compute = computeType(dtype);
  if (isHalf(dtype)) return `\n${loadHalf(h, dtype, lanes)}\n`;
  if (isMinifloat(dtype)) {
    return `${type} r = {0}; for (int l = 0; l < ${lanes}; l++) r[l] = ${decode(h, dtype, "p[l]")}; return r;`;
  }
  if (compute === dtype && dtype !== "bool") return `${type} r; memcpy(&r, p, sizeof r); return r;`;
  if (isNarrow(dtype)) return `\n${widenBody(h, dtype, lanes, type)}\n`;
  const memory = memoryVector(h, element, byteSize(dtype), lanes);
  const read = `${memory} m; memcpy(&m, p, sizeof m);`;
  if (dtype === "bool") return `${read} return __builtin_convertvector(m, ${h.type("i32", lanes)}) != 0;`;
  return `${read} return __builtin_convertvector(m, ${type});`;
}

/** A statement's text: `lanes` values, a vector, stored from the address `pointer` on. */
export function storeLanes(h: Helpers, dtype: DType, lanes: number, pointer: string, value: string): string {
  const name = `store_${dtype}x${lanes}`;
  const [type, element] = [h.type(computeType(dtype), lanes), storageType(dtype)];
  h.define(name, () => `void ${name}(${element} *p, ${type} x) { ${storeBody(h, dtype, lanes, element)} }`, true);
  return `${name}(${pointer}, ${value})`;
}

function storeBody(h: Helpers, dtype: DType, lanes: number, element: string): string {
  if (isHalf(dtype)) return `\n${storeHalf(h, dtype, lanes)}\n`;
  if (isMinifloat(dtype)) return `for (int l = 0; l < ${lanes}; l++) p[l] = ${encode(h, dtype, "x[l]")};`;
  if (computeType(dtype) === dtype && dtype !== "bool") return "memcpy(p, &x, sizeof x);";
  if (isNarrow(dtype)) return `\n${narrowBody(h, dtype, lanes)}\n`;
  const memory = memoryVector(h, element, byteSize(dtype), lanes);
  const converted = dtype === "bool" ? "x & 1" : subByte(h, dtype, lanes);
  return `${memory} m = __builtin_convertvector(${converted}, ${memory}); memcpy(p, &m, sizeof m);`;
}

const subByte = (h: Helpers, dtype: DType, lanes: number): string => (integerBits(dtype) < 8 ? roundTo(h, dtype, lanes, "x") : "x");

function defineDecode(h: Helpers, dtype: MinifloatType): string {
  if (isHalf(dtype)) return decodeHalf(h, dtype, 1);
  const name = `${dtype}_to_f32`;
  return h.define(name, () => decodeSmall(h, name, floatFormats[dtype]));
}

function defineEncode(h: Helpers, dtype: MinifloatType): string {
  if (isHalf(dtype)) return encodeHalf(h, dtype, 1);
  const name = `f32_to_${dtype}`;
  return h.define(name, () => (floatFormats[dtype].signed ? encodeSmall(h, name, floatFormats[dtype]) : encodeExponent(h, name)));
}

const magnitudeBits = (f: FloatFormat): number => f.exponentBits + f.mantissaBits;

/** Value of the bits, as `ir/minifloat.ts` defines it. */
function decodeSmall(h: Helpers, name: string, f: FloatFormat): string {
  const [all, sign] = [2 ** magnitudeBits(f) - 1, 2 ** magnitudeBits(f)];
  h.math("NAN");
  const checks = [
    ...(f.special === "fnuz" ? [`if (x == ${sign}u) return NAN;`] : []),
    ...(f.special === "finite" ? [`if (m == ${all}u) return NAN;`] : []),
    ...(f.special === "ieee"
      ? [`if (m >= ${all + 1 - 2 ** f.mantissaBits}u) return m == ${all + 1 - 2 ** f.mantissaBits}u ? s * INFINITY : NAN;`]
      : []),
  ];
  const value = f.signed
    ? `uint32_t e = m >> ${f.mantissaBits}, r = m & ${2 ** f.mantissaBits - 1}u;
  return s * (e == 0 ? ldexpf((float)r, ${1 - f.bias - f.mantissaBits}) : ldexpf((float)(r + ${2 ** f.mantissaBits}u), (int)e - ${f.bias + f.mantissaBits}));`
    : `return ldexpf(1.0f, (int)m - ${f.bias});`;
  const signText = f.signed ? `float s = x >= ${sign}u ? -1.0f : 1.0f; ` : "";
  return `float ${name}(uint32_t x) {\n  uint32_t m = x & ${all}u; ${signText}${checks.join(" ")}\n  ${value}\n}`;
}

const nanOf = (f: FloatFormat): number => {
  const all = 2 ** magnitudeBits(f) - 1;
  if (f.special === "ieee") return all + 1 - 2 ** f.mantissaBits + 2 ** Math.max(0, f.mantissaBits - 1);
  return f.special === "finite" ? all : all + 1;
};

const largestOf = (f: FloatFormat): number => {
  const all = 2 ** magnitudeBits(f) - 1;
  return f.special === "ieee" ? all - 2 ** f.mantissaBits : f.special === "finite" ? all - 1 : all;
};

/** Nearest even, counted in units of the last place; what is finite and too large becomes the largest. */
function encodeSmall(h: Helpers, name: string, f: FloatFormat): string {
  h.math("fabsf");
  const sign = 2 ** magnitudeBits(f);
  const zero = f.special === "fnuz" ? "n == 0 ? 0 : " : "";
  const infinity = f.special === "ieee" ? `\n  if (a > 3.40282347e38f) return (uint8_t)(s + ${largestOf(f) + 1});` : "";
  return `uint8_t ${name}(float x) {
  if (x != x) return ${nanOf(f)};
  int e, s = signbit(x) ? ${sign} : 0;
  float a = fabsf(x);${infinity}
  if (a > 0x1p120f) return (uint8_t)(s + ${largestOf(f)});
  (void)frexpf(a, &e);
  e = e - 1 < ${1 - f.bias} || a == 0.0f ? ${1 - f.bias} : e - 1;
  float units = ldexpf(a, ${f.mantissaBits} - e), low = floorf(units), rest = units - low;
  int n = (int)low;
  if (rest > 0.5f || (rest == 0.5f && n % 2 != 0)) n++;
  n += (e - ${1 - f.bias}) * ${2 ** f.mantissaBits};
  if (n > ${largestOf(f)}) n = ${largestOf(f)};
  return (uint8_t)(${zero}s + n);
}`;
}

/** E8M0: the nearest power of two. */
function encodeExponent(h: Helpers, name: string): string {
  h.math("frexpf");
  return `uint8_t ${name}(float x) {
  if (x != x || x < 0.0f) return 255;
  if (x == 0.0f) return 0;
  if (x > 3.40282347e38f) return 254;
  int e;
  float m = frexpf(x, &e);
  e += m >= 0.70710678f ? 127 : 126;
  return (uint8_t)(e < 0 ? 0 : e > 254 ? 254 : e);
}`;
}
