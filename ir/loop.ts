/**
 * Loops: the last shared form before text. What makes a loop parallel, vector or a GPU dimension is its mode; each
 * printer gives the mode its meaning. No break, no pointers, no recursion.
 *
 * A `dot` loop, inside a vector loop, adds products of small integers that lie side by side: machines have one operation
 * for all its points and lanes. Anywhere else it is a serial loop.
 */
import { asAtom, type Dim, type Extent, loop as loopOf, type Loop } from "./dim.ts";
import type { Buffer, Expr } from "./expr.ts";
import type { ComputeType } from "./type.ts";

export type LoopMode =
  "serial" | "parallel" | "unroll" | "vector" | "dot" | "workgroup.x" | "workgroup.y" | "workgroup.z" | "local.x" | "local.y" | "local.z";

/** Where a buffer made inside a kernel lives: named scalars, planned per-thread scratch, or memory shared by a workgroup. */
export type Scope = "register" | "scratch" | "workgroup";

export type Stmt =
  | { readonly kind: "for"; readonly loop: Loop; readonly mode: LoopMode; readonly body: readonly Stmt[] }
  | { readonly kind: "if"; readonly cond: Expr; readonly then: readonly Stmt[]; readonly else?: readonly Stmt[] }
  | { readonly kind: "while"; readonly cond: Expr; readonly body: readonly Stmt[] }
  /** Gives a loop variable that no loop runs its value: the axes of fused loops. */
  | { readonly kind: "bind"; readonly loop: Loop; readonly value: Dim }
  /** Declares a scalar; visible to the end of the enclosing block. */
  | { readonly kind: "let"; readonly name: string; readonly dtype: ComputeType; readonly value: Expr }
  | { readonly kind: "assign"; readonly name: string; readonly dtype: ComputeType; readonly value: Expr }
  /** `combine`: the stored value is combined with what is there (atomically inside parallel loops). */
  | {
      readonly kind: "store";
      readonly buffer: Buffer;
      readonly at: readonly Dim[];
      readonly value: Expr;
      readonly combine?: "add" | "mul" | "max" | "min";
    }
  | { readonly kind: "alloc"; readonly buffer: Buffer; readonly scope: Scope }
  | { readonly kind: "barrier" };

/** One kernel, ready to print. Loads and stores have one flat offset in elements. */
export interface LoopNest {
  readonly name: string;
  /** Roots, each once, in the order of the kernel's arguments. */
  readonly params: readonly Param[];
  /** The named extents the body reads, in the order of the kernel's extent arguments. */
  readonly extents: readonly Extent[];
  readonly body: readonly Stmt[];
}

export interface Param {
  readonly buffer: Buffer;
  readonly access: "read" | "write" | "readwrite";
}

export const forLoop = (loop: Loop, body: readonly Stmt[], mode: LoopMode = "serial"): Stmt => ({ kind: "for", loop, mode, body });
export const store = (buffer: Buffer, at: readonly Dim[], value: Expr): Stmt => ({ kind: "store", buffer, at, value });
export const letVar = (name: string, value: Expr): Stmt => ({ kind: "let", name, dtype: value.dtype, value });
export const assign = (name: string, value: Expr): Stmt => ({ kind: "assign", name, dtype: value.dtype, value });
export const ifThen = (cond: Expr, then: readonly Stmt[], otherwise?: readonly Stmt[]): Stmt => ({
  kind: "if",
  cond,
  then,
  ...(otherwise && { else: otherwise }),
});
export const whileLoop = (cond: Expr, body: readonly Stmt[]): Stmt => ({ kind: "while", cond, body });

/** Serial loops over every point of a shape, the last axis innermost; loops inside one another need different prefixes. */
export function forAll(shape: readonly Dim[], body: (at: readonly Dim[]) => readonly Stmt[], prefix = "i"): readonly Stmt[] {
  const at = shape.map((extent, d) => loopOf(`${prefix}${d}`, extent));
  return at.reduceRight((inner, d) => [forLoop(asAtom(d) as Loop, inner)], body(at));
}

export interface StmtRewrite {
  readonly expr: (e: Expr) => Expr;
  readonly dim: (d: Dim) => Dim;
  /** Applied to each statement after its parts; default: itself. */
  readonly stmt?: (s: Stmt) => readonly Stmt[];
}

/** Statements rebuilt with their expressions and dims replaced. Loops' own variables are left alone. */
export function mapStmts(body: readonly Stmt[], by: StmtRewrite): Stmt[] {
  return body.flatMap((s) => {
    const made = mapStmt(s, by);
    return by.stmt ? by.stmt(made) : [made];
  });
}

function mapStmt(s: Stmt, by: StmtRewrite): Stmt {
  switch (s.kind) {
    case "for":
      return { ...s, body: mapStmts(s.body, by) };
    case "if":
      return { ...s, cond: by.expr(s.cond), then: mapStmts(s.then, by), ...(s.else && { else: mapStmts(s.else, by) }) };
    case "while":
      return { ...s, cond: by.expr(s.cond), body: mapStmts(s.body, by) };
    case "let":
    case "assign":
      return { ...s, value: by.expr(s.value) };
    case "bind":
      return { ...s, value: by.dim(s.value) };
    case "store":
      return { ...s, at: s.at.map(by.dim), value: by.expr(s.value) };
    case "alloc":
    case "barrier":
      return s;
  }
}

/** Every statement, wholes before parts. */
export function visitStmts(body: readonly Stmt[], f: (s: Stmt) => void): void {
  for (const s of body) {
    f(s);
    if (s.kind === "for" || s.kind === "while") visitStmts(s.body, f);
    if (s.kind === "if") {
      visitStmts(s.then, f);
      visitStmts(s.else ?? [], f);
    }
  }
}
