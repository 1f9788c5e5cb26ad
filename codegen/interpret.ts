/** The meaning of stages, computed the slow way, one scalar at a time: the reference that tests hold every target against. */
import type { Dim, Loop } from "../ir/dim.ts";
import { mapAtoms } from "../ir/dim-atoms.ts";
import { type Buffer, type Expr, opaqueExpr } from "../ir/expr.ts";
import { convertScalar, evaluateBinary, evaluateUnary, normalize, roundScalar, type Scalar } from "../ir/scalar.ts";
import type { Stage } from "../ir/stage.ts";
import { computeType } from "../ir/type.ts";

/** Elements of a buffer in row-major order, as values of its compute type. */
export type Elements = Scalar[];

/** The values of extents by name. */
export type Extents = ReadonlyMap<string, number>;

export class Interpreter {
  readonly memory = new Map<Buffer, Elements>();
  /** The values of scalar variables and of the loops around the current point. */
  readonly vars = new Map<string, Scalar>();
  readonly loops = new Map<Loop, number>();

  constructor(private readonly extents: Extents = new Map()) {}

  shapeOf(b: Buffer): number[] {
    return b.shape.map((d) => this.dim(d));
  }

  /** Runs the stages in order; results and temporaries are allocated when first stored. */
  run(stages: readonly Stage[]): void {
    for (const s of stages) this.stage(s);
  }

  /** The buffer's elements; zeros where nothing was stored yet. */
  elements(b: Buffer): Elements {
    const known = this.memory.get(b);
    if (known) return known;
    const made = new Array<Scalar>(this.shapeOf(b).reduce((x, y) => x * y, 1)).fill(normalize(computeType(b.dtype), 0));
    this.memory.set(b, made);
    return made;
  }

  private stage(s: Stage): void {
    for (const r of s.results) this.elements(r.out);
    this.each(s.axes, () => {
      if (!s.fold) return this.store(s);
      const { state, step, axes, emit } = s.fold;
      for (const { name, init } of state) this.vars.set(name, this.value(init));
      this.each(axes, () => {
        const next = step.map((e) => this.value(e));
        state.forEach(({ name }, i) => this.vars.set(name, next[i]!));
        if (emit === "each") this.store(s);
      });
      if (emit !== "each") this.store(s);
    });
  }

  private store(s: Stage): void {
    const values = s.results.map((r) => roundScalar(r.out.dtype, this.value(r.value)));
    s.results.forEach((r, i) => {
      this.elements(r.out)[this.offset(r.out, r.at)] = values[i]!;
    });
  }

  private each(axes: readonly Loop[], body: () => void): void {
    const [axis, ...rest] = axes;
    if (!axis) return body();
    const count = this.dim(axis.extent);
    for (let i = 0; i < count; i++) {
      this.loops.set(axis, i);
      this.each(rest, body);
    }
  }

  /** The position of an element, given by one index per dimension or by its flat offset; throws outside the buffer. */
  offset(b: Buffer, at: readonly Dim[]): number {
    const whole = this.shapeOf(b);
    const shape = at.length === 1 && whole.length !== 1 ? [whole.reduce((x, y) => x * y, 1)] : whole;
    return at.reduce<number>((sum, d, axis) => {
      const i = this.dim(d);
      if (i < 0 || i >= shape[axis]!) throw new Error(`index ${i} is outside axis ${axis} of '${b.name}' [${shape.join(",")}]`);
      return sum * shape[axis]! + i;
    }, 0);
  }

  dim(d: Dim): number {
    if (typeof d === "number") return d;
    const value = mapAtoms(d, (a) => {
      if (a.kind === "loop") return this.loops.get(a);
      if (a.kind === "extent") return this.extents.get(a.name);
      return a.kind === "opaque" ? Number(this.value(opaqueExpr(a))) : undefined;
    });
    if (typeof value !== "number") throw new Error("an extent has no value");
    return value;
  }

  value(e: Expr): Scalar {
    switch (e.kind) {
      case "const":
        return e.value;
      case "index":
        return BigInt(this.dim(e.dim));
      case "var":
        return this.vars.get(e.name)!;
      case "load":
        return this.elements(e.buffer)[this.offset(e.buffer, e.at)]!;
      case "unary":
        return evaluateUnary(e.op, e.x.dtype, this.value(e.x));
      case "binary":
        return evaluateBinary(e.op, e.a.dtype, this.value(e.a), this.value(e.b));
      case "select":
        return this.value(e.cond) ? this.value(e.a) : this.value(e.b);
      case "convert":
        return convertScalar(e.x.dtype, e.dtype, this.value(e.x));
      case "round":
        return roundScalar(e.storage, this.value(e.x));
    }
  }
}
