/**
 * Loop nests to WGSL: one compute shader per kernel.
 *
 * Loops of mode `workgroup.*` and `local.*` become ids, and so does an outermost parallel loop; all others stay loops.
 * Lanes are vectors of four. A load outside its buffer gives some value and does no harm in WGSL, so both sides of a select
 * may be evaluated.
 */
import { type Atom, ceildiv, type Dim, exactDiv, isNonNegative, range } from "../../ir/dim.ts";
import { substituteDim } from "../../ir/dim-atoms.ts";
import { type Binary, type Buffer, type Convert, type Expr, type Load, opaqueExpr, toDim, type Unary } from "../../ir/expr.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { type LoopNest, type Stmt, visitStmts } from "../../ir/loop.ts";
import type { BinaryOp, Scalar } from "../../ir/scalar.ts";
import { type ComputeType, computeType, type DType, integerBits, isInteger, isUnsigned } from "../../ir/type.ts";
import { varianceOf } from "../c/lanes.ts";
import { opaquesIn } from "../c/parts.ts";
import { isConcurrent, prepare, type Prepared, type Registers } from "../c/prepare.ts";
import { childrenOf } from "../c/safety.ts";
import { arrange, baseOf, findVectorBuffers, type IdMode, isIdMode, type Lane, lanes } from "./arrange.ts";
import { type HelperName, Helpers } from "./helpers.ts";
import { identifier, isStored, scalarText, storageType, typeText, valueType, type WgslType } from "./types.ts";

type Of<K extends Stmt["kind"]> = Stmt & { kind: K };

/** What one dispatch of a kernel needs beside its buffers. */
export interface Shader {
  readonly text: string;
  /**
   * Workgroups along x, y and z, in terms of the kernel's extents. More than 65535 along x are spread over x and y: the
   * shader counts them as `x + y * (number along x)` and leaves those out that are too many.
   */
  readonly workgroups: readonly [Dim, Dim, Dim];
}

/** Invocations of a workgroup that a parallel loop is divided into, and the most that WebGPU promises. */
const parallelSize = 64;
const mostInvocations = 256;
/** The most workgroups along one axis, storage buffers and bytes of private memory that WebGPU and WGSL promise. */
const mostWorkgroups = 65535;
const mostBuffers = 8;
const mostPrivateBytes = 8192;

interface Value {
  readonly text: string;
  readonly lanes: number;
  readonly type: WgslType;
  /** A 64-bit sum that was kept at the ends of i32: good for comparisons and bounds, not for more arithmetic. */
  readonly isBounded?: boolean;
}

const refuse = (reason: string): OpError => new OpError(reason, "unsupported-by-target");

/**
 * The shader of a kernel, whose entry point has the kernel's name. Bindings of group 0: the parameters in order, then, where
 * the kernel takes extents, a uniform structure of them as i32. Throws an `OpError` for what WGSL has not: other element
 * types, 64-bit arithmetic, too many buffers, temporaries of no fixed size.
 */
export function printShader(nest: LoopNest): Shader {
  checkParams(nest);
  const arranged = arrange(nest);
  checkTemporaries(arranged.body);
  const prepared = prepare(arranged, true);
  return new ShaderPrinter(arranged, prepared).print();
}

function checkParams({ params }: LoopNest): void {
  const unfit = params.find(({ buffer }) => !isStored(buffer.dtype));
  if (unfit) throw refuse(`WGSL has no memory of type ${unfit.buffer.dtype}`);
  if (params.length > mostBuffers) throw refuse(`a kernel has ${params.length} tensors, and WebGPU promises room for ${mostBuffers}`);
}

function checkTemporaries(body: readonly Stmt[]): void {
  visitStmts(body, (s) => {
    if (s.kind === "alloc" && !s.buffer.shape.every((d) => typeof d === "number"))
      throw refuse(`temporary '${s.buffer.name}' has no fixed size`);
  });
}

const elementsOf = (b: Buffer): number => b.shape.reduce<number>((n, d) => n * Number(d), 1);

/** Hands out names, each once at a time. */
class Names {
  private readonly taken = new Set<string>();

  fresh(name: string): string {
    const base = identifier(name);
    let made = base;
    for (let n = 2; this.taken.has(made); n++) made = `${base}_v${n}`;
    this.taken.add(made);
    return made;
  }

  release(name: string): void {
    this.taken.delete(name);
  }
}

class ShaderPrinter {
  private readonly lines: string[] = [];
  private depth = 1;
  private readonly h = new Helpers();
  private readonly names = new Names();
  private readonly buffers = new Map<Buffer, string>();
  private readonly vectors: ReadonlySet<Buffer>;
  private readonly extents = new Map<string, string>();
  private readonly loops = new Map<Atom, string>();
  private scope = new Map<string, Value>();
  private readonly parts = new Map<Expr, Value>();
  private partCount = 0;
  private lane: Lane | undefined;
  /** The lane that is printed, where lanes are printed one by one. */
  private single: number | undefined;
  private readonly shared: string[] = [];
  private readonly sizes = new Map<IdMode, Dim>();
  private readonly builtins = new Set<"workgroup" | "local" | "workgroups">();
  private readonly isParallel: boolean;

  constructor(
    private readonly nest: LoopNest,
    private readonly prepared: Prepared,
  ) {
    this.isParallel = prepared.parallel !== undefined && isConcurrent(prepared.body);
    this.vectors = findVectorBuffers(nest, prepared.body);
    visitStmts(prepared.body, (s) => {
      if (s.kind === "for" && isIdMode(s.mode)) this.addSize(s.mode, s.loop.extent);
    });
  }

  private addSize(mode: IdMode, extent: Dim): void {
    const known = this.sizes.get(mode);
    if (known !== undefined && known !== extent && (typeof known !== "number" || typeof extent !== "number")) {
      throw refuse(`loops of mode ${mode} have different extents`);
    }
    this.sizes.set(mode, typeof known === "number" && typeof extent === "number" ? Math.max(known, extent) : extent);
  }

  print(): Shader {
    const workgroups = this.workgroups();
    const size = this.workgroupSize();
    this.nest.params.forEach(({ buffer }) => this.buffers.set(buffer, this.names.fresh(buffer.name)));
    this.nest.extents.forEach((e) => this.extents.set(e.name, `extents.${identifier(e.name)}`));
    this.body(this.prepared.body);
    this.lines.unshift(...this.unused().map((name) => `  _ = &${name};`));
    const head = `@compute @workgroup_size(${size.join(", ")})\nfn ${this.nest.name}(${this.parameters()}) {`;
    const text = `${this.declarations()}\n${this.h.text}${head}\n${this.lines.map((l) => `${l}\n`).join("")}}\n`;
    return { text, workgroups };
  }

  /** Bindings that no line names; a layout that is made from the shader would lack them. */
  private unused(): string[] {
    const text = this.lines.join("\n");
    const names = [
      ...this.nest.params.map(({ buffer }) => this.buffers.get(buffer)!),
      ...(this.nest.extents.length > 0 ? ["extents"] : []),
    ];
    return names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  }

  private workgroupSize(): number[] {
    if (this.isParallel) return [parallelSize];
    const size = (["local.x", "local.y", "local.z"] as const).map((m) => this.sizes.get(m) ?? 1);
    const count = size.reduce<number>((n, d) => n * Number(d), 1);
    if (!(count <= mostInvocations)) throw refuse(`a workgroup would have ${count} invocations, and WebGPU promises ${mostInvocations}`);
    while (size.length > 1 && size.at(-1) === 1) size.pop();
    return size.map(Number);
  }

  private workgroups(): [Dim, Dim, Dim] {
    const { parallel } = this.prepared;
    if (this.isParallel) return [ceildiv(parallel!.loop.extent, parallelSize), 1, 1];
    const [x, y, z] = (["workgroup.x", "workgroup.y", "workgroup.z"] as const).map((m) => this.sizes.get(m) ?? 1) as [Dim, Dim, Dim];
    for (const d of [y, z])
      if (typeof d === "number" && d > mostWorkgroups)
        throw refuse(`${d} workgroups along one axis, and WebGPU promises ${mostWorkgroups}`);
    return [x, y, z];
  }

  /** Whether workgroups along x may have to be spread over x and y. */
  private get isSpread(): boolean {
    const [x, y, z] = this.workgroups();
    const fits = typeof x === "number" && x <= mostWorkgroups;
    if (!fits && (y !== 1 || z !== 1)) return false;
    return !fits;
  }

  private parameters(): string {
    const text = { workgroup: "workgroup_id", local: "local_invocation_id", workgroups: "num_workgroups" };
    const used = (["workgroup", "local", "workgroups"] as const).filter((b) => this.builtins.has(b));
    return used.map((b) => `@builtin(${text[b]}) ${b}: vec3u`).join(", ");
  }

  private declarations(): string {
    const params = this.nest.params.map(({ buffer, access }, i) => {
      const element = this.vectors.has(buffer) ? typeText(storageType(buffer.dtype), lanes) : storageType(buffer.dtype);
      const mode = access === "read" ? "read" : "read_write";
      return `@group(0) @binding(${i}) var<storage, ${mode}> ${this.buffers.get(buffer)!}: array<${element}>;\n`;
    });
    const { extents } = this.nest;
    const uniform =
      extents.length === 0
        ? ""
        : `struct Extents {\n${extents.map((e) => `  ${identifier(e.name)}: i32,\n`).join("")}}\n@group(0) @binding(${params.length}) var<uniform> extents: Extents;\n`;
    return params.join("") + uniform + this.shared.map((s) => `${s}\n`).join("");
  }

  private line(text: string): void {
    this.lines.push("  ".repeat(this.depth) + text);
  }

  private block(head: string, body: () => void): void {
    const { scope } = this;
    this.scope = new Map(scope);
    this.line(head === "" ? "{" : `${head} {`);
    this.depth++;
    body();
    this.depth--;
    this.line("}");
    for (const [name, { text }] of this.scope) if (scope.get(name)?.text !== text) this.names.release(text);
    this.scope = scope;
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
        return this.block("loop", () => {
          this.whole([s.cond], [], () => {
            this.line(`if (!${this.expr(s.cond).text}) { break; }`);
          });
          this.body(s.body);
        });
      case "bind":
        return this.whole([], [s.value], () => {
          this.line(`let ${this.loopName(s.loop)} = ${bare(this.dim(s.value))};`);
        });
      case "let":
        return this.declare(s);
      case "assign":
        return this.assign(s);
      case "store":
        return this.whole([s.value], s.at, () => {
          this.store(s);
        });
      case "alloc":
        return this.alloc(s);
      case "barrier":
        return this.line("workgroupBarrier();");
    }
  }

  /** Runs `print` with the parts named first that `exprs` and `dims` use more than once. */
  private whole(exprs: readonly Expr[], dims: readonly Dim[], print: () => void): void {
    for (const part of repeatedParts([...exprs, ...dims.flatMap(opaquesIn)])) {
      const value = this.expr(part);
      const text = `t${this.partCount++}`;
      this.line(`let ${text} = ${bare(value.text)};`);
      this.parts.set(part, { ...value, text });
    }
    print();
    this.parts.clear();
  }

  private loopName(loop: Atom & { kind: "loop" }): string {
    const name = this.names.fresh(loop.name);
    this.loops.set(loop, name);
    return name;
  }

  private loop(s: Of<"for">): void {
    if (s === this.prepared.parallel && this.isParallel) return this.parallel(s);
    if (isIdMode(s.mode)) return this.idLoop(s, s.mode);
    if (s.mode === "vector") return this.laneLoop(s);
    this.whole([], [s.loop.extent], () => {
      const extent = bare(this.dim(s.loop.extent));
      const outer = this.loops.get(s.loop);
      const isFixed = opaquesIn(s.loop.extent).length === 0;
      const name = this.loopName(s.loop);
      const last = isFixed ? extent : this.names.fresh(`${name}_end`);
      if (!isFixed) this.line(`let ${last} = ${extent};`);
      this.parts.clear();
      this.block(`for (var ${name} = 0; ${name} < ${last}; ${name}++)`, () => {
        this.body(s.body);
      });
      if (isFixed) this.names.release(name);
      if (outer !== undefined) this.loops.set(s.loop, outer);
    });
  }

  private laneLoop(s: Of<"for">): void {
    this.lane = { loop: s.loop, variance: varianceOf(s) };
    const declares = s.body.some((t) => t.kind === "let" || t.kind === "alloc" || t.kind === "bind");
    if (declares) this.block("", () => this.body(s.body));
    else this.body(s.body);
    this.lane = undefined;
  }

  private parallel(s: Of<"for">): void {
    this.builtins.add("local");
    const { extent } = s.loop;
    const name = this.loopName(s.loop);
    this.line(`let ${name} = i32(${this.workgroupIndex()} * ${parallelSize}u + local.x);`);
    const isExact = typeof extent === "number" && extent % parallelSize === 0 && !this.isSpread;
    if (isExact) return this.body(s.body);
    this.block(`if (${name} < ${bare(this.dim(extent))})`, () => {
      this.body(s.body);
    });
  }

  /** The number of the workgroup along x. */
  private workgroupIndex(): string {
    this.builtins.add("workgroup");
    if (!this.isSpread) return "workgroup.x";
    this.builtins.add("workgroups");
    return "(workgroup.x + workgroup.y * workgroups.x)";
  }

  private idLoop(s: Of<"for">, mode: IdMode): void {
    const [kind, axis] = mode.split(".") as ["workgroup" | "local", string];
    this.builtins.add(kind);
    const isSpread = mode === "workgroup.x" && this.isSpread;
    const name = this.loopName(s.loop);
    this.line(`let ${name} = i32(${mode === "workgroup.x" ? this.workgroupIndex() : `${kind}.${axis}`});`);
    if (this.sizes.get(mode) === s.loop.extent && !isSpread) return this.body(s.body);
    this.block(`if (${name} < ${bare(this.dim(s.loop.extent))})`, () => {
      this.body(s.body);
    });
  }

  private ifElse(s: Of<"if">): void {
    if (s.cond.kind === "const") return this.block("", () => this.body(s.then));
    let cond = "";
    this.whole([s.cond], [], () => {
      cond = bare(this.expr(s.cond).text);
    });
    this.block(`if (${cond})`, () => {
      this.body(s.then);
    });
    if (!s.else || s.else.length === 0) return;
    this.lines.pop();
    this.block("} else", () => {
      this.body(s.else!);
    });
  }

  private declare(s: Of<"let">): void {
    this.whole([s.value], [], () => {
      const varies = this.lane?.variance.names.has(s.name) ?? false;
      const value = this.spread(this.expr(s.value), varies ? lanes : 1);
      const text = this.names.fresh(s.name);
      this.line(`var ${text}: ${typeText(value.type, value.lanes)} = ${bare(value.text)};`);
      this.scope.set(s.name, { ...value, text });
    });
  }

  private assign(s: Of<"assign">): void {
    const target = this.scope.get(s.name);
    if (!target) throw new Error(`'${s.name}' is assigned before it is declared`);
    this.whole([s.value], [], () => {
      const value = this.spread(this.expr(s.value), target.lanes);
      this.line(`${target.text} = ${bare(this.as(target.type, value).text)};`);
    });
  }

  private alloc(s: Of<"alloc">): void {
    const { buffer } = s;
    const place = this.prepared.places.get(buffer);
    const known = this.buffers.get(buffer);
    const name = known ?? this.names.fresh(buffer.name.replace(/^t\d+_/, ""));
    this.buffers.set(buffer, name);
    if (place?.kind === "registers") {
      const type = typeText(valueType(computeType(buffer.dtype)), Math.max(place.group, place.lanes));
      for (const i of [...place.used].sort((a, b) => a - b)) this.line(`var ${this.registerName(buffer, place, i)}: ${type};`);
      return;
    }
    if (!isStored(buffer.dtype)) throw refuse(`WGSL has no memory of type ${buffer.dtype}`);
    const array = `array<${storageType(buffer.dtype)}, ${Math.max(1, elementsOf(buffer))}>`;
    if (s.scope === "workgroup") {
      if (known === undefined) this.shared.push(`var<workgroup> ${name}: ${array};`);
      return;
    }
    if (elementsOf(buffer) * 4 > mostPrivateBytes) throw refuse(`temporary '${buffer.name}' has more than ${mostPrivateBytes} bytes`);
    this.line(`var ${name}: ${array};`);
  }

  private registerName(buffer: Buffer, place: Registers, element: number): string {
    return `${this.buffers.get(buffer)!}_${Math.floor(element / place.group)}`;
  }

  private store(s: Of<"store">): void {
    const place = this.prepared.places.get(s.buffer);
    const at = s.at[0] ?? 0;
    let value = this.valueFor(s.buffer.dtype, s.value);
    if (s.combine) value = this.arithmetic(s.combine, s.value.dtype, this.load({ buffer: s.buffer, at: s.at }), value);
    if (place?.kind === "registers") return this.storeRegister(s, place, at, value);
    const step = this.lane?.variance.stride(at) ?? (this.lane ? undefined : 0);
    const name = this.buffers.get(s.buffer)!;
    if (step === 0) {
      const last = value.lanes === 1 ? value : this.element(value, lanes - 1);
      return this.line(`${name}[${this.offset(at)}] = ${this.encode(s.buffer.dtype, last)};`);
    }
    const all = this.spread(value, lanes);
    if (this.vectors.has(s.buffer)) return this.line(`${name}[${this.vectorOffset(at)}] = ${bare(all.text)};`);
    const named = `t${this.partCount++}`;
    this.line(`let ${named} = ${bare(all.text)};`);
    for (let l = 0; l < lanes; l++) {
      const offset = this.inLane(l, () => this.offset(at));
      this.line(`${name}[${offset}] = ${this.encode(s.buffer.dtype, { text: `${named}[${l}]`, lanes: 1, type: all.type })};`);
    }
  }

  private storeRegister(s: Of<"store">, place: Registers, at: Dim, value: Value): void {
    const base = this.lane ? baseOf(at, this.lane.loop) : at;
    const name = this.registerName(s.buffer, place, base as number);
    const isVector = place.lanes > 1 || (this.lane !== undefined && this.lane.variance.stride(at) === 1);
    if (isVector) return this.line(`${name} = ${bare(this.spread(value, lanes).text)};`);
    const step = this.lane ? Number(this.lane.variance.stride(at)) : 0;
    if (step === 0) {
      const target = place.group > 1 ? `${name}[${(base as number) % place.group}]` : name;
      return this.line(`${target} = ${bare((value.lanes === 1 ? value : this.element(value, lanes - 1)).text)};`);
    }
    const named = `t${this.partCount++}`;
    this.line(`let ${named} = ${bare(this.spread(value, lanes).text)};`);
    for (let l = 0; l < lanes; l++) this.line(`${this.registerElement(s.buffer, place, (base as number) + l * step)} = ${named}[${l}];`);
  }

  private registerElement(buffer: Buffer, place: Registers, element: number): string {
    const name = this.registerName(buffer, place, element);
    return place.group > 1 ? `${name}[${element % place.group}]` : name;
  }

  /** `e` as a value that is stored as `dtype`. */
  private valueFor(dtype: DType, e: Expr): Value {
    if (dtype === "u32") return this.low(e);
    const value = this.expr(e);
    return dtype === "i32" ? this.as("i32", value) : value;
  }

  private encode(dtype: DType, value: Value): string {
    return dtype === "bool" ? `select(0u, 1u, ${bare(value.text)})` : bare(value.text);
  }

  // Lanes.

  private spread(value: Value, count: number): Value {
    if (value.lanes === count) return value;
    if (value.lanes > count) return this.element(value, this.single ?? 0);
    return { ...value, lanes: count, text: `${typeText(value.type, count)}(${bare(value.text)})` };
  }

  private element(value: Value, lane: number): Value {
    return { ...value, lanes: 1, text: `${value.text}[${lane}]` };
  }

  private inLane<T>(l: number, f: () => T): T {
    const before = this.single;
    this.single = l;
    const made = f();
    this.single = before;
    return made;
  }

  /** A vector of what `f` gives in each lane. */
  private laneByLane(f: () => Value): Value {
    const all = Array.from({ length: lanes }, (_, l) => this.inLane(l, f));
    const { type } = all[0]!;
    return { type, lanes, text: `${typeText(type, lanes)}(${all.map((v) => bare(v.text)).join(", ")})` };
  }

  /** The lane loop, unless lanes are printed one by one. */
  private get vectorLane(): Lane | undefined {
    return this.single === undefined ? this.lane : undefined;
  }

  // Expressions.

  private expr(e: Expr): Value {
    const named = this.parts.get(e);
    if (named) return this.single !== undefined && named.lanes > 1 ? this.element(named, this.single) : named;
    switch (e.kind) {
      case "const":
        return this.constant(e.dtype, e.value);
      case "index":
        return this.index(e.dim);
      case "var":
        return this.variable(e.name);
      case "load":
        return this.load(e);
      case "unary":
        return this.unary(e);
      case "binary":
        return this.binary(e);
      case "select":
        return this.select(e.cond, this.expr(e.a), this.expr(e.b));
      case "convert":
        return this.convert(e);
      case "round":
        return this.round(e.storage, e.x);
    }
  }

  private constant(dtype: ComputeType, value: Scalar): Value {
    const type = valueTypeOf(dtype);
    if (type === "f32" && !Number.isFinite(Number(value))) {
      const x = Number(value);
      const text = Number.isNaN(x) ? this.h.call("not_a_number", 1, []) : `${x < 0 ? "-" : ""}${this.h.call("infinity", 1, [])}`;
      return { text, lanes: 1, type };
    }
    if (dtype !== "i64") return { text: scalarText(type, value), lanes: 1, type };
    const wide = BigInt(value);
    if (wide >= 2n ** 31n && wide < 2n ** 32n) return { text: scalarText("u32", value), lanes: 1, type: "u32" };
    if (wide < -(2n ** 31n) || wide >= 2n ** 32n) throw refuse(`${wide} has more than 32 bits, and WGSL's integers have no more`);
    return { text: scalarText("i32", value), lanes: 1, type: "i32" };
  }

  private variable(name: string): Value {
    const value = this.scope.get(name);
    if (!value) throw new Error(`'${name}' is read before it is declared`);
    return this.single !== undefined && value.lanes > 1 ? this.element(value, this.single) : value;
  }

  private index(d: Dim): Value {
    const lane = this.vectorLane;
    const step = lane ? lane.variance.stride(d) : 0;
    if (step === 0) return { text: this.dim(d), lanes: 1, type: "i32" };
    if (typeof step !== "number") return this.laneByLane(() => ({ text: this.dim(d), lanes: 1, type: "i32" }));
    const steps = Array.from({ length: lanes }, (_, l) => l * step).join(", ");
    return { text: `(${this.dim(baseOf(d, lane!.loop))} + vec4i(${steps}))`, lanes, type: "i32" };
  }

  /** The operands with as many lanes each, and one type. */
  private alike(a: Value, b: Value): readonly [Value, Value] {
    const count = Math.max(a.lanes, b.lanes);
    const type = a.type === b.type ? a.type : this.commonType(a, b);
    return [this.spread(this.as(type, a), count), this.spread(this.as(type, b), count)];
  }

  /** Literals take the type of what they meet. */
  private commonType(a: Value, b: Value): WgslType {
    const isLiteral = (v: Value): boolean => /^\d+i$/.test(v.text);
    if (a.type === "u32" && b.type === "i32" && isLiteral(b)) return "u32";
    if (a.type === "i32" && b.type === "u32" && isLiteral(a)) return "u32";
    throw refuse("64-bit integers, which WGSL does not have, are needed to join i32 and u32");
  }

  private as(type: WgslType, value: Value): Value {
    if (value.type === type) return value;
    if (/^\d+i$/.test(value.text) && type === "u32") return { ...value, type, text: value.text.replace("i", "u") };
    return { ...value, type, text: `bitcast<${typeText(type, value.lanes)}>(${bare(value.text)})` };
  }

  private select(cond: Expr, a: Value, b: Value): Value {
    const c = this.expr(cond);
    const count = Math.max(a.lanes, b.lanes, c.lanes);
    const [x, y] = this.alike(this.spread(a, count), b);
    return { ...x, ...(y.isBounded && { isBounded: true }), text: `select(${bare(y.text)}, ${bare(x.text)}, ${bare(c.text)})` };
  }

  private call(name: HelperName, type: WgslType, ...operands: readonly Value[]): Value {
    const count = Math.max(...operands.map((v) => v.lanes));
    const texts = operands.map((v) => bare(this.spread(v, count).text));
    return { type, lanes: count, text: this.h.call(name, count, texts, operands[0]!.type === "i32" ? "i32" : "f32") };
  }

  private unary(e: Unary): Value {
    const x = this.expr(e.x);
    const as = (text: string, type = x.type): Value => ({ ...x, type, text });
    switch (e.op) {
      case "isnan":
        return this.call("is_nan", "bool", x);
      case "not":
        return as(`${x.type === "bool" ? "!" : "~"}${x.text}`);
      case "neg":
        if (e.dtype === "i64") throw wide(e.op);
        return as(`(-${x.text})`);
      case "abs":
        if (e.dtype === "i64") throw wide(e.op);
        return as(`abs(${bare(x.text)})`);
      case "rint":
        return e.dtype === "f32" ? as(`round(${bare(x.text)})`) : x;
      case "erf":
      case "expm1":
      case "log1p":
      case "tanh":
        return this.call(e.op, "f32", x);
      default:
        return e.dtype === "f32" ? as(`${e.op}(${bare(x.text)})`) : x;
    }
  }

  private binary(e: Binary): Value {
    const sign = comparisons[e.op];
    const [a, b] = [this.expr(e.a), this.expr(e.b)];
    if (sign === undefined) {
      if (e.dtype === "i64" && !this.isExact(e, a, b)) return this.boundedSum(e.op, a, b);
      const value = this.arithmetic(e.op, e.dtype, a, b);
      return a.isBounded || b.isBounded ? { ...value, isBounded: true } : value;
    }
    let [x, y] = this.alike(a, b);
    if (a.type === "bool" && (e.op === "lt" || e.op === "le"))
      [x, y] = [x, y].map((v): Value => ({ ...v, type: "u32", text: `${typeText("u32", v.lanes)}(${bare(v.text)})` })) as [Value, Value];
    return { type: "bool", lanes: x.lanes, text: `(${x.text} ${sign} ${y.text})` };
  }

  /** A sum or difference of values of 32 bits, kept at the ends of i32: indices from data before they are bounded. */
  private boundedSum(op: BinaryOp, a: Value, b: Value): Value {
    const isPlain = [a, b].every((v) => v.type === "i32" && !v.isBounded);
    if (!isPlain || (op !== "add" && op !== "sub")) throw wide(op);
    return { ...this.call(op === "add" ? "add_bounded" : "sub_bounded", "i32", a, b), isBounded: true };
  }

  /** Whether 32 bits hold the value of an i64 operation. */
  private isExact(e: Binary, a: Value, b: Value): boolean {
    if (["max", "min", "maxnum", "minnum"].includes(e.op)) return true;
    if (a.isBounded || b.isBounded) return false;
    const [low, high] = range(toDim(e));
    if (low >= -(2 ** 31) && high < 2 ** 31) return true;
    const isWords = a.type === "u32" || b.type === "u32";
    return ["and", "or", "xor"].includes(e.op) || (isWords && (e.op === "div" || e.op === "rem"));
  }

  private arithmetic(op: BinaryOp, dtype: ComputeType, left: Value, right: Value): Value {
    const isMixed = dtype === "f32" && (op === "add" || op === "sub" || op === "mul" || op === "div");
    const [a, b] = isMixed ? [left, right] : this.alike(left, right);
    const type = a.type;
    const infix = (sign: string): Value => ({ type, lanes: Math.max(a.lanes, b.lanes), text: `(${a.text} ${sign} ${b.text})` });
    if (type === "bool") return infix(op === "xor" ? "!=" : op === "or" || op.startsWith("max") ? "|" : "&");
    if (op in signs) return infix(signs[op]!);
    if (type === "f32") return this.floatArithmetic(op, a, b, infix);
    switch (op) {
      case "max":
      case "min":
      case "maxnum":
      case "minnum":
        return { ...a, text: `${op.slice(0, 3)}(${bare(a.text)}, ${bare(b.text)})` };
      case "div":
      case "rem":
      case "shl":
      case "shr":
        return this.call(type === "u32" ? `${op}_word` : op, type, a, b);
      case "pow":
        return this.call("pow", type, a, b);
      default:
        throw new Error(`'${op}' is not defined on ${dtype}`);
    }
  }

  private floatArithmetic(op: BinaryOp, a: Value, b: Value, infix: (sign: string) => Value): Value {
    switch (op) {
      case "div":
        return infix("/");
      case "rem":
        return infix("%");
      case "max":
      case "min":
      case "maxnum":
      case "minnum":
      case "pow":
        return this.call(op, "f32", a, b);
      case "atan2":
        return { ...a, text: `atan2(${bare(a.text)}, ${bare(b.text)})` };
      default:
        throw new Error(`'${op}' is not defined on f32`);
    }
  }

  private convert(e: Convert): Value {
    const to = valueTypeOf(e.dtype);
    valueTypeOf(e.x.dtype);
    if (e.dtype === "i32" && e.x.dtype === "i64") return this.as("i32", this.low(e.x));
    const x = this.expr(e.x);
    if (x.isBounded && e.dtype !== "bool") throw wide("convert");
    if (to === x.type || (e.dtype === "i64" && x.type === "u32")) return x;
    if (to === "bool")
      return {
        ...x,
        type: "bool",
        text: `(${x.text} != ${this.spread({ type: x.type, lanes: 1, text: scalarText(x.type, 0) }, x.lanes).text})`,
      };
    if (x.type === "f32") {
      if (e.dtype === "i64") throw wide("convert");
      return this.call("to_i32", "i32", x);
    }
    return { ...x, type: to, text: `${typeText(to, x.lanes)}(${bare(x.text)})` };
  }

  private round(storage: DType, e: Expr): Value {
    if (storage === "u32") return this.low(e);
    const x = this.expr(e);
    if (storage === "f16" || storage === "bf16") return this.call(`round_${storage}`, "f32", x);
    if (!isInteger(storage) || x.type !== "i32") throw refuse(`WGSL has no rounding to ${storage}`);
    const by = `${32 - integerBits(storage)}u`;
    const count = x.lanes === 1 ? by : `vec4u(${by})`;
    if (isUnsigned(storage))
      return {
        ...x,
        text: `(${x.text} & ${x.lanes === 1 ? `${2 ** integerBits(storage) - 1}i` : `vec4i(${2 ** integerBits(storage) - 1}i)`})`,
      };
    return { ...x, text: `((${x.text} << ${count}) >> ${count})` };
  }

  /** The low 32 bits of an integer, as a `u32`; sums, products and bitwise operations need no more of their operands. */
  private low(e: Expr): Value {
    const words = (op: string, a: Value, b: Value): Value => {
      const count = Math.max(a.lanes, b.lanes);
      return { type: "u32", lanes: count, text: `(${this.spread(a, count).text} ${op} ${this.spread(b, count).text})` };
    };
    if (!this.parts.has(e)) {
      if (e.kind === "const") return { type: "u32", lanes: 1, text: scalarText("u32", e.value) };
      if (e.kind === "round" && e.storage === "u32") return this.low(e.x);
      if (e.kind === "convert" && isIntegral(e.x.dtype)) return this.low(e.x);
      if (e.kind === "select") return this.select(e.cond, this.low(e.a), this.low(e.b));
      const sign = e.kind === "binary" && isIntegral(e.dtype) ? signs[e.op] : undefined;
      if (e.kind === "binary" && sign !== undefined) return words(sign, this.low(e.a), this.low(e.b));
    }
    const value = this.expr(e);
    if (value.type === "bool") return { ...value, type: "u32", text: `${typeText("u32", value.lanes)}(${bare(value.text)})` };
    return this.as("u32", value);
  }

  // Loads.

  private load(l: Pick<Load, "buffer" | "at">): Value {
    const { buffer } = l;
    const at = l.at[0] ?? 0;
    const place = this.prepared.places.get(buffer);
    if (place?.kind === "registers") return this.loadRegister(buffer, place, at);
    const lane = this.vectorLane;
    const step = lane ? lane.variance.stride(at) : 0;
    const name = this.buffers.get(buffer)!;
    if (step === 0) return this.loadOne(buffer, name, at);
    if (step === 1 && this.vectors.has(buffer))
      return { text: `${name}[${this.vectorOffset(at)}]`, lanes, type: storageType(buffer.dtype) };
    return this.laneByLane(() => this.loadOne(buffer, name, at));
  }

  private loadOne(buffer: Buffer, name: string, at: Dim): Value {
    const type = storageType(buffer.dtype);
    if (this.vectors.has(buffer)) return { text: `${name}[${this.vectorOffset(at)}][${this.single ?? 0}]`, lanes: 1, type };
    const text = `${name}[${this.offset(at)}]`;
    return buffer.dtype === "bool" ? { text: `(${text} != 0u)`, lanes: 1, type: "bool" } : { text, lanes: 1, type };
  }

  private loadRegister(buffer: Buffer, place: Registers, at: Dim): Value {
    const type = valueType(computeType(buffer.dtype));
    const { lane } = this;
    const step = lane ? lane.variance.stride(at) : 0;
    const base = Number(lane ? baseOf(at, lane.loop) : at);
    if (place.lanes > 1 || (lane && step === 1)) {
      const all: Value = { type, lanes, text: this.registerName(buffer, place, base) };
      return this.single === undefined ? all : this.element(all, this.single);
    }
    const one = (i: number): Value => ({ type, lanes: 1, text: this.registerElement(buffer, place, i) });
    if (!lane || step === 0) return one(base);
    if (this.single !== undefined) return one(base + this.single * Number(step));
    return this.laneByLane(() => one(base + this.single! * Number(step)));
  }

  // Indices.

  /** An offset in memory; a constant one below zero would be refused even where nothing is loaded. */
  private offset(at: Dim): string {
    const here = this.lane && this.lane.variance.stride(at) === 0 ? baseOf(at, this.lane.loop) : this.laneOf(at);
    return typeof here === "number" && here < 0 ? "0" : bare(this.dim(here));
  }

  /** The dim in the lane that is printed, where only its own terms name it. */
  private laneOf(at: Dim): Dim {
    if (!this.lane || this.single === undefined || opaquesIn(at).length > 0) return at;
    return substituteDim(at, new Map<Atom, Dim>([[this.lane.loop, this.single]]));
  }

  private vectorOffset(at: Dim): string {
    return bare(this.dim(exactDiv(baseOf(at, this.lane!.loop), lanes)!));
  }

  private dim(d: Dim): string {
    if (typeof d === "number") return d < 0 ? `(${d})` : String(d);
    const text = d.terms.reduce((sum, t, i) => {
      const size = Math.abs(t.coefficient);
      const factors = [...t.atoms.map((a) => this.atom(a)), ...(size === 1 && t.atoms.length > 0 ? [] : [String(size)])];
      const term = factors.join(" * ");
      if (i === 0) return t.coefficient < 0 ? `-${term}` : term;
      return `${sum} ${t.coefficient < 0 ? "-" : "+"} ${term}`;
    }, "");
    const isAlone = d.terms.length === 1 && d.terms[0]!.atoms.length === 1 && d.terms[0]!.coefficient === 1;
    return isAlone ? text : `(${text})`;
  }

  private atom(a: Atom): string {
    switch (a.kind) {
      case "loop": {
        if (a === this.lane?.loop) {
          if (this.single === undefined) throw new Error(`lane '${a.name}' is used as a scalar`);
          return String(this.single);
        }
        const name = this.loops.get(a);
        if (name === undefined) throw new Error(`loop variable '${a.name}' is used outside its loop`);
        return name;
      }
      case "extent":
        return this.extents.get(a.name)!;
      case "opaque":
        return this.opaque(opaqueExpr(a));
      case "min":
      case "max":
        return `${a.kind}(${bare(this.dim(a.a))}, ${bare(this.dim(a.b))})`;
      case "floordiv":
      case "mod": {
        const isPlain = isNonNegative(a.a) && range(a.b)[0] > 0;
        if (isPlain) return `(${this.dim(a.a)} ${a.kind === "mod" ? "%" : "/"} ${this.dim(a.b)})`;
        return this.h.call(a.kind, 1, [bare(this.dim(a.a)), bare(this.dim(a.b))]);
      }
    }
  }

  /** A run-time value as an index: an i32. */
  private opaque(e: Expr): string {
    const value = this.expr(e);
    return value.type === "bool" ? `i32(${bare(value.text)})` : this.as("i32", value).text;
  }
}

const isIntegral = (dtype: ComputeType): boolean => dtype === "i32" || dtype === "i64";

function valueTypeOf(dtype: ComputeType): WgslType {
  if (dtype === "f64" || dtype === "u64") throw refuse(`WGSL has no arithmetic in ${dtype}`);
  return valueType(dtype);
}

const wide = (what: string): OpError => refuse(`'${what}' may need 64 bits, and WGSL's integers have 32`);

const comparisons: Partial<Record<BinaryOp, string>> = { eq: "==", ne: "!=", lt: "<", le: "<=" };
/** Operations that WGSL writes between their operands, for floats and integers alike. */
const signs: Partial<Record<BinaryOp, string>> = { add: "+", sub: "-", mul: "*", and: "&", or: "|", xor: "^" };

/** Parts that several places of `roots` use, parts before wholes. */
function repeatedParts(roots: readonly Expr[]): Expr[] {
  const uses = new Map<Expr, number>();
  const order: Expr[] = [];
  const count = (e: Expr): void => {
    const n = (uses.get(e) ?? 0) + 1;
    uses.set(e, n);
    if (n > 1) return;
    childrenOf(e).forEach(count);
    order.push(e);
  };
  roots.forEach(count);
  return order.filter((e) => uses.get(e)! > 1 && e.kind !== "const" && e.kind !== "var" && e.kind !== "index");
}

/** `text` without the parentheses around all of it. */
function bare(text: string): string {
  if (!text.startsWith("(") || !text.endsWith(")")) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === "(") depth++;
    if (text[i] === ")") depth--;
    if (depth === 0) return text;
  }
  return text.slice(1, -1);
}
