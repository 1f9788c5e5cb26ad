/**
 * Lanes of i32 from and to memory of 8 and 16 bits. Compilers convert vectors lane by lane where the sizes differ fourfold,
 * so that it is done in two steps, or by the machine's own operations.
 */
import { type DType, isByte, isUnsigned } from "../../ir/type.ts";
import type { Helpers } from "./helpers.ts";

/** The small integer types whose values are i32. */
export type NarrowType = "i8" | "u8" | "i16" | "u16";
export const isNarrow = (dtype: DType): dtype is NarrowType => isByte(dtype) || dtype === "i16" || dtype === "u16";

/** Branches of the preprocessor; the last one has no condition. */
export const choose = (branches: readonly (readonly [condition: string, body: string])[], otherwise: string): string =>
  branches.length === 0
    ? `  ${otherwise}`
    : [...branches.flatMap(([c, b], i) => [`#${i === 0 ? "if" : "elif"} ${c}`, `  ${b}`]), "#else", `  ${otherwise}`, "#endif"].join("\n");

/** A vector of `lanes` elements in memory. */
function memory(h: Helpers, dtype: NarrowType, lanes: number): string {
  const element = `${isUnsigned(dtype) ? "uint" : "int"}${dtype.slice(1)}`;
  return h.vector(`${element}x${lanes}_in_memory`, `${element}_t`, lanes * (isByte(dtype) ? 1 : 2));
}

/** The body of a function that loads lanes of `type` from the pointer `p`. */
export function widenBody(h: Helpers, dtype: NarrowType, lanes: number, type: string): string {
  h.usesIntrinsics = true;
  const name = `${isUnsigned(dtype) ? "epu" : "epi"}${dtype.slice(1)}`;
  const half = isUnsigned(dtype) ? "u16" : ("i16" as const);
  const read = `${memory(h, dtype, lanes)} m; memcpy(&m, p, sizeof m);`;
  const inSteps = isByte(dtype) ? `__builtin_convertvector(m, ${memory(h, half, lanes)})` : "m";
  const bytes = lanes * (isByte(dtype) ? 1 : 2);
  const from: Record<number, string> = {
    4: "int32_t m; memcpy(&m, p, sizeof m); __m128i v = _mm_cvtsi32_si128(m);",
    8: "__m128i v = _mm_loadl_epi64((const __m128i *)(const void *)p);",
    16: "__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);",
    32: "__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);",
  };
  const own: Record<number, readonly [string, string]> = {
    4: ["defined(__SSE4_1__)", `_mm_cvt${name}_epi32(v)`],
    8: ["defined(__AVX2__)", `_mm256_cvt${name}_epi32(v)`],
    16: ["defined(__AVX512F__)", `_mm512_cvt${name}_epi32(v)`],
  };
  const branch = own[lanes];
  const body = `${read} return __builtin_convertvector(${inSteps}, ${type});`;
  return choose(branch ? [[branch[0], `${from[bytes]} return (${type})${branch[1]};`]] : [], body);
}

/** The body of a function that stores the lanes `x`, without what they have beyond the type, to the pointer `p`. */
export function narrowBody(h: Helpers, dtype: NarrowType, lanes: number): string {
  h.usesIntrinsics = true;
  const kept = isByte(dtype) ? 255 : 65535;
  const half = isUnsigned(dtype) ? "u16" : ("i16" as const);
  const inSteps = isByte(dtype) ? `__builtin_convertvector(x, ${memory(h, half, lanes)})` : "x";
  const [small, large] = ["(__m128i *)(void *)p", "(__m256i *)(void *)p"];
  const last = isByte(dtype) ? "v = _mm_packus_epi16(v, v); " : "";
  const bits = isByte(dtype) ? "8" : "16";
  const own: Record<number, readonly (readonly [string, string])[]> = {
    4: [
      [
        "defined(__SSE4_1__)",
        `__m128i v = (__m128i)(x & ${kept}); v = _mm_packus_epi32(v, v); ${
          isByte(dtype) ? `${last}int32_t m = _mm_cvtsi128_si32(v); memcpy(p, &m, sizeof m);` : `_mm_storel_epi64(${small}, v);`
        }`,
      ],
    ],
    8: [
      [
        "defined(__AVX2__)",
        `__m256i w = (__m256i)(x & ${kept}); __m128i v = _mm_packus_epi32(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1)); ${last}${
          isByte(dtype) ? "_mm_storel_epi64" : "_mm_storeu_si128"
        }(${small}, v);`,
      ],
    ],
    16: [
      [
        "defined(__AVX512F__)",
        isByte(dtype)
          ? `_mm_storeu_si128(${small}, _mm512_cvtepi32_epi${bits}((__m512i)x));`
          : `_mm256_storeu_si256(${large}, _mm512_cvtepi32_epi${bits}((__m512i)x));`,
      ],
    ],
  };
  const general = `${memory(h, dtype, lanes)} m = __builtin_convertvector(${inSteps}, ${memory(h, dtype, lanes)}); memcpy(p, &m, sizeof m);`;
  return choose(own[lanes] ?? [], general);
}
