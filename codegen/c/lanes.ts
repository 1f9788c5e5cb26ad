/** Vector loops: what differs between their lanes, and whether they have a vector form. */
import type { Dim, Loop } from "../../ir/dim.ts";
import { atomsIn, stride } from "../../ir/dim-atoms.ts";
import { type Buffer, dimsOf, type Expr, opaqueExpr, partsOf } from "../../ir/expr.ts";
import { type Stmt, visitStmts } from "../../ir/loop.ts";
import { opaquesIn, visitParts } from "./parts.ts";

type For = Stmt & { kind: "for" };

/** Which expressions differ between the lanes of a vector loop. */
export class Variance {
  private readonly memo = new Map<Expr, boolean>();
  /** Scalar variables and private registers that differ. */
  readonly names = new Set<string>();
  readonly buffers = new Set<Buffer>();

  constructor(readonly lane: Loop) {}

  forget(): void {
    this.memo.clear();
  }

  dim(d: Dim): boolean {
    if (typeof d === "number") return false;
    for (const a of atomsIn(d)) {
      if (a === this.lane) return true;
      if (a.kind === "opaque" && this.expr(opaqueExpr(a))) return true;
    }
    return false;
  }

  expr(e: Expr): boolean {
    const known = this.memo.get(e);
    if (known !== undefined) return known;
    const made =
      (e.kind === "var" && this.names.has(e.name)) ||
      (e.kind === "load" && this.buffers.has(e.buffer)) ||
      dimsOf(e).some((d) => this.dim(d)) ||
      partsOf(e).some((p) => this.expr(p));
    this.memo.set(e, made);
    return made;
  }

  /** The step of `d` from lane to lane, undefined where it is not the same everywhere. */
  stride(d: Dim): Dim | undefined {
    if (!this.dim(d)) return 0;
    const varied = opaquesIn(d).some((e) => this.expr(e));
    return varied ? undefined : stride(d, this.lane);
  }
}

/** What differs between the lanes of a vector loop, scalars assigned in it included. */
export function varianceOf(s: For): Variance {
  const v = new Variance(s.loop);
  visitStmts(s.body, (t) => {
    if (t.kind === "alloc") v.buffers.add(t.buffer);
  });
  for (let before = -1; before !== v.names.size;) {
    before = v.names.size;
    v.forget();
    visitStmts(s.body, (t) => {
      if ((t.kind === "let" || t.kind === "assign") && v.expr(t.value)) v.names.add(t.name);
    });
  }
  v.forget();
  return v;
}

/** Whether every statement of a vector loop has a vector form. */
export class LaneCheck {
  private readonly variance: Variance;
  private readonly declared = new Set<string>();

  constructor(
    private readonly loop: For,
    private readonly lanes: number,
  ) {
    this.variance = varianceOf(loop);
  }

  passes(): boolean {
    return this.body(this.loop.body);
  }

  private body(body: readonly Stmt[]): boolean {
    return body.every((s) => this.stmt(s));
  }

  private stmt(s: Stmt): boolean {
    switch (s.kind) {
      case "for":
        return s.mode !== "vector" && !this.variance.dim(s.loop.extent) && this.body(s.body);
      case "if":
        return !this.variance.expr(s.cond) && this.body(s.then) && this.body(s.else ?? []);
      case "while":
        return !this.variance.expr(s.cond) && this.body(s.body);
      case "let":
        this.declared.add(s.name);
        return true;
      case "bind":
        return !this.variance.dim(s.value);
      case "assign":
        return this.declared.has(s.name);
      case "store":
        return !s.combine || this.variance.stride(s.at[0] ?? 0) === 1;
      case "alloc":
        return s.scope === "register" && this.lanes > 1 && this.hasFixedIndices(s.buffer);
      case "barrier":
        return true;
    }
  }

  /** A buffer that each lane has for itself becomes one vector per element. */
  private hasFixedIndices(b: Buffer): boolean {
    let fixed = true;
    const check = (buffer: Buffer, at: readonly Dim[]): void => {
      if (buffer === b && typeof (at[0] ?? 0) !== "number") fixed = false;
    };
    visitStmts(this.loop.body, (s) => {
      if (s.kind === "store") check(s.buffer, s.at);
      visitParts(s, (e) => {
        if (e.kind === "load") check(e.buffer, e.at);
      });
    });
    return fixed;
  }
}
