/** Which parts of an expression deserve a name: those used more than once and evaluated whatever the data. */
import { type Expr, partsOf } from "../ir/expr.ts";

const isPlain = (e: Expr): boolean => e.kind === "const" || e.kind === "var" || e.kind === "index";

/**
 * Parts that several places of `roots` use, parts before wholes. A part that only an arm of a `select` uses is left
 * out: it may load outside its buffer when the other arm is taken.
 */
export function sharedParts(roots: readonly Expr[]): Expr[] {
  const uses = new Map<Expr, number>();
  const certain = new Set<Expr>();
  const order: Expr[] = [];
  const count = (e: Expr): void => {
    const n = (uses.get(e) ?? 0) + 1;
    uses.set(e, n);
    if (n > 1) return;
    for (const p of partsOf(e)) count(p);
    order.push(e);
  };
  const mark = (e: Expr): void => {
    if (certain.has(e)) return;
    certain.add(e);
    if (e.kind === "select") mark(e.cond);
    else for (const p of partsOf(e)) mark(p);
  };
  roots.forEach(count);
  roots.forEach(mark);
  return order.filter((e) => uses.get(e)! > 1 && certain.has(e) && !isPlain(e));
}
