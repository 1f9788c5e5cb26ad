/**
 * The loops that a schedule makes of a stage's axes. A split substitutes `outer * factor + inner` for its axis; a fused
 * loop binds its axes at its head; nothing else touches the expressions.
 */
import {
  add,
  type Atom,
  atomDim,
  ceildiv,
  type Dim,
  exactDiv,
  floordiv,
  type Loop,
  loopAtom,
  min,
  mod,
  mul,
  product,
  sub,
} from "../ir/dim.ts";
import { atomsIn, substituteDim } from "../ir/dim-atoms.ts";
import { and, type Expr, index, lt, substituteIndices } from "../ir/expr.ts";
import { forLoop, type LoopMode, type Stmt } from "../ir/loop.ts";
import type { Stage } from "../ir/stage.ts";
import type { Schedule, Split } from "./schedule.ts";

/** The loops of a stage after its splits and fusions. */
export class LoopSpace {
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
    return this.condition(() => true);
  }

  /** As `inside`, for results of a fold: what its own loops decide is left out. */
  get resultInside(): Expr | undefined {
    return this.condition((d) => ![...atomsIn(d)].some((a) => a.kind === "loop" && this.foldLoops.has(a.name)));
  }

  private condition(counts: (value: Dim) => boolean): Expr | undefined {
    const conds = this.guards.filter((g) => counts(g.value)).map((g) => lt(index(g.value), index(g.extent)));
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
