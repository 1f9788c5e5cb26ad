/**
 * The kernels of a program, equal ones once. Their buffers are replaced by canonical ones (`x0`, `y1`, ...), so kernels
 * that compute the same from different memory are the same kernel.
 */
import { type Atom, type Dim, dimKey, type Extent, loopAtom, product } from "../ir/dim.ts";
import { atomsIn } from "../ir/dim-atoms.ts";
import { type Buffer, dimsOf, type Expr, load, makeBuffer, visitOpaque, rewriteExpr, toDim, index, visitExpr } from "../ir/expr.ts";
import type { Op } from "../ir/graph.ts";
import { mapStmts, type Param, type Stmt, visitStmts } from "../ir/loop.ts";
import { byteSize, type DType } from "../ir/type.ts";
import type { ProgramKernel } from "./program.ts";

/** Buffers that statements load from and store to, in order of first use; `local` ones are made inside. */
export function accesses(body: readonly Stmt[]): { reads: Set<Buffer>; writes: Set<Buffer>; local: Set<Buffer> } {
  const [reads, writes, local] = [new Set<Buffer>(), new Set<Buffer>(), new Set<Buffer>()];
  visitParts(
    body,
    (e) => {
      if (e.kind === "load") reads.add(e.buffer);
    },
    () => undefined,
  );
  visitStmts(body, (s) => {
    if (s.kind === "alloc") local.add(s.buffer);
    if (s.kind !== "store") return;
    writes.add(s.buffer);
    if (s.combine) reads.add(s.buffer);
  });
  return { reads, writes, local };
}

/** Every expression and every dim of the statements, each shared one once. */
function visitParts(body: readonly Stmt[], expr: (e: Expr) => void, dim: (d: Dim) => void): void {
  const seen = new Set<Expr>();
  const onDim = (d: Dim): void => {
    dim(d);
    visitOpaque(d, onExpr);
  };
  const onExpr = (e: Expr): void => {
    visitExpr(
      e,
      (n) => {
        expr(n);
        dimsOf(n).forEach(dim);
      },
      seen,
    );
  };
  visitStmts(body, (s) => {
    if (s.kind === "for") onDim(s.loop.extent);
    if (s.kind === "bind") onDim(s.value);
    if (s.kind === "store") s.at.forEach(onDim);
    if (s.kind === "if" || s.kind === "while") onExpr(s.cond);
    if (s.kind === "let" || s.kind === "assign" || s.kind === "store") onExpr(s.value);
  });
}

/** Named extents that the statements need, in order of first use. */
function extentsIn(body: readonly Stmt[]): Extent[] {
  const found = new Set<Extent>();
  const add = (a: Atom): void => {
    if (a.kind === "extent") found.add(a);
    if (a.kind === "loop") for (const x of atomsIn(a.extent)) add(x);
  };
  visitParts(
    body,
    () => undefined,
    (d) => {
      atomsIn(d).forEach(add);
    },
  );
  return [...found];
}

const canonical = new Map<string, Buffer>();

function canonicalBuffer(name: string, dtype: DType, shape: readonly Dim[]): Buffer {
  const key = `${name}:${dtype}[${shape.map(dimKey).join()}]`;
  const known = canonical.get(key);
  if (known) return known;
  const made = makeBuffer(name, dtype, shape);
  canonical.set(key, made);
  return made;
}

function renameBuffers(body: readonly Stmt[], by: ReadonlyMap<Buffer, Buffer>): Stmt[] {
  const expr = (e: Expr): Expr =>
    rewriteExpr(e, { node: (n) => (n.kind === "load" && by.has(n.buffer) ? load(by.get(n.buffer)!, n.at) : undefined) });
  return mapStmts(body, {
    expr,
    dim: (d) => toDim(expr(index(d))),
    stmt: (s) => {
      if (s.kind === "for") return [{ ...s, loop: loopAtom(s.loop.name, toDim(expr(index(s.loop.extent)))) }];
      return [s.kind === "store" || s.kind === "alloc" ? { ...s, buffer: by.get(s.buffer) ?? s.buffer } : s];
    },
  });
}

/** Text that is equal for equal statements over canonical buffers. */
function keyOf(body: readonly Stmt[]): string {
  return body
    .map((s) => {
      switch (s.kind) {
        case "for":
          return `for ${s.loop.key} ${s.mode}{${keyOf(s.body)}}`;
        case "if":
          return `if ${s.cond.id}{${keyOf(s.then)}}{${keyOf(s.else ?? [])}}`;
        case "while":
          return `while ${s.cond.id}{${keyOf(s.body)}}`;
        case "bind":
          return `bind ${s.loop.key}=${dimKey(s.value)}`;
        case "let":
        case "assign":
          return `${s.kind} ${s.name}=${s.value.id}`;
        case "store":
          return `store ${s.buffer.id}[${s.at.map(dimKey).join()}]${s.combine ?? ""}=${s.value.id}`;
        case "alloc":
          return `alloc ${s.buffer.id} ${s.scope}`;
        case "barrier":
          return s.kind;
      }
    })
    .join(";");
}

function scratchBytes(body: readonly Stmt[]): number {
  let bytes = 0;
  visitStmts(body, (s) => {
    if (s.kind !== "alloc" || s.scope !== "scratch") return;
    const count = s.buffer.shape.reduce<number>((n, d) => n * Number(d), 1);
    bytes += Math.ceil((count * byteSize(s.buffer.dtype)) / 64) * 64;
  });
  return bytes;
}

export class KernelTable {
  readonly list: ProgramKernel[] = [];
  private readonly known = new Map<string, number>();

  /** The kernel of flat statements, and the buffers and extents that one call of it takes. */
  add(body: readonly Stmt[], ops: readonly Op[]): { kernel: number; args: readonly Buffer[]; extents: readonly Extent[] } {
    const { reads, writes, local } = accesses(body);
    const args = [...new Set([...reads, ...writes])].filter((b) => !local.has(b));
    const params = args.map((b, i): Param => {
      const access = writes.has(b) ? (reads.has(b) ? "readwrite" : "write") : "read";
      return { buffer: canonicalBuffer(`${access === "read" ? "x" : "y"}${i}`, b.dtype, [product(b.shape)]), access };
    });
    const by = new Map(args.map((b, i) => [b, params[i]!.buffer]));
    [...local].forEach((b, i) => by.set(b, canonicalBuffer(`t${i}_${b.name}`, b.dtype, b.shape)));
    const renamed = renameBuffers(body, by);
    const extents = extentsIn(body);
    const key = `${params.map((p) => `${p.buffer.id}${p.access}`).join()}|${extents.map((e) => e.name).join()}|${keyOf(renamed)}`;
    const kernel = this.known.get(key) ?? this.create(renamed, params, extents, ops);
    this.known.set(key, kernel);
    return { kernel, args, extents };
  }

  private create(body: readonly Stmt[], params: readonly Param[], extents: readonly Extent[], ops: readonly Op[]): number {
    const label = [...new Set(ops.map((o) => o.name))].join("+") || "copy";
    const [outer] = body;
    const isParallel = body.length === 1 && outer?.kind === "for" && outer.mode === "parallel";
    const name = `k${this.list.length}_${label.replaceAll("+", "_").slice(0, 40)}`;
    this.list.push({
      nest: { name, params, extents, body },
      count: isParallel ? outer.loop.extent : 1,
      scratchBytes: scratchBytes(body),
      locations: [...new Set(ops.map((o) => o.location))],
      label,
    });
    return this.list.length - 1;
  }
}
