/**
 * Small C functions that printed kernels call, each defined only where it is used: arithmetic that C leaves undefined
 * or lacks, conversions, and what vectors have no operator for. All are static inline; the name tells operation, type
 * and lanes (`div_i32`, `max_f32x8`).
 */
import type { BinaryOp, UnaryOp } from "../../ir/scalar.ts";
import type { ComputeType } from "../../ir/type.ts";
import { extremesByNumber, roundings } from "./instructions.ts";
import { defineMath, isMathOp } from "./math.ts";
import { choose } from "./narrow.ts";
import { type ValueType, valueType } from "./types.ts";

const suffix = (dtype: ValueType, lanes: number): string => (lanes === 1 ? dtype : `${dtype}x${lanes}`);

const isFloatType = (d: ValueType): d is "f32" | "f64" => d === "f32" || d === "f64";
const isLong = (d: ValueType): boolean => d === "f64" || d === "i64" || d === "u64";
/** The unsigned type that wraps in place of a signed one. */
const unsignedOf = (d: ValueType): ValueType => (d === "i32" || d === "u32" ? "u32" : "u64");
/** The integer type as wide as `d`; masks of its comparisons have its lanes. */
export const maskType = (d: ValueType): "i32" | "i64" => (isLong(d) ? "i64" : "i32");

const lanesOf = (n: number, f: (l: number) => string): string => Array.from({ length: n }, (_, l) => f(l)).join(", ");

export class Helpers {
  private readonly texts = new Map<string, string>();
  private readonly vectors = new Set<string>();
  /** Set when something of `math.h` is used. */
  usesMath = false;
  /** Set when a machine's own operations are used. */
  usesIntrinsics = false;

  get usesVectors(): boolean {
    return this.vectors.size > 0;
  }

  /** Vector types, then functions, callees first. */
  text(): string {
    return [...[...this.vectors].sort(), ...this.texts.values()].join("\n");
  }

  /** The type's name; a vector type is declared. */
  type(dtype: ValueType, lanes: number): string {
    const name = valueType(dtype, lanes);
    return lanes === 1 ? name : this.vector(name, valueType(dtype === "bool" ? "i32" : dtype), lanes * (isLong(dtype) ? 8 : 4));
  }

  /** Declares `name` as a vector of `bytes` bytes of `element`. */
  vector(name: string, element: string, bytes: number): string {
    this.vectors.add(`typedef ${element} ${name} __attribute__((vector_size(${bytes})));`);
    return name;
  }

  /** A function of this name; `make` gives its signature and body and is called once. `inlined`: always, as functions of vectors must be. */
  define(name: string, make: () => string, inlined = false): string {
    if (!this.texts.has(name)) {
      const text = make();
      this.texts.set(name, `static inline ${inlined ? "__attribute__((always_inline)) " : ""}${text}`);
    }
    return name;
  }

  /** Takes over everything that `other` defines. */
  merge(other: Helpers): void {
    for (const [name, text] of other.texts) this.texts.set(name, text);
    for (const v of other.vectors) this.vectors.add(v);
    this.usesMath ||= other.usesMath;
    this.usesIntrinsics ||= other.usesIntrinsics;
  }

  /**
   * Keeps the branch that it stands in one: whatever a condition of no lanes chooses between vectors. GCC 12 makes a choice by lanes
   * of it, of which only the first is right (-O3 with AVX-512, in loops that it thinks of vectorizing), but never around `asm`.
   */
  keepBranch(): string {
    return `${this.define("keep_branch", () => `void keep_branch(void) { __asm__ volatile(""); }`, true)}()`;
  }

  math(name: string): string {
    this.usesMath = true;
    return name;
  }

  /** One value in all lanes. `x - 0` keeps the sign of zero. */
  splat(dtype: ComputeType, lanes: number, x: string): string {
    if (lanes === 1) return x;
    const type = this.type(dtype, lanes);
    if (x === "0" || x === "0.0" || x === "0.0f") return `(${type}){0}`;
    return dtype === "bool" ? `((${type}){0} - (${x} != 0))` : `(${x} - (${type}){0})`;
  }

  /** `cond ? a : b`, in each lane for itself; `cond` is a mask of lanes as wide as those of `dtype`, or a scalar condition. */
  select(dtype: ComputeType, lanes: number, cond: string, a: string, b: string): string {
    if (lanes === 1) return `(${cond} ? ${a} : ${b})`;
    const type = this.type(dtype, lanes);
    const mask = this.type(maskType(dtype), lanes);
    const name = this.define(
      `select_${suffix(dtype, lanes)}`,
      () =>
        `${type} select_${suffix(dtype, lanes)}(${mask} m, ${type} a, ${type} b) { return (${type})((m & (${mask})a) | (~m & (${mask})b)); }`,
      true,
    );
    return `${name}(${cond}, ${a}, ${b})`;
  }

  /** A mask of i32 lanes as one of lanes as wide as those of `dtype`. */
  widenMask(dtype: ComputeType, lanes: number, mask: string): string {
    return lanes === 1 || !isLong(dtype) ? mask : `__builtin_convertvector(${mask}, ${this.type("i64", lanes)})`;
  }

  /** `a sign b` as a condition or, for lanes, a mask of i32 lanes. */
  compare(sign: string, dtype: ComputeType, lanes: number, a: string, b: string): string {
    if (lanes === 1 || !isLong(dtype)) return `(${a} ${sign} ${b})`;
    this.type("i64", lanes);
    return `__builtin_convertvector(${a} ${sign} ${b}, ${this.type("i32", lanes)})`;
  }

  unary(op: UnaryOp, dtype: ComputeType, lanes: number, x: string): string {
    if (op === "isnan") return isFloatType(dtype) ? this.compare("!=", dtype, lanes, x, x) : this.splat("bool", lanes, "0");
    if (dtype === "bool") return op === "not" ? (lanes === 1 ? `!${x}` : `(~${x})`) : x;
    if (isFloatType(dtype)) return this.floatUnary(op, dtype, lanes, x);
    if (op === "not") return `(~${x})`;
    if (op === "neg") return this.wrapping("sub", dtype, lanes, this.splat(dtype, lanes, "0"), x);
    if (op !== "abs" || dtype === "u64") return x;
    return this.call(`abs_${suffix(dtype, lanes)}`, dtype, lanes, [x], (t) => {
      const negative = this.wrapping("sub", dtype, lanes, `(${t}){0}`, "x");
      return `return ${this.select(dtype, lanes, "x < 0", lanes === 1 ? this.wrapping("sub", dtype, 1, "0", "x") : negative, "x")};`;
    });
  }

  /** Calls a helper of one type; its operands are named `x`, or `a` and `b`. */
  call(name: string, dtype: ValueType, lanes: number, operands: readonly string[], body: (type: string) => string): string {
    const type = this.type(dtype, lanes);
    const params = operands.length === 1 ? [`${type} x`] : [`${type} a`, `${type} b`];
    this.define(name, () => `${type} ${name}(${params.join(", ")}) { ${body(type)} }`, lanes > 1);
    return `${name}(${operands.join(", ")})`;
  }

  private floatUnary(op: UnaryOp, dtype: "f32" | "f64", lanes: number, x: string): string {
    if (op === "neg") return `(-${x})`;
    const name = `${op}_${suffix(dtype, lanes)}`;
    if (op === "not")
      return this.select(
        dtype,
        lanes,
        this.rawCompare("==", lanes, x, "0"),
        this.splat(dtype, lanes, "1.0f"),
        this.splat(dtype, lanes, "0.0f"),
      );
    if (lanes > 1 && op === "abs") {
      const mask = this.type(maskType(dtype), lanes);
      return this.call(name, dtype, lanes, [x], (t) => `return (${t})((${mask})x & ${dtype === "f32" ? "INT32_MAX" : "INT64_MAX"});`);
    }
    if (lanes > 1 && isRounding(op)) {
      return this.call(name, dtype, lanes, [x], (t) =>
        this.branches(dtype === "f32" ? roundings(op, lanes, t) : [], this.roundBody(op, dtype, lanes, t)),
      );
    }
    if (dtype === "f32" && isMathOp(op)) return defineMath(this, op, lanes, [x]);
    const libm = this.math(`${op === "abs" ? "fabs" : op}${dtype === "f32" ? "f" : ""}`);
    return lanes === 1 ? `${libm}(${x})` : this.eachLane(name, dtype, lanes, [x], libm);
  }

  /** A body by the machine's own operations where it has them. */
  private branches(values: readonly (readonly [condition: string, value: string])[], otherwise: string): string {
    if (values.length === 0) return otherwise;
    this.usesIntrinsics = true;
    return `\n${choose(
      values.map(([condition, value]) => [condition, `return ${value};`]),
      otherwise,
    )}\n`;
  }

  private rawCompare(sign: string, lanes: number, a: string, b: string): string {
    return lanes === 1 ? `${a} ${sign} ${b}` : `(${a} ${sign} ${b})`;
  }

  /** Rounding to whole numbers by adding and subtracting the number whose last place is one; the sign of zero is that of `x`. */
  private roundBody(op: UnaryOp, dtype: "f32" | "f64", lanes: number, t: string): string {
    const [one, largest, sign] = dtype === "f32" ? ["0x1p23f", "INT32_MAX", "INT32_MIN"] : ["0x1p52", "INT64_MAX", "INT64_MIN"];
    const mask = this.type(maskType(dtype), lanes);
    const signed = (r: string): string => `(${t})((${mask})${r} | ((${mask})x & ${sign}))`;
    const step = (cond: string): string => this.select(dtype, lanes, cond, `(1 - (${t}){0})`, `(${t}){0}`);
    const steps: Partial<Record<UnaryOp, string>> = {
      trunc: `r = r - ${step("r > a")};`,
      floor: `r = ${signed("r")}; r = r - ${step("r > x")};`,
      ceil: `r = ${signed("r")}; r = r + ${step("r < x")};`,
    };
    return `${t} a = (${t})((${mask})x & ${largest}), r = (a + ${one}) - ${one}; ${steps[op] ?? ""} return ${this.select(dtype, lanes, `a < ${one}`, signed("r"), "x")};`;
  }

  /** A scalar function applied to each lane. */
  eachLane(name: string, dtype: ValueType, lanes: number, operands: readonly string[], scalar: string): string {
    const args = operands.length === 1 ? "x[l]" : "a[l], b[l]";
    return this.call(
      name,
      dtype,
      lanes,
      operands,
      (t) => `${t} r = {0}; for (int l = 0; l < ${lanes}; l++) r[l] = ${scalar}(${args}); return r;`,
    );
  }

  binary(op: BinaryOp, dtype: ComputeType, lanes: number, a: string, b: string, isNumberB = false): string {
    switch (op) {
      case "eq":
      case "ne":
      case "lt":
      case "le":
        return dtype === "bool" ? this.boolBinary(op, lanes, a, b) : this.compare(comparisonSigns[op], dtype, lanes, a, b);
      default:
        if (dtype === "bool") return this.boolBinary(op, lanes, a, b);
        return isFloatType(dtype) ? this.floatBinary(op, dtype, lanes, a, b, isNumberB) : this.integerBinary(op, dtype, lanes, a, b);
    }
  }

  private boolBinary(op: BinaryOp, lanes: number, a: string, b: string): string {
    const negated = lanes === 1 ? (x: string) => `!${x}` : (x: string) => `~${x}`;
    const [and, or] = lanes === 1 ? ["&&", "||"] : ["&", "|"];
    switch (op) {
      case "or":
      case "add":
      case "max":
      case "maxnum":
        return `(${a} ${or} ${b})`;
      case "xor":
      case "ne":
      case "sub":
        return `(${a} ${lanes === 1 ? "!=" : "^"} ${b})`;
      case "eq":
        return lanes === 1 ? `(${a} == ${b})` : `(~(${a} ^ ${b}))`;
      case "lt":
        return `(${negated(a)} ${and} ${b})`;
      case "le":
        return `(${negated(a)} ${or} ${b})`;
      case "shl":
      case "shr":
      case "div":
      case "rem":
      case "pow":
        return this.boolRare(op, lanes, a, b);
      default:
        return `(${a} ${and} ${b})`;
    }
  }

  /** Arithmetic of the integers 0 and 1, made a bool again. */
  private boolRare(op: BinaryOp, lanes: number, a: string, b: string): string {
    const [and, or, not] = lanes === 1 ? ["&&", "||", "!"] : ["&", "|", "~"];
    if (op === "div") return `(${a} ${and} ${b})`;
    if (op === "rem") return lanes === 1 ? `(${a} && 0 && ${b})` : `(${a} & ${b} & 0)`;
    // 0 ** 0 is 1; a shift moves the only bit, or none.
    return op === "pow" ? `(${a} ${or} ${not}${b})` : op === "shl" ? `(${a} ${and} (${b} ${or} ${not}${b}))` : `(${a} ${and} ${not}${b})`;
  }

  private floatBinary(op: BinaryOp, dtype: "f32" | "f64", lanes: number, a: string, b: string, isNumberB: boolean): string {
    const sign = arithmeticSigns[op];
    if (sign) return `(${a} ${sign} ${b})`;
    const name = `${op}_${suffix(dtype, lanes)}`;
    const pick = (suffixed: string, cond: string): string =>
      this.call(suffixed, dtype, lanes, [a, b], () => `return ${this.select(dtype, lanes, cond, "a", "b")};`);
    switch (op) {
      case "max":
      case "min": {
        const test = op === "max" ? ">" : "<";
        // A number as the second operand needs no test for NaN.
        if (isNumberB)
          return this.call(`${op}num_const_${suffix(dtype, lanes)}`, dtype, lanes, [a, b], (t) =>
            this.branches(
              dtype === "f32" ? extremesByNumber(op, lanes, t) : [],
              `return ${this.select(dtype, lanes, `b ${test} a`, "b", "a")};`,
            ),
          );
        return pick(name, lanes === 1 ? `a ${test} b || a != a` : `(a ${test} b) | (a != a)`);
      }
      case "maxnum":
      case "minnum": {
        const test = op === "maxnum" ? ">" : "<";
        return pick(name, lanes === 1 ? `a ${test} b || b != b` : `(a ${test} b) | (b != b)`);
      }
      default: {
        if (op === "pow" && dtype === "f32") return defineMath(this, "pow", lanes, [a, b]);
        const libm = this.math(`${op === "rem" ? "fmod" : op}${dtype === "f32" ? "f" : ""}`);
        return lanes === 1 ? `${libm}(${a}, ${b})` : this.eachLane(name, dtype, lanes, [a, b], libm);
      }
    }
  }

  private integerBinary(op: BinaryOp, dtype: "i32" | "i64" | "u64", lanes: number, a: string, b: string): string {
    const name = `${op}_${suffix(dtype, lanes)}`;
    switch (op) {
      case "add":
      case "sub":
      case "mul":
        return this.wrapping(op, dtype, lanes, a, b);
      case "and":
      case "or":
      case "xor":
        return `(${a} ${bitSigns[op]} ${b})`;
      case "max":
      case "maxnum":
      case "min":
      case "minnum": {
        const side = op.slice(0, 3);
        return this.call(
          `${side}_${suffix(dtype, lanes)}`,
          dtype,
          lanes,
          [a, b],
          () => `return ${this.select(dtype, lanes, side === "max" ? "a > b" : "a < b", "a", "b")};`,
        );
      }
      default: {
        const scalar = `${op}_${dtype}`;
        if (lanes > 1) {
          this.integerBinary(op, dtype, 1, "", "");
          return this.eachLane(name, dtype, lanes, [a, b], scalar);
        }
        return this.call(scalar, dtype, 1, [a, b], () => this.guardedBody(op, dtype));
      }
    }
  }

  private guardedBody(op: BinaryOp, dtype: "i32" | "i64" | "u64"): string {
    const [type, unsigned, bits] = [valueType(dtype), valueType(unsignedOf(dtype)), dtype === "i32" ? 32 : 64];
    const zero =
      dtype === "u64"
        ? "b == 0 ? 0 :"
        : op === "div"
          ? `b == 0 ? 0 : b == -1 ? (${type})(0 - (${unsigned})a) :`
          : "b == 0 || b == -1 ? 0 :";
    switch (op) {
      case "div":
      case "rem":
        return `return ${zero} a ${op === "div" ? "/" : "%"} b;`;
      case "shl":
        return `return (${unsigned})b >= ${bits} ? 0 : (${type})((${unsigned})a << b);`;
      case "shr":
        return dtype === "u64" ? `return b >= 64 ? 0 : a >> b;` : `return (${unsigned})b >= ${bits} ? 0 : a < 0 ? ~(~a >> b) : a >> b;`;
      case "pow": {
        const negative = dtype === "u64" ? "" : "if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0; ";
        return `${negative}${unsigned} r = 1, s = (${unsigned})a; for (; b > 0; b /= 2, s *= s) if (b % 2 != 0) r *= s; return (${type})r;`;
      }
      default:
        throw new Error(`'${op}' is not defined on ${dtype}`);
    }
  }

  /** Signed sums and products wrap: they are computed without sign. */
  private wrapping(op: "add" | "sub" | "mul", dtype: "i32" | "i64" | "u64", lanes: number, a: string, b: string): string {
    if (dtype === "u64") return `(${a} ${arithmeticSigns[op]!} ${b})`;
    const unsigned = this.type(unsignedOf(dtype), lanes);
    return this.call(
      `${op}_${suffix(dtype, lanes)}`,
      dtype,
      lanes,
      [a, b],
      (t) => `return (${t})((${unsigned})a ${arithmeticSigns[op]!} (${unsigned})b);`,
    );
  }

  /** Lanes of f32 inside the range of i32, or NaN, as i32. */
  convertBounded(lanes: number, x: string): string {
    const name = `bounded_f32_to_i32x${lanes}`;
    const [source, type] = [this.type("f32", lanes), this.type("i32", lanes)];
    const number = this.select("f32", lanes, "x == x", "x", `(${source}){0}`);
    this.define(name, () => `${type} ${name}(${source} x) { return __builtin_convertvector(${number}, ${type}); }`, true);
    return `${name}(${x})`;
  }

  /** Conversion between compute types. */
  convert(from: ComputeType, to: ComputeType, lanes: number, x: string): string {
    if (from === to) return x;
    if (to === "bool") return this.compare("!=", from, lanes, x, "0");
    if (from === "bool") return this.fromBool(to, lanes, x);
    if (isFloatType(from) && !isFloatType(to)) return this.saturating(from, to, lanes, x);
    return lanes === 1 ? `(${valueType(to)})${x}` : `__builtin_convertvector(${x}, ${this.type(to, lanes)})`;
  }

  private fromBool(to: ComputeType, lanes: number, x: string): string {
    if (lanes === 1) return to === "i32" ? x : `(${valueType(to)})${x}`;
    const ones = `(${x} & 1)`;
    return to === "i32" ? ones : `__builtin_convertvector(${ones}, ${this.type(to, lanes)})`;
  }

  /** Truncates; ends of the type beyond its range, zero for NaN. */
  private saturating(from: "f32" | "f64", to: "i32" | "i64" | "u64", lanes: number, x: string): string {
    const name = `${suffix(from, lanes)}_to_${to}`;
    const [source, type] = [this.type(from, lanes), this.type(to, lanes)];
    const [low, high] = { i32: ["INT32_MIN", "INT32_MAX"], i64: ["INT64_MIN", "INT64_MAX"], u64: ["0", "UINT64_MAX"] }[to] as [
      string,
      string,
    ];
    const literalOf = (text: string): string => (from === "f32" ? `${text}f` : text);
    const least = to === "u64" ? literalOf("0.0") : literalOf(to === "i32" ? "-0x1p31" : "-0x1p63");
    const above = literalOf({ i32: "0x1p31", i64: "0x1p63", u64: "0x1p64" }[to]);
    if (lanes === 1) {
      const body = `return x != x ? 0 : x <= ${least} ? ${low} : x >= ${above} ? ${high} : (${type})x;`;
      this.define(name, () => `${type} ${name}(${source} x) { ${body} }`);
    } else {
      this.define(name, () => this.saturatingLanes(name, from, to, lanes, [least, above, low, high]), true);
    }
    return `${name}(${x})`;
  }

  private saturatingLanes(
    name: string,
    from: "f32" | "f64",
    to: "i32" | "i64" | "u64",
    lanes: number,
    ends: readonly [string, string, string, string],
  ): string {
    const [least, above, low, high] = ends;
    const [source, type] = [this.type(from, lanes), this.type(to, lanes)];
    const wide = (mask: string): string =>
      isLong(from) === isLong(to) ? mask : `__builtin_convertvector(${mask}, ${this.type(maskType(to), lanes)})`;
    const safe = this.select(from, lanes, `(x > ${least}) & (x < ${above})`, "x", `(${source}){0}`);
    const inside = `${type} r = __builtin_convertvector(${safe}, ${type});`;
    const capped = `r = ${this.select(to, lanes, wide(`x >= ${above}`), `(${type}){0} + ${high}`, "r")};`;
    return `${type} ${name}(${source} x) { ${inside} ${capped} return ${this.select(to, lanes, wide(`x <= ${least}`), `(${type}){0} + ${low}`, "r")}; }`;
  }

  /** `{0, 1, 2, ...}` as i64 lanes. */
  iota(lanes: number): string {
    return `(${this.type("i64", lanes)}){${lanesOf(lanes, String)}}`;
  }
}

const isRounding = (op: UnaryOp): op is "floor" | "ceil" | "rint" | "trunc" =>
  op === "floor" || op === "ceil" || op === "rint" || op === "trunc";

export const comparisonSigns = { eq: "==", ne: "!=", lt: "<", le: "<=" } as const;
const arithmeticSigns: Partial<Record<BinaryOp, string>> = { add: "+", sub: "-", mul: "*", div: "/" };
const bitSigns = { and: "&", or: "|", xor: "^" } as const;
