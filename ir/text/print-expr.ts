/** Expressions and indices as text, for reading: `max(x[i0, i1] + 1.0, 0.0)`. Equal programs give equal text. */
import { asAtom, type Atom, type Dim, type Term } from "../dim.ts";
import { type Binary, type Buffer, dimsOf, type Expr, opaqueExpr, partsOf } from "../expr.ts";
import { atomsIn } from "../dim-atoms.ts";
import { formatDim } from "../dim-text.ts";
import { isFloat } from "../type.ts";
import { formatScalar } from "./elements.ts";
import { unique } from "./name.ts";

/** Names of buffers in one text, all different: their own, with numbers appended where two have the same. */
export class BufferNames {
  private readonly names = new Map<Buffer, string>();
  private readonly taken = new Set<string>();

  of(buffer: Buffer): string {
    const known = this.names.get(buffer);
    if (known !== undefined) return known;
    const wanted = buffer.name.replace(/[^\w.$/:-]/g, "_") || "buffer";
    const name = this.taken.has(wanted) ? unique(wanted, (n) => this.taken.has(n)) : wanted;
    this.taken.add(name);
    this.names.set(buffer, name);
    return name;
  }
}

const infix: Partial<Record<Binary["op"], readonly [string, number]>> = {
  or: ["|", 1],
  xor: ["^", 2],
  and: ["&", 3],
  eq: ["==", 4],
  ne: ["!=", 4],
  lt: ["<", 5],
  le: ["<=", 5],
  shl: ["<<", 6],
  shr: [">>", 6],
  add: ["+", 7],
  sub: ["-", 7],
  mul: ["*", 8],
  div: ["/", 8],
  rem: ["%", 8],
};
const prefixLevel = 9;

export class ExprPrinter {
  /** Names given to expressions that are used more than once. */
  private readonly named = new Map<Expr, string>();
  private count = 0;

  constructor(
    private readonly buffers = new BufferNames(),
    /** Names that `let` lines must not take. */
    private readonly reserved: ReadonlySet<string> = new Set(),
  ) {}

  buffer(b: Buffer): string {
    return this.buffers.of(b);
  }

  /** `x[i0, i1]`. */
  place(b: Buffer, at: readonly Dim[]): string {
    return `${this.buffers.of(b)}[${at.map((d) => this.dim(d)).join(", ")}]`;
  }

  /** A line `let t0 = ...` for each part that stands more than once in the expressions together; `expr` then uses the names. */
  lets(exprs: readonly Expr[]): string[] {
    const uses = new Map<Expr, number>();
    const order: Expr[] = [];
    const visit = (e: Expr): void => {
      const seen = uses.get(e) ?? 0;
      uses.set(e, seen + 1);
      if (seen > 0 || this.named.has(e)) return;
      for (const d of dimsOf(e)) for (const a of atomsIn(d)) if (a.kind === "opaque") visit(opaqueExpr(a));
      partsOf(e).forEach(visit);
      order.push(e);
    };
    exprs.forEach(visit);
    return order
      .filter((e) => uses.get(e)! > 1 && !this.named.has(e) && isWorthAName(e))
      .map((e) => {
        const text = this.expr(e);
        const name = this.fresh();
        this.named.set(e, name);
        return `let ${name} = ${text}`;
      });
  }

  /** Names given so far are given up: what they stood for may have changed. */
  forget(): void {
    this.named.clear();
  }

  private fresh(): string {
    for (;;) {
      const name = `t${this.count++}`;
      if (!this.reserved.has(name)) return name;
    }
  }

  /** The expression; in parentheses where what is around it binds stronger than `level`. */
  expr(e: Expr, level = 0): string {
    const name = this.named.get(e);
    if (name !== undefined) return name;
    switch (e.kind) {
      case "const":
        return this.constant(formatScalar(e.dtype, e.value), isFloat(e.dtype), level);
      case "index":
        return this.inParens(this.dim(e.dim), asAtom(e.dim) ? 10 : 7, level);
      case "var":
        return e.name;
      case "load":
        return this.place(e.buffer, e.at);
      case "unary":
        if (e.op === "neg" || e.op === "not")
          return this.inParens((e.op === "neg" ? "-" : "!") + this.expr(e.x, prefixLevel), prefixLevel, level);
        return `${e.op}(${this.expr(e.x)})`;
      case "binary":
        return this.binary(e, level);
      case "select":
        return `select(${this.expr(e.cond)}, ${this.expr(e.a)}, ${this.expr(e.b)})`;
      case "convert":
        return `${e.dtype}(${this.expr(e.x)})`;
      case "round":
        return `round_${e.storage}(${this.expr(e.x)})`;
    }
  }

  private binary({ op, a, b }: Binary, level: number): string {
    const sign = infix[op];
    if (!sign) return `${op}(${this.expr(a)}, ${this.expr(b)})`;
    const [symbol, own] = sign;
    return this.inParens(`${this.expr(a, own)} ${symbol} ${this.expr(b, own + 1)}`, own, level);
  }

  private constant(text: string, isFloating: boolean, level: number): string {
    const shown = isFloating && /^-?\d+$/.test(text) ? `${text}.0` : text;
    return this.inParens(shown, shown.startsWith("-") ? prefixLevel : 10, level);
  }

  private inParens(text: string, own: number, level: number): string {
    return own < level ? `(${text})` : text;
  }

  /** An index; values that it is computed from stand in it as expressions. */
  dim(d: Dim): string {
    if (typeof d === "number" || ![...atomsIn(d)].some((a) => a.kind === "opaque")) return formatDim(d);
    // The order of such terms comes from the order in which they were made, which must not show.
    const terms = d.terms.map((t) => this.term(t)).sort((a, b) => b.size - a.size || (a.text < b.text ? -1 : 1));
    return terms.map((t) => t.text).reduce((sum, t) => (t.startsWith("-") ? sum + t : `${sum}+${t}`));
  }

  private term(t: Term): { readonly text: string; readonly size: number } {
    const factors = t.atoms
      .map((a) => this.atom(a))
      .sort()
      .join("*");
    const size = t.atoms.length;
    if (size === 0) return { text: String(t.coefficient), size };
    return { text: t.coefficient === 1 ? factors : t.coefficient === -1 ? `-${factors}` : `${t.coefficient}*${factors}`, size };
  }

  private atom(a: Atom): string {
    switch (a.kind) {
      case "opaque":
        return this.expr(opaqueExpr(a), prefixLevel);
      case "extent":
      case "loop":
        return a.name;
      case "floordiv":
      case "mod":
        return `${a.kind}(${this.dim(a.a)},${this.dim(a.b)})`;
      default:
        return `${a.kind}(${[this.dim(a.a), this.dim(a.b)].sort().join(",")})`;
    }
  }
}

const isWorthAName = (e: Expr): boolean =>
  e.kind !== "const" && e.kind !== "var" && e.kind !== "index" && (e.kind !== "load" || e.at.some(isComputed));
const isComputed = (d: Dim): boolean => [...atomsIn(d)].some((a) => a.kind === "opaque");

/** An expression in one line; parts that stand more than once are written out. */
export const printExpr = (e: Expr): string => new ExprPrinter().expr(e);
