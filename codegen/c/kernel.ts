/**
 * One kernel as a C function. Loops that became lanes are written with GCC's and Clang's vector extensions, the lane
 * count being the vector's length; everything else is C11.
 *
 * Expressions are DAGs: what is used more than once and evaluated whatever the data is named first. A select evaluates
 * both sides only where every load in them is known to be inside its buffer or is evaluated anyway.
 */
import { type Atom, type Dim, dimKey, isNonNegative, type Loop, range, sub } from "../../ir/dim.ts";
import { atomsIn, substituteDim } from "../../ir/dim-atoms.ts";
import {
  and,
  type Buffer,
  clampOf,
  dimsOf,
  type Expr,
  load,
  type Load,
  loadsIn,
  opaqueExpr,
  type Select,
  substituteIndices,
} from "../../ir/expr.ts";
import { type LoopNest, type Stmt, visitStmts } from "../../ir/loop.ts";
import { computeType } from "../../ir/type.ts";
import { type Dot, dotOf, dotText, fillGroup, loadGroup } from "./dot.ts";
import type { Helpers } from "./helpers.ts";
import { type Variance, varianceOf } from "./lanes.ts";
import { opaquesIn, partsOfStmt, visitParts } from "./parts.ts";
import { isConcurrent, prepare, type Prepared, type Registers } from "./prepare.ts";
import { certainParts, childrenOf, isInBounds, isWild } from "./safety.ts";
import { decode, encode, loadLanes, roundTo, storeLanes } from "./storage.ts";
import { integerText, literal, Names, storageType, valueType } from "./types.ts";

type Of<K extends Stmt["kind"]> = Stmt & { kind: K };

/** A C expression, and how many lanes its value has. */
interface Value {
  readonly text: string;
  readonly lanes: number;
}

/** A scalar of the loop nest: its C variable, and the line that declares it. */
interface Scalar extends Value {
  readonly line: number;
}

/** The vector loop around a statement. `single`: the C variable that numbers the lane, while lanes are printed one by one. */
interface Lane {
  readonly loop: Loop;
  readonly count: number;
  readonly variance: Variance;
  readonly single?: string;
}

export interface KernelOptions {
  readonly vectors: boolean;
}

export interface PrintedKernel {
  readonly text: string;
  readonly scratchBytes: number;
  /** What `end` may be at most: the extent of the parallel loop, else 1. */
  readonly count: Dim;
  /** About how many operations one iteration makes; 0: its iterations must run in order, on one thread. */
  readonly work: number;
}

export const kernelParams = "(void *const *roots, const int64_t *extents, int64_t begin, int64_t end, void *scratch)";

/** The function `name`, without linkage; what it calls is added to `helpers`. */
export function printKernel(nest: LoopNest, name: string, helpers: Helpers, options: KernelOptions): PrintedKernel {
  const prepared = prepare(nest, options.vectors);
  const text = new KernelPrinter(nest, prepared, helpers).print(`void ${name}${kernelParams}`);
  const { body, parallel, scratchBytes } = prepared;
  const work = parallel && isConcurrent(body) ? Math.max(1, Math.min(workOf(parallel.body), 2 ** 40)) : 0;
  return { text, scratchBytes, count: parallel ? parallel.loop.extent : 1, work };
}

/** Operations that statements make, about; unknown extents count as 16. */
function workOf(body: readonly Stmt[]): number {
  return body.reduce((sum, s) => {
    switch (s.kind) {
      case "for":
        return sum + (typeof s.loop.extent === "number" ? s.loop.extent : 16) * workOf(s.body);
      case "while":
        return sum + 16 * workOf(s.body);
      case "if":
        return sum + Math.max(workOf(s.then), workOf(s.else ?? []));
      default: {
        let nodes = 1;
        visitParts(s, () => nodes++);
        return sum + nodes;
      }
    }
  }, 0);
}

/** Longer parts of an expression get a name, for readability. */
const longText = 110;
/** An offset that at least this many accesses share but for a constant gets a name. */
const fewestShared = 3;
/** Sides of a select with more operations than this become an if statement. */
const mostInline = 40;

class KernelPrinter {
  private readonly lines: string[] = [];
  private depth = 1;
  private readonly names = new Names();
  private readonly buffers = new Map<Buffer, string>();
  /** Variables of register buffers by their first element. */
  private readonly registers = new Map<Buffer, ReadonlyMap<number, string>>();
  private readonly extents = new Map<string, string>();
  private readonly loops = new Map<Loop, string>();
  private scope = new Map<string, Scalar>();
  private temps = new Map<Expr, Value>();
  /** Named parts of offsets, by the key of their dim. */
  private offsets = new Map<string, string>();
  private readonly offsetCounts = new Map<string, number>();
  private certain: ReadonlySet<Expr> = new Set();
  private tempCount = 0;
  private offsetCount = 0;
  private lane: Lane | undefined;
  /** Inside a conditional expression, where nothing may be named. */
  private inline = false;
  private readonly used = { vars: new Set<string>(), buffers: new Set<Buffer>(), loaded: new Set<Buffer>(), loops: new Set<Atom>() };

  constructor(
    private readonly nest: LoopNest,
    private readonly prepared: Prepared,
    private readonly h: Helpers,
  ) {}

  print(signature: string): string {
    this.findUses();
    this.countOffsets(this.prepared.body, new Map());
    this.declareScratch();
    const params = this.declareParams();
    this.body(this.prepared.body);
    for (const made of this.scope.values()) this.close(made);
    const head = [...params, ...this.declareExtents(), ...this.unused()];
    return [`${signature} {`, ...head, ...this.lines, "}"].join("\n");
  }

  /** Counts the accesses that differ by a constant only; `first` are loops around that are printed as one, at their first point. */
  private countOffsets(body: readonly Stmt[], first: ReadonlyMap<Atom, Dim>): void {
    const count = (at: Dim): void => {
      const key = dimKey(withoutConstant(substituteDim(at, first)));
      this.offsetCounts.set(key, (this.offsetCounts.get(key) ?? 0) + 1);
    };
    for (const s of body) {
      if (s.kind === "store") count(s.at[0] ?? 0);
      visitParts(s, (e) => {
        if (e.kind === "load") count(e.at[0] ?? 0);
      });
      if (s.kind === "for") this.countOffsets(s.body, s.mode === "vector" || s.mode === "dot" ? new Map(first).set(s.loop, 0) : first);
      if (s.kind === "while") this.countOffsets(s.body, first);
      if (s.kind === "if") this.countOffsets([...s.then, ...(s.else ?? [])], first);
    }
  }

  private findUses(): void {
    const addLoops = (d: Dim): void => {
      for (const a of atomsIn(d)) this.used.loops.add(a);
    };
    visitStmts(this.prepared.body, (s) => {
      partsOfStmt(s).dims.forEach(addLoops);
      if (s.kind === "store") this.used.buffers.add(s.buffer);
      visitParts(s, (e) => {
        dimsOf(e).forEach(addLoops);
        if (e.kind === "var") this.used.vars.add(e.name);
        if (e.kind === "load") {
          this.used.buffers.add(e.buffer);
          this.used.loaded.add(e.buffer);
        }
      });
    });
  }

  private declareParams(): string[] {
    const counts = { read: 0, write: 0, readwrite: 0 };
    const prefix = { read: "in", write: "out", readwrite: "io" };
    return this.nest.params.flatMap(({ buffer, access }, i) => {
      const name = this.names.fresh(`${prefix[access]}${counts[access]++}`);
      this.buffers.set(buffer, name);
      if (!this.used.buffers.has(buffer)) return [];
      const type = `${access === "read" ? "const " : ""}${storageType(buffer.dtype)}`;
      return [`  ${type} *restrict ${name} = roots[${i}];`];
    });
  }

  private declareScratch(): void {
    let count = 0;
    for (const [buffer, place] of this.prepared.places) {
      if (place.kind !== "scratch") {
        const named = [...place.used].map((i) => [i, this.names.fresh(`${buffer.name}_${Math.floor(i / place.group)}`)] as const);
        this.registers.set(buffer, new Map(named));
        continue;
      }
      const name = this.names.fresh(`temp${count++}`);
      this.buffers.set(buffer, name);
      if (!this.used.buffers.has(buffer)) continue;
      const type = storageType(buffer.dtype);
      this.line(`${type} *${name} = (${type} *)(void *)((char *)scratch + ${place.offset});`);
    }
  }

  private extentName(name: string): string {
    const known = this.extents.get(name);
    if (known) return known;
    const made = this.names.fresh(name);
    this.extents.set(name, made);
    return made;
  }

  private declareExtents(): string[] {
    return this.nest.extents.flatMap((e, i) =>
      this.extents.has(e.name) ? [`  const int64_t ${this.extents.get(e.name)!} = extents[${i}];`] : [],
    );
  }

  private unused(): string[] {
    const absent = [
      ...(this.nest.params.some(({ buffer }) => this.used.buffers.has(buffer)) ? [] : ["roots"]),
      ...(this.extents.size > 0 ? [] : ["extents"]),
      ...(this.prepared.parallel ? [] : ["begin", "end"]),
      ...([...this.prepared.places].some(([b, p]) => p.kind === "scratch" && this.used.buffers.has(b)) ? [] : ["scratch"]),
    ];
    return absent.length > 0 ? [`  ${absent.map((n) => `(void)${n};`).join(" ")}`] : [];
  }

  private line(text: string): void {
    this.lines.push("  ".repeat(this.depth) + text);
  }

  private block(head: string, body: () => void): void {
    this.line(head === "" ? "{" : `${head} {`);
    this.inside(body);
  }

  /** The other side of the block just printed. */
  private otherwise(body: () => void): void {
    this.lines.push(`${this.lines.pop()!} else {`);
    this.inside(body);
  }

  /** A block's body and end; the scalars declared in it leave their names to later blocks. */
  private inside(body: () => void): void {
    const [scope, offsets] = [this.scope, this.offsets];
    this.scope = new Map(scope);
    this.offsets = new Map(offsets);
    this.depth++;
    body();
    this.depth--;
    this.line("}");
    for (const [name, made] of this.scope) if (scope.get(name) !== made) this.close(made);
    [this.scope, this.offsets] = [scope, offsets];
  }

  /** The end of a scalar's block; one that was never read says so to the compiler. */
  private close({ text, line }: Scalar): void {
    const assignment = new RegExp(`^\\s*${text} = `);
    const mention = new RegExp(`\\b${text}\\b`);
    const isRead = this.lines.slice(line + 1).some((l) => l.includes(text) && mention.test(l.replace(assignment, "")));
    if (!isRead) this.lines[line] += ` (void)${text};`;
    this.names.release(text);
  }

  // Statements.

  private body(body: readonly Stmt[]): void {
    for (const s of body) this.stmt(s);
  }

  private stmt(s: Stmt): void {
    switch (s.kind) {
      case "for":
        return this.loop(s);
      case "if":
        return this.ifElse(s);
      case "while":
        return this.whileLoop(s);
      case "bind":
        if (!this.used.loops.has(s.loop)) return;
        return this.region([], [s.value], () => {
          const text = this.dim(s.value);
          this.line(`const int64_t ${this.loopName(s.loop)} = ${text};`);
        });
      case "let":
        return this.declare(s);
      case "assign":
        return this.assign(s);
      case "store":
        return this.region([s.value], s.at, () => {
          this.store(s);
        });
      case "alloc":
        return this.alloc(s.buffer);
      case "barrier":
        return;
    }
  }

  private loopName(loop: Loop): string {
    const name = this.names.fresh(loop.name);
    this.loops.set(loop, name);
    return name;
  }

  private loop(s: Of<"for">): void {
    if (s.mode === "vector") return this.lanes(s);
    const dot = s.mode === "dot" && this.lane ? dotOf(s, this.lane.variance) : undefined;
    if (dot && this.isDirect(dot)) return this.dot(dot);
    this.region([], [s.loop.extent], () => {
      const isParallel = s === this.prepared.parallel;
      const extent = isParallel ? "" : this.dim(s.loop.extent);
      const outer = this.loops.get(s.loop);
      const name = this.loopName(s.loop);
      // The extent may load what the body stores.
      const isFixed = opaquesIn(s.loop.extent).length === 0;
      const last = isFixed ? extent : this.names.fresh(`${name}_end`);
      if (!isParallel && !isFixed) this.line(`const int64_t ${last} = ${extent};`);
      const [from, to] = isParallel ? ["begin", "end"] : ["0", last];
      this.block(`for (int64_t ${name} = ${from}; ${name} < ${to}; ${name}++)`, () => {
        this.body(s.body);
      });
      if (isFixed) this.names.release(name);
      if (outer !== undefined) this.loops.set(s.loop, outer);
    });
  }

  private lanes(s: Of<"for">): void {
    this.lane = { loop: s.loop, count: s.loop.extent as number, variance: varianceOf(s) };
    if (s.body.some((t) => t.kind === "let" || t.kind === "alloc" || t.kind === "bind")) {
      this.block("", () => {
        this.body(s.body);
      });
    } else {
      this.body(s.body);
    }
    this.lane = undefined;
  }

  /** Whether the sum is in registers and the factors are in memory. */
  private isDirect({ sum, spread, vector }: Dot): boolean {
    const isSum = this.prepared.places.get(sum.buffer)?.kind === "registers";
    return isSum && this.buffers.has(spread.load.buffer) && this.buffers.has(vector.buffer);
  }

  /** A whole `dot` loop, in all lanes at once. */
  private dot({ sum, spread, vector, group }: Dot): void {
    const { inside, outside } = spread;
    const [pointer, weights] = [spread.load, vector].map((l) => this.buffers.get(l.buffer)!) as [string, string];
    this.region(inside && outside ? [inside, outside] : [], [], () => {
      const given = loadGroup(this.h, spread.load.buffer.dtype, group, this.address(pointer, spread.load.at[0] ?? 0));
      const image =
        inside && outside ? `(${this.expr(inside).text} ? ${given} : ${fillGroup(this.h, group, this.expr(outside).text)})` : given;
      const acc = this.load(sum).text;
      const factors = [spread.load.buffer.dtype, vector.buffer.dtype] as const;
      this.line(`${acc} = ${dotText(this.h, factors, group, this.lane!.count, [acc, image, this.address(weights, vector.at[0] ?? 0)])};`);
    });
  }

  private ifElse(s: Of<"if">): void {
    if (s.cond.kind === "const") {
      return this.block("", () => {
        this.body(s.then);
      });
    }
    this.region([s.cond], [], () => {
      const cond = bare(this.expr(s.cond).text);
      this.block(`if (${cond})`, () => {
        if (this.lane && this.lane.count > 1) this.line(`${this.h.keepBranch()};`);
        this.body(s.then);
      });
      if (!s.else || s.else.length === 0) return;
      const otherwise = s.else;
      this.otherwise(() => {
        this.body(otherwise);
      });
    });
  }

  private whileLoop(s: Of<"while">): void {
    this.block("for (;;)", () => {
      this.region([s.cond], [], () => {
        this.line(`if (!${this.expr(s.cond).text}) break;`);
      });
      this.body(s.body);
    });
  }

  private declare(s: Of<"let">): void {
    if (!this.used.vars.has(s.name)) return;
    this.region([s.value], [], () => {
      const lanes = this.lane?.variance.names.has(s.name) ? this.lane.count : 1;
      const value = this.spread(this.expr(s.value), s.value.dtype, lanes);
      const text = this.names.fresh(s.name);
      this.line(`${this.h.type(s.dtype, lanes)} ${text} = ${bare(value)};`);
      this.scope.set(s.name, { text, lanes, line: this.lines.length - 1 });
    });
  }

  private assign(s: Of<"assign">): void {
    const target = this.scope.get(s.name);
    if (!target) return;
    this.region([s.value], [], () => {
      this.line(`${target.text} = ${bare(this.spread(this.expr(s.value), s.dtype, target.lanes))};`);
    });
  }

  private alloc(buffer: Buffer): void {
    const place = this.prepared.places.get(buffer);
    if (place?.kind !== "registers" || !this.used.buffers.has(buffer)) return;
    const lanes = Math.max(place.group, place.lanes);
    const type = this.h.type(computeType(buffer.dtype), lanes);
    const names = [...place.used].sort((a, b) => a - b).map((i) => this.registerName(buffer, place, i));
    for (let i = 0; i < names.length; i += 8) {
      this.line(
        `${type} ${names
          .slice(i, i + 8)
          .map((n) => `${n} = ${lanes > 1 ? "{0}" : "0"}`)
          .join(", ")};`,
      );
    }
    if (!this.used.loaded.has(buffer)) this.line(names.map((n) => `(void)${n};`).join(" "));
  }

  private registerName(buffer: Buffer, place: Registers, element: number): string {
    return this.registers.get(buffer)!.get(element - (element % place.group))!;
  }

  private store(s: Of<"store">): void {
    const place = this.prepared.places.get(s.buffer);
    const at = s.at[0] ?? 0;
    if (place?.kind === "registers" && s.value === load(s.buffer, s.at)) return;
    const isRounded = s.value.kind === "round" && s.value.storage === s.buffer.dtype && place?.kind !== "registers" && !s.combine;
    // Memory rounds by itself.
    const value = this.combined(s, this.expr(isRounded ? s.value.x : s.value));
    if (place?.kind === "registers") return this.storeRegister(s, place, at, value);
    const pointer = this.buffers.get(s.buffer)!;
    if (!this.lane) return this.line(`${pointer}[${this.offset(at)}] = ${bare(encode(this.h, s.buffer.dtype, value.text))};`);
    const step = this.lane.variance.stride(at);
    if (step === 1) {
      const vector = this.spread(value, s.value.dtype, this.lane.count);
      return this.line(`${storeLanes(this.h, s.buffer.dtype, this.lane.count, this.address(pointer, at), bare(vector))};`);
    }
    if (step === 0) {
      const last =
        value.lanes === 1
          ? value
          : { text: this.element(this.asTemp(value, s.value.dtype), s.value.dtype, String(this.lane.count - 1)), lanes: 1 };
      return this.line(`${pointer}[${this.offset(this.base(at))}] = ${bare(encode(this.h, s.buffer.dtype, last.text))};`);
    }
    this.scatter(s, pointer, at, value);
  }

  private scatter(s: Of<"store">, pointer: string, at: Dim, value: Value): void {
    const named = value.lanes === 1 ? value : this.asTemp(value, s.value.dtype);
    this.eachLane(opaquesIn(at), () => {
      const text = named.lanes === 1 ? named.text : this.element(named, s.value.dtype, "lane");
      this.line(`${pointer}[${this.offset(at)}] = ${bare(encode(this.h, s.buffer.dtype, text))};`);
    });
  }

  /** The value to store, joined with what is there. */
  private combined(s: Of<"store">, value: Value): Value {
    if (!s.combine) return value;
    const old = this.load({ buffer: s.buffer, at: s.at });
    const lanes = Math.max(old.lanes, value.lanes);
    const dtype = s.value.dtype;
    return { text: this.h.binary(s.combine, dtype, lanes, this.spread(old, dtype, lanes), this.spread(value, dtype, lanes)), lanes };
  }

  private storeRegister(s: Of<"store">, place: Registers, at: Dim, value: Value): void {
    const dtype = s.value.dtype;
    const rounded = (v: Value): Value => ({
      ...v,
      text: dtype === s.buffer.dtype ? v.text : roundTo(this.h, s.buffer.dtype, v.lanes, v.text),
    });
    const step = this.lane ? this.lane.variance.stride(at) : 0;
    const base = Number(this.base(at));
    if (place.lanes > 1)
      return this.line(`${this.registerName(s.buffer, place, base)} = ${bare(this.spread(rounded(value), dtype, place.lanes))};`);
    if (this.lane && step === 1)
      return this.line(`${this.registerName(s.buffer, place, base)} = ${bare(this.spread(rounded(value), dtype, place.group))};`);
    const named = value.lanes === 1 ? rounded(value) : this.asTemp(rounded(value), dtype);
    const write = (element: number, text: string): void => {
      this.line(
        `${this.registerElement(s.buffer, place, element)} = ${dtype === "bool" && place.group > 1 ? `-(${text} != 0)` : bare(text)};`,
      );
    };
    if (step === 0) return write(base, named.lanes === 1 ? named.text : this.element(named, dtype, String(this.lane!.count - 1)));
    for (let l = 0; l < this.lane!.count; l++)
      write(base + l * Number(step), named.lanes === 1 ? named.text : this.element(named, dtype, String(l)));
  }

  /** One element as something to assign to. */
  private registerElement(buffer: Buffer, place: Registers, element: number): string {
    const name = this.registerName(buffer, place, element);
    return place.group === 1 ? name : `${name}[${element % place.group}]`;
  }

  // Naming.

  /** Prints what evaluates `roots` and the loads inside `dims`; parts they share are named first. */
  private region(roots: readonly Expr[], dims: readonly Dim[], print: () => void): void {
    const all = [...roots, ...dims.flatMap(opaquesIn)];
    const [temps, certain, inline] = [this.temps, this.certain, this.inline];
    if (all.length > 0) {
      this.temps = new Map(temps);
      this.certain = certainParts(all);
      this.inline = false;
      this.nameShared(all);
    }
    print();
    [this.temps, this.certain, this.inline] = [temps, certain, inline];
  }

  private nameShared(roots: readonly Expr[]): void {
    const uses = new Map<Expr, number>();
    const order: Expr[] = [];
    const count = (e: Expr): void => {
      const n = (uses.get(e) ?? 0) + 1;
      uses.set(e, n);
      if (n > 1 || this.temps.has(e)) return;
      for (const p of childrenOf(e)) count(p);
      order.push(e);
    };
    roots.forEach(count);
    for (const e of order) {
      if (uses.get(e)! > 1 && this.certain.has(e) && !this.isPlain(e)) this.temps.set(e, this.asTemp(this.expr(e), e.dtype));
    }
  }

  private isPlain(e: Expr): boolean {
    return (
      e.kind === "const" ||
      e.kind === "var" ||
      e.kind === "index" ||
      (e.kind === "load" && this.prepared.places.get(e.buffer)?.kind === "registers")
    );
  }

  private temp(): string {
    return this.names.fresh(`t${this.tempCount++}`);
  }

  private asTemp(value: Value, dtype: Expr["dtype"]): Value {
    if (/^\w+$/.test(value.text) && !/^\d/.test(value.text)) return value;
    const text = this.temp();
    this.line(`const ${this.h.type(dtype, value.lanes)} ${text} = ${bare(value.text)};`);
    return { text, lanes: value.lanes };
  }

  private spread(value: Value, dtype: Expr["dtype"], lanes: number): string {
    return value.lanes === lanes ? value.text : this.h.splat(dtype, lanes, value.text);
  }

  /** One lane of a named vector. */
  private element(value: Value, dtype: Expr["dtype"], lane: string): string {
    return dtype === "bool" ? `(${value.text}[${lane}] != 0)` : `${value.text}[${lane}]`;
  }

  // Lanes.

  private base(at: Dim): Dim {
    return this.lane && this.lane.single === undefined ? substituteDim(at, new Map<Atom, Dim>([[this.lane.loop, 0]])) : at;
  }

  /** Whether `e` has a value per lane where we are. */
  private varies(e: Expr): boolean {
    return this.lane !== undefined && this.lane.single === undefined && this.lane.variance.expr(e);
  }

  /** A loop over the lanes, in whose body expressions are scalar. */
  private eachLane(roots: readonly Expr[], print: () => void): void {
    const lane = this.lane!;
    this.lane = { ...lane, single: "lane" };
    this.loops.set(lane.loop, "lane");
    this.block(`for (int64_t lane = 0; lane < ${lane.count}; lane++)`, () => {
      this.region(roots, [], print);
    });
    this.loops.delete(lane.loop);
    this.lane = lane;
  }

  /** `e` computed one lane after the other. */
  private laneByLane(e: Expr): Value {
    const { count } = this.lane!;
    const text = this.temp();
    this.line(`${this.h.type(e.dtype, count)} ${text} = {0};`);
    this.eachLane([e], () => {
      const value = this.expr(e).text;
      this.line(`${text}[lane] = ${e.dtype === "bool" ? `-(${value} != 0)` : bare(value)};`);
    });
    return { text, lanes: count };
  }

  // Expressions.

  private expr(e: Expr): Value {
    const named = this.temps.get(e);
    if (named)
      return named.lanes > 1 && this.lane?.single !== undefined
        ? { text: this.element(named, e.dtype, this.lane.single), lanes: 1 }
        : named;
    const made = this.compute(e);
    if (this.inline || made.text.length <= longText || e.kind === "const") return made;
    const temp = this.asTemp(made, e.dtype);
    this.temps.set(e, temp);
    return temp;
  }

  private compute(e: Expr): Value {
    switch (e.kind) {
      case "const": {
        if (e.dtype === "f32" || e.dtype === "f64") this.h.math("NAN");
        const text = literal(e.dtype, e.value);
        return { text: text.startsWith("-") ? `(${text})` : text, lanes: 1 };
      }
      case "index":
        return this.index(e, e.dim);
      case "var":
        return this.variable(e.name, e.dtype);
      case "load":
        return this.load(e);
      case "unary": {
        const x = this.expr(e.x);
        return { text: this.h.unary(e.op, e.x.dtype, x.lanes, x.text), lanes: x.lanes };
      }
      case "binary":
        return this.binary(e);
      case "select":
        return this.select(e);
      case "convert": {
        const x = this.expr(e.x);
        if (x.lanes > 1 && e.x.dtype === "f32" && e.dtype === "i32" && isBounded(e.x))
          return { text: this.h.convertBounded(x.lanes, x.text), lanes: x.lanes };
        return { text: this.h.convert(e.x.dtype, e.dtype, x.lanes, x.text), lanes: x.lanes };
      }
      case "round": {
        const x = this.expr(e.x);
        return { text: roundTo(this.h, e.storage, x.lanes, x.text), lanes: x.lanes };
      }
    }
  }

  private variable(name: string, dtype: Expr["dtype"]): Value {
    const known = this.scope.get(name);
    if (!known) throw new Error(`'${name}' is read before it is set`);
    if (known.lanes > 1 && this.lane?.single !== undefined) return { text: this.element(known, dtype, this.lane.single), lanes: 1 };
    return known;
  }

  private index(e: Expr, d: Dim): Value {
    if (!this.varies(e)) return { text: this.factor(d), lanes: 1 };
    const { variance, count } = this.lane!;
    const step = variance.stride(d);
    if (step === undefined) return this.laneByLane(e);
    return { text: `(${this.h.iota(count)} * ${this.factor(step)} + (${this.dim(this.base(d))}))`, lanes: count };
  }

  private binary(e: Expr & { kind: "binary" }): Value {
    const isNumber = (x: Expr): boolean => x.kind === "const" && !Number.isNaN(x.value);
    const swap = (e.op === "max" || e.op === "min") && isNumber(e.a);
    const [a, b] = swap ? [e.b, e.a] : [e.a, e.b];
    const [x, y] = [this.expr(a), this.expr(b)];
    const lanes = Math.max(x.lanes, y.lanes);
    const takesScalars = a.dtype !== "bool" && (mixing.has(e.op) || ((a.dtype === "f32" || a.dtype === "f64") && floatMixing.has(e.op)));
    const [s, t] = takesScalars ? [x.text, y.text] : [this.spread(x, a.dtype, lanes), this.spread(y, b.dtype, lanes)];
    return { text: this.h.binary(e.op, a.dtype, lanes, s, t, isNumber(b)), lanes };
  }

  private select(e: Select): Value {
    if (this.varies(e.cond)) return this.maskedSelect(e);
    const lanes = this.varies(e) ? this.lane!.count : 1;
    if (this.inline || this.isSimple([e.a, e.b])) {
      const cond = this.expr(e.cond).text;
      const inline = this.inline;
      this.inline = true;
      const [a, b] = [e.a, e.b].map((x) => this.spread(this.expr(x), e.dtype, lanes));
      this.inline = inline;
      return { text: `(${cond} ? ${lanes > 1 ? `(${this.h.keepBranch()}, ${a!})` : a!} : ${b!})`, lanes };
    }
    const text = this.temp();
    const cond = bare(this.expr(e.cond).text);
    this.line(`${this.h.type(e.dtype, lanes)} ${text};`);
    const side = (x: Expr): void => {
      this.region([x], [], () => {
        this.line(`${text} = ${bare(this.spread(this.expr(x), e.dtype, lanes))};`);
      });
    };
    this.block(`if (${cond})`, () => {
      if (lanes > 1) this.line(`${this.h.keepBranch()};`);
      side(e.a);
    });
    this.otherwise(() => {
      side(e.b);
    });
    return { text, lanes };
  }

  /** The condition differs from lane to lane. */
  private maskedSelect(e: Select): Value {
    const { count } = this.lane!;
    if (![e.a, e.b].every((side) => loadsIn(side).every((l) => this.isSafe(l))))
      return this.isInterval(e.cond) ? this.borderSelect(e) : this.laneByLane(e);
    const [cond, a, b] = [this.expr(e.cond), this.expr(e.a), this.expr(e.b)];
    const mask = this.h.widenMask(e.dtype, count, cond.text);
    return { text: this.h.select(e.dtype, count, mask, this.spread(a, e.dtype, count), this.spread(b, e.dtype, count)), lanes: count };
  }

  /** Whether the lanes at which `cond` holds are neighbours: a conjunction of comparisons of indices that are affine in the lane. */
  private isInterval(cond: Expr): boolean {
    if (!this.varies(cond)) return true;
    if (cond.kind !== "binary") return false;
    if (cond.op === "and") return this.isInterval(cond.a) && this.isInterval(cond.b);
    const isAffine = (x: Expr): boolean => x.kind === "const" || (x.kind === "index" && this.lane!.variance.stride(x.dim) !== undefined);
    return (cond.op === "le" || cond.op === "lt") && isAffine(cond.a) && isAffine(cond.b);
  }

  /** Padding across lanes: where the condition holds at the first and the last lane, the side it takes is computed in lanes. */
  private borderSelect(e: Select): Value {
    const { count, loop } = this.lane!;
    const atEnds = and(...[0, count - 1].map((l) => substituteIndices(e.cond, new Map<Atom, Dim>([[loop, l]]))));
    if (atEnds.kind === "const") return this.laneByLane(e);
    const text = this.temp();
    this.line(`${this.h.type(e.dtype, count)} ${text};`);
    this.block(`if (${bare(this.expr(atEnds).text)})`, () => {
      this.line(`${this.h.keepBranch()};`);
      this.region([e.a], [], () => {
        this.line(`${text} = ${bare(this.spread(this.expr(e.a), e.dtype, count))};`);
      });
    });
    this.otherwise(() => {
      this.line(`${text} = ${this.laneByLane(e).text};`);
    });
    return { text, lanes: count };
  }

  /** The load may be made whatever the data. */
  private isSafe(l: Load): boolean {
    return this.certain.has(l) || this.temps.has(l) || this.prepared.places.get(l.buffer)?.kind === "registers" || isInBounds(l);
  }

  /** Whether the sides of a select fit into a conditional expression: nothing in them needs a statement or a name. */
  private isSimple(sides: readonly Expr[]): boolean {
    const seen = new Set<Expr>();
    let operations = 0;
    const visit = (e: Expr): boolean => {
      if (this.temps.has(e) || this.isPlain(e)) return !this.needsLines(e);
      if (seen.has(e) || ++operations > mostInline || this.needsLines(e)) return false;
      seen.add(e);
      return childrenOf(e).every(visit);
    };
    return sides.every(visit);
  }

  private needsLines(e: Expr): boolean {
    if (this.temps.has(e) || !this.varies(e)) return false;
    if (e.kind === "index" || e.kind === "load") {
      const step = this.lane!.variance.stride(e.kind === "index" ? e.dim : (e.at[0] ?? 0));
      return e.kind === "index" ? step === undefined : step !== 0 && step !== 1;
    }
    return (
      e.kind === "select" && this.lane!.variance.expr(e.cond) && ![e.a, e.b].every((side) => loadsIn(side).every((l) => this.isSafe(l)))
    );
  }

  // Loads.

  private load(l: Pick<Load, "buffer" | "at">): Value {
    const { buffer } = l;
    const at = l.at[0] ?? 0;
    const place = this.prepared.places.get(buffer);
    if (place?.kind === "registers") return this.loadRegister(buffer, place, at);
    const pointer = this.buffers.get(buffer)!;
    const step = this.lane && this.lane.single === undefined ? this.lane.variance.stride(at) : 0;
    if (step === 0) return { text: decode(this.h, buffer.dtype, `${pointer}[${this.offset(this.base(at))}]`), lanes: 1 };
    const { count } = this.lane!;
    if (step === 1) return { text: loadLanes(this.h, buffer.dtype, count, this.address(pointer, at)), lanes: count };
    return this.gather(pointer, buffer, at);
  }

  private gather(pointer: string, buffer: Buffer, at: Dim): Value {
    const { count } = this.lane!;
    const text = this.temp();
    const dtype = computeType(buffer.dtype);
    this.line(`${this.h.type(dtype, count)} ${text} = {0};`);
    this.eachLane(opaquesIn(at), () => {
      const value = decode(this.h, buffer.dtype, `${pointer}[${this.offset(at)}]`);
      this.line(`${text}[lane] = ${dtype === "bool" ? `-${value}` : bare(value)};`);
    });
    return { text, lanes: count };
  }

  private loadRegister(buffer: Buffer, place: Registers, at: Dim): Value {
    const dtype = computeType(buffer.dtype);
    const lane = this.lane;
    const step = lane ? lane.variance.stride(at) : 0;
    const base = Number(lane ? substituteDim(at, new Map<Atom, Dim>([[lane.loop, 0]])) : at);
    const name: Value = { text: this.registerName(buffer, place, base), lanes: Math.max(place.group, place.lanes) };
    if (place.lanes > 1 || (lane && step === 1))
      return lane?.single === undefined ? name : { text: this.element(name, dtype, lane.single), lanes: 1 };
    const element = (i: number): string => {
      const text = this.registerElement(buffer, place, i);
      return dtype === "bool" && place.group > 1 ? `(${text} != 0)` : text;
    };
    if (!lane || step === 0) return { text: element(base), lanes: 1 };
    const all = Array.from({ length: lane.count }, (_, l) => element(base + l * Number(step)));
    if (lane.single !== undefined) return { text: `((${valueType(dtype)}[]){${all.join(", ")}})[${lane.single}]`, lanes: 1 };
    return {
      text: `(${this.h.type(dtype, lane.count)}){${all.map((t) => (dtype === "bool" ? `-${t}` : t)).join(", ")}}`,
      lanes: lane.count,
    };
  }

  private address(pointer: string, at: Dim): string {
    const text = this.offset(this.base(at));
    return text === "0" ? pointer : `${pointer} + ${text}`;
  }

  // Indices.

  /** Where an access goes; what several accesses share but for a constant is named. */
  private offset(d: Dim): string {
    if (typeof d === "number") return integerText(d);
    const varying = withoutConstant(d);
    const key = dimKey(varying);
    const isWorthIt = typeof varying !== "number" && varying.terms.length > 1 && (this.offsetCounts.get(key) ?? 0) >= fewestShared;
    if (!isWorthIt || opaquesIn(varying).length > 0) return this.dim(d);
    const known = this.offsets.get(key) ?? this.nameOffset(key, varying);
    const rest = Number(sub(d, varying));
    return rest === 0 ? known : `${known} ${rest < 0 ? "-" : "+"} ${integerText(Math.abs(rest))}`;
  }

  private nameOffset(key: string, varying: Dim): string {
    const text = this.dim(varying);
    const name = this.names.fresh(`at${this.offsetCount++}`);
    this.line(`const int64_t ${name} = ${text};`);
    this.offsets.set(key, name);
    return name;
  }

  /** A sum, without parentheses. */
  private dim(d: Dim): string {
    if (typeof d === "number") return integerText(d);
    if (isWild(d)) return this.wrappingDim(d);
    return d.terms.reduce((sum, t, i) => {
      const text = this.term(Math.abs(t.coefficient), t.atoms);
      if (i === 0) return t.coefficient < 0 ? `-${text}` : text;
      return `${sum} ${t.coefficient < 0 ? "-" : "+"} ${text}`;
    }, "");
  }

  private factor(d: Dim): string {
    const text = this.dim(d);
    return /^\w+$/.test(text) ? text : `(${text})`;
  }

  private term(coefficient: number, atoms: readonly Atom[]): string {
    const factors = atoms.map((a) => this.atom(a));
    if (coefficient === 1 && factors.length > 0) return factors.join(" * ");
    return [...factors, integerText(coefficient)].join(" * ");
  }

  /** Sums of values of unknown size wrap instead of being undefined. */
  private wrappingDim(d: Exclude<Dim, number>): string {
    const i64 = (op: "add" | "mul", a: string, b: string): string => this.h.binary(op, "i64", 1, a, b);
    const terms = d.terms.map((t) => {
      const factors = [
        ...t.atoms.map((a) => this.atom(a)),
        ...(t.coefficient === 1 && t.atoms.length > 0 ? [] : [integerText(t.coefficient)]),
      ];
      return factors.reduce((a, b) => i64("mul", a, b));
    });
    return terms.reduce((a, b) => i64("add", a, b));
  }

  private atom(a: Atom): string {
    switch (a.kind) {
      case "extent":
        return this.extentName(a.name);
      case "loop": {
        const name = this.loops.get(a);
        if (name === undefined) throw new Error(`loop variable '${a.name}' is used outside its loop`);
        return name;
      }
      case "opaque": {
        const e = opaqueExpr(a);
        const { text } = this.expr(e);
        return e.dtype === "i64" ? text : `(int64_t)${text}`;
      }
      case "min":
      case "max":
        return this.h.binary(a.kind, "i64", 1, this.dim(a.a), this.dim(a.b));
      case "floordiv":
      case "mod": {
        const plain = isNonNegative(a.a) && range(a.b)[0] > 0;
        if (plain) return `(${this.factor(a.a)} ${a.kind === "mod" ? "%" : "/"} ${this.factor(a.b)})`;
        return `${this.defineFloor(a.kind)}(${this.dim(a.a)}, ${this.dim(a.b)})`;
      }
    }
  }

  private defineFloor(kind: "floordiv" | "mod"): string {
    const result = kind === "mod" ? "r" : "q";
    return this.h.define(
      `${kind}_i64`,
      () =>
        `int64_t ${kind}_i64(int64_t a, int64_t b) { if (b <= 0) return 0; int64_t q = a / b, r = a - q * b; if (r < 0) { q--; r += b; } (void)${kind === "mod" ? "q" : "r"}; return ${result}; }`,
    );
  }
}

const mixing: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le"]);
const floatMixing: ReadonlySet<string> = new Set(["add", "sub", "mul", "div"]);

/** Whether a float is inside the range of i32, or NaN. */
const isBounded = (x: Expr): boolean => clampOf(x)?.every((bound) => Math.abs(bound) < 2 ** 31) === true;

/** `d` without the term that is a number. */
const withoutConstant = (d: Dim): Dim => (typeof d === "number" ? 0 : sub(d, d.terms.find((t) => t.atoms.length === 0)?.coefficient ?? 0));

/** `text` without the parentheses around all of it. */
export function bare(text: string): string {
  if (!text.startsWith("(") || !text.endsWith(")")) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === "(") depth++;
    if (text[i] === ")") depth--;
    if (depth === 0) return text;
  }
  return text.slice(1, -1);
}
