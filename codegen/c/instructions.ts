/**
 * Operations of f32 lanes that machines have and vector extensions do not express: branches of the preprocessor, each a
 * condition and a value. Every one gives the same as the general form.
 */

type Branch = readonly [condition: string, value: string];

const x86: Readonly<Record<number, readonly [condition: string, prefix: string, type: string]>> = {
  4: ["defined(__SSE4_1__)", "_mm", "__m128"],
  8: ["defined(__AVX__)", "_mm256", "__m256"],
  16: ["defined(__AVX512F__)", "_mm512", "__m512"],
};

/** `_MM_FROUND_TO_NEAREST_INT` and its kin, without exceptions. */
const modes = { rint: 8, floor: 9, ceil: 10, trunc: 11 } as const;
const neon = { rint: "vrndnq_f32", floor: "vrndmq_f32", ceil: "vrndpq_f32", trunc: "vrndq_f32" } as const;

/** `x` rounded to whole numbers; the sign of zero stays. */
export function roundings(op: keyof typeof modes, lanes: number, type: string): Branch[] {
  const own = x86[lanes];
  if (!own) return [];
  const name = lanes === 16 ? "roundscale" : "round";
  const branch: Branch = [own[0], `(${type})${own[1]}_${name}_ps((${own[2]})x, ${modes[op]})`];
  return lanes === 4 ? [branch, ["defined(__aarch64__)", `(${type})${neon[op]}((float32x4_t)x)`]] : [branch];
}

/** The greater or less of `a` and `b`, and `a` where it is NaN; `b` is a number. The instructions give their second operand then. */
export function extremesByNumber(op: "max" | "min", lanes: number, type: string): Branch[] {
  const own = x86[lanes];
  return own ? [[own[0], `(${type})${own[1]}_${op}_ps((${own[2]})b, (${own[2]})a)`]] : [];
}
