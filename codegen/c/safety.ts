/** What may be evaluated when: parts that always are, loads that are inside their buffer, indices that cannot overflow. */
import { add, type Atom, atomDim, type Dim, isNonNegative, product, range, sub } from "../../ir/dim.ts";
import { substituteDim } from "../../ir/dim-atoms.ts";
import { dimsOf, type Expr, type Load, partsOf } from "../../ir/expr.ts";
import { opaquesIn } from "./parts.ts";

/** The direct parts of an expression, those inside its indices too. */
export const childrenOf = (e: Expr): readonly Expr[] => [...dimsOf(e).flatMap(opaquesIn), ...partsOf(e)];

/** Everything that is evaluated whenever all of `roots` are. */
export function certainParts(roots: readonly Expr[]): Set<Expr> {
  const memo = new Map<Expr, Set<Expr>>();
  const collect = (e: Expr, into: Set<Expr>): Set<Expr> => {
    if (into.has(e)) return into;
    into.add(e);
    if (e.kind !== "select") {
      for (const p of childrenOf(e)) collect(p, into);
      return into;
    }
    collect(e.cond, into);
    const [a, b] = [alone(e.a), alone(e.b)];
    for (const x of a) if (b.has(x)) into.add(x);
    return into;
  };
  const alone = (e: Expr): Set<Expr> => {
    const known = memo.get(e) ?? collect(e, new Set());
    memo.set(e, known);
    return known;
  };
  const all = new Set<Expr>();
  for (const e of roots) collect(e, all);
  return all;
}

/** Some value in it has no known bounds, and something is done to it. */
export function isWild(d: Exclude<Dim, number>): boolean {
  const isAlone = d.terms.length === 1 && d.terms[0]!.coefficient === 1 && d.terms[0]!.atoms.length === 1;
  return !isAlone && d.terms.some((t) => t.atoms.some(isUnbounded));
}

/** Data decides its value, and nothing limits it. */
function isUnbounded(a: Atom): boolean {
  const fromData = a.kind === "opaque" || ((a.kind === "min" || a.kind === "max") && [a.a, a.b].some((x) => opaquesIn(x).length > 0));
  return fromData && !range(atomDim(a)).every(Number.isFinite);
}

/** Provably inside the buffer for every value of the loops around. */
export function isInBounds(l: Load): boolean {
  const at = l.at[0] ?? 0;
  if (!isNonNegative(at)) return false;
  return isNonNegative(sub(product(l.buffer.shape), add(greatest(at), 1))) || isNonNegative(sub(product(l.buffer.shape), add(at, 1)));
}

/** `d` with its loop variables at their last values, where it grows with all of them. */
function greatest(d: Dim): Dim {
  if (typeof d === "number") return d;
  const grows = d.terms.every((t) => t.coefficient > 0 || !t.atoms.some((a) => a.kind === "loop"));
  if (!grows) return d;
  return add(
    ...d.terms.map((t) => {
      const last = t.atoms.flatMap((a): [Atom, Dim][] => (a.kind === "loop" ? [[a, sub(a.extent, 1)]] : []));
      const whole = { terms: [t], key: "" };
      return last.length > 0 && t.atoms.every((a) => a.kind === "loop" || a.kind === "extent")
        ? substituteDim(whole, new Map(last))
        : whole;
    }),
  );
}
