/**
 * Functions of f32 as arithmetic, for one value and for lanes alike, so that both give the same results.
 *
 * Greatest errors over all floats, measured by the tests (in units of the last place): exp 1, log 1, tanh 2, erf 2,
 * expm1 1, log1p 1, sin 1, cos 1, pow 1. NaN, infinities, both zeros and subnormal numbers are as in C's Annex F.
 *
 * exp, log, tanh and erf stay in f32: argument reduction as in W. J. Cody and W. Waite, Software Manual for the Elementary
 * Functions (1980), and polynomials fitted by us for the least greatest error. The others compute in f64 by Taylor and
 * atanh series long enough for 1e-13 and round once; what is too large for their reduction goes to the C library.
 */
import type { ComputeType } from "../../ir/type.ts";
import type { Helpers } from "./helpers.ts";

/** What the functions are written with: operations on one value or on lanes. */
class Lanes {
  readonly f: string;
  readonly d: string;
  readonly u: string;
  readonly w: string;

  constructor(
    readonly h: Helpers,
    readonly count: number,
  ) {
    this.f = h.type("f32", count);
    this.d = h.type("f64", count);
    this.u = h.type("u32", count);
    this.w = count === 1 ? "uint64_t" : h.type("u64", count);
  }

  get isVector(): boolean {
    return this.count > 1;
  }

  name(op: string): string {
    return `${op}_f32${this.isVector ? `x${this.count}` : ""}`;
  }

  k(text: string, dtype: ComputeType = "f32"): string {
    return this.h.splat(dtype, this.count, dtype === "f32" ? `${text}f` : text);
  }

  select(cond: string, a: string, b: string, dtype: ComputeType = "f32"): string {
    return this.h.select(dtype, this.count, cond, a, b);
  }

  /** The bits of a float, or of a double when `wide`. */
  bits(x: string, wide = false): string {
    if (this.isVector) return `((${wide ? this.w : this.u})${x})`;
    return this.copyBits(wide ? "bits_f64" : "bits_f32", wide ? "double" : "float", wide ? "uint64_t" : "uint32_t", x);
  }

  fromBits(x: string, wide = false): string {
    if (this.isVector) return `((${wide ? this.d : this.f})(${x}))`;
    return this.copyBits(wide ? "f64_of_bits" : "f32_of_bits", wide ? "uint64_t" : "uint32_t", wide ? "double" : "float", x);
  }

  private copyBits(name: string, from: string, to: string, x: string): string {
    defineBitCopy(this.h, name, from, to);
    return `${name}(${x})`;
  }

  /** Bits shifted right with their sign. */
  shiftRight(x: string, by: number, wide = false): string {
    if (this.isVector) return `((${wide ? this.w : this.u})((${this.h.type(wide ? "i64" : "i32", this.count)})${x} >> ${by}))`;
    return wide ? `((uint64_t)((int64_t)${x} >> ${by}))` : `((uint32_t)((int32_t)${x} >> ${by}))`;
  }

  widen(x: string): string {
    return this.isVector ? `__builtin_convertvector(${x}, ${this.d})` : `(double)${x}`;
  }

  narrow(x: string): string {
    return this.isVector ? `__builtin_convertvector(${x}, ${this.f})` : `(float)${x}`;
  }

  /** Conjunctions and disjunctions of conditions. */
  and(...conds: readonly string[]): string {
    return conds.map((c) => `(${c})`).join(this.isVector ? " & " : " && ");
  }

  or(...conds: readonly string[]): string {
    return conds.map((c) => `(${c})`).join(this.isVector ? " | " : " || ");
  }

  /** Sets `r` to `libm` of the operands in every lane where `isFine`, a condition on one lane's operands, fails. */
  rescue(isFine: (operand: (name: string) => string) => string, libm: string, operands: readonly string[]): string {
    const call = (f: (name: string) => string): string => `${this.h.math(libm)}(${operands.map(f).join(", ")})`;
    if (!this.isVector) return `if (!(${isFine((n) => n)})) r = ${call((n) => n)};`;
    const lane = (n: string): string => `${n}[l]`;
    return `for (int l = 0; l < ${this.count}; l++) if (!(${isFine(lane)})) r[l] = ${call(lane)};`;
  }
}

/** A function that copies the bits of one type to another of the same size. */
export function defineBitCopy(h: Helpers, name: string, from: string, to: string): void {
  h.define(name, () => `${to} ${name}(${from} x) { ${to} r; memcpy(&r, &x, sizeof r); return r; }`);
}

const horner = (x: string, coefficients: readonly string[], unit: (c: string) => string): string =>
  coefficients.slice(1).reduce((sum, c) => `(${sum} * ${x} + ${unit(c)})`, unit(coefficients[0]!));

const single = (c: string): string => `${c}f`;
const double = (c: string): string => c;

const reciprocals = (list: readonly number[]): string[] => list.map((n) => (1 / n).toPrecision(17));
const factorials = Array.from({ length: 16 }, (_, n) => Array.from({ length: n }, (_x, i) => i + 1).reduce((a, b) => a * b, 1));

type Body = (on: Lanes) => string;

/** 2^n e^r with |r| <= ln(2)/2; 2^n in two factors, so that results may be subnormal. */
const exp: Body = (on) => {
  const p = horner("r", ["0.00139504974", "0.00836889446", "0.041666206", "0.166665182", "0.5"], single);
  return `
  ${on.f} c = ${on.select("x > 89.0f", on.k("89.0"), "x")};
  c = ${on.select("c < -104.0f", on.k("-104.0"), "c")};
  ${on.f} t = c * 1.44269504f + 12582912.0f, n = t - 12582912.0f, r = c - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  ${on.f} p = ${p} * r * r + r + 1.0f;
  ${on.u} i = ${on.bits("t")} - 0x4b400000u, half = ${on.shiftRight("i", 1)};
  return p * ${on.fromBits("(half + 127u) << 23")} * ${on.fromBits("(i - half + 127u) << 23")};`;
};

/** e ln(2) + log(1 + f) with 1 + f between sqrt(1/2) and sqrt(2). */
const log: Body = (on) => {
  const coefficients = [
    "-0.0785964578",
    "0.128817514",
    "-0.131287888",
    "0.141811803",
    "-0.16624549",
    "0.200022861",
    "-0.250008106",
    "0.333333164",
  ];
  const exponent = on.isVector
    ? `__builtin_convertvector((${on.h.type("i32", on.count)})${on.shiftRight("i", 23)}, ${on.f})`
    : `(float)(int32_t)${on.shiftRight("i", 23)}`;
  return `
  ${on.f} y = ${on.select("x < 0x1p-126f", "x * 0x1p23f", "x")};
  ${on.u} i = ${on.bits("y")} - 0x3f3504f3u;
  ${on.f} e = ${exponent} - ${on.select("x < 0x1p-126f", on.k("23.0"), on.k("0.0"))};
  ${on.f} f = ${on.fromBits("(i & 0x7fffffu) + 0x3f3504f3u")} - 1.0f, z = f * f;
  ${on.f} p = ${horner("f", coefficients, single)} * f * z + e * -2.12194440e-4f;
  p = p - 0.5f * z;
  ${on.f} r = f + p + e * 0.693359375f;
  r = ${on.select("x <= 3.40282347e38f", "r", "x")};
  return ${on.select("x > 0.0f", "r", on.select("x == 0.0f", on.k("-INFINITY").replace("INFINITYf", "INFINITY"), on.select("x != x", "x", on.k("NAN").replace("NANf", "NAN"))))};`;
};

const withSign = (on: Lanes, r: string): string => on.fromBits(`(${on.bits(`(${r})`)} & 0x7fffffffu) | (${on.bits("x")} & 0x80000000u)`);
const magnitude = (on: Lanes): string => on.fromBits(`${on.bits("x")} & 0x7fffffffu`);

/** An odd polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere. */
const tanh: Body = (on) => {
  const p = horner("z", ["-0.00571703678", "0.0206505787", "-0.0537434965", "0.133314908", "-0.333332837"], single);
  return `
  ${on.f} a = ${magnitude(on)}, z = x * x;
  ${on.f} small = a + a * z * ${p};
  ${on.f} large = 1.0f - 2.0f / (${call(on, "exp", "a + a")} + 1.0f);
  ${on.f} r = ${on.select("a < 0.625f", "small", "large")};
  return ${withSign(on, "r")};`;
};

/** x times an even polynomial near zero; elsewhere 1 - e^g(x), where g is a polynomial for log(erfc(x)). */
const erf: Body = (on) => {
  const near = horner(
    "z",
    ["8.40992070e-5", "-0.000815262785", "0.00520196045", "-0.0268597994", "0.112837031", "-0.376126349", "1.12837923"],
    single,
  );
  const far = horner(
    "c",
    ["-2.08286183e-5", "0.000431393564", "-0.0041562547", "0.0250806157", "-0.108220384", "-0.633400857", "-1.12948835", "0.000169205130"],
    single,
  );
  return `
  ${on.f} a = ${magnitude(on)}, c = ${on.select("a > 4.0f", on.k("4.0"), "a")}, z = c * c;
  ${on.f} small = a * ${near};
  ${on.f} g = ${far};
  ${on.f} large = 1.0f - ${call(on, "exp", "g")};
  ${on.f} r = ${on.select("a < 0.92f", "small", "large")};
  return ${withSign(on, "r")};`;
};

/** e^x in f64 for |x| < 700. */
function wideExp(on: Lanes, x: string): string {
  const name = `exp_f64${on.isVector ? `x${on.count}` : ""}_to_1e13`;
  const p = horner("r", reciprocals(factorials.slice(0, 12).reverse()), double);
  const body = `
  ${on.d} t = x * 1.4426950408889634 + 0x1.8p52, n = t - 0x1.8p52, r = x - n * 0x1.62e42fefp-1;
  r = r - n * 0x1.473de6af278edp-34;
  ${on.d} p = ${p};
  ${on.w} i = ${on.bits("t", true)} - UINT64_C(0x4338000000000000);
  return p * ${on.fromBits("(i + 1023u) << 52", true)};`;
  on.h.define(name, () => `${on.d} ${name}(${on.d} x) {${body}\n}`, on.isVector);
  return `${name}(${x})`;
}

/** log x in f64 for normal, positive, finite x. */
function wideLog(on: Lanes, x: string): string {
  const name = `log_f64${on.isVector ? `x${on.count}` : ""}_to_1e13`;
  const p = horner("z", reciprocals([15, 13, 11, 9, 7, 5, 3, 1]), double);
  const body = `
  ${on.w} i = ${on.bits("x", true)} - UINT64_C(0x3fe6a09e667f3bcd);
  ${on.d} e = ${on.fromBits(`${on.shiftRight("i", 52, true)} + UINT64_C(0x4338000000000000)`, true)} - 0x1.8p52;
  ${on.d} m = ${on.fromBits("(i & UINT64_C(0xfffffffffffff)) + UINT64_C(0x3fe6a09e667f3bcd)", true)};
  ${on.d} s = (m - 1.0) / (m + 1.0), z = s * s;
  return e * 0.69314718055994531 + 2.0 * s * ${p};`;
  on.h.define(name, () => `${on.d} ${name}(${on.d} x) {${body}\n}`, on.isVector);
  return `${name}(${x})`;
}

const expm1: Body = (on) => `
  ${on.d} w = ${on.widen("x")};
  ${on.d} c = ${on.select("w > 90.0", on.k("90.0", "f64"), "w", "f64")};
  c = ${on.select("c < -20.0", on.k("-20.0", "f64"), "c", "f64")};
  ${on.d} small = w * (1.0 + w * 0.5);
  ${on.d} r = ${on.select(on.and("w > -1e-5", "w < 1e-5"), "small", `${wideExp(on, "c")} - 1.0`, "f64")};
  return ${on.narrow("r")};`;

const log1p: Body = (on) => `
  ${on.d} w = ${on.widen("x")};
  ${on.d} c = ${on.select(on.and("w > -1.0", "w <= 3.5e38"), "w", on.k("0.0", "f64"), "f64")};
  ${on.d} small = c * (1.0 - c * (0.5 - c * (1.0 / 3.0)));
  ${on.d} y = ${on.select(on.and("w > -1e-4", "w < 1e-4"), "small", wideLog(on, "(c + 1.0)"), "f64")};
  ${on.f} r = ${on.narrow("y")};
  r = ${on.select("x <= 3.40282347e38f", "r", "x")};
  return ${on.select("x > -1.0f", "r", on.select("x == -1.0f", on.k("-INFINITY").replace("INFINITYf", "INFINITY"), on.select("x != x", "x", on.k("NAN").replace("NANf", "NAN"))))};`;

/** Both functions of r = x - n pi/2, |r| <= pi/4, swapped and negated by the quadrant n mod 4. */
const circular =
  (op: "sin" | "cos"): Body =>
  (on) => {
    const sine = horner("z", reciprocals([13, 11, 9, 7, 5, 3].map((n, k) => factorials[n]! * (k % 2 === 0 ? 1 : -1))), double);
    const cosine = horner("z", reciprocals([14, 12, 10, 8, 6, 4, 2, 0].map((n, k) => factorials[n]! * (k % 2 === 0 ? -1 : 1))), double);
    const quadrant = op === "sin" ? "i" : "(i + 1u)";
    const swap = on.select(`(${quadrant} & 1u) != 0`, "c", "s", "f64");
    return `
  ${on.d} w = ${on.widen("x")};
  ${on.d} t = w * 0.63661977236758134 + 0x1.8p52, n = t - 0x1.8p52, q = w - n * 1.57079632673412561417;
  q = q - n * 6.07710050650619224932e-11;
  ${on.w} i = ${on.bits("t", true)} - UINT64_C(0x4338000000000000);
  ${on.d} z = q * q, s = q * (1.0 + z * ${sine}), c = ${cosine};
  ${on.d} v = ${swap};
  ${on.f} r = ${on.narrow(on.select(`(${quadrant} & 2u) != 0`, "(-v)", "v", "f64"))};
  ${on.rescue((v) => `${v("x")} > -1e6f && ${v("x")} < 1e6f`, `${op}f`, ["x"])}
  return r;`;
  };

/** e^(b log|a|), with the sign that an odd exponent leaves; zeros, infinities and NaN as operands go to the library. */
const pow: Body = (on) => `
  ${on.d} x = ${on.widen("a")}, y = ${on.widen("b")};
  ${on.d} m = ${on.select("x < 0.0", "(-x)", "x", "f64")}, w = ${on.select("y < 0.0", "(-y)", "y", "f64")};
  ${on.d} p = y * ${wideLog(on, "m")};
  p = ${on.select("p > 160.0", on.k("160.0", "f64"), "p", "f64")};
  p = ${on.select("p < -160.0", on.k("-160.0", "f64"), "p", "f64")};
  ${on.d} c = ${on.select("w > 0x1p25", on.k("0x1p25", "f64"), "w", "f64")}, t = c + 0x1.8p52;
  ${on.d} e = ${wideExp(on, "p")};
  ${on.d} signed_e = ${on.select(`(${on.bits("t", true)} & 1u) != 0`, "(-e)", "e", "f64")};
  signed_e = ${on.select("t - 0x1.8p52 == c", "signed_e", on.k("(double)NAN", "f64"), "f64")};
  ${on.f} r = ${on.narrow(on.select("x < 0.0", "signed_e", "e", "f64"))};
  ${on.rescue((v) => `${v("a")} != 0.0f && fabsf(${v("a")}) <= 3.40282347e38f && fabsf(${v("b")}) <= 3.40282347e38f`, "powf", ["a", "b"])}
  return r;`;

const bodies = { exp, log, tanh, erf, expm1, log1p, sin: circular("sin"), cos: circular("cos"), pow };
type MathOp = keyof typeof bodies;

/** Whether f32 has a form here. */
export const isMathOp = (op: string): op is Exclude<MathOp, "pow"> => op in bodies && op !== "pow";

function call(on: Lanes, op: MathOp, ...operands: readonly string[]): string {
  return defineMath(on.h, op, on.count, operands);
}

/** A call of the f32 function `op`. */
export function defineMath(h: Helpers, op: MathOp, lanes: number, operands: readonly string[]): string {
  const on = new Lanes(h, lanes);
  const name = on.name(op);
  h.math("INFINITY");
  const params = operands.length === 1 ? ["x"] : ["a", "b"];
  const list = params.map((p) => `${on.f} ${p}`).join(", ");
  if (on.isVector) defineVector(h, name, on.f, params, bodies[op](on));
  else h.define(name, () => `${on.f} ${name}(${list}) {${bodies[op](on)}\n}`);
  return `${name}(${operands.join(", ")})`;
}

/**
 * A large function of vectors, which register tiles call once per register: the C compiler decides whether to inline it.
 * What is not inlined takes vectors by address, as they are passed by value in different ways on machines with and without them.
 */
function defineVector(h: Helpers, name: string, type: string, params: readonly string[], body: string): void {
  const list = params.map((p) => `${type} ${p}`).join(", ");
  const [first] = params;
  h.define(`${name}_of`, () => `${type} ${name}_of(${list}) {${body}\n}`, true);
  const places = params.map((p) => `${p === first ? "" : "const "}${type} *${p}`).join(", ");
  h.define(`${name}_at`, () => `void ${name}_at(${places}) { *${first} = ${name}_of(${params.map((p) => `*${p}`).join(", ")}); }`);
  h.define(name, () => `${type} ${name}(${list}) { ${name}_at(${params.map((p) => `&${p}`).join(", ")}); return ${first}; }`, true);
}
