/** The parts of statements, those inside indices too. */
import { atomsIn, type Dim } from "../../ir/dim.ts";
import { type Expr, opaqueExpr, visitExpr } from "../../ir/expr.ts";
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

export const opaquesIn = (d: Dim): Expr[] => [...atomsIn(d)].flatMap((a) => (a.kind === "opaque" ? [opaqueExpr(a)] : []));

/** Every expression in a statement (not in those inside it), each once, also inside indices. */
export function visitParts(s: Stmt, f: (e: Expr) => void): void {
  const seen = new Set<Expr>();
  const { exprs, dims } = partsOfStmt(s);
  for (const e of [...exprs, ...dims.flatMap(opaquesIn)]) visitExpr(e, f, seen);
}
