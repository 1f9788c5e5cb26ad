/**
 * Loop nests to JavaScript: one function per kernel over typed arrays.
 *
 * f32 arithmetic rounds after each operation, except in the steps of folds, whose scalars are f64. i64 and u64 are
 * BigInt as data and plain numbers as indices.
 */
import { type Atom, type Dim, isNonNegative, range } from "../../ir/dim.ts";
import { type Binary, type Buffer, type Const, type Convert, type Expr, type Load, opaqueExpr, type Unary } from "../../ir/expr.ts";
import type { LoopNest, Stmt } from "../../ir/loop.ts";
import { floatFormats, isMinifloat, type MinifloatType } from "../../ir/minifloat.ts";
import { byteSize, type ComputeType, type DType, integerBits, isInteger, isUnsigned } from "../../ir/type.ts";
import { sharedParts } from "../share.ts";
import { type HelperName, helperText } from "./helpers.ts";

/** Collects the helpers and codecs that printed kernels use. */
export class JsModule {
  private readonly helpers = new Set<HelperName>();
  private readonly codecs = new Set<MinifloatType>();
  private readonly kernels: string[] = [];

  /** `codecsFrom`: a function that gives codecs by dtype, where the module does not bring its own. */
  constructor(private readonly codecsFrom?: string) {}

  use(name: HelperName): string {
    this.helpers.add(name);
    return name;
  }

  codec(dtype: MinifloatType): string {
    this.codecs.add(dtype);
    if (this.codecsFrom === undefined) this.helpers.add("floatCodec");
    return `codec_${dtype}`;
  }

  /** A dim in terms of extents, as text. */
  dimText(d: Dim): string {
    return new JsPrinter({ name: "plan", params: [], extents: [], body: [] }, this).dim(d);
  }

  extentName(name: string): string {
    return extentName(name);
  }

  add(nest: LoopNest): void {
    this.kernels.push(new JsPrinter(nest, this).print());
  }

  /** Statements that define the helpers, then one function expression per kernel. */
  get prelude(): string {
    const codecOf = (d: MinifloatType): string =>
      this.codecsFrom === undefined ? `floatCodec(${JSON.stringify(floatFormats[d])})` : `${this.codecsFrom}("${d}")`;
    const codecs = [...this.codecs].sort().map((d) => `const codec_${d} = ${codecOf(d)};\n`);
    return helperText(this.helpers) + codecs.join("");
  }

  get functions(): readonly string[] {
    return this.kernels;
  }
}

const isLong = (dtype: ComputeType): boolean => dtype === "i64" || dtype === "u64";

class JsPrinter {
  private readonly lines: string[] = [];
  private depth = 0;
  private readonly names = new Map<Buffer, string>();
  /** Shared parts of the statement being printed. */
  private readonly parts = new Map<Expr, string>();
  private partCount = 0;
  private scratch = 0;
  /** Inside a fold's step, f32 arithmetic is not rounded. */
  private wide = false;

  constructor(
    private readonly nest: LoopNest,
    private readonly module: JsModule,
  ) {}

  print(): string {
    this.block(`function ${this.nest.name}(roots, extents, scratch)`, () => {
      this.nest.params.forEach(({ buffer }, i) => {
        this.names.set(buffer, `_${buffer.name}`);
        this.line(`const _${buffer.name} = roots[${i}];`);
      });
      this.nest.extents.forEach((e, i) => {
        this.line(`const ${extentName(e.name)} = extents[${i}];`);
      });
      this.body(this.nest.body);
    });
    return this.lines.join("\n");
  }

  private line(text: string): void {
    this.lines.push("  ".repeat(this.depth) + text);
  }

  private block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.depth++;
    body();
    this.depth--;
    this.line("}");
  }

  private body(body: readonly Stmt[]): void {
    for (const s of body) this.stmt(s);
  }

  private stmt(s: Stmt): void {
    switch (s.kind) {
      case "for":
        return this.loop(s);
      case "if":
        this.block(`if (${this.whole(s.cond)})`, () => {
          this.body(s.then);
        });
        if (s.else)
          this.block("else", () => {
            this.body(s.else!);
          });
        return;
      case "while":
        return this.block(`while (${this.expr(s.cond)})`, () => {
          this.body(s.body);
        });
      case "bind":
        return this.line(`const ${variableName(s.loop.name)} = ${this.dim(s.value)};`);
      case "let":
        return this.line(`let ${variableName(s.name)} = ${this.whole(s.value)};`);
      case "assign":
        this.wide = s.dtype === "f32";
        this.line(`${variableName(s.name)} = ${this.whole(s.value)};`);
        this.wide = false;
        return;
      case "store":
        return this.store(s);
      case "alloc":
        return this.alloc(s.buffer, s.scope === "register");
      case "barrier":
        return;
    }
  }

  private loop(s: Stmt & { kind: "for" }): void {
    const { extent } = s.loop;
    const name = variableName(s.loop.name);
    this.block(`for (let ${name} = 0; ${name} < ${this.dim(extent)}; ${name}++)`, () => {
      this.body(s.body);
    });
  }

  private alloc(buffer: Buffer, isRegister: boolean): void {
    const name = `${isRegister ? "reg" : "tmp"}${this.names.size}`;
    this.names.set(buffer, name);
    const count = buffer.shape.reduce<number>((n, d) => n * Number(d), 1);
    const type = arrayName(buffer.dtype, isRegister);
    if (isRegister) return this.line(`const ${name} = new ${type}(${count});`);
    this.line(`const ${name} = new ${type}(scratch, ${this.scratch}, ${count});`);
    this.scratch += Math.ceil((count * byteSize(buffer.dtype)) / 64) * 64;
  }

  private store({ buffer, at, value, combine }: Stmt & { kind: "store" }): void {
    const target = `${this.names.get(buffer)!}[${this.dim(at[0] ?? 0)}]`;
    // What only moves is not converted.
    if (!combine && value.kind === "load" && value.buffer.dtype === buffer.dtype) return this.line(`${target} = ${this.element(value)};`);
    const text = this.whole(value);
    if (!combine) return this.line(`${target} = ${this.stored(buffer.dtype, text)};`);
    const old = this.loaded(buffer.dtype, target);
    this.line(`${target} = ${this.stored(buffer.dtype, this.arithmetic(combine, value.dtype, old, text))};`);
  }

  /** `text`, a value of the compute type of `dtype`, as its typed array takes it. */
  private stored(dtype: DType, text: string): string {
    if (isMinifloat(dtype)) return `${this.module.codec(dtype)}.encode(${text})`;
    if (dtype === "u32") return `Number(BigInt.asUintN(32, ${text}))`;
    if (isInteger(dtype) && integerBits(dtype) < 8) return this.wrap(dtype, text);
    return text;
  }

  private loaded(dtype: DType, text: string): string {
    if (isMinifloat(dtype)) return `${this.module.codec(dtype)}.values[${text}]`;
    return dtype === "u32" ? `BigInt(${text})` : text;
  }

  private wrap(dtype: DType, text: string): string {
    const bits = integerBits(dtype);
    if (dtype === "u32") return `BigInt.asUintN(32, ${text})`;
    if (isUnsigned(dtype)) return `(${text} & ${2 ** bits - 1})`;
    return `(${text} << ${32 - bits} >> ${32 - bits})`;
  }

  /** An expression that is a statement's own: its shared parts are named first. */
  private whole(e: Expr): string {
    this.parts.clear();
    for (const part of sharedParts([e])) {
      const text = this.expr(part);
      const name = `t${this.partCount++}`;
      this.line(`const ${name} = ${text};`);
      this.parts.set(part, name);
    }
    const text = this.expr(e);
    this.parts.clear();
    return text;
  }

  private expr(e: Expr): string {
    const named = this.parts.get(e);
    if (named) return named;
    switch (e.kind) {
      case "const":
        return literal(e);
      case "index":
        return `BigInt(${this.dim(e.dim)})`;
      case "var":
        return variableName(e.name);
      case "load":
        return this.loaded(e.buffer.dtype, this.element(e));
      case "unary":
        return this.unary(e);
      case "binary":
        return this.binary(e);
      case "select":
        return `(${this.expr(e.cond)} ? ${this.expr(e.a)} : ${this.expr(e.b)})`;
      case "convert":
        return this.convert(e);
      case "round":
        return this.round(e.storage, this.expr(e.x));
    }
  }

  private element({ buffer, at }: Load): string {
    return `${this.names.get(buffer)!}[${this.dim(at[0] ?? 0)}]`;
  }

  private round(storage: DType, text: string): string {
    if (!isMinifloat(storage)) return this.wrap(storage, text);
    const codec = this.module.codec(storage);
    return `${codec}.values[${codec}.encode(${text})]`;
  }

  private fround(dtype: ComputeType, text: string): string {
    return dtype === "f32" && !this.wide ? `Math.fround(${text})` : text;
  }

  private unary({ op, x, dtype }: Unary): string {
    const t = this.expr(x);
    switch (op) {
      case "isnan":
        return `(${t} !== ${t})`;
      case "not":
        return dtype === "bool" ? `!${t}` : isLong(dtype) ? `BigInt.as${dtype === "u64" ? "Uint" : "Int"}N(64, ~${t})` : `~${t}`;
      case "neg":
        return dtype === "i32" ? `(-${t} | 0)` : isLong(dtype) ? this.asLong(dtype, `-${t}`) : `(-${t})`;
      case "abs":
        if (isLong(dtype)) return this.asLong(dtype, `(${t} < 0n ? -${t} : ${t})`);
        return dtype === "i32" ? `(Math.abs(${t}) | 0)` : `Math.abs(${t})`;
      case "rint":
      case "erf":
        return this.fround(dtype, `${this.module.use(op)}(${t})`);
      case "floor":
      case "ceil":
      case "trunc":
        return `Math.${op}(${t})`;
      default:
        return this.fround(dtype, `Math.${op}(${t})`);
    }
  }

  private asLong(dtype: ComputeType, text: string): string {
    return `BigInt.as${dtype === "u64" ? "Uint" : "Int"}N(64, ${text})`;
  }

  private binary({ op, a, b }: Binary): string {
    const sign = comparisonSigns[op];
    if (sign) {
      const [x, y] = [this.number(a), this.number(b)];
      if (x !== undefined && y !== undefined) return `(${x} ${sign} ${y})`;
      const [s, t] = [this.expr(a), this.expr(b)];
      return a.dtype === "bool" ? `(+${s} ${sign} +${t})` : `(${s} ${sign} ${t})`;
    }
    return this.arithmetic(op, a.dtype, this.expr(a), this.expr(b));
  }

  private arithmetic(op: Binary["op"], dtype: ComputeType, a: string, b: string): string {
    switch (dtype) {
      case "f32":
      case "f64":
        return this.floatArithmetic(op, dtype, a, b);
      case "i32":
        return this.intArithmetic(op, a, b);
      case "i64":
      case "u64":
        return this.longArithmetic(op, dtype, a, b);
      case "bool":
        return `(${a} ${bitSigns[op] ?? (op.startsWith("max") ? "|" : "&")} ${b})`;
    }
  }

  private floatArithmetic(op: Binary["op"], dtype: ComputeType, a: string, b: string): string {
    const sign = floatSigns[op];
    if (sign) return this.fround(dtype, `(${a} ${sign} ${b})`);
    switch (op) {
      case "max":
      case "min":
      case "atan2":
        return op === "atan2" ? this.fround(dtype, `Math.atan2(${a}, ${b})`) : `Math.${op}(${a}, ${b})`;
      case "maxnum":
        return `${this.module.use("maxNum")}(${a}, ${b})`;
      case "minnum":
        return `${this.module.use("minNum")}(${a}, ${b})`;
      case "pow":
        return this.fround(dtype, `${this.module.use("cPow")}(${a}, ${b})`);
      default:
        throw new Error(`'${op}' is not defined on ${dtype}`);
    }
  }

  private intArithmetic(op: Binary["op"], a: string, b: string): string {
    switch (op) {
      case "add":
      case "sub":
        return `(${a} ${op === "add" ? "+" : "-"} ${b} | 0)`;
      case "mul":
        return `Math.imul(${a}, ${b})`;
      case "div":
      case "rem":
      case "shl":
      case "shr":
      case "pow":
        return `${this.module.use(`${op}I32`)}(${a}, ${b})`;
      case "max":
      case "min":
      case "maxnum":
      case "minnum":
        return `Math.${op.slice(0, 3)}(${a}, ${b})`;
      default:
        return `(${a} ${bitSigns[op]!} ${b})`;
    }
  }

  private longArithmetic(op: Binary["op"], dtype: ComputeType, a: string, b: string): string {
    switch (op) {
      case "add":
      case "sub":
      case "mul":
        return this.asLong(dtype, `${a} ${floatSigns[op]!} ${b}`);
      case "div":
        return `${this.module.use(dtype === "u64" ? "divU64" : "divI64")}(${a}, ${b})`;
      case "rem":
        return `${this.module.use("remI64")}(${a}, ${b})`;
      case "shl":
      case "shr":
        return this.asLong(dtype, `${this.module.use(`${op}I64`)}(${a}, ${b})`);
      case "pow":
        return this.asLong(dtype, `${this.module.use("integerPower")}(${a}, ${b})`);
      case "max":
      case "min":
      case "maxnum":
      case "minnum":
        return `${this.module.use(op.startsWith("max") ? "maxBig" : "minBig")}(${a}, ${b})`;
      default:
        return `(${a} ${bitSigns[op]!} ${b})`;
    }
  }

  private convert({ x, dtype }: Convert): string {
    const from = x.dtype;
    const number = this.number(x);
    if (dtype === "bool") return `(${number ?? this.expr(x)} != 0)`;
    if (dtype === "f32" || dtype === "f64") {
      const value = number ?? (isLong(from) ? `Number(${this.expr(x)})` : from === "bool" ? `+${this.expr(x)}` : this.expr(x));
      return this.fround(dtype, value);
    }
    if (dtype === "i32") {
      if (from === "f32" || from === "f64") return `${this.module.use("toI32")}(${this.expr(x)})`;
      return number !== undefined ? `(${number} | 0)` : isLong(from) ? `Number(BigInt.asIntN(32, ${this.expr(x)}))` : `+${this.expr(x)}`;
    }
    if (from === "f32" || from === "f64") return `${this.module.use(dtype === "u64" ? "toU64" : "toI64")}(${this.expr(x)})`;
    return this.asLong(dtype, isLong(from) ? this.expr(x) : `BigInt(${this.expr(x)})`);
  }

  /** An i64 expression as a plain number where that is exact: indices, constants, widened i32. */
  private number(e: Expr): string | undefined {
    if (this.parts.has(e)) return undefined;
    if (e.kind === "index") return this.dim(e.dim);
    if (
      e.kind === "const" &&
      isLong(e.dtype) &&
      BigInt(e.value) === BigInt(Math.trunc(Number(e.value))) &&
      Math.abs(Number(e.value)) < 2 ** 53
    )
      return `${e.value}`;
    return e.kind === "convert" && e.dtype === "i64" && e.x.dtype === "i32" ? this.expr(e.x) : undefined;
  }

  dim(d: Dim): string {
    if (typeof d === "number") return String(d);
    const terms = d.terms.map((t) => {
      const factors = t.atoms.map((a) => this.atom(a));
      if (factors.length === 0) return String(t.coefficient);
      return (t.coefficient === 1 ? factors : [String(t.coefficient), ...factors]).join(" * ");
    });
    return terms.length === 1 && d.terms[0]!.atoms.length === 1 && d.terms[0]!.coefficient === 1
      ? terms[0]!
      : `(${terms.join(" + ").replaceAll("+ -", "- ")})`;
  }

  private atom(a: Atom): string {
    switch (a.kind) {
      case "loop":
        return variableName(a.name);
      case "extent":
        return extentName(a.name);
      case "opaque":
        return this.opaque(opaqueExpr(a));
      case "floordiv":
        return isNonNegative(a.a) && range(a.a)[1] < 2 ** 31
          ? `(${this.dim(a.a)} / ${this.dim(a.b)} | 0)`
          : `Math.floor(${this.dim(a.a)} / ${this.dim(a.b)})`;
      case "mod":
        return isNonNegative(a.a)
          ? `(${this.dim(a.a)} % ${this.dim(a.b)})`
          : `${this.module.use("floorMod")}(${this.dim(a.a)}, ${this.dim(a.b)})`;
      default:
        return `Math.${a.kind}(${this.dim(a.a)}, ${this.dim(a.b)})`;
    }
  }

  private opaque(e: Expr): string {
    const number = this.number(e);
    if (number !== undefined) return number;
    if (e.kind === "select") return `(${this.expr(e.cond)} ? ${this.opaque(e.a)} : ${this.opaque(e.b)})`;
    return isLong(e.dtype) ? `Number(${this.expr(e)})` : this.expr(e);
  }
}

const extentName = (name: string): string => `$${name.replace(/\W/g, (c) => `_${c.charCodeAt(0)}_`)}`;

const reserved = new Set(
  "break case catch class const continue default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield await".split(
    " ",
  ),
);
const variableName = (name: string): string => (reserved.has(name) ? `${name}_` : name);

const comparisonSigns: Partial<Record<Binary["op"], string>> = { eq: "===", ne: "!==", lt: "<", le: "<=" };
const floatSigns: Partial<Record<Binary["op"], string>> = { add: "+", sub: "-", mul: "*", div: "/", rem: "%" };
const bitSigns: Partial<Record<Binary["op"], string>> = { and: "&", or: "|", xor: "^" };

function literal({ dtype, value }: Const): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  const full = isLong(dtype) ? `${text}n` : text;
  return text.startsWith("-") ? `(${full})` : full;
}

const arrayNames: Record<Exclude<DType, "string" | MinifloatType>, string> = {
  f32: "Float32Array",
  f64: "Float64Array",
  i2: "Int8Array",
  i4: "Int8Array",
  i8: "Int8Array",
  i16: "Int16Array",
  i32: "Int32Array",
  i64: "BigInt64Array",
  u2: "Uint8Array",
  u4: "Uint8Array",
  u8: "Uint8Array",
  u16: "Uint16Array",
  u32: "Uint32Array",
  u64: "BigUint64Array",
  bool: "Uint8Array",
};

/** Register tiles of f32 hold f64, as scalars of folds do. */
function arrayName(dtype: DType, isRegister: boolean): string {
  if (isRegister && dtype === "f32") return "Float64Array";
  if (dtype === "string") throw new Error("strings have no memory");
  if (isMinifloat(dtype)) return byteSize(dtype) === 2 ? "Uint16Array" : "Uint8Array";
  return arrayNames[dtype];
}
