/** Loads and stores by indices become loads and stores of memory by one offset in elements. */
import { type Dim, loopAtom } from "../ir/dim.ts";
import { type Buffer, type Expr, index, load, rewriteExpr, toDim } from "../ir/expr.ts";
import { mapStmts, type Stmt } from "../ir/loop.ts";
import { flattenOffset, type View } from "../ir/view.ts";

/** Loads and stores with one index per dimension become loads and stores of roots with one flat offset. */
export function flattenStmts(body: readonly Stmt[], viewFor: (b: Buffer) => View): Stmt[] {
  const dimFlat = (d: Dim): Dim => flattenInside(d, viewFor);
  return mapStmts(body, {
    dim: (d) => d,
    expr: (e) => flattenExpr(e, viewFor),
    stmt: (s) => {
      if (s.kind === "bind") return [{ ...s, value: dimFlat(s.value) }];
      if (s.kind === "for") return [{ ...s, loop: loopAtom(s.loop.name, dimFlat(s.loop.extent)) }];
      if (s.kind !== "store") return [s];
      const view = viewFor(s.buffer);
      return [{ ...s, buffer: view.root, at: [flattenOffset(view, s.at.map(dimFlat))] }];
    },
  });
}

/** The expression with one flat offset per load. */
export const flattenExpr = (e: Expr, viewFor: (b: Buffer) => View): Expr =>
  rewriteExpr(e, {
    node: (n) => {
      if (n.kind !== "load") return undefined;
      const view = viewFor(n.buffer);
      return load(view.root, [flattenOffset(view, n.at)]);
    },
  });

/** The dim with one flat offset per load inside it. */
export const flattenInside = (d: Dim, viewFor: (b: Buffer) => View): Dim => toDim(flattenExpr(index(d), viewFor));
