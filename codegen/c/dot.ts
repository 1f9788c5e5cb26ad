/**
 * Sums of products of small integers that lie side by side: what a `dot` loop is in C. One helper adds the products of
 * one group (four bytes, or two i16) by the group of each lane to the lanes of i32; every machine gives the same bits.
 */
import type { Atom, Dim } from "../../ir/dim.ts";
import { stride, substituteDim } from "../../ir/dim-atoms.ts";
import { type Load, load, type Expr } from "../../ir/expr.ts";
import type { Stmt } from "../../ir/loop.ts";
import { byteSize, type DType, isByte } from "../../ir/type.ts";
import { type PaddedLoad, paddedLoad } from "../roles.ts";
import type { Helpers } from "./helpers.ts";
import type { Variance } from "./lanes.ts";
import { choose } from "./narrow.ts";
import { storageType } from "./types.ts";

/** A `dot` loop at its first point: `sum += spread * vector`, lane by lane. */
export interface Dot {
  readonly sum: Load;
  readonly spread: PaddedLoad;
  readonly vector: Load;
  /** Products per lane. */
  readonly group: number;
}

/** The loop's parts; undefined where it is no sum of products of groups that a helper can load. */
export function dotOf(s: Stmt & { readonly kind: "for" }, variance: Variance): Dot | undefined {
  const [only] = s.body;
  const group = s.loop.extent;
  if (s.body.length !== 1 || only?.kind !== "store" || only.combine || (group !== 2 && group !== 4)) return undefined;
  const { value } = only;
  const sum = load(only.buffer, only.at);
  if (value.kind !== "binary" || value.op !== "add" || value.a !== sum || value.b.kind !== "binary" || value.b.op !== "mul")
    return undefined;
  const [a, b] = [value.b.a, value.b.b];
  const first = new Map<Atom, Dim>([[s.loop, 0]]);
  const parts = (x: Expr, y: Expr): Dot | undefined => {
    const spread = paddedLoad(x);
    if (!spread || y.kind !== "load") return undefined;
    const [at, from] = [y.at[0] ?? 0, spread.load.at[0] ?? 0];
    const isSideBySide = stride(at, s.loop) === 1 && stride(from, s.loop) === 1;
    const fits = isSideBySide && variance.stride(at) === group && variance.stride(from) === 0 && isFit(group, spread.load, y);
    if (!fits || [spread.inside, spread.outside].some((e) => e && variance.expr(e))) return undefined;
    const atFirst = (l: Load): Load =>
      load(
        l.buffer,
        l.at.map((d) => substituteDim(d, first)),
      );
    return { sum, spread: { ...spread, load: atFirst(spread.load) }, vector: atFirst(y), group };
  };
  return parts(a, b) ?? parts(b, a);
}

/** Whether a helper takes these types: four bytes by i8, or two i16 by i16 or i8. */
function isFit(group: number, spread: Load, vector: Load): boolean {
  const [x, w] = [spread.buffer.dtype, vector.buffer.dtype];
  return group === 4 ? isByte(x) && w === "i8" : x === "i16" && (w === "i16" || w === "i8");
}

/** A group from the address `pointer` on, as the bits of an i32. */
export function loadGroup(h: Helpers, dtype: DType, group: number, pointer: string): string {
  const name = `load_${group}_${dtype}`;
  const type = storageType(dtype);
  h.define(name, () => `int32_t ${name}(const ${type} *p) { int32_t r; memcpy(&r, p, ${group * byteSize(dtype)}); return r; }`);
  return `${name}(${pointer})`;
}

/** A group whose elements are all `x`. */
export function fillGroup(h: Helpers, group: number, x: string): string {
  if (x === "0") return x;
  const [mask, ones] = group === 4 ? ["0xffu", "0x01010101u"] : ["0xffffu", "0x00010001u"];
  const name = h.define(`fill_${group}`, () => `int32_t fill_${group}(int32_t x) { return (int32_t)(((uint32_t)x & ${mask}) * ${ones}); }`);
  return `${name}(${x})`;
}

/** The lanes of `sum` plus the sum of the products of the group `image` by the groups of the lanes from the address `weights` on. */
export function dotText(
  h: Helpers,
  [x, w]: readonly [DType, DType],
  group: number,
  lanes: number,
  operands: readonly [sum: string, image: string, weights: string],
): string {
  const name = `dot${group}_${x}_${w}x${lanes}`;
  h.usesIntrinsics = true;
  const t = h.type("i32", lanes);
  h.define(
    name,
    () =>
      `${t} ${name}(${t} sum, int32_t x, const ${storageType(w)} *w) {\n${group === 4 ? bytes(h, x, lanes, t) : pairs(h, w, lanes, t)}\n}`,
    true,
  );
  return `${name}(${operands.join(", ")})`;
}

/**
 * Four products of bytes. Without an instruction for them, the even and the odd bytes of each lane are widened to 16
 * bits and multiplied in pairs, which no sum of two products overflows.
 */
function bytes(h: Helpers, x: DType, lanes: number, t: string): string {
  const i16 = h.vector(`i16x${2 * lanes}`, "int16_t", 4 * lanes);
  const u16 = h.vector(`u16x${2 * lanes}`, "uint16_t", 4 * lanes);
  const odd = (v: string, isSigned: boolean): string => (isSigned ? `(${i16})${v} >> 8` : `(${i16})((${u16})${v} >> 8)`);
  const even = (v: string, isSigned: boolean): string => (isSigned ? `(${i16})((${u16})${v} << 8) >> 8` : `(${i16})((${u16})${v} & 0xff)`);
  const isSigned = x === "i8";
  const madd = addPairs(h, lanes);
  const general = [
    `${t} v, u = x - (${t}){0};`,
    "memcpy(&v, w, sizeof v);",
    `sum = ${madd}(sum, ${even("u", isSigned)}, ${even("v", true)});`,
    `return ${madd}(sum, ${odd("u", isSigned)}, ${odd("v", true)});`,
  ].join("\n  ");
  return choose(isSigned ? signedBytes(lanes, t) : unsignedBytes(lanes, t), general);
}

/** `vpdpbusd`: unsigned bytes by signed ones. */
function unsignedBytes(lanes: number, t: string): [string, string][] {
  switch (lanes) {
    case 16:
      return [["defined(__AVX512VNNI__)", `return (${t})_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(x), _mm512_loadu_si512(w));`]];
    case 8: {
      const operands = "(__m256i)sum, _mm256_set1_epi32(x), _mm256_loadu_si256((const __m256i *)(const void *)w)";
      return [
        ["defined(__AVXVNNI__)", `return (${t})_mm256_dpbusd_avx_epi32(${operands});`],
        ["defined(__AVX512VNNI__) && defined(__AVX512VL__)", `return (${t})_mm256_dpbusd_epi32(${operands});`],
      ];
    }
    default:
      return [];
  }
}

/** `sdot`: signed bytes by signed ones. */
const signedBytes = (lanes: number, t: string): [string, string][] =>
  lanes === 4
    ? [["defined(__ARM_FEATURE_DOTPROD)", `return (${t})vdotq_s32((int32x4_t)sum, vld1q_s8(w), vreinterpretq_s8_s32(vdupq_n_s32(x)));`]]
    : [];

/** Two products of i16. */
function pairs(h: Helpers, w: DType, lanes: number, t: string): string {
  const i16 = h.vector(`i16x${2 * lanes}`, "int16_t", 4 * lanes);
  const narrow = w === "i8" ? h.vector(`int8x${2 * lanes}_in_memory`, "int8_t", 2 * lanes) : i16;
  const widened = w === "i8" ? `__builtin_convertvector(m, ${i16})` : "m";
  const madd = addPairs(h, lanes);
  const general = [`${narrow} m;`, "memcpy(&m, w, sizeof m);", `return ${madd}(sum, (${i16})(x - (${t}){0}), ${widened});`].join("\n  ");
  return choose(w === "i8" ? widening(lanes, madd, i16, t) : [], general);
}

/** Loads that widen i8 to i16, which compilers do not always find. */
function widening(lanes: number, madd: string, i16: string, t: string): [string, string][] {
  const sum = (v: string): string => `return ${madd}(sum, (${i16})(x - (${t}){0}), (${i16})${v});`;
  switch (lanes) {
    case 16:
      return [["defined(__AVX512BW__)", sum("_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w))")]];
    case 8:
      return [["defined(__AVX2__)", sum("_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w))")]];
    case 4:
      return [["defined(__SSE4_1__)", sum("_mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)w))")]];
    default:
      return [];
  }
}

/**
 * `sum` plus the sums of neighbouring products of i16. The empty assembly keeps compilers from adding products to each
 * other first, for which there are not registers enough.
 */
function addPairs(h: Helpers, lanes: number): string {
  const name = `add_pairs_x${lanes}`;
  const [t, u, i16] = [h.type("i32", lanes), h.type("u32", lanes), h.vector(`i16x${2 * lanes}`, "int16_t", 4 * lanes)];
  const low = (v: string): string => `((${t})((${u})${v} << 16) >> 16)`;
  const high = (v: string): string => `((${t})${v} >> 16)`;
  const plus = (products: string): string => `sum = (${t})((${u})sum + (${u})${products});`;
  const branches = addInstructions(lanes).map(([condition, products, register]): readonly [string, string] => [
    condition,
    `${plus(products)} __asm__("" : "+${register}"(sum)); return sum;`,
  ]);
  const general = `${plus(`(${low("a")} * ${low("b")} + ${high("a")} * ${high("b")})`)} return sum;`;
  return h.define(name, () => `${t} ${name}(${t} sum, ${i16} a, ${i16} b) {\n${choose(branches, general)}\n}`, true);
}

/** Where there is an instruction for it: condition, products, and the kind of register that holds the sum. */
function addInstructions(lanes: number): [string, string, string][] {
  switch (lanes) {
    case 16:
      return [["defined(__AVX512BW__)", "_mm512_madd_epi16((__m512i)a, (__m512i)b)", "v"]];
    case 8:
      return [["defined(__AVX2__)", "_mm256_madd_epi16((__m256i)a, (__m256i)b)", "x"]];
    case 4:
      return [["defined(__SSE2__)", "_mm_madd_epi16((__m128i)a, (__m128i)b)", "x"]];
    default:
      return [];
  }
}
