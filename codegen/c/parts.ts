/** The parts of statements, those inside indices too. */
import type { Dim } from "../../ir/dim.ts";
import { type Expr, visitExpr, visitOpaque } from "../../ir/expr.ts";
import type { Stmt } from "../../ir/loop.ts";

/** The dims and expressions that stand directly in a statement. */
export function partsOfStmt(s: Stmt): { readonly exprs: readonly Expr[]; readonly dims: readonly Dim[] } {
  switch (s.kind) {
    case "for":
      return { exprs: [], dims: [s.loop.extent] };
    case "if":
    case "while":
      return { exprs: [s.cond], dims: [] };
    case "let":
    case "assign":
      return { exprs: [s.value], dims: [] };
    case "bind":
      return { exprs: [], dims: [s.value] };
    case "store":
      return { exprs: [s.value], dims: s.at };
    default:
      return { exprs: [], dims: [] };
  }
}

export function opaquesIn(d: Dim): Expr[] {
  const found: Expr[] = [];
  visitOpaque(d, (e) => {
    if (!found.includes(e)) found.push(e);
  });
  return found;
}

/** Every expression in a statement (not in those inside it), each once, also inside indices. */
export function visitParts(s: Stmt, f: (e: Expr) => void): void {
  const seen = new Set<Expr>();
  const { exprs, dims } = partsOfStmt(s);
  for (const e of [...exprs, ...dims.flatMap(opaquesIn)]) visitExpr(e, f, seen);
}
