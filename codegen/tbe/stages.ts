/**
 * Stages to calls of the tensor DSL: a tree of scalar operations becomes calls on whole tensors, a fold becomes a reduction
 * over axes. Tensors are read whole, by plain axes in their order; what moves elements has no form here.
 */
import { asAtom, type Dim, type Loop } from "../../ir/dim.ts";
import { type Binary, type Buffer, type Expr, type Load, loadsIn, type Select, type Unary } from "../../ir/expr.ts";
import type { BinaryOp } from "../../ir/scalar.ts";
import type { Fold, Stage } from "../../ir/stage.ts";
import { type ComputeType, type DType, staticShape } from "../../ir/type.ts";
import { stageExprs } from "../stage-parts.ts";
import { type Calls, refuse, sameShape, type ScalarValue, type TbeValue, type TensorValue } from "./calls.ts";
import { expand } from "./expand.ts";
import type { Call, TbeType } from "./support.ts";

/** A buffer as the DSL sees it. */
interface Held {
  readonly value: TbeValue;
  /** Which axis of the value each axis of the buffer is; -1 for axes of one element that it lacks. */
  readonly axes: readonly number[];
  /** In the cube unit's layout: read and written as a whole. */
  readonly isBlocked?: boolean;
}

/** What the kernel is given for a buffer that none of its stages writes: a constant of one element, or a tensor. */
export type Input = { readonly kind: "scalar"; readonly value: number } | { readonly kind: "tensor" };

const memoryTypes: Partial<Record<DType, TbeType>> = { f16: "float16", f32: "float32", i32: "int32" };
const computeTypes: Partial<Record<ComputeType, TbeType>> = { f32: "float32", i32: "int32", bool: "bool" };

/** The DSL's name of a type of tensors; throws an `OpError` for those that kernels are not printed for. */
export function memoryType(dtype: DType): TbeType {
  const type = memoryTypes[dtype];
  if (!type) throw refuse(`tensors of ${dtype} have no calls of the tensor DSL`);
  return type;
}

function typeOf(dtype: ComputeType): TbeType {
  const type = computeTypes[dtype];
  if (!type) throw refuse(`there are no calls in ${dtype}`);
  return type;
}

/** Extents of a buffer; throws an `OpError` where they are not numbers, or none of them is a place. */
export function extentsOf(b: Buffer): number[] {
  const shape = staticShape(b.shape);
  if (!shape) throw refuse("shapes must be static: fix extents with --dim");
  if (shape.includes(0)) throw refuse("a tensor without elements has no form");
  if (shape.length > 8) throw refuse(`a tensor has ${shape.length} axes, and the tensor DSL has 8`);
  return shape;
}

const notWhole = (b: Buffer): string => `${b.name === "" ? "a tensor" : `'${b.name}'`} is not read as a whole, by its axes in order`;

const asLoop = (d: Dim): Loop | undefined => {
  const a = asAtom(d);
  return a?.kind === "loop" ? a : undefined;
};
const isUnit = (d: Dim): boolean => d === 0 || asLoop(d)?.extent === 1;

/** The calls of the stages of one kernel, in order. */
export class StageCalls {
  private readonly held = new Map<Buffer, Held>();
  /** Axes that reductions fold, of the first one; the scheduler takes no others beside them. */
  private folded: readonly number[] | undefined;
  // The stage at hand.
  private space: readonly Loop[] = [];
  private memo = new Map<Expr, TbeValue>();
  private state: { readonly name: string; readonly value: TbeValue } | undefined;
  private blockedShape: readonly number[] | undefined;

  constructor(
    private readonly calls: Calls,
    private readonly inputOf: (b: Buffer) => Input,
    /** Told of every tensor the kernel is given, with the shape of its placeholder. */
    private readonly onInput: (b: Buffer, shape: readonly number[]) => string,
  ) {}

  /** Results of the cube unit: what follows reads them as a whole. */
  hold(b: Buffer, value: TensorValue): void {
    this.held.set(b, { value, axes: b.shape.map((_, d) => d), isBlocked: true });
  }

  /** The tensor that holds the buffer after all stages. */
  result(b: Buffer): TensorValue {
    const held = this.held.get(b);
    if (held?.value.kind !== "tensor") throw refuse(`'${b.name}' is a constant`);
    return held.value;
  }

  stage(s: Stage, isLast: boolean): void {
    for (const e of stageExprs(s)) for (const l of loadsIn(e)) extentsOf(l.buffer);
    for (const r of s.results) extentsOf(r.out);
    this.memo = new Map();
    this.state = undefined;
    this.blockedShape = undefined;
    if (s.fold) this.reduce(s, s.fold, isLast);
    else this.pointwise(s);
  }

  private pointwise(s: Stage): void {
    this.space = s.axes;
    const blocked = stageExprs(s)
      .flatMap(loadsIn)
      .map((l) => this.held.get(l.buffer))
      .find((h) => h?.isBlocked);
    if (blocked?.value.kind === "tensor") this.blockedShape = blocked.value.shape;
    for (const r of s.results) {
      if (r.at.some((d, k) => asLoop(d) !== s.axes[k]) || r.at.length !== s.axes.length)
        throw refuse("a result is stored in another order than its axes");
      const shape = this.blockedShape ?? s.axes.map((a) => Number(a.extent));
      const value = this.reluInHalf(r.value, r.out) ?? this.value(r.value);
      const whole = this.calls.broadcast(value, shape.length === 0 ? [1] : shape);
      this.store(
        r.out,
        whole,
        r.at.map((_, d) => d),
      );
    }
  }

  /** `max(x, 0)` from f16 to f16, which the cube unit does on its way out. */
  private reluInHalf(e: Expr, out: Buffer): TensorValue | undefined {
    if (e.kind !== "binary" || e.op !== "max" || out.dtype !== "f16") return undefined;
    const [x, zero] = e.a.kind === "load" ? [e.a, e.b] : [e.b, e.a];
    if (x.kind !== "load" || x.buffer.dtype !== "f16" || zero.kind !== "const" || zero.value !== 0) return undefined;
    const held = this.held.get(x.buffer) ?? this.take(x);
    return held.value.kind === "tensor" ? this.calls.call("vrelu", [this.placed(x, held, held.value)]) : undefined;
  }

  private store(out: Buffer, value: TensorValue, axes: readonly number[]): void {
    const stored = this.calls.rename(this.calls.cast(value, memoryType(out.dtype)), out.name || "result");
    this.held.set(out, { value: stored, axes, ...(this.blockedShape && { isBlocked: true }) });
  }

  // Folds.

  private reduce(s: Stage, fold: Fold, isLast: boolean): void {
    const { name, op, point, type } = foldOf(fold);
    this.space = spaceOf(s, fold);
    const folds = this.space.flatMap((l, d) => (fold.axes.includes(l) ? [d] : []));
    const full = this.space.map((l) => Number(l.extent));
    const x = this.calls.broadcast(this.value(point), full.length === 0 ? [1] : full);
    this.checkFolded(folds.map((d) => d - full.length));
    const [result] = s.results;
    const isPlain = isLast && s.results.length === 1 && result!.value.kind === "var" && result!.value.name === name;
    const value = folds.length === 0 ? x : this.fold(op, x, folds, !isPlain || !this.dropsTo(result!.out, folds));
    this.state = { name, value: { ...value, type } };
    for (const r of s.results) {
      const finished = this.calls.broadcast(this.value(r.value), value.shape);
      this.store(r.out, finished, this.resultAxes(r.at, value.shape.length));
    }
  }

  /** Whether the buffer has the shape that is left when the folded axes go. */
  private dropsTo(out: Buffer, folds: readonly number[]): boolean {
    const left = this.space.flatMap((l, d) => (folds.includes(d) ? [] : [Number(l.extent)]));
    return sameShape(left.length === 0 ? [1] : left, out.shape.length === 0 ? [1] : extentsOf(out));
  }

  private fold(op: BinaryOp, x: TensorValue, folds: readonly number[], keep: boolean): TensorValue {
    const shape = x.shape.flatMap((e, d) => (folds.includes(d) ? (keep ? [1] : []) : [e]));
    const call = reductions[op]!;
    // Without the flag the greatest of f32 along the last axis is found in half precision.
    const more = [
      `[${folds.join(", ")}]`,
      `keepdims=${keep ? "True" : "False"}`,
      ...(x.type === "float32" && call.startsWith("reduce_m") ? ["priority_flag=True"] : []),
    ];
    return this.calls.call(call, [x], more, { shape: shape.length === 0 ? [1] : shape });
  }

  private checkFolded(folds: readonly number[]): void {
    if (this.folded && !sameShape(this.folded, folds)) throw refuse("one kernel reduces over different axes");
    this.folded = folds;
  }

  /** Where the axes of a result stand in a tensor of `rank` axes that are the stage's, or those left of them. */
  private resultAxes(at: readonly Dim[], rank: number): number[] {
    const kept = rank === this.space.length ? this.space : this.space.filter((l) => at.some((d) => asLoop(d) === l));
    const axes = at.map((d) => kept.findIndex((l) => l === asLoop(d)));
    if (axes.some((a, k) => a < 0 && !isUnit(at[k]!))) throw refuse("a result is stored at other places than its axes");
    return axes;
  }

  // Values.

  private value(e: Expr): TbeValue {
    const known = this.memo.get(e);
    if (known) return known;
    const made = this.make(e);
    this.memo.set(e, made);
    return made;
  }

  private make(e: Expr): TbeValue {
    switch (e.kind) {
      case "const":
        return { kind: "scalar", type: typeOf(e.dtype), value: Number(e.value) };
      case "var":
        if (this.state?.name !== e.name) throw refuse("a reduction with more than one state has no call");
        return this.state.value;
      case "load":
        return this.load(e);
      case "unary":
        return this.unary(e);
      case "binary":
        return this.binary(e);
      case "select":
        return this.select(e);
      case "convert":
        return this.convert(this.value(e.x), typeOf(e.dtype));
      case "round":
        return this.convert(this.convert(this.value(e.x), memoryType(e.storage)), typeOf(e.dtype));
      case "index":
        throw refuse("positions of elements have no call");
    }
  }

  private convert(v: TbeValue, type: TbeType): TbeValue {
    if (v.kind === "scalar") return { ...v, type, value: type === "int32" ? Math.trunc(v.value) : v.value };
    return this.calls.cast(v, type);
  }

  private load(l: Load): TbeValue {
    const held = this.held.get(l.buffer) ?? this.take(l);
    const type = typeOf(l.dtype);
    if (held.value.kind === "scalar") return { ...held.value, type };
    return this.convert(this.placed(l, held, held.value), type);
  }

  /** The tensor, checked to stand at the stage's axes. */
  private placed(l: Load, held: Held, value: TensorValue): TensorValue {
    if (this.blockedShape) {
      const isWhole =
        held.isBlocked &&
        l.at.length === this.space.length &&
        l.at.every((d, k) => asLoop(d) === this.space[k] && this.space[k]!.extent === l.buffer.shape[k]);
      if (!isWhole) throw refuse("what follows the cube unit must read its result as a whole");
      return value;
    }
    const skipped = this.space.length - value.shape.length;
    l.at.forEach((d, k) => {
      const axis = held.axes[k]!;
      if (isUnit(d) && (axis < 0 || value.shape[axis] === 1)) return;
      const loop = asLoop(d);
      if (axis < 0 || !loop || this.space[axis + skipped] !== loop || value.shape[axis] !== loop.extent) throw refuse(notWhole(l.buffer));
    });
    return value;
  }

  /** A tensor that the kernel is given gets the shape in which it is read first. */
  private take(l: Load): Held {
    const { buffer, at } = l;
    const input = this.inputOf(buffer);
    const type = memoryType(buffer.dtype);
    if (input.kind === "scalar") return this.keep(buffer, { value: { kind: "scalar", type, value: input.value }, axes: [] });
    if (this.blockedShape) throw refuse("what follows the cube unit must read its result as a whole");
    const axes = at.map((d) => (isUnit(d) && asLoop(d) === undefined ? -1 : this.space.findIndex((s) => s === asLoop(d))));
    const placed = axes.filter((a) => a >= 0);
    const isOrdered = placed.every((a, k) => k === 0 || a > placed[k - 1]!) && axes.every((a, k) => a >= 0 || isUnit(at[k]!));
    const isWhole = at.every((d, k) => (isUnit(d) ? 1 : asLoop(d)?.extent) === buffer.shape[k]);
    if (!isOrdered || !isWhole) throw refuse(notWhole(buffer));
    const shape = this.space.map((s, d) => (placed.includes(d) ? Number(s.extent) : 1));
    const whole = shape.length === 0 ? [1] : shape;
    return this.keep(buffer, { value: { kind: "tensor", name: this.onInput(buffer, whole), type, shape: whole }, axes });
  }

  private keep(b: Buffer, held: Held): Held {
    this.held.set(b, held);
    return held;
  }

  private unary(e: Unary): TbeValue {
    const other = expand(e.op, e.x);
    if (other) return this.value(other);
    const x = this.value(e.x);
    if (x.kind === "scalar") throw new Error(`'${e.op}' of a constant`);
    switch (e.op) {
      case "neg":
        return this.calls.call("vmuls", [x, { kind: "scalar", type: x.type, value: -1 }]);
      case "not":
        if (x.type === "bool") return this.calls.call("vlogic", [x], ['operation="logic_not"']);
        throw refuse("'not' of integers has no call");
      case "floor":
      case "ceil":
      case "trunc":
      case "rint":
        if (x.type === "int32") return x;
        return this.calls.cast(this.calls.call(e.op === "rint" ? "round" : e.op, [x], [], { type: "int32" }), x.type);
      default: {
        const call = unaryCalls[e.op];
        if (!call) throw refuse(`'${e.op}' has no call`);
        return this.calls.call(call, [x]);
      }
    }
  }

  private binary(e: Binary): TbeValue {
    const comparison = comparisons[e.op];
    const [a, b] = [this.value(e.a), this.value(e.b)];
    if (comparison) return this.compare(comparison, a, b);
    if (a.type === "bool") {
      if (e.op !== "and" && e.op !== "or") throw refuse(`'${e.op}' of bools has no call`);
      return this.calls.call("vlogic", this.tensors(a, b), [`operation="logic_${e.op}"`]);
    }
    if (b.kind === "scalar" && a.kind === "tensor") return this.withScalar(e.op, a, b);
    if (a.kind === "scalar" && b.kind === "tensor") return this.scalarFirst(e.op, a, b);
    return this.plain(e.op, a, b);
  }

  private tensors(...values: readonly TbeValue[]): TensorValue[] {
    const aligned = this.calls.align(...values);
    const shape = aligned.find((v) => v.kind === "tensor")!.shape;
    return aligned.map((v) => this.calls.broadcast(v, shape));
  }

  private plain(op: BinaryOp, a: TbeValue, b: TbeValue): TensorValue {
    const call = binaryCalls[op];
    if (!call) throw refuse(`'${op}' has no call`);
    if (op === "div" && a.type === "int32") throw refuse("division of integers has no call");
    return this.calls.call(call, this.tensors(a, b));
  }

  private withScalar(op: BinaryOp, a: TensorValue, b: ScalarValue): TbeValue {
    const call = scalarCalls[op];
    if (call) return this.calls.call(call, [a, b]);
    if (op === "sub") return this.calls.call("vadds", [a, { ...b, value: -b.value }]);
    const isExact = a.type !== "int32" && Number.isInteger(Math.log2(Math.abs(b.value)));
    if (op === "div" && isExact) return this.calls.call("vmuls", [a, { ...b, value: 1 / b.value }]);
    return this.plain(op, a, b);
  }

  private scalarFirst(op: BinaryOp, a: ScalarValue, b: TensorValue): TbeValue {
    if (scalarCalls[op]) return this.withScalar(op, b, a);
    if (op !== "sub") return this.plain(op, a, b);
    const negated = this.calls.call("vmuls", [b, { kind: "scalar", type: b.type, value: -1 }]);
    return this.calls.call("vadds", [negated, a]);
  }

  private compare(operation: string, a: TbeValue, b: TbeValue): TbeValue {
    return this.calls.call("vcmp", this.tensors(a, b), [`operation="${operation}"`, 'mode="bool"'], { type: "bool" });
  }

  private select(e: Select): TbeValue {
    const [cond, a, b] = [this.value(e.cond), this.value(e.a), this.value(e.b)];
    return this.calls.call("vsel", this.tensors(cond, a, b));
  }
}

const unaryCalls: Partial<Record<Unary["op"], Call>> = { abs: "vabs", exp: "vexp", log: "vlog", sqrt: "vsqrt" };
const binaryCalls: Partial<Record<BinaryOp, Call>> = {
  add: "vadd",
  sub: "vsub",
  mul: "vmul",
  div: "vdiv",
  max: "vmax",
  min: "vmin",
  maxnum: "vmax",
  minnum: "vmin",
};
const scalarCalls: Partial<Record<BinaryOp, Call>> = {
  add: "vadds",
  mul: "vmuls",
  max: "vmaxs",
  min: "vmins",
  maxnum: "vmaxs",
  minnum: "vmins",
};
const comparisons: Partial<Record<BinaryOp, string>> = { eq: "eq", ne: "ne", lt: "lt", le: "le" };
const reductions: Partial<Record<BinaryOp, Call>> = { add: "sum", max: "reduce_max", min: "reduce_min", mul: "reduce_prod" };

/** A fold that is one reduction: its operation, and what is reduced. */
function foldOf(fold: Fold): { name: string; op: BinaryOp; point: Expr; type: TbeType } {
  const [state] = fold.state;
  const [step] = fold.step;
  const isState = (e: Expr): boolean => e.kind === "var" && e.name === state!.name;
  const isKnown = fold.state.length === 1 && fold.emit !== "each" && step?.kind === "binary" && step.op in reductions;
  const point = isKnown ? (isState(step.a) ? step.b : isState(step.b) ? step.a : undefined) : undefined;
  if (!isKnown || !point || state!.init.kind !== "const") throw refuse("a reduction of this kind has no call");
  const init = Number(state!.init.value);
  if ((step.op === "add" && init !== 0) || (step.op === "mul" && init !== 1))
    throw refuse("a reduction does not start at its neutral element");
  return { name: state!.name, op: step.op, point, type: typeOf(state!.dtype) };
}

/** The axes of a fold's points, in the order in which the widest tensor is read; axes of one element may be missing. */
function spaceOf(s: Stage, fold: Fold): readonly Loop[] {
  const all = new Set([...s.axes, ...fold.axes].filter((l) => l.extent !== 1));
  const orders = fold.step.flatMap(loadsIn).map((l) => l.at.flatMap((d) => asLoop(d) ?? []));
  const widest = orders.find((o) => [...all].every((l) => o.includes(l)));
  if (!widest) throw refuse("no operand of the reduction has all of its axes");
  return widest;
}
