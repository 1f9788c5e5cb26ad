/**
 * The one algebra of sizes and indices.
 *
 * A `Dim` is an integer: a number, or a polynomial over atoms (a named extent, a loop variable, a floor division, a
 * remainder, a minimum, a maximum, an opaque run-time value). Polynomials are canonical and hash-consed, so equal
 * things are `===`. Divisors are positive; `floordiv` and `mod` round towards minus infinity.
 */
import { isNonNegative, range } from "./dim-range.ts";
import type { Atom, Dim, Loop, Opaque, Operation, Poly, Term } from "./dim-types.ts";

export type * from "./dim-types.ts";
export { isNonNegative, range };

const polys = new Map<string, Poly>();
const atoms = new Map<string, Atom>();

const compareKeys = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** The key of a dim; equal dims have equal keys. */
export const dimKey = (d: Dim): string => (typeof d === "number" ? String(d) : d.key);

function intern<A extends Atom>(atom: A): A {
  const known = atoms.get(atom.key);
  if (known) return known as A;
  atoms.set(atom.key, atom);
  return atom;
}

/** The order of terms: most atoms first, the constant last. */
const compareTerms = (a: Term, b: Term): number => b.atoms.length - a.atoms.length || compareKeys(a, b);

/** Terms in their order, those with equal atoms merged, zero ones dropped. */
function merge(terms: readonly Term[]): readonly Term[] {
  const merged: Term[] = [];
  for (const t of terms) {
    let at = merged.length;
    while (at > 0 && compareTerms(merged[at - 1]!, t) > 0) at--;
    const same = merged[at - 1];
    if (same?.key === t.key) merged[at - 1] = { ...same, coefficient: same.coefficient + t.coefficient };
    else merged.splice(at, 0, t);
  }
  return merged.some((t) => t.coefficient === 0) ? merged.filter((t) => t.coefficient !== 0) : merged;
}

/** The sum of terms. */
export function poly(terms: readonly Term[]): Dim {
  const merged = merge(terms);
  return (merged.length > 1 ? rejoin(merged) : undefined) ?? internTerms(merged);
}

/** The dim of merged terms, none of which can be rejoined. */
function internTerms(terms: readonly Term[]): Dim {
  const [first] = terms;
  if (!first) return 0;
  if (terms.length === 1 && first.atoms.length === 0) return first.coefficient;
  const key = terms.map((t) => `${t.coefficient}*${t.key}`).join("+");
  const known = polys.get(key);
  if (known) return known;
  const made: Poly = { terms, key: `(${key})` };
  polys.set(key, made);
  return made;
}

/** b * floor(a / b) + a mod b = a, with any common factor; undefined where no two terms are such a pair. */
function rejoin(terms: readonly Term[]): Dim | undefined {
  for (const t of terms) {
    const rest = t.atoms.find((a): a is Operation => a.kind === "mod");
    if (!rest) continue;
    const factor = term(
      t.coefficient,
      t.atoms.filter((_, k) => k !== t.atoms.indexOf(rest)),
    );
    const whole = termsOf(mul(mul(poly([factor]), rest.b), floordiv(rest.a, rest.b)));
    const [quotient] = whole;
    const partner = whole.length === 1 ? terms.find((x) => x.key === quotient!.key && x.coefficient === quotient!.coefficient) : undefined;
    if (!partner) continue;
    return add(poly(terms.filter((x) => x !== t && x !== partner)), mul(poly([factor]), rest.a));
  }
  return undefined;
}

const term = (coefficient: number, factors: readonly Atom[]): Term => {
  if (factors.length === 1) return { coefficient, atoms: factors, key: factors[0]!.key };
  const sorted = [...factors].sort(compareKeys);
  return { coefficient, atoms: sorted, key: sorted.map((a) => a.key).join("*") };
};

export const termsOf = (d: Dim): readonly Term[] =>
  typeof d === "number" ? (d === 0 ? [] : [{ coefficient: d, atoms: [], key: "" }]) : d.terms;

const atomDims = new Map<Atom, Dim>();

/** The polynomial that is just this atom. */
export function atomDim(a: Atom): Dim {
  const known = atomDims.get(a);
  if (known !== undefined) return known;
  const made = internTerms([term(1, [a])]);
  atomDims.set(a, made);
  return made;
}

/** The only atom of `d`, when `d` is an atom alone. */
export function asAtom(d: Dim): Atom | undefined {
  if (typeof d === "number" || d.terms.length !== 1) return undefined;
  const [only] = d.terms;
  return only!.coefficient === 1 && only!.atoms.length === 1 ? only!.atoms[0] : undefined;
}

export const extent = (name: string): Dim => atomDim(intern({ kind: "extent", key: `$${name}`, name }));

/** A loop variable; variables of equal name and extent are the same. */
export const loopAtom = (name: string, size: Dim): Loop => intern({ kind: "loop", key: `${name}<${dimKey(size)}>`, name, extent: size });
export const loop = (name: string, size: Dim): Dim => atomDim(loopAtom(name, size));

export const opaque = (o: Opaque): Dim => atomDim(intern(o));

export function add(...dims: readonly Dim[]): Dim {
  const parts = dims.filter((d) => d !== 0);
  if (parts.length < 2) return parts[0] ?? 0;
  if (parts.every((d) => typeof d === "number")) return parts.reduce((a, b) => a + b, 0);
  return poly(parts.flatMap(termsOf));
}

export function mul(a: Dim, b: Dim): Dim {
  if (typeof a === "number") return scale(b, a);
  if (typeof b === "number") return scale(a, b);
  return poly(termsOf(a).flatMap((x) => termsOf(b).map((y) => term(x.coefficient * y.coefficient, [...x.atoms, ...y.atoms]))));
}

function scale(d: Dim, by: number): Dim {
  if (typeof d === "number") return d * by;
  return by === 1 ? d : by === 0 ? 0 : internTerms(d.terms.map((t) => ({ ...t, coefficient: t.coefficient * by })));
}

export const neg = (a: Dim): Dim => mul(-1, a);
export const sub = (a: Dim, b: Dim): Dim => add(a, neg(b));
export const product = (dims: readonly Dim[]): Dim => dims.reduce(mul, 1);

/** `a / b` when `b` is a monomial (or a multiple of `a`) that divides every term of `a`, else undefined. */
export function exactDiv(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined;
  if (a === b) return 1;
  if (typeof b === "number") {
    const terms = termsOf(a);
    return terms.every((t) => t.coefficient % b === 0) ? poly(terms.map((t) => ({ ...t, coefficient: t.coefficient / b }))) : undefined;
  }
  if (b.terms.length !== 1) return divideByFactor(a, b);
  const [divisor] = b.terms;
  const quotients = termsOf(a).map((t) => divideTerm(t, divisor!));
  return quotients.every((q) => q !== undefined) ? poly(quotients) : undefined;
}

/** `a / b` for a sum `b`, by trying the quotient of the leading terms. */
function divideByFactor(a: Dim, b: Poly): Dim | undefined {
  let rest = a;
  const quotient: Term[] = [];
  for (let guard = termsOf(a).length; rest !== 0 && guard > 0; guard--) {
    const q = divideTerm(termsOf(rest)[0]!, b.terms[0]!);
    if (!q) return undefined;
    quotient.push(q);
    rest = sub(rest, mul(poly([q]), b));
  }
  return rest === 0 ? poly(quotient) : undefined;
}

function divideTerm(t: Term, by: Term): Term | undefined {
  if (t.coefficient % by.coefficient !== 0) return undefined;
  const left = [...t.atoms];
  for (const a of by.atoms) {
    const at = left.indexOf(a);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return term(t.coefficient / by.coefficient, left);
}

/** `a` as `quotient * b + rest`, with as many terms as possible in the quotient. */
function divide(a: Dim, b: Dim): { quotient: Dim; rest: Dim } {
  let quotient: Dim = 0;
  const rest: Term[] = [];
  for (const t of termsOf(a)) {
    const q = exactDiv(poly([t]), b);
    if (q !== undefined) {
      quotient = add(quotient, q);
    } else if (typeof b === "number" && b > 0) {
      const whole = Math.floor(t.coefficient / b);
      quotient = add(quotient, poly([{ ...t, coefficient: whole }]));
      rest.push({ ...t, coefficient: t.coefficient - whole * b });
    } else {
      rest.push(t);
    }
  }
  return { quotient, rest: poly(rest) };
}

const operation = (kind: Operation["kind"], a: Dim, b: Dim): Dim =>
  atomDim(intern({ kind, key: `${kind}(${dimKey(a)},${dimKey(b)})`, a, b }));

export function floordiv(a: Dim, b: Dim): Dim {
  if (b === 1) return a;
  if (typeof a === "number" && typeof b === "number") return b === 0 ? 0 : Math.floor(a / b);
  const whole = divide(a, b);
  if (isBetweenZeroAnd(whole.rest, b)) return whole.quotient;
  const split = isBounded(whole.rest) ? whole : { quotient: 0, rest: a };
  const inner = asAtom(split.rest);
  // floor(floor(x / c) / b) = floor(x / (c b))
  if (inner?.kind === "floordiv") return add(split.quotient, floordiv(inner.a, mul(inner.b, b)));
  const units = inUnits(split.rest, b);
  if (units) return add(split.quotient, floordiv(units.coarse, units.count));
  return add(split.quotient, operation("floordiv", split.rest, b));
}

export function mod(a: Dim, b: Dim): Dim {
  if (b === 1) return 0;
  if (typeof a === "number" && typeof b === "number") return b === 0 ? 0 : a - b * Math.floor(a / b);
  const { rest } = divide(a, b);
  if (isBetweenZeroAnd(rest, b)) return rest;
  const units = inUnits(rest, b);
  return units ? add(mul(units.unit, mod(units.coarse, units.count)), units.fine) : operation("mod", rest, b);
}

/** `a = unit * coarse + fine` and `b = unit * count` with `0 <= fine < unit`, so that only `coarse` is left to divide, by `count`. */
interface Units {
  readonly unit: number;
  readonly coarse: Dim;
  readonly fine: Dim;
  readonly count: number;
}

/** The largest unit above 1 that there is. */
function inUnits(a: Dim, b: Dim): Units | undefined {
  if (typeof b !== "number" || b <= 1) return undefined;
  const units = new Set(termsOf(a).map((t) => gcd(Math.abs(t.coefficient), b)));
  for (const unit of [...units].filter((u) => u > 1).sort((x, y) => y - x)) {
    const { quotient, rest } = divide(a, unit);
    if (isBetweenZeroAnd(rest, unit)) return { unit, coarse: quotient, fine: rest, count: b / unit };
  }
  return undefined;
}

/** The greatest common divisor of whole numbers from 0 on; of 0 and 0, 0. */
export const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

const isBounded = (d: Dim): boolean => range(d)[0] > -Infinity;

export const ceildiv = (a: Dim, b: Dim): Dim => floordiv(add(a, b, -1), b);

export function min(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return Math.min(a, b);
  if (isNonNegative(sub(b, a))) return a;
  if (isNonNegative(sub(a, b))) return b;
  const [x, y] = [a, b].sort((p, q) => (dimKey(p) < dimKey(q) ? -1 : 1));
  return operation("min", x!, y!);
}

export function max(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return Math.max(a, b);
  if (isNonNegative(sub(b, a))) return b;
  if (isNonNegative(sub(a, b))) return a;
  const [x, y] = [a, b].sort((p, q) => (dimKey(p) < dimKey(q) ? -1 : 1));
  return operation("max", x!, y!);
}

/** 0 <= d < bound, provably. */
function isBetweenZeroAnd(d: Dim, bound: Dim): boolean {
  if (d === 0) return true;
  return isNonNegative(d) && isNonNegative(sub(sub(bound, 1), upper(d)));
}

/** Loop variables with a positive factor replaced by their last value: a symbolic upper bound. */
function upper(d: Dim): Dim {
  if (typeof d === "number") return d;
  return add(
    ...d.terms.map((t) =>
      t.coefficient < 0
        ? poly([t])
        : t.atoms.reduce<Dim>((p, a) => mul(p, a.kind === "loop" ? sub(a.extent, 1) : atomDim(a)), t.coefficient),
    ),
  );
}
