/** Loop nests as text, for reading: `for i0 < 8 parallel { y[i0] = max(x[i0], 0.0) }`. */
import type { Buffer, Expr } from "../expr.ts";
import type { LoopNest, Stmt } from "../loop.ts";
import { visitStmts } from "../loop.ts";
import { formatType } from "../type.ts";
import { BufferNames, ExprPrinter } from "./print-expr.ts";

/** `kernel NAME(read x: f32[8], write y: f32[8]; n) { ... }`, one statement per line; the text ends without a newline. */
export function printLoopNest(nest: LoopNest): string {
  const buffers = new BufferNames();
  const params = nest.params.map((p) => `${p.access} ${buffers.of(p.buffer)}: ${bufferType(p.buffer)}`).join(", ");
  const extents = nest.extents.map((e) => e.name).join(", ");
  return `kernel ${nest.name}(${params}${extents && `; ${extents}`}) {\n${printStmts(nest.body, buffers, "  ")}}`;
}

/** Statements, one per line, each line ended by a newline. */
export function printStmts(body: readonly Stmt[], buffers = new BufferNames(), indent = ""): string {
  const reserved = new Set<string>();
  visitStmts(body, (s) => {
    if (s.kind === "let" || s.kind === "assign") reserved.add(s.name);
  });
  return new StmtPrinter(new ExprPrinter(buffers, reserved))
    .block(body, indent)
    .map((line) => `${line}\n`)
    .join("");
}

const bufferType = (b: Buffer): string => formatType({ kind: "tensor", dtype: b.dtype, shape: b.shape });
const combining = { add: "+=", mul: "*=", max: "max=", min: "min=" } as const;

class StmtPrinter {
  constructor(private readonly exprs: ExprPrinter) {}

  block(body: readonly Stmt[], indent: string): string[] {
    return body.flatMap((s) => this.stmt(s, indent));
  }

  /** The line that `text` makes of the expression, after the lines for what stands in it more than once. */
  private using(e: Expr, indent: string, text: (value: string) => string): string[] {
    this.exprs.forget();
    const lets = this.exprs.lets([e]);
    return [...lets, text(this.exprs.expr(e))].map((line) => indent + line);
  }

  private braces(body: readonly Stmt[], indent: string): string[] {
    return [...this.block(body, `${indent}  `), `${indent}}`];
  }

  private stmt(s: Stmt, indent: string): string[] {
    switch (s.kind) {
      case "for":
        return [
          `${indent}for ${s.loop.name} < ${this.exprs.dim(s.loop.extent)}${s.mode === "serial" ? "" : ` ${s.mode}`} {`,
          ...this.braces(s.body, indent),
        ];
      case "if":
        return this.branch(s, indent);
      case "while":
        return [...this.using(s.cond, indent, (c) => `while ${c} {`), ...this.braces(s.body, indent)];
      case "bind":
        return [`${indent}bind ${s.loop.name} = ${this.exprs.dim(s.value)}`];
      case "let":
        return this.using(s.value, indent, (v) => `let ${s.name}: ${s.dtype} = ${v}`);
      case "assign":
        return this.using(s.value, indent, (v) => `${s.name} = ${v}`);
      case "store":
        return this.using(s.value, indent, (v) => `${this.exprs.place(s.buffer, s.at)} ${s.combine ? combining[s.combine] : "="} ${v}`);
      case "alloc":
        return [`${indent}alloc ${this.exprs.buffer(s.buffer)}: ${bufferType(s.buffer)} ${s.scope}`];
      case "barrier":
        return [`${indent}barrier`];
    }
  }

  private branch(s: Extract<Stmt, { kind: "if" }>, indent: string): string[] {
    const then = [...this.using(s.cond, indent, (c) => `if ${c} {`), ...this.block(s.then, `${indent}  `)];
    return s.else && s.else.length > 0 ? [...then, `${indent}} else {`, ...this.braces(s.else, indent)] : [...then, `${indent}}`];
  }
}
