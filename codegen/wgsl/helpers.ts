/**
 * Functions that give WGSL the arithmetic of `ir/scalar.ts`, for one value and for four in a vector alike.
 *
 * WGSL lets an implementation assume that there are no NaNs and infinities; bits are compared where it matters, so that
 * those which keep them give the defined results.
 */
import { floatText } from "./types.ts";

/** What a helper is written with: the types and constants of its lanes. */
class Lanes {
  readonly f: string;
  readonly i: string;
  readonly u: string;
  readonly b: string;

  constructor(
    readonly helpers: Helpers,
    readonly count: number,
  ) {
    [this.f, this.i, this.u, this.b] = count === 1 ? ["f32", "i32", "u32", "bool"] : ["vec4f", "vec4i", "vec4u", "vec4<bool>"];
  }

  /** A float constant in every lane. */
  k(x: number): string {
    return this.count === 1 ? floatText(x) : `${this.f}(${floatText(x)})`;
  }

  n(x: string): string {
    return this.count === 1 ? x : `${this.i}(${x})`;
  }

  w(x: string): string {
    return this.count === 1 ? x : `${this.u}(${x})`;
  }

  call(name: HelperName, ...operands: readonly string[]): string {
    return this.helpers.call(name, this.count, operands);
  }
}

type Definition = (on: Lanes, name: string) => string;

const horner = (on: Lanes, x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce((sum, c) => `(${sum} * ${x} + ${on.k(c)})`, on.k(coefficients[0]!));

const unaryFloat =
  (body: (on: Lanes) => string): Definition =>
  (on, name) =>
    `fn ${name}(x: ${on.f}) -> ${on.f} {\n${body(on)}\n}`;
const binaryFloat =
  (body: (on: Lanes) => string): Definition =>
  (on, name) =>
    `fn ${name}(a: ${on.f}, b: ${on.f}) -> ${on.f} {\n${body(on)}\n}`;
const binaryInt =
  (body: (on: Lanes) => string): Definition =>
  (on, name) =>
    `fn ${name}(a: ${on.i}, b: ${on.i}) -> ${on.i} {\n${body(on)}\n}`;
const binaryWord =
  (body: (on: Lanes) => string): Definition =>
  (on, name) =>
    `fn ${name}(a: ${on.u}, b: ${on.u}) -> ${on.u} {\n${body(on)}\n}`;

const isNan = (on: Lanes, x: string): string => on.call("is_nan", x);
const withSignOf = (on: Lanes, r: string, x: string): string =>
  `bitcast<${on.f}>((bitcast<${on.u}>(${r}) & ${on.w("0x7fffffffu")}) | (bitcast<${on.u}>(${x}) & ${on.w("0x80000000u")}))`;

/** A float of the given bits that no compiler computes beforehand, which it may not where it is no number. */
const special =
  (bits: string): Definition =>
  (on, name) => `fn ${name}() -> ${on.f} {
  var bits = ${bits};
  return ${on.count === 1 ? "bitcast<f32>(bits)" : `${on.f}(bitcast<f32>(bits))`};
}`;

const extremum = (op: "max" | "min"): Definition =>
  binaryFloat((on) => `  return select(select(${op}(a, b), b, ${isNan(on, "b")}), a, ${isNan(on, "a")});`);
const extremumOfNumbers = (op: "max" | "min"): Definition =>
  binaryFloat((on) => `  return select(select(${op}(a, b), a, ${isNan(on, "b")}), b, ${isNan(on, "a")});`);

/**
 * The error function as `sign(x) * (1 - e^g(|x|))`, near zero `x` times an even polynomial: the same fits as those of the
 * C target, 2 units in the last place beside the error of `exp`.
 */
const erf = unaryFloat((on) => {
  const near = horner(on, "z", [8.4099207e-5, -0.000815262785, 0.00520196045, -0.0268597994, 0.112837031, -0.376126349, 1.12837923]);
  const far = horner(
    on,
    "c",
    [-2.08286183e-5, 0.000431393564, -0.0041562547, 0.0250806157, -0.108220384, -0.633400857, -1.12948835, 0.00016920513],
  );
  return `  let a = abs(x);
  let c = min(a, ${on.k(4)});
  let z = c * c;
  let r = select(${on.k(1)} - exp(${far}), c * ${near}, c < ${on.k(0.92)});
  return select(${withSignOf(on, "r", "x")}, x, ${isNan(on, "x")});`;
});

/** Kahan's forms, which correct the rounding of `1 + x` and of `e^x` by what was lost (W. Kahan, HP-15C, 1982). */
const log1p = unaryFloat(
  (on) => `  let u = ${on.k(1)} + x;
  let d = u - ${on.k(1)};
  let isSmall = d == ${on.k(0)};
  let isLarge = abs(x) > ${on.k(1e6)};
  let r = log(u) * (x / select(d, ${on.k(1)}, isSmall | isLarge));
  return select(select(r, log(u), isLarge), x, isSmall);`,
);
const expm1 = unaryFloat(
  (on) => `  let u = exp(x);
  let d = u - ${on.k(1)};
  let l = log(u);
  let isFar = abs(x) > ${on.k(1)};
  let isSmall = (u == ${on.k(1)}) | (l == ${on.k(0)});
  let r = d * (x / select(l, ${on.k(1)}, isFar | isSmall));
  return select(select(r, d, isFar), x, isSmall & !isFar);`,
);

/** C's pow, for the operands where WGSL's has no meaning as well. */
const pow = binaryFloat(
  (on) => `  let size = select(pow(abs(a), b), select(${on.k(0)}, ${on.call("infinity")}, b < ${on.k(0)}), a == ${on.k(0)});
  let isWhole = trunc(b) == b;
  let isOdd = isWhole & (trunc(b * ${on.k(0.5)}) != b * ${on.k(0.5)});
  let s = select(size, -size, isOdd & ((bitcast<${on.u}>(a) & ${on.w("0x80000000u")}) != ${on.w("0u")}));
  let r = select(s, ${on.call("not_a_number")}, (a < ${on.k(0)}) & !isWhole);
  return select(select(r, a + b, ${isNan(on, "a")} | ${isNan(on, "b")}), ${on.k(1)}, (b == ${on.k(0)}) | (a == ${on.k(1)}));`,
);

const powInt: Definition = (on, name) =>
  on.count === 1
    ? `fn ${name}(a: i32, b: i32) -> i32 {
  if (b < 0i) {
    return select(select(0i, select(-1i, 1i, (b & 1i) == 0i), a == -1i), 1i, a == 1i);
  }
  var r = 1i;
  var base = a;
  for (var e = b; e > 0i; e >>= 1u) {
    if ((e & 1i) != 0i) { r *= base; }
    base *= base;
  }
  return r;
}`
    : eachLane(on, name, "pow", "i32");

/** A vector form that calls the scalar one lane by lane. */
function eachLane(on: Lanes, name: string, scalar: HelperName, type: "i32" | "f32"): string {
  const vector = type === "i32" ? on.i : on.f;
  const calls = ["x", "y", "z", "w"].map((c) => on.helpers.call(scalar, 1, [`a.${c}`, `b.${c}`], type));
  return `fn ${name}(a: ${vector}, b: ${vector}) -> ${vector} {\n  return ${vector}(${calls.join(", ")});\n}`;
}

const shift = (op: "<<" | ">>"): Definition =>
  binaryInt((on) => `  let by = bitcast<${on.u}>(b);\n  return select(a ${op} (by & ${on.w("31u")}), ${on.n("0i")}, by > ${on.w("31u")});`);
const shiftWord = (op: "<<" | ">>"): Definition =>
  binaryWord((on) => `  return select(a ${op} (b & ${on.w("31u")}), ${on.w("0u")}, b > ${on.w("31u")});`);
const divide = (op: "/" | "%"): Definition =>
  binaryInt(
    (on) => `  let isZero = b == ${on.n("0i")};\n  return select(a ${op} select(b, ${on.n("1i")}, isZero), ${on.n("0i")}, isZero);`,
  );
const divideWord = (op: "/" | "%"): Definition =>
  binaryWord(
    (on) => `  let isZero = b == ${on.w("0u")};\n  return select(a ${op} select(b, ${on.w("1u")}, isZero), ${on.w("0u")}, isZero);`,
  );

/** Truncation that saturates at the ends of i32, NaN becoming zero. */
const toI32: Definition = (on, name) => `fn ${name}(x: ${on.f}) -> ${on.i} {
  let low = select(${on.i}(x), ${on.n("-2147483647i - 1i")}, x <= ${on.k(-2147483648)});
  return select(select(low, ${on.n("2147483647i")}, x >= ${on.k(2147483648)}), ${on.n("0i")}, ${isNan(on, "x")});
}`;

/** Floor division and its remainder by a divisor that is positive. */
const floorDivision = (result: "q" | "r"): Definition =>
  binaryInt(
    (on) => `  let d = max(b, ${on.n("1i")});
  let below = select(${on.n("0i")}, ${on.n("1i")}, a % d < ${on.n("0i")});
  return ${result === "q" ? "a / d - below" : "a % d + below * d"};`,
  );

/** Sums that stay at the ends of i32 where they would leave it. */
const boundedSum = (op: "+" | "-"): Definition =>
  binaryInt(
    (on) => `  let r = a ${op} b;
  let left = ${op === "+" ? "(a ^ r) & (b ^ r)" : "(a ^ b) & (a ^ r)"};
  let end = select(${on.n("2147483647i")}, ${on.n("-2147483647i - 1i")}, a < ${on.n("0i")});
  return select(r, end, left < ${on.n("0i")});`,
  );

/** Nearest f16, ties to even: above 65520 infinite, in steps of 2^-24 below 2^-14, else of 11 significant bits. */
const roundF16 = unaryFloat(
  (on) => `  let a = abs(x);
  let bits = bitcast<${on.u}>(a);
  let normal = bitcast<${on.f}>((bits + ${on.w("0xfffu")} + ((bits >> ${on.w("13u")}) & ${on.w("1u")})) & ${on.w("0xffffe000u")});
  let r = select(normal, round(a * ${on.k(16777216)}) * ${on.k(2 ** -24)}, a < ${on.k(2 ** -14)});
  return select(${withSignOf(on, `select(r, ${on.call("infinity")}, a >= ${on.k(65520)})`, "x")}, x, ${isNan(on, "x")});`,
);

/** Nearest bf16, ties to even. */
const roundBf16 = unaryFloat(
  (on) => `  let bits = bitcast<${on.u}>(x);
  let r = (bits + ${on.w("0x7fffu")} + ((bits >> ${on.w("16u")}) & ${on.w("1u")})) & ${on.w("0xffff0000u")};
  return select(bitcast<${on.f}>(r), x, ${isNan(on, "x")});`,
);

const definitions = {
  infinity: special("0x7f800000u"),
  not_a_number: special("0x7fc00000u"),
  is_nan: (on: Lanes, name: string) =>
    `fn ${name}(x: ${on.f}) -> ${on.b} {\n  return (bitcast<${on.u}>(x) & ${on.w("0x7fffffffu")}) > ${on.w("0x7f800000u")};\n}`,
  max: extremum("max"),
  min: extremum("min"),
  maxnum: extremumOfNumbers("max"),
  minnum: extremumOfNumbers("min"),
  pow,
  erf,
  log1p,
  expm1,
  // e^2x overflows in many implementations of tanh.
  tanh: unaryFloat((on) => `  return select(tanh(clamp(x, ${on.k(-10)}, ${on.k(10)})), x, ${isNan(on, "x")});`),
  to_i32: toI32,
  round_f16: roundF16,
  round_bf16: roundBf16,
  pow_int: powInt,
  div: divide("/"),
  rem: divide("%"),
  div_word: divideWord("/"),
  rem_word: divideWord("%"),
  shl: shift("<<"),
  shr: shift(">>"),
  shl_word: shiftWord("<<"),
  shr_word: shiftWord(">>"),
  add_bounded: boundedSum("+"),
  sub_bounded: boundedSum("-"),
  floordiv: floorDivision("q"),
  mod: floorDivision("r"),
} satisfies Record<string, Definition>;
export type HelperName = keyof typeof definitions;

/** The helpers that a shader calls, each with those that it calls itself. */
export class Helpers {
  private readonly defined = new Map<string, string>();

  /** A call of the helper on `lanes` values; `type` names the scalar form where it is not f32 by itself. */
  call(name: HelperName, lanes: number, operands: readonly string[], type?: "i32" | "f32"): string {
    const key = type === "i32" && name === "pow" ? "pow_int" : name;
    const function_ = `${key}_${suffixOf(key, lanes)}`;
    if (!this.defined.has(function_)) {
      // The place is taken first: a helper never calls itself.
      this.defined.set(function_, "");
      const text = definitions[key](new Lanes(this, lanes), function_);
      this.defined.delete(function_);
      this.defined.set(function_, text);
    }
    return `${function_}(${operands.join(", ")})`;
  }

  /** The functions, callees first. */
  get text(): string {
    return [...this.defined.values()].map((t) => `${t}\n\n`).join("");
  }
}

const integers: ReadonlySet<HelperName> = new Set<HelperName>([
  "pow_int",
  "div",
  "rem",
  "shl",
  "shr",
  "floordiv",
  "mod",
  "add_bounded",
  "sub_bounded",
]);

function suffixOf(name: HelperName, lanes: number): string {
  if (name.endsWith("_word")) return lanes === 1 ? "u32" : "vec4u";
  return integers.has(name) ? (lanes === 1 ? "i32" : "vec4i") : lanes === 1 ? "f32" : "vec4f";
}
