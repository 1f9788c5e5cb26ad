/**
 * Stage and schedule to loops. A split substitutes `outer * factor + inner` for its axis; a fused loop binds its axes at
 * its head; nothing else touches the expressions.
 */
import { add, type Atom, ceildiv, type Dim, exactDiv, floordiv, type Loop, atomDim, loopAtom, min, mod, mul, product, sub, substituteDim } from "../ir/dim.ts";
import { and, type Buffer, eq, type Expr, index, load, lt, makeBuffer, not, rewriteExpr, substituteIndices, substituteVars, toDim, variable } from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type LoopMode, mapStmts, type Stmt, store } from "../ir/loop.ts";
import type { Fold, Stage } from "../ir/stage.ts";
import { computeType } from "../ir/type.ts";
import type { Schedule, Split } from "./schedule.ts";

/** How a buffer lies in the memory of a root: `offset + sum of index * stride` elements. */
export interface View {
  readonly root: Buffer;
  readonly strides: readonly Dim[];
  readonly offset: Dim;
}

/** Row-major strides, in elements. */
export function rowMajor(shape: readonly Dim[]): Dim[] {
  const strides: Dim[] = [];
  shape.reduceRight<Dim>((size, extent, d) => {
    strides[d] = size;
    return mul(size, extent);
  }, 1);
  return strides;
}

export const viewOf = (b: Buffer): View => ({ root: b, strides: rowMajor(b.shape), offset: 0 });

/** The offset of an element in its root; one index for a tensor of another rank is its offset in the dense tensor already. */
export const flattenOffset = (v: View, at: readonly Dim[]): Dim =>
  at.length === 1 && v.strides.length !== 1 ? add(v.offset, at[0]!) : add(v.offset, ...at.map((i, d) => mul(i, v.strides[d]!)));

/** Loads and stores with one index per dimension become loads and stores of roots with one flat offset. */
export function flattenStmts(body: readonly Stmt[], viewFor: (b: Buffer) => View): Stmt[] {
  const dimFlat = (d: Dim): Dim => flattenInside(d, viewFor);
  return mapStmts(body, {
    dim: (d) => d,
    expr: (e) => flattenExpr(e, viewFor),
    stmt: (s) => {
      if (s.kind === "bind") return [{ ...s, value: dimFlat(s.value) }];
      if (s.kind === "for") return [{ ...s, loop: loopAtom(s.loop.name, dimFlat(s.loop.extent)) }];
      if (s.kind !== "store") return [s];
      const view = viewFor(s.buffer);
      return [{ ...s, buffer: view.root, at: [flattenOffset(view, s.at.map(dimFlat))] }];
    },
  });
}

/** The expression with one flat offset per load. */
export const flattenExpr = (e: Expr, viewFor: (b: Buffer) => View): Expr =>
  rewriteExpr(e, {
    node: (n) => {
      if (n.kind !== "load") return undefined;
      const view = viewFor(n.buffer);
      return load(view.root, [flattenOffset(view, n.at)]);
    },
  });

/** The dim with one flat offset per load inside it. */
export const flattenInside = (d: Dim, viewFor: (b: Buffer) => View): Dim => toDim(flattenExpr(index(d), viewFor));

/** The loops of a stage after its splits and fusions. */
class LoopSpace {
  readonly loops = new Map<string, Loop>();
  /** What stands for each axis of the stage. */
  readonly values = new Map<Atom, Dim>();
  /** Points where a condition fails lie outside. */
  guards: { readonly value: Dim; readonly extent: Dim }[] = [];
  /** What a split leaves over at the end of its axis. */
  peeled: { readonly axis: Loop; readonly split: Split; readonly start: Dim; readonly rest: Loop } | undefined;
  /** Bound at the head of the loop they are fused into. */
  readonly fused = new Map<string, { loop: Loop; value: Dim }[]>();
  readonly foldLoops = new Set<string>();

  constructor(stage: Stage, schedule: Schedule) {
    for (const a of [...stage.axes, ...(stage.fold?.axes ?? [])]) {
      this.loops.set(a.name, a);
      this.values.set(a, atomDim(a));
    }
    for (const a of stage.fold?.axes ?? []) this.foldLoops.add(a.name);
    for (const s of schedule.splits ?? []) this.split(s);
    for (const { axes, into } of schedule.fuse ?? []) this.fuse(axes, into);
  }

  private take(name: string): Loop {
    const loop = this.loops.get(name);
    if (!loop) throw new Error(`schedule names '${name}', which is no loop`);
    this.loops.delete(name);
    return loop;
  }

  private split(split: Split): void {
    const { axis, outer, inner, factor, tail } = split;
    const loop = this.take(axis);
    const whole = exactDiv(loop.extent, factor) ?? (tail === "peel" ? floordiv(loop.extent, factor) : undefined);
    if (tail === "peel") this.peel(split, loop);
    if (tail === "exact" && whole === undefined) throw new Error(`cannot split '${axis}': ${factor} does not divide it`);
    const o = loopAtom(outer, whole ?? ceildiv(loop.extent, factor));
    const i = loopAtom(inner, factor);
    this.loops.set(outer, o).set(inner, i);
    if (this.foldLoops.has(axis)) this.foldLoops.add(outer).add(inner);
    const base = mul(atomDim(o), factor);
    const start = whole === undefined && tail === "shift" ? min(base, sub(loop.extent, factor)) : base;
    const value = add(start, atomDim(i));
    this.substitute(loop, value);
    if (whole === undefined && tail === "guard") this.guards.push({ value, extent: loop.extent });
  }

  private peel(split: Split, axis: Loop): void {
    const rest = mod(axis.extent, split.factor);
    if (rest !== 0) this.peeled = { axis, split, start: sub(axis.extent, rest), rest: loopAtom(`${axis.name}r`, rest) };
  }

  private fuse(axes: readonly string[], into: string): void {
    const parts = axes.map((a) => this.take(a));
    const z = loopAtom(into, product(parts.map((p) => p.extent)));
    this.loops.set(into, z);
    if (axes.some((a) => this.foldLoops.has(a))) this.foldLoops.add(into);
    const binds = parts.map((loop, k) => {
      const inner = product(parts.slice(k + 1).map((p) => p.extent));
      const value = floordiv(atomDim(z), inner);
      return { loop, value: k === 0 ? value : mod(value, loop.extent) };
    });
    this.fused.set(into, binds);
  }

  private substitute(loop: Loop, value: Dim): void {
    const by = new Map<Atom, Dim>([[loop, value]]);
    for (const [axis, d] of this.values) this.values.set(axis, substituteDim(d, by));
    this.guards = this.guards.map((g) => ({ ...g, value: substituteDim(g.value, by) }));
  }

  readonly resolve = (e: Expr): Expr => substituteIndices(e, this.values);
  /** As `resolve`, for a point of what a split left over. */
  resolveRest(e: Expr): Expr {
    const { axis, start, rest } = this.peeled!;
    return substituteIndices(e, new Map([...this.values, [axis, add(start, atomDim(rest))]]));
  }
  readonly resolveDim = (d: Dim): Dim => substituteDim(d, this.values);

  /** The condition under which a point is inside, or undefined when it always is. */
  get inside(): Expr | undefined {
    const conds = this.guards.map((g) => lt(index(g.value), index(g.extent)));
    return conds.length > 0 ? and(...conds) : undefined;
  }

  /** `names` as loops around `body`, the first outermost. */
  nest(names: readonly string[], modes: Readonly<Record<string, LoopMode>>, body: readonly Stmt[]): Stmt[] {
    return names.reduceRight<readonly Stmt[]>((inner, name) => {
      const binds = (this.fused.get(name) ?? []).map((b): Stmt => ({ kind: "bind", ...b }));
      return [forLoop(this.loops.get(name)!, [...binds, ...inner], modes[name] ?? "serial")];
    }, body) as Stmt[];
  }
}

const guarded = (cond: Expr | undefined, body: readonly Stmt[]): readonly Stmt[] => (cond ? [ifThen(cond, body)] : body);

/** The stage as loops; loads and stores still have one index per dimension. */
export function lowerStage(stage: Stage, schedule: Schedule): Stmt[] {
  const space = new LoopSpace(stage, schedule);
  const missing = [...space.loops.keys()].filter((name) => !schedule.order.includes(name));
  if (missing.length > 0) throw new Error(`schedule of '${stage.results[0]!.out.name}' leaves out ${missing.join(", ")}`);
  if (stage.fold) return new FoldLowering(stage, stage.fold, schedule, space).lower();
  return space.nest(schedule.order, schedule.modes ?? {}, guarded(space.inside, storeResults(stage, space, (e) => e)));
}

function storeResults(stage: Stage, space: LoopSpace, finish: (e: Expr) => Expr): Stmt[] {
  return stage.results.map((r) => store(r.out, r.at.map(space.resolveDim), finish(space.resolve(r.value))));
}

/** A fold keeps its state in scalars, or, around a register tile, in small arrays that unrolling turns into scalars. */
class FoldLowering {
  private readonly outer: readonly string[];
  private readonly inner: readonly string[];
  private readonly tile: readonly string[];
  private readonly lanes: string | undefined;
  private readonly registers: readonly Buffer[];
  private readonly modes: Readonly<Record<string, LoopMode>>;

  constructor(
    private readonly stage: Stage,
    private readonly fold: Fold,
    schedule: Schedule,
    private readonly space: LoopSpace,
  ) {
    const depth = schedule.accumulateIn === undefined ? 0 : schedule.order.indexOf(schedule.accumulateIn) + 1;
    this.modes = schedule.modes ?? {};
    this.outer = schedule.order.slice(0, depth);
    this.inner = schedule.order.slice(depth);
    this.tile = this.inner.filter((name) => !space.foldLoops.has(name));
    this.lanes = this.inner.find((name) => space.foldLoops.has(name) && this.modes[name] === "vector");
    const shape = this.stateLoops.map((name) => space.loops.get(name)!.extent);
    this.registers = shape.length === 0 ? [] : fold.state.map((s) => makeBuffer(s.name, s.dtype, shape));
  }

  /** Loops that have a state each. */
  private get stateLoops(): readonly string[] {
    return this.lanes === undefined ? this.tile : [...this.tile, this.lanes];
  }

  lower(): Stmt[] {
    const body = this.registers.length > 0 ? this.tiled() : this.scalar();
    return this.space.nest(this.outer, this.modes, body);
  }

  private nest(names: readonly string[], body: readonly Stmt[]): Stmt[] {
    return this.space.nest(names, this.modes, body);
  }

  private get isBlocked(): boolean {
    return this.outer.some((name) => this.space.foldLoops.has(name));
  }

  /** The outer fold loops all at their first, or all at their last, iteration. */
  private atEnd(which: "first" | "last"): Expr {
    const loops = this.outer.filter((name) => this.space.foldLoops.has(name)).map((name) => this.space.loops.get(name)!);
    return and(...loops.map((l) => eq(index(atomDim(l)), index(which === "first" ? 0 : sub(l.extent, 1)))));
  }

  private get partial(): Expr {
    const [result] = this.stage.results;
    const [state] = this.fold.state;
    if (this.fold.state.length !== 1 || computeType(result!.out.dtype) !== result!.out.dtype || state!.dtype !== result!.out.dtype) {
      throw new Error(`the fold of '${result!.out.name}' cannot be blocked`);
    }
    return load(result!.out, result!.at.map(this.space.resolveDim));
  }

  private scalar(): Stmt[] {
    const { state, step, emit } = this.fold;
    const next = step.map(this.space.resolve);
    const assigns =
      state.length === 1
        ? [assign(state[0]!.name, next[0]!)]
        : [...state.map((s, k) => letVar(`${s.name}_next`, next[k]!)), ...state.map((s) => assign(s.name, variable(`${s.name}_next`, s.dtype)))];
    const stores = storeResults(this.stage, this.space, (e) => e);
    const inside = guarded(this.space.inside, emit === "each" ? [...assigns, ...stores] : assigns);
    const start = state.map((s) => letVar(s.name, this.space.resolve(s.init)));
    const resume = this.isBlocked ? [ifThen(not(this.atEnd("first")), [assign(state[0]!.name, this.partial)])] : [];
    const finish = emit === "each" ? [] : this.isBlocked ? this.finishBlocked(stores, variable(state[0]!.name, state[0]!.dtype)) : stores;
    return [...start, ...resume, ...this.nest(this.inner, inside), ...finish];
  }

  private finishBlocked(stores: readonly Stmt[], state: Expr): Stmt[] {
    const [result] = this.stage.results;
    return [ifThen(this.atEnd("last"), stores, [store(result!.out, result!.at.map(this.space.resolveDim), state)])];
  }

  /** Offset of a state in its array, by the loops of the tile and a lane. */
  private offset(lane?: Dim): readonly Dim[] {
    const at = this.stateLoops.map((name) => (name === this.lanes && lane !== undefined ? lane : atomDim(this.space.loops.get(name)!)));
    return [flattenOffset(viewOf(this.registers[0]!), at)];
  }

  private register(k: number, lane?: Dim): Expr {
    return load(this.registers[k]!, this.offset(lane));
  }

  private storeRegister(k: number, value: Expr, lane?: Dim): Stmt {
    return store(this.registers[k]!, this.offset(lane), value);
  }

  private tiled(): Stmt[] {
    const { state, step } = this.fold;
    const here = new Map(state.map((s, k) => [s.name, this.register(k)]));
    const toRegisters = (e: Expr): Expr => substituteVars(this.space.resolve(e), here);
    const next = step.map(toRegisters);
    const body =
      state.length === 1
        ? [this.storeRegister(0, next[0]!)]
        : [...state.map((s, k) => letVar(`${s.name}_next`, next[k]!)), ...state.map((s, k) => this.storeRegister(k, variable(`${s.name}_next`, s.dtype)))];
    const init = this.nest(this.stateLoops, state.map((s, k) => this.storeRegister(k, this.space.resolve(s.init))));
    const start = this.isBlocked ? [ifThen(this.atEnd("first"), init, this.nest(this.tile, [this.storeRegister(0, this.partial)]))] : init;
    return [
      ...this.registers.map((buffer): Stmt => ({ kind: "alloc", buffer, scope: "register" })),
      ...start,
      ...this.nest(this.inner, guarded(this.space.inside, body)),
      ...this.mergeLanes(),
      ...this.foldRest(),
      ...this.finishTile(),
    ];
  }

  /** State of lane 0 after it took in those of the other lanes. */
  private mergeLanes(): Stmt[] {
    if (this.lanes === undefined) return [];
    const count = this.space.loops.get(this.lanes)!.extent;
    const other = loopAtom(`${this.lanes}_other`, sub(count, 1));
    const by = new Map<string, Expr>();
    this.fold.state.forEach((s, k) => {
      by.set(s.name, this.register(k, 0));
      by.set(`${s.name}_right`, this.register(k, add(atomDim(other), 1)));
    });
    const merged = this.fold.merge.map((e) => substituteVars(e, by));
    const { state } = this.fold;
    const body = [
      ...state.map((s, k) => letVar(`${s.name}_next`, merged[k]!)),
      ...state.map((s, k) => this.storeRegister(k, variable(`${s.name}_next`, s.dtype), 0)),
    ];
    return this.nest(this.tile, [forLoop(other, body, "unroll")]);
  }

  /** The points that a split into lanes left over, folded into lane 0. */
  private foldRest(): Stmt[] {
    const { peeled } = this.space;
    if (!peeled) return [];
    const { state, step } = this.fold;
    const here = new Map(state.map((s, k) => [s.name, this.register(k, 0)]));
    const next = step.map((e) => substituteVars(this.space.resolveRest(e), here));
    const body = [
      ...state.map((s, k) => letVar(`${s.name}_next`, next[k]!)),
      ...state.map((s, k) => this.storeRegister(k, variable(`${s.name}_next`, s.dtype), 0)),
    ];
    const others = this.inner.filter((name) => name !== peeled.split.outer && name !== peeled.split.inner);
    return this.nest(others, [forLoop(peeled.rest, body)]);
  }

  private finishTile(): Stmt[] {
    const by = new Map(this.fold.state.map((s, k) => [s.name, this.register(k, 0)]));
    const stores = storeResults(this.stage, this.space, (e) => substituteVars(e, by));
    const finish = this.isBlocked ? this.finishBlocked(stores, this.register(0, 0)) : stores;
    return this.nest(this.tile, guarded(this.space.inside, finish));
  }
}
