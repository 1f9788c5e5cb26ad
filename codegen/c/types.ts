/** C types, literals and identifiers. */
import { isMinifloat } from "../../ir/minifloat.ts";
import type { Scalar } from "../../ir/scalar.ts";
import type { ComputeType, DType } from "../../ir/type.ts";

/** Types of values: compute types, and `u32` for bit patterns inside helpers. */
export type ValueType = ComputeType | "u32";

const valueTypes: Record<ValueType, string> = {
  f32: "float",
  f64: "double",
  i32: "int32_t",
  u32: "uint32_t",
  i64: "int64_t",
  u64: "uint64_t",
  bool: "int",
};

/** The C type of `lanes` values; a vector of bools is a mask of i32 lanes, each 0 or -1. */
export function valueType(dtype: ValueType, lanes = 1): string {
  if (lanes === 1) return valueTypes[dtype];
  return `${dtype === "bool" ? "i32" : dtype}x${lanes}`;
}

/** The C type of one element in memory; minifloats are their bits. */
export function storageType(dtype: DType): string {
  if (isMinifloat(dtype)) return dtype === "f16" || dtype === "bf16" ? "uint16_t" : "uint8_t";
  switch (dtype) {
    case "f32":
      return "float";
    case "f64":
      return "double";
    case "i2":
    case "i4":
      return "int8_t";
    case "u2":
    case "u4":
    case "bool":
      return "uint8_t";
    case "string":
      throw new Error("strings have no memory layout");
    default:
      return dtype.startsWith("u") ? `uint${dtype.slice(1)}_t` : `int${dtype.slice(1)}_t`;
  }
}

/** Fewest digits that give the same float. */
function floatDigits(x: number, isSame: (text: string) => boolean): string {
  for (let digits = 1; digits < 17; digits++) {
    const text = String(Number(x.toPrecision(digits)));
    if (isSame(text)) return text;
  }
  return String(x);
}

function floatLiteral(dtype: "f32" | "f64", x: number): string {
  if (Number.isNaN(x)) return dtype === "f32" ? "NAN" : "(double)NAN";
  if (!Number.isFinite(x)) return `${x < 0 ? "-" : ""}${dtype === "f32" ? "INFINITY" : "(double)INFINITY"}`;
  const text = Object.is(x, -0) ? "-0" : floatDigits(x, (t) => (dtype === "f32" ? Math.fround(Number(t)) : Number(t)) === x);
  const point = /[.e]/.test(text) ? text : `${text}.0`;
  return dtype === "f32" ? `${point}f` : point;
}

function integerLiteral(dtype: "i32" | "i64" | "u64", x: bigint): string {
  if (dtype === "u64") return `UINT64_C(${x})`;
  if (x === -(2n ** 31n)) return dtype === "i32" ? "INT32_MIN" : "INT64_C(-2147483648)";
  if (x === -(2n ** 63n)) return "INT64_MIN";
  return x > 2n ** 31n - 1n || x < -(2n ** 31n) ? `INT64_C(${x})` : String(x);
}

/** A constant; negative ones are not in parentheses, NaN and infinities need `math.h`. */
export function literal(dtype: ComputeType, value: Scalar): string {
  if (dtype === "f32" || dtype === "f64") return floatLiteral(dtype, Number(value));
  if (dtype === "bool") return value ? "1" : "0";
  return integerLiteral(dtype, BigInt(value));
}

export const integerText = (value: number): string => integerLiteral("i64", BigInt(value));

/** Words that C, C++ or the headers we include use; none may be a name of ours. */
const reserved = new Set(
  `alignas alignof and asm auto bool break case catch char class const constexpr continue default delete do double else enum extern
  false float for friend goto if inline int long mutable namespace new not operator or private protected public register restrict
  return short signed sizeof static struct switch template this throw true try typedef typename union unsigned using virtual void
  volatile while xor exp log pow sin cos tan erf y0 y1 yn j0 j1 jn begin end roots extents scratch main NAN INFINITY lane`.split(/\s+/),
);

/** A C identifier that resembles `name`. */
export function identifier(name: string): string {
  const word = name.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  const safe = /^[A-Za-z]/.test(word) ? word : `v${word === "" ? "" : `_${word}`}`;
  return reserved.has(safe) ? `${safe}_` : safe;
}

/** Hands out names, each once. */
export class Names {
  private readonly taken = new Set<string>();

  /** `name` as an identifier, with a number where it is taken. */
  fresh(name: string): string {
    const base = identifier(name);
    let made = base;
    for (let n = 2; this.taken.has(made); n++) made = `${base}_v${n}`;
    this.taken.add(made);
    return made;
  }

  release(name: string): void {
    this.taken.delete(name);
  }
}
