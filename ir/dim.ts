/**
 * The one algebra of sizes and indices.
 *
 * A `Dim` is an integer: a number, or a polynomial over atoms (a named extent, a loop variable, a floor division, a
 * remainder, a minimum, a maximum, an opaque run-time value). Polynomials are canonical and hash-consed, so equal
 * things are `===`. Divisors are positive; `floordiv` and `mod` round towards minus infinity.
 */

export type Dim = number | Poly;

/** A run-time integer that the algebra does not look into; `ir/expr.ts` makes them from loads and scalars. */
export interface Opaque {
  readonly kind: "opaque";
  readonly key: string;
  /** Every loop variable that stands inside. */
  readonly loops: ReadonlySet<Loop>;
  readonly low: number;
  readonly high: number;
  /** The same value with `f` applied to the dims inside it. */
  map(f: (d: Dim) => Dim): Dim;
}
/** A named extent of the model (`n`), zero or more, known at the latest when the model runs. */
export interface Extent {
  readonly kind: "extent";
  readonly key: string;
  readonly name: string;
}
/** A loop variable: from 0 up to, but not including, `extent`. */
export interface Loop {
  readonly kind: "loop";
  readonly key: string;
  readonly name: string;
  readonly extent: Dim;
}
export interface Operation {
  readonly kind: "floordiv" | "mod" | "min" | "max";
  readonly key: string;
  readonly a: Dim;
  readonly b: Dim;
}
export type Atom = Extent | Loop | Operation | Opaque;

/** `coefficient` times the product of `atoms`, which are sorted by key; a power repeats its atom. */
export interface Term {
  readonly coefficient: number;
  readonly atoms: readonly Atom[];
  readonly key: string;
}
export interface Poly {
  readonly terms: readonly Term[];
  readonly key: string;
}

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

function poly(terms: readonly Term[]): Dim {
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

const termsOf = (d: Dim): readonly Term[] => (typeof d === "number" ? (d === 0 ? [] : [{ coefficient: d, atoms: [], key: "" }]) : d.terms);

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
  if (typeof a === "number" && typeof b === "number") return a * b;
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

/** d >= 0, provably from the ranges of its atoms. */
export const isNonNegative = (d: Dim): boolean => range(d)[0] >= 0;

/** The least and the greatest value `d` can have, inclusive; infinite where nothing is known. */
export function range(d: Dim): readonly [number, number] {
  if (typeof d === "number") return [d, d];
  return d.terms.reduce<readonly [number, number]>(
    ([low, high], t) => {
      const [a, b] = t.atoms.map(atomRange).reduce(multiplyRanges, [t.coefficient, t.coefficient]);
      return [low + a, high + b];
    },
    [0, 0],
  );
}

const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function multiplyRanges([a, b]: readonly [number, number], [c, d]: readonly [number, number]): readonly [number, number] {
  const products = [times(a, c), times(a, d), times(b, c), times(b, d)];
  return [Math.min(...products), Math.max(...products)];
}

function atomRange(a: Atom): readonly [number, number] {
  switch (a.kind) {
    case "extent":
      return [0, Infinity];
    case "loop":
      return [0, Math.max(0, range(a.extent)[1] - 1)];
    case "opaque":
      return [a.low, a.high];
    case "mod":
      return [0, Math.max(0, Math.min(range(a.b)[1] - 1, range(a.a)[0] >= 0 ? range(a.a)[1] : Infinity))];
    case "floordiv":
      return divideRange(range(a.a), range(a.b));
    case "min":
    case "max": {
      const f = (p: number, q: number): number => (a.kind === "min" ? Math.min(p, q) : Math.max(p, q));
      const [x, y] = [range(a.a), range(a.b)];
      return [f(x[0], y[0]), f(x[1], y[1])];
    }
  }
}

function divideRange([low, high]: readonly [number, number], [least, most]: readonly [number, number]): readonly [number, number] {
  const [small, large] = [Math.max(1, least), Math.max(1, most)];
  const floor = (x: number, y: number): number => (Number.isFinite(x) ? (Number.isFinite(y) ? Math.floor(x / y) : x < 0 ? -1 : 0) : x);
  return [floor(low, low < 0 ? small : large), floor(high, high < 0 ? large : small)];
}

/** Whether `d` can be an extent: a whole number that is not negative, or an expression that divides by nothing below one. */
export function isExtent(d: Dim): boolean {
  return typeof d === "number" ? Number.isSafeInteger(d) && d >= 0 : d.terms.every((t) => t.atoms.every(isDividedByPositive));
}

function isDividedByPositive(a: Atom): boolean {
  if (a.kind === "extent" || a.kind === "loop" || a.kind === "opaque") return true;
  const divides = a.kind === "floordiv" || a.kind === "mod";
  if (divides && typeof a.b === "number" && a.b <= 0) return false;
  return [a.a, a.b].every((d) => typeof d === "number" || isExtent(d));
}

/** `d` with its atoms replaced; `f` answers undefined for an atom that stays (the dims inside it are still mapped). */
export function mapAtoms(d: Dim, f: (a: Atom) => Dim | undefined): Dim {
  const memo = new Map<Atom, Dim>();
  const atom = (a: Atom): Dim => {
    const known = memo.get(a);
    if (known !== undefined) return known;
    const made = f(a) ?? mapInside(a, whole);
    memo.set(a, made);
    return made;
  };
  const mapTerm = (t: Term): Dim | undefined => {
    const made = t.atoms.map(atom);
    return made.every((m, k) => m === atomDim(t.atoms[k]!)) ? undefined : made.reduce(mul, t.coefficient);
  };
  const whole = (x: Dim): Dim => {
    if (typeof x === "number") return x;
    const made = x.terms.map(mapTerm);
    return made.every((m) => m === undefined) ? x : poly(made.flatMap((m, k) => (m === undefined ? [x.terms[k]!] : termsOf(m))));
  };
  return whole(d);
}

/** An atom with `f` applied to the dims inside it. */
function mapInside(a: Atom, f: (d: Dim) => Dim): Dim {
  switch (a.kind) {
    case "extent":
    case "loop":
      return atomDim(a);
    case "opaque":
      return a.map(f);
    default: {
      const [x, y] = [f(a.a), f(a.b)];
      return x === a.a && y === a.b ? atomDim(a) : { floordiv, mod, min, max }[a.kind](x, y);
    }
  }
}

/** `d` with loop variables and extents replaced, all at once. */
export function substituteDim(d: Dim, by: ReadonlyMap<Atom, Dim>): Dim {
  return by.size === 0 ? d : mapAtoms(d, (a) => by.get(a));
}

/** Calls `f` with every extent, loop variable and opaque value in `d`, those inside other atoms too, as often as they stand there. */
export function visitAtoms(d: Dim, f: (a: Extent | Loop | Opaque) => void): void {
  if (typeof d === "number") return;
  for (const t of d.terms) for (const a of t.atoms) visitAtom(a, f);
}

function visitAtom(a: Atom, f: (a: Extent | Loop | Opaque) => void): void {
  switch (a.kind) {
    case "extent":
    case "loop":
      return f(a);
    case "opaque":
      f(a);
      return a.loops.forEach(f);
    default:
      visitAtoms(a.a, f);
      visitAtoms(a.b, f);
  }
}

/** Every extent, loop variable and opaque value in `d`, those inside other atoms too. */
export function atomsIn(d: Dim): Set<Extent | Loop | Opaque> {
  const found = new Set<Extent | Loop | Opaque>();
  visitAtoms(d, (a) => found.add(a));
  return found;
}

function hasInside(a: Atom, v: Loop): boolean {
  let found = false;
  visitAtom(a, (x) => (found ||= x === v));
  return found;
}

/** The change of `d` when `v` grows by one; undefined where `v` stands inside an atom or in a product with itself. */
export function stride(d: Dim, v: Loop): Dim | undefined {
  const changes: Term[] = [];
  for (const t of termsOf(d)) {
    const others = t.atoms.filter((a) => a !== v);
    const times = t.atoms.length - others.length;
    if (times > 1 || others.some((a) => hasInside(a, v))) return undefined;
    if (times === 1) changes.push(term(t.coefficient, others));
  }
  return poly(changes);
}

/** How two shapes of equal size split each other: `a[i]` is the product of the extents that `left[i]` numbers. */
export interface Refinement {
  readonly extents: readonly Dim[];
  readonly left: readonly (readonly number[])[];
  readonly right: readonly (readonly number[])[];
}

/**
 * The common refinement of two shapes with the same number of elements, or undefined where their prefix products form
 * no chain of divisors. Extents of one fall into no group.
 */
export function refine(a: readonly Dim[], b: readonly Dim[]): Refinement | undefined {
  const extents: Dim[] = [];
  const left: number[][] = a.map(() => []);
  const right: number[][] = b.map(() => []);
  let i = 0;
  let j = 0;
  let x: Dim = 1;
  let y: Dim = 1;
  for (;;) {
    while (x === 1 && i < a.length) x = a[i++]!;
    while (y === 1 && j < b.length) y = b[j++]!;
    if (x === 1 && y === 1) return { extents, left, right };
    const rest: Dim | undefined = exactDiv(x, y);
    const other: Dim | undefined = rest === undefined ? exactDiv(y, x) : undefined;
    const common: Dim | undefined = rest !== undefined ? y : other !== undefined ? x : undefined;
    if (common === undefined || common === 0 || common === 1) return undefined;
    left[i - 1]!.push(extents.length);
    right[j - 1]!.push(extents.length);
    extents.push(common);
    [x, y] = rest !== undefined ? [rest, 1] : [1, other!];
  }
}

/** `2*n+1`, `floordiv(h-3,2)`, `i0*4+i1`; names of extents that are not plain words are quoted. */
export function formatDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  return d.terms.map(formatTerm).reduce((sum, t) => (t.startsWith("-") ? sum + t : `${sum}+${t}`));
}

function formatTerm(t: Term): string {
  const factors = t.atoms.map(formatAtom).join("*");
  if (!factors) return String(t.coefficient);
  return t.coefficient === 1 ? factors : t.coefficient === -1 ? `-${factors}` : `${t.coefficient}*${factors}`;
}

function formatAtom(a: Atom): string {
  switch (a.kind) {
    case "extent":
      return /^[A-Za-z_][\w.]*$/.test(a.name) ? a.name : JSON.stringify(a.name);
    case "loop":
      return a.name;
    case "opaque":
      return `[${a.key}]`;
    default:
      return `${a.kind}(${formatDim(a.a)},${formatDim(a.b)})`;
  }
}
