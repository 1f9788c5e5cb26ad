/** What stands in a dim: its atoms looked at, replaced, or made to grow. */
import {
  add,
  type Atom,
  atomDim,
  type Dim,
  type Extent,
  floordiv,
  type Loop,
  max,
  min,
  mod,
  mul,
  type Opaque,
  poly,
  product,
  type Term,
  termsOf,
} from "./dim.ts";

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

/** Whether the loop variable stands in the atom, at any depth. */
function hasInside(a: Atom, v: Loop): boolean {
  let found = false;
  visitAtom(a, (x) => (found ||= x === v));
  return found;
}

/** The change of `d` when `v` grows by one; undefined where `v` stands inside an atom or in a product with itself. */
export function stride(d: Dim, v: Loop): Dim | undefined {
  const changes: Dim[] = [];
  for (const t of termsOf(d)) {
    const others = t.atoms.filter((a) => a !== v);
    const times = t.atoms.length - others.length;
    if (times > 1 || others.some((a) => hasInside(a, v))) return undefined;
    if (times === 1) changes.push(mul(t.coefficient, product(others.map(atomDim))));
  }
  return add(...changes);
}
