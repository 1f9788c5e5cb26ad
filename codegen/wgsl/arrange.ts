/**
 * Loop nests made ready for a shader: which loops become ids, where guards are checked, which memory is read four
 * elements at a time.
 */
import { type Atom, type Dim, exactDiv, type Loop } from "../../ir/dim.ts";
import { substituteDim } from "../../ir/dim-atoms.ts";
import { bool, type Buffer, type Expr, rewriteExpr, visitExpr } from "../../ir/expr.ts";
import { ifThen, type LoopMode, type LoopNest, mapStmts, type Stmt, visitStmts } from "../../ir/loop.ts";
import { loopsOf } from "../roles.ts";
import { type Variance, varianceOf } from "../c/lanes.ts";
import { visitParts } from "../c/parts.ts";

export type IdMode = Extract<LoopMode, `${"workgroup" | "local"}.${string}`>;

export const isIdMode = (mode: LoopMode): mode is IdMode => mode.startsWith("workgroup.") || mode.startsWith("local.");

/** Lanes of every vector. */
export const lanes = 4;

/** The nest with its guards checked once, and with unrolled loops in place of vector loops that are not four long. */
export function arrange(nest: LoopNest): LoopNest {
  const vectors = mapStmts(nest.body, {
    expr: (e) => e,
    dim: (d) => d,
    stmt: (s) => [s.kind === "for" && s.mode === "vector" && s.loop.extent !== lanes ? { ...s, mode: "unroll" } : s],
  });
  const local = new Set<Buffer>();
  visitStmts(vectors, (s) => {
    if (s.kind === "alloc") local.add(s.buffer);
  });
  return { ...nest, body: new GuardHoist(local).body(vectors, new Set()) };
}

const isIdLoop = (s: Stmt): boolean => s.kind === "for" && (isIdMode(s.mode) || s.mode === "parallel");

function has(body: readonly Stmt[], test: (s: Stmt) => boolean): boolean {
  let found = false;
  visitStmts(body, (s) => {
    found ||= test(s);
  });
  return found;
}

/** A condition that only ids decide, and under which everything is stored that outlives the kernel, is checked before all else. */
class GuardHoist {
  constructor(private readonly local: ReadonlySet<Buffer>) {}

  body(body: readonly Stmt[], ids: ReadonlySet<Loop>): Stmt[] {
    return body.map((s) => {
      if (s.kind !== "for" || !isIdLoop(s)) return s;
      const inner = new Set(ids).add(s.loop);
      const first = s.body.findIndex((t) => t.kind !== "bind");
      const binds = s.body.slice(0, first);
      for (const b of binds) if (b.kind === "bind") inner.add(b.loop);
      const rest = s.body.slice(first);
      return { ...s, body: [...binds, ...(has(rest, isIdLoop) ? this.body(rest, inner) : this.checked(rest, inner))] };
    });
  }

  private checked(body: readonly Stmt[], ids: ReadonlySet<Loop>): readonly Stmt[] {
    if (has(body, (s) => s.kind === "barrier")) return body;
    const guards = new Set<Expr>();
    visitStmts(body, (s) => {
      if (s.kind === "if" && !s.else && this.isDecidedBy(ids, s.cond) && this.guardsAll(body, s.cond)) guards.add(s.cond);
    });
    const guard = [...guards].at(0);
    return guard ? [ifThen(guard, assuming(body, guard))] : body;
  }

  private isDecidedBy(ids: ReadonlySet<Loop>, cond: Expr): boolean {
    const parts: Expr[] = [];
    visitExpr(cond, (e) => parts.push(e));
    return parts.every((e) => e.kind !== "load" && e.kind !== "var") && [...loopsOf(cond)].every((l) => ids.has(l));
  }

  private guardsAll(body: readonly Stmt[], guard: Expr): boolean {
    return body.every((s) => {
      if (s.kind === "store") return this.local.has(s.buffer);
      if (s.kind === "if") return s.cond === guard || (this.guardsAll(s.then, guard) && this.guardsAll(s.else ?? [], guard));
      return s.kind === "for" || s.kind === "while" ? this.guardsAll(s.body, guard) : true;
    });
  }
}

const assuming = (body: readonly Stmt[], guard: Expr): Stmt[] =>
  mapStmts(body, { dim: (d) => d, expr: (e) => rewriteExpr(e, { node: (n) => (n === guard ? bool(true) : undefined) }) });

/** The lane loop around a statement. */
export interface Lane {
  readonly loop: Loop;
  readonly variance: Variance;
}

/** `at` in lane 0. */
export const baseOf = (at: Dim, lane: Loop): Dim => substituteDim(at, new Map<Atom, Dim>([[lane, 0]]));

/** Parameters that are only ever accessed by four elements whose first offset is a multiple of four. */
export function findVectorBuffers(nest: LoopNest, body: readonly Stmt[]): Set<Buffer> {
  const found = new Set(nest.params.flatMap(({ buffer: b }) => (b.dtype === "f32" || b.dtype === "i32" || b.dtype === "u32" ? [b] : [])));
  const access = (b: Buffer, at: Dim, lane: Lane | undefined): void => {
    const isVector = lane?.variance.stride(at) === 1 && exactDiv(baseOf(at, lane.loop), lanes) !== undefined;
    if (!isVector) found.delete(b);
  };
  const walk = (list: readonly Stmt[], lane: Lane | undefined): void => {
    for (const s of list) {
      visitParts(s, (e) => {
        if (e.kind === "load") access(e.buffer, e.at[0] ?? 0, lane);
      });
      if (s.kind === "store") access(s.buffer, s.at[0] ?? 0, lane);
      if (s.kind === "for") walk(s.body, s.mode === "vector" ? { loop: s.loop, variance: varianceOf(s) } : lane);
      if (s.kind === "while") walk(s.body, lane);
      if (s.kind === "if") {
        walk(s.then, lane);
        walk(s.else ?? [], lane);
      }
    }
  };
  walk(body, undefined);
  return found;
}
