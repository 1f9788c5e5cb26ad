/** WGSL types, literals and identifiers. */
import type { Scalar } from "../../ir/scalar.ts";
import type { ComputeType, DType } from "../../ir/type.ts";

/** Types of values: 64-bit integers do not exist, so an i64 that fits is an `i32` or a `u32`. */
export type WgslType = "f32" | "i32" | "u32" | "bool";

/** The type of one value, or of four in a vector. */
export const typeText = (type: WgslType, lanes: number): string =>
  lanes === 1 ? type : type === "bool" ? "vec4<bool>" : `vec4${type.charAt(0)}`;

/** Element types that have memory in WGSL; a bool takes the four bytes of a `u32`, as it cannot be shared otherwise. */
export const isStored = (dtype: DType): boolean => dtype === "f32" || dtype === "i32" || dtype === "u32" || dtype === "bool";

/** The type of one element in memory. */
export const storageType = (dtype: DType): Exclude<WgslType, "bool"> => (dtype === "f32" || dtype === "i32" ? dtype : "u32");

/** The type values of a compute type have; i64 as an index. */
export const valueType = (dtype: ComputeType): WgslType => (dtype === "f32" || dtype === "bool" ? dtype : "i32");

/** Fewest digits that give the same f32. */
function floatDigits(x: number): string {
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(x.toPrecision(digits)));
    if (Math.fround(Number(text)) === x) return text;
  }
  return String(x);
}

/** A finite f32; `-0` keeps its sign. */
export function floatText(x: number): string {
  const digits = Object.is(x, -0) ? "-0" : floatDigits(x);
  return `${/[.e]/.test(digits) ? digits : `${digits}.0`}f`;
}

/** An i32; the least one has no literal of its own. */
export const intText = (x: number): string => (x === -(2 ** 31) ? "(-2147483647i - 1i)" : `${x}i`);

export function scalarText(type: WgslType, value: Scalar): string {
  if (type === "bool") return value ? "true" : "false";
  if (type === "f32") return floatText(Number(value));
  return type === "u32" ? `${BigInt.asUintN(32, BigInt(value))}u` : intText(Number(value));
}

/** Keywords, words reserved by the language, and the functions that printed shaders call. */
const taken = new Set(
  `alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop
  override requires return struct switch true var while NULL Self abstract active alignas alignof as asm asm_fragment async
  attribute auto await become cast catch class co_await co_return co_yield coherent column_major common compile
  compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete demote do dynamic_cast
  enum explicit export extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared
  highp impl implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move
  mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of
  operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public readonly
  ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert
  static_cast std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof
  union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield bool f16 f32 i32 u32
  vec2 vec3 vec4 vec4f vec4i vec4u array atomic ptr sampler texture abs acos acosh asin asinh atan atan2 atanh bitcast ceil
  clamp cos cosh exp exp2 floor log log2 max min pow round select sign sin sinh sqrt tan tanh trunc workgroup workgroups
  local extents`.split(/\s+/),
);

/** A name as a WGSL identifier: other characters become `_`, words of the language get one at the end. */
export function identifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  const started = /^[A-Za-z]/.test(plain) ? plain : `v${plain}`;
  return taken.has(started) || helperNames.test(started) ? `${started}_` : started;
}

/** Names that helper functions may have. */
const helperNames = /_(f32|i32|u32|vec4f|vec4i)$|^t\d+$/;
