/** Folds as loops: where their state lives, how blocks and lanes of it are joined. */
import { add, atomDim, type Dim, loopAtom, sub } from "../ir/dim.ts";
import { and, type Buffer, eq, type Expr, index, load, makeBuffer, not, substituteVars, variable } from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type LoopMode, type Stmt, store } from "../ir/loop.ts";
import type { Fold, Stage } from "../ir/stage.ts";
import { computeType } from "../ir/type.ts";
import { flattenOffset, viewOf } from "../ir/view.ts";
import type { LoopSpace } from "./loop-space.ts";
import type { Schedule } from "./schedule.ts";

/** The statements where the condition, if there is one, holds. */
export const guarded = (cond: Expr | undefined, body: readonly Stmt[]): readonly Stmt[] => (cond ? [ifThen(cond, body)] : body);

/** One store per result; `finish` changes the values. */
export function storeResults(stage: Stage, space: LoopSpace, finish: (e: Expr) => Expr): Stmt[] {
  return stage.results.map((r) => store(r.out, r.at.map(space.resolveDim), finish(space.resolve(r.value))));
}

/** A fold keeps its state in scalars, or, around a register tile, in small arrays that unrolling turns into scalars. */
export class FoldLowering {
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
        : [
            ...state.map((s, k) => letVar(`${s.name}_next`, next[k]!)),
            ...state.map((s) => assign(s.name, variable(`${s.name}_next`, s.dtype))),
          ];
    const stores = storeResults(this.stage, this.space, (e) => e);
    const inside = guarded(this.space.inside, emit === "each" ? [...assigns, ...stores] : assigns);
    const start = state.map((s) => letVar(s.name, this.space.resolve(s.init)));
    const resume = this.isBlocked ? [ifThen(not(this.atEnd("first")), [assign(state[0]!.name, this.partial)])] : [];
    const finish = emit === "each" ? [] : this.isBlocked ? this.finishBlocked(stores, variable(state[0]!.name, state[0]!.dtype)) : stores;
    return [...start, ...this.whereInside(resume), ...this.nest(this.inner, inside), ...this.whereInside(finish)];
  }

  /** What reads or writes results, where they are. */
  private whereInside(body: readonly Stmt[]): readonly Stmt[] {
    return body.length === 0 ? body : guarded(this.space.resultInside, body);
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
        : [
            ...state.map((s, k) => letVar(`${s.name}_next`, next[k]!)),
            ...state.map((s, k) => this.storeRegister(k, variable(`${s.name}_next`, s.dtype))),
          ];
    const init = this.nest(
      this.stateLoops,
      state.map((s, k) => this.storeRegister(k, this.space.resolve(s.init))),
    );
    const resume = this.nest(this.tile, this.whereInside(this.isBlocked ? [this.storeRegister(0, this.partial)] : []));
    const start = this.isBlocked ? [ifThen(this.atEnd("first"), init, resume)] : init;
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
    return this.nest(this.tile, this.whereInside(finish));
  }
}
