/**
 * What is known of small tensors at compile time: their elements as scalar expressions in constants and named extents.
 *
 * Derived from the stages of the ops that compute them, so arithmetic on shapes (shape, gather, concat, multiply) needs
 * no table of its own.
 */
import type { Constant } from "./attribute.ts";
import { alignedBytes } from "./data.ts";
import { namedOperands } from "./define.ts";
import type { Dim, Loop } from "./dim.ts";
import { substituteDim } from "./dim-atoms.ts";
import { type Buffer, constant, type Expr, index, type Load, makeBuffer, rewriteExpr, round, toDim } from "./expr.ts";
import type { Op, Value } from "./graph.ts";
import { readElements } from "./storage.ts";
import type { Stage } from "./stage.ts";
import { computeType, staticShape } from "./type.ts";

/** Larger tensors are data, not shapes. */
const mostElements = 1024;
const mostSteps = 16384;

const known = new WeakMap<Value, readonly Expr[] | null>();

/** The elements of `v` in row-major order, each a constant or an index expression; undefined when not known. */
export function contentOf(v: Value): readonly Expr[] | undefined {
  const cached = known.get(v);
  if (cached !== undefined) return cached ?? undefined;
  const content = computeContent(v);
  known.set(v, content ?? null);
  return content;
}

/** Has the content worked out anew when it is asked for: its operands have changed. */
export const forgetContent = (v: Value): void => void known.delete(v);

/** The elements as numbers; undefined when one of them is not a constant. */
export function constantContent(v: Value): number[] | undefined {
  const content = contentOf(v);
  return content?.every((e) => e.kind === "const") ? content.map((e) => Number(e.value)) : undefined;
}

/** The elements of an integer tensor as extents; undefined when one of them depends on data. */
export function dimContent(v: Value): Dim[] | undefined {
  return contentOf(v)?.map(toDim);
}

function computeContent(v: Value): readonly Expr[] | undefined {
  const { op } = v;
  if (!op || v.type.kind !== "tensor" || v.type.dtype === "string") return undefined;
  const shape = staticShape(v.type.shape);
  if (!shape || shape.reduce((a, b) => a * b, 1) > mostElements) return undefined;
  if (op.name === "constant") return constantElements(op.attributes["data"] as Constant);
  if (!op.definition.compute || op.definition.impure) return undefined;
  return new Evaluation(op).run(v.index);
}

function constantElements({ type, data }: Constant): readonly Expr[] {
  const dtype = computeType(type.dtype);
  return readElements(type.dtype, alignedBytes(data)).map((x) => constant(dtype, x));
}

class Unknown extends Error {}

/** Stages evaluated point by point, with the operands' contents in place of memory. */
class Evaluation {
  private readonly memory = new Map<Buffer, (Expr | undefined)[]>();
  private readonly sources = new Map<Buffer, Value>();
  private readonly loops = new Map<Loop, Dim>();
  private steps = 0;

  constructor(private readonly op: Op) {}

  run(result: number): readonly Expr[] | undefined {
    const operands = namedOperands(this.op, (v, i) => {
      if (v.type.kind !== "tensor") throw new Error("a computed op has a container operand");
      const b = makeBuffer(`x${i}`, v.type.dtype, v.type.shape);
      this.sources.set(b, v);
      return b;
    });
    const results = this.op.results.map((r, i) => makeBuffer(`y${i}`, r.tensor.dtype, r.tensor.shape));
    const stages = (this.op.definition.compute as (c: unknown) => readonly Stage[])({ operands, attributes: this.op.attributes, results });
    try {
      for (const s of stages) this.stage(s);
    } catch (error) {
      if (error instanceof Unknown) return undefined;
      throw error;
    }
    const content = this.memory.get(results[result]!);
    return content?.every((e) => e !== undefined) ? content : undefined;
  }

  private stage(s: Stage): void {
    this.each(s.axes, () => {
      const state = new Map<string, Expr>();
      if (!s.fold) return this.store(s, state);
      const { fold } = s;
      for (const { name, init } of fold.state) state.set(name, this.value(init, state));
      this.each(fold.axes, () => {
        const next = fold.step.map((e) => this.value(e, state));
        fold.state.forEach(({ name }, i) => state.set(name, next[i]!));
        if (fold.emit === "each") this.store(s, state);
      });
      if (fold.emit !== "each") this.store(s, state);
    });
  }

  private store(s: Stage, state: ReadonlyMap<string, Expr>): void {
    for (const r of s.results) {
      const shape = staticShape(r.out.shape);
      if (!shape) throw new Unknown();
      const memory = this.memory.get(r.out) ?? new Array<Expr | undefined>(shape.reduce((a, b) => a * b, 1));
      this.memory.set(r.out, memory);
      memory[this.offset(shape, r.at)] = round(this.value(r.value, state), r.out.dtype);
    }
  }

  private each(axes: readonly Loop[], body: () => void): void {
    const [axis, ...rest] = axes;
    if (!axis) return body();
    if (typeof axis.extent !== "number" || axis.extent > mostSteps) throw new Unknown();
    for (let i = 0; i < axis.extent; i++) {
      if (++this.steps > mostSteps) throw new Unknown();
      this.loops.set(axis, i);
      this.each(rest, body);
    }
  }

  private offset(shape: readonly number[], at: readonly Dim[]): number {
    return at.reduce<number>((sum, d, axis) => {
      const i = substituteDim(d, this.loops);
      if (typeof i !== "number" || i < 0 || i >= shape[axis]!) throw new Unknown();
      return sum * shape[axis]! + i;
    }, 0);
  }

  private value(e: Expr, state: ReadonlyMap<string, Expr>): Expr {
    return this.resolve(rewriteExpr(e, { dim: (d) => substituteDim(d, this.loops) }), state);
  }

  /** Replaces what is left, from conditions to the sides they take, so that a side not taken may be unknown. */
  private resolve(e: Expr, state: ReadonlyMap<string, Expr>): Expr {
    if (e.kind === "select") {
      const cond = this.resolve(e.cond, state);
      if (cond.kind !== "const") throw new Unknown();
      return this.resolve(cond.value ? e.a : e.b, state);
    }
    return rewriteExpr(e, {
      node: (n) => {
        if (n.kind === "var") return state.get(n.name);
        return n.kind === "load" ? this.element(n) : undefined;
      },
    });
  }

  private element(l: Load): Expr {
    const source = this.sources.get(l.buffer);
    const content = source ? contentOf(source) : this.memory.get(l.buffer);
    const shape = staticShape(l.buffer.shape);
    if (!content || !shape) throw new Unknown();
    return content[this.offset(shape, l.at)] ?? index(0);
  }
}
