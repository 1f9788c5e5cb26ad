/**
 * f16 and bf16, whose values are f32: by the machine's own conversions where it has them, else by integers. Both round to
 * nearest even, and store every NaN as one.
 */
import type { DType } from "../../ir/type.ts";
import type { Helpers } from "./helpers.ts";
import { defineBitCopy } from "./math.ts";
import { choose } from "./narrow.ts";

type HalfType = "f16" | "bf16";
export const isHalf = (dtype: DType): dtype is HalfType => dtype === "f16" || dtype === "bf16";

/** A name for vectors in memory, which are aligned to their elements only. */
export function memoryVector(h: Helpers, element: string, bytes: number, lanes: number): string {
  return h.vector(`${element.replace(/_t$/, "")}x${lanes}_in_memory`, element, bytes * lanes);
}

/** Conversions of f16 by lanes: the vector of f32 `v` from the pointer `p`, and `v` to it. */
interface Conversion {
  readonly condition: string;
  readonly load: string;
  readonly store: string;
  /** As if `v` was stored and loaded. */
  readonly round: string;
}

/** F16C and AVX-512F, with the rounding mode 0, to nearest even; Armv8-A, whose default it is. */
const conversions: Readonly<Record<number, readonly Conversion[]>> = {
  4: [
    {
      condition: "defined(__F16C__)",
      load: "_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)(const void *)p))",
      store: "_mm_storel_epi64((__m128i *)(void *)p, _mm_cvtps_ph((__m128)v, 0))",
      round: "_mm_cvtph_ps(_mm_cvtps_ph((__m128)v, 0))",
    },
    {
      condition: "defined(__aarch64__)",
      load: "vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))",
      store: "vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v)))",
      round: "vcvt_f32_f16(vcvt_f16_f32((float32x4_t)v))",
    },
  ],
  8: [
    {
      condition: "defined(__F16C__)",
      load: "_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p))",
      store: "_mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph((__m256)v, 0))",
      round: "_mm256_cvtph_ps(_mm256_cvtps_ph((__m256)v, 0))",
    },
  ],
  16: [
    {
      condition: "defined(__AVX512F__)",
      load: "_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p))",
      store: "_mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph((__m512)v, 0))",
      round: "_mm512_cvtph_ps(_mm512_cvtps_ph((__m512)v, 0))",
    },
  ],
};

function conversionsOf(h: Helpers, dtype: HalfType, lanes: number): readonly Conversion[] {
  if (dtype === "bf16") return [];
  h.usesIntrinsics = true;
  return conversions[lanes] ?? [];
}

/** The body of a function that gives the `lanes` elements from the pointer `p` on. */
export function loadHalf(h: Helpers, dtype: HalfType, lanes: number): string {
  const memory = memoryVector(h, "uint16_t", 2, lanes);
  const read = `${memory} m; memcpy(&m, p, sizeof m);`;
  return choose(
    conversionsOf(h, dtype, lanes).map((c) => [c.condition, `return (${h.type("f32", lanes)})${c.load};`]),
    `${read} return ${decodeHalf(h, dtype, lanes)}(__builtin_convertvector(m, ${h.type("u32", lanes)}));`,
  );
}

/** The body of a function that stores the lanes `x` from the pointer `p` on. */
export function storeHalf(h: Helpers, dtype: HalfType, lanes: number): string {
  const memory = memoryVector(h, "uint16_t", 2, lanes);
  const on = bitTypes(h, lanes);
  const oneNan = `${on.f} v = ${on.float(on.select("x == x", on.bits("x"), `((${on.u}){0} + 0x7fc00000u)`))};`;
  return choose(
    conversionsOf(h, dtype, lanes).map((c) => [c.condition, `${oneNan} ${c.store};`]),
    `${memory} m = __builtin_convertvector(${encodeHalf(h, dtype, lanes)}(x), ${memory}); memcpy(p, &m, sizeof m);`,
  );
}

/** The body of a function that gives the lanes `x` as they come back after a store. */
export function roundHalf(h: Helpers, dtype: HalfType, lanes: number): string {
  const type = h.type("f32", lanes);
  const general = `return ${decodeHalf(h, dtype, lanes)}(${encodeHalf(h, dtype, lanes)}(x));`;
  return choose(
    conversionsOf(h, dtype, lanes).map((c) => [c.condition, `${type} v = x; return (${type})${c.round};`]),
    general,
  );
}

type Branch = readonly [condition: string, body: string];

function scalarDecodings(h: Helpers): readonly Branch[] {
  h.usesIntrinsics = true;
  return [
    ["defined(__F16C__)", "return _cvtsh_ss((uint16_t)x);"],
    ["defined(__aarch64__)", "uint16_t b = (uint16_t)x; __fp16 r; memcpy(&r, &b, sizeof r); return r;"],
  ];
}

function scalarEncodings(h: Helpers): readonly Branch[] {
  h.usesIntrinsics = true;
  return [
    ["defined(__F16C__)", "return x == x ? _cvtss_sh(x, 0) : 0x7e00u;"],
    ["defined(__aarch64__)", "__fp16 v = x; uint16_t b; memcpy(&b, &v, sizeof b); return x == x ? b : 0x7e00u;"],
  ];
}

const bitTypes = (
  h: Helpers,
  lanes: number,
): {
  f: string;
  u: string;
  bits: (x: string) => string;
  float: (x: string) => string;
  select: (c: string, a: string, b: string) => string;
} => {
  const [f, u] = [h.type("f32", lanes), h.type("u32", lanes)];
  if (lanes > 1) {
    const mask = h.type("i32", lanes);
    return {
      f,
      u,
      bits: (x) => `((${u})${x})`,
      float: (x) => `((${f})(${x}))`,
      select: (c, a, b) => `((${u})(((${mask})(${c}) & (${mask})(${a})) | (~(${mask})(${c}) & (${mask})(${b}))))`,
    };
  }
  defineBitCopy(h, "bits_f32", "float", "uint32_t");
  defineBitCopy(h, "f32_of_bits", "uint32_t", "float");
  return { f, u, bits: (x) => `bits_f32(${x})`, float: (x) => `f32_of_bits(${x})`, select: (c, a, b) => `(${c} ? ${a} : ${b})` };
};

const named = (base: string, lanes: number): string => (lanes === 1 ? base : `${base}_x${lanes}`);

/** f16: the exponent is moved by a multiplication, which also normalises subnormal numbers. */
export function decodeHalf(h: Helpers, dtype: HalfType, lanes: number): string {
  const name = named(`${dtype}_to_f32`, lanes);
  const on = bitTypes(h, lanes);
  if (dtype === "bf16") return h.define(name, () => `${on.f} ${name}(${on.u} x) { return ${on.float("x << 16")}; }`, lanes > 1);
  const body = `${on.f} v = ${on.float("(x & 0x7fffu) << 13")} * 0x1p112f;
  ${on.u} b = ${on.bits("v")};
  b = b | ${on.select("(x & 0x7c00u) == 0x7c00u", lanes === 1 ? "0x7f800000u" : `((${on.u}){0} + 0x7f800000u)`, lanes === 1 ? "0u" : `(${on.u}){0}`)};
  return ${on.float("b | ((x & 0x8000u) << 16)")};`;
  if (lanes === 1) return h.define(name, () => `float ${name}(uint32_t x) {\n${choose(scalarDecodings(h), body)}\n}`);
  return h.define(name, () => `${on.f} ${name}(${on.u} x) {\n  ${body}\n}`, true);
}

/** Rounds to nearest even: by integers, and below the least normal number by a float addition. */
export function encodeHalf(h: Helpers, dtype: HalfType, lanes: number): string {
  const name = named(`f32_to_${dtype}`, lanes);
  const on = bitTypes(h, lanes);
  const k = (text: string): string => (lanes === 1 ? text : `((${on.u}){0} + ${text})`);
  const result = lanes === 1 ? "uint16_t" : on.u;
  const cast = lanes === 1 ? "(uint16_t)" : "";
  const head = `${on.u} b = ${on.bits("x")}, a = b & 0x7fffffffu, s = (b & 0x80000000u) >> 16;`;
  const half = `${on.u} n = (a + 0xfffu + ((a >> 13) & 1u) - 0x38000000u) >> 13;
  ${on.u} d = ${on.bits(`(${on.float("a")} + 0.5f)`)} - 0x3f000000u;
  n = ${on.select("a < 0x38800000u", "d", "n")};
  n = ${on.select("a >= 0x477ff000u", k("0x7c00u"), "n")};
  return ${cast}${on.select("a > 0x7f800000u", k("0x7e00u"), "(n | s)")};`;
  const brain = `${on.u} n = (a + 0x7fffu + ((a >> 16) & 1u)) >> 16;
  return ${cast}${on.select("a > 0x7f800000u", k("0x7fc0u"), "(n | s)")};`;
  const body = `${head}\n  ${dtype === "f16" ? half : brain}`;
  const branches = dtype === "f16" && lanes === 1 ? scalarEncodings(h) : [];
  return h.define(name, () => `${result} ${name}(${on.f} x) {\n${choose(branches, body)}\n}`, lanes > 1);
}
