/**
 * Loop nests made ready to print: unrolled loops are statements, vector loops that cannot be are serial, and every
 * buffer made inside the kernel has its place: named registers, or an offset in scratch memory.
 */
import { type Atom, atomDim, type Dim, loopAtom, product, range } from "../../ir/dim.ts";
import { substituteDim } from "../../ir/dim-atoms.ts";
import { bool, type Buffer, type Expr, rewriteExpr } from "../../ir/expr.ts";
import { ifThen, type LoopNest, type Stmt, visitStmts } from "../../ir/loop.ts";
import { byteSize } from "../../ir/type.ts";
import { LaneCheck, type Variance, varianceOf } from "./lanes.ts";
import { opaquesIn, visitParts } from "./parts.ts";

type For = Stmt & { kind: "for" };

/** The loop whose iterations may run on several threads: the outermost one, when nothing but declarations stands beside it. */
export function parallelLoop(body: readonly Stmt[]): For | undefined {
  const work = body.filter((s) => s.kind !== "alloc" && s.kind !== "let" && s.kind !== "bind");
  const [only] = work;
  return work.length === 1 && only?.kind === "for" && only.mode === "parallel" && opaquesIn(only.loop.extent).length === 0
    ? only
    : undefined;
}

/** Whether the iterations of the parallel loop may run at the same time; stores that combine need an order. */
export function isConcurrent(body: readonly Stmt[]): boolean {
  let concurrent = parallelLoop(body) !== undefined;
  visitStmts(body, (s) => {
    if (s.kind === "store" && s.combine) concurrent = false;
  });
  return concurrent;
}

/** A buffer of scope `register` as C variables. */
export interface Registers {
  readonly kind: "registers";
  /** Elements per variable: the lanes of the vector loops that use it, else 1. */
  readonly group: number;
  /** Lanes of each element, for a buffer that every lane of a vector loop has for itself, else 1. */
  readonly lanes: number;
  /** First elements of the variables in use. */
  readonly used: ReadonlySet<number>;
}
export interface Scratch {
  readonly kind: "scratch";
  /** Bytes, a multiple of 64. */
  readonly offset: number;
}

export interface Prepared {
  readonly body: readonly Stmt[];
  readonly places: ReadonlyMap<Buffer, Registers | Scratch>;
  readonly scratchBytes: number;
  readonly parallel: For | undefined;
}

/** `vectors`: whether vector loops may become vector statements. */
export function prepare(nest: LoopNest, vectors: boolean): Prepared {
  const body = new Expansion(vectors, allocated(nest.body, "register")).body(nest.body, new Map());
  const places = new Placement(body).places();
  const last = [...places].flatMap(([b, p]) => (p.kind === "scratch" ? [p.offset + scratchSize(b)] : []));
  return { body, places, scratchBytes: Math.max(0, ...last), parallel: parallelLoop(body) };
}

function allocated(body: readonly Stmt[], scope: string): Set<Buffer> {
  const found = new Set<Buffer>();
  visitStmts(body, (s) => {
    if (s.kind === "alloc" && s.scope === scope) found.add(s.buffer);
  });
  return found;
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 64) * 64;

function scratchSize(b: Buffer): number {
  const [, most] = range(product(b.shape));
  if (!Number.isFinite(most)) throw new Error(`temporary '${b.name}' has no bound`);
  return roundUp(most * byteSize(b.dtype));
}

const declares = (body: readonly Stmt[]): boolean => body.some((s) => s.kind === "let" || s.kind === "alloc" || s.kind === "bind");

/** Loop variables and their values inside unrolled copies. */
type Values = ReadonlyMap<Atom, Dim>;

/** Unrolls loops and settles which vector loops stay. */
class Expansion {
  constructor(
    private readonly vectors: boolean,
    private readonly registers: ReadonlySet<Buffer>,
  ) {}

  body(body: readonly Stmt[], by: Values): Stmt[] {
    const here = new Map(by);
    return body.flatMap((s) => this.stmt(s, here));
  }

  private stmt(s: Stmt, by: Map<Atom, Dim>): readonly Stmt[] {
    const dim = (d: Dim): Dim => substituteDim(d, by);
    const expr = (e: Expr): Expr => (by.size === 0 ? e : rewriteExpr(e, { dim }));
    switch (s.kind) {
      case "for":
        return this.loop(s, by);
      case "if": {
        const cond = expr(s.cond);
        const taken = cond.kind === "const" ? (cond.value ? s.then : (s.else ?? [])) : undefined;
        if (taken) return this.block(this.body(taken, by));
        return [ifThen(cond, this.body(s.then, by), s.else && this.body(s.else, by))];
      }
      case "while":
        return [{ ...s, cond: expr(s.cond), body: this.body(s.body, by) }];
      case "let":
      case "assign":
        return [{ ...s, value: expr(s.value) }];
      case "bind":
        return this.bind(s, dim(s.value), by);
      case "store":
        return [{ ...s, at: s.at.map(dim), value: expr(s.value) }];
      default:
        return [s];
    }
  }

  /** A value that is a number is substituted; others stay variables. */
  private bind(s: Stmt & { kind: "bind" }, value: Dim, by: Map<Atom, Dim>): readonly Stmt[] {
    if (typeof value !== "number") return [{ ...s, value }];
    by.set(s.loop, value);
    return [];
  }

  private block(body: readonly Stmt[]): readonly Stmt[] {
    return declares(body) ? [{ kind: "if", cond: bool(true), then: body }] : body;
  }

  private loop(s: For, by: Map<Atom, Dim>): readonly Stmt[] {
    const extent = substituteDim(s.loop.extent, by);
    if (typeof extent === "number" && (extent === 0 || (s.mode === "unroll" && extent <= 1024))) return this.unroll(s, extent, by);
    const loop = extent === s.loop.extent ? s.loop : loopAtom(s.loop.name, extent);
    const inner = new Map(by);
    if (loop === s.loop) inner.delete(s.loop);
    else inner.set(s.loop, atomDim(loop));
    const made: For = { ...s, loop, mode: s.mode === "unroll" ? "serial" : s.mode, body: this.body(s.body, inner) };
    if (s.mode !== "vector") return [made];
    if (this.vectors && typeof extent === "number" && isLaneCount(extent) && new LaneCheck(made, extent).passes()) return [made];
    return typeof extent === "number" && this.usesRegisters(made) ? this.unroll(s, extent, by) : [{ ...made, mode: "serial" }];
  }

  private usesRegisters(s: For): boolean {
    let uses = false;
    visitStmts([s], (t) => {
      if (t.kind === "store" && this.registers.has(t.buffer)) uses = true;
      visitParts(t, (e) => {
        if (e.kind === "load" && this.registers.has(e.buffer)) uses = true;
      });
    });
    return uses;
  }

  private unroll(s: For, count: number, by: Values): readonly Stmt[] {
    return Array.from({ length: count }, (_, i) => this.block(this.body(s.body, new Map(by).set(s.loop, i)))).flat();
  }
}

const isLaneCount = (n: number): boolean => n >= 2 && n <= 64 && (n & (n - 1)) === 0;

/** How one register buffer is used. */
interface RegisterUse {
  readonly singles: Set<number>;
  readonly vectors: Set<number>;
  readonly widths: Set<number>;
  privateLanes: number;
  isIndexed: boolean;
}

/** Finds a place for every buffer that a kernel makes. */
class Placement {
  private readonly uses = new Map<Buffer, RegisterUse>();
  private readonly scratch: Buffer[] = [];

  constructor(body: readonly Stmt[]) {
    for (const b of allocated(body, "register")) {
      this.uses.set(b, { singles: new Set(), vectors: new Set(), widths: new Set(), privateLanes: 1, isIndexed: false });
    }
    this.scratch.push(...allocated(body, "scratch"), ...allocated(body, "workgroup"));
    this.walk(body, undefined);
  }

  places(): Map<Buffer, Registers | Scratch> {
    const places = new Map<Buffer, Registers | Scratch>();
    for (const [b, use] of this.uses) {
      const made = asRegisters(use);
      if (made) places.set(b, made);
      else this.scratch.push(b);
    }
    let offset = 0;
    for (const b of this.scratch) {
      places.set(b, { kind: "scratch", offset });
      offset += scratchSize(b);
    }
    return places;
  }

  private walk(body: readonly Stmt[], lanes: { readonly of: Variance; readonly count: number } | undefined): void {
    for (const s of body) {
      visitParts(s, (e) => {
        if (e.kind === "load") this.access(e.buffer, e.at[0] ?? 0, lanes);
      });
      if (s.kind === "store") this.access(s.buffer, s.at[0] ?? 0, lanes);
      if (s.kind === "alloc" && lanes) this.uses.get(s.buffer)!.privateLanes = lanes.count;
      if (s.kind === "for") this.walk(s.body, s.mode === "vector" ? { of: varianceOf(s), count: s.loop.extent as number } : lanes);
      if (s.kind === "while") this.walk(s.body, lanes);
      if (s.kind === "if") {
        this.walk(s.then, lanes);
        this.walk(s.else ?? [], lanes);
      }
    }
  }

  private access(b: Buffer, at: Dim, lanes: { readonly of: Variance; readonly count: number } | undefined): void {
    const use = this.uses.get(b);
    if (!use) return;
    const step = lanes ? lanes.of.stride(at) : 0;
    const base = lanes ? substituteDim(at, new Map([[lanes.of.lane, 0]])) : at;
    if (typeof base !== "number" || typeof step !== "number") {
      use.isIndexed = true;
    } else if (step === 1) {
      use.vectors.add(base);
      use.widths.add(lanes!.count);
    } else {
      for (let l = 0; l < (step === 0 ? 1 : lanes!.count); l++) use.singles.add(base + step * l);
    }
  }
}

function asRegisters(use: RegisterUse): Registers | undefined {
  if (use.isIndexed || use.widths.size > 1 || (use.privateLanes > 1 && use.widths.size > 0)) return undefined;
  const [group = 1] = use.widths;
  if ([...use.vectors].some((base) => base % group !== 0)) return undefined;
  const used = new Set([...use.vectors, ...[...use.singles].map((i) => i - (i % group))]);
  return { kind: "registers", group, lanes: use.privateLanes, used };
}
