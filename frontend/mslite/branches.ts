/** Branches and loops of ours, made by functions that fill their graphs. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { Equal } from "../../ir/ops/compare.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Loop, loopInputs } from "../../ir/ops/control.ts";
import { Reshape } from "../../ir/ops/shape.ts";
import { computeType, formatType, sameType } from "../../ir/type.ts";
import { createIf } from "../if.ts";

/** Where ops are made. */
export interface Place<P> {
  readonly builder: Builder;
  /** The same place in another graph of ours, with nothing in it yet. */
  within(graph: Graph): P;
  freshExtent(hint: string): string;
}

/** Makes what a branch does, at its place. */
export type Branch<P> = (at: P) => readonly Value[];

const scalar = <P>(s: Place<P>, x: Value): Value => (x.tensor.shape.length === 0 ? x : s.builder.create(Reshape, { x }, { shape: [] }));

/** A condition as a bool scalar. */
function truth<P>(s: Place<P>, v: Value): Value {
  return scalar(s, v.tensor.dtype === "bool" ? v : s.builder.create(Cast, { x: v }, { to: "bool" }));
}

/** What one of two branches gives. */
export function choose<P extends Place<P>>(s: P, condition: Value, whenTrue: Branch<P>, whenFalse: Branch<P>): readonly Value[] {
  const [then, otherwise] = [new Graph("then"), new Graph("else")];
  then.setOutputs(whenTrue(s.within(then)));
  otherwise.setOutputs(whenFalse(s.within(otherwise)));
  return createIf(s.builder, truth(s, condition), then, otherwise, () => s.freshExtent("size"));
}

/** What the branch with a number gives; numbers that no other has are the last one's. */
export function pick<P extends Place<P>>(s: P, number: Value, branches: readonly Branch<P>[], first = 0): readonly Value[] {
  if (first === branches.length - 1) return branches[first]!(s);
  const { dtype } = number.tensor;
  const own = constantValue(s.builder, dtype, [], [computeType(dtype) === "i64" ? BigInt(first) : first]);
  const isOwn = s.builder.create(Equal, { a: scalar(s, number), b: own });
  return choose(s, isOwn, branches[first]!, (at) => pick(at, number, branches, first + 1));
}

type Step<P, T> = (at: P, values: readonly Value[]) => T;

/** The values after the last iteration of a loop that goes on while a condition holds; those numbered in `fixed` stay. */
export function whileLoop<P extends Place<P>>(
  s: P,
  initial: readonly Value[],
  condition: Step<P, Value | undefined>,
  step: Step<P, readonly Value[]>,
  fixed: ReadonlySet<number> = new Set(),
): readonly Value[] {
  const varying = initial.flatMap((_, k) => (fixed.has(k) ? [] : [k]));
  const all = (values: readonly Value[]): Value[] => initial.map((v, k) => (fixed.has(k) ? v : values[varying.indexOf(k)]!));
  const holds = (at: P, values: readonly Value[]): Value => {
    const c = condition(at, values);
    if (!c) throw new OpError("the condition of a loop is no tensor", "invalid-graph");
    return truth(at, c);
  };
  const start = varying.map((k) => initial[k]!);
  const body = new Graph("body");
  const [, , ...carried] = loopInputs(start.map((v) => v.type)).map((type, i) =>
    body.addInput(i < 2 ? ["iteration", "condition"][i]! : start[i - 2]!.name, type),
  );
  const at = s.within(body);
  const given = step(at, all(carried));
  if (given.length !== initial.length)
    throw new OpError(`an iteration gives ${given.length} values`, "invalid-graph", { expected: String(initial.length) });
  const next = varying.map((k) => given[k]!);
  next.forEach((v, i) => {
    expectType(v, start[i]!);
  });
  body.setOutputs([holds(at, all(next)), ...next]);
  return all(s.builder.createAll(Loop, { condition: holds(s, initial), carried: start }, { body }));
}

function expectType(next: Value, before: Value): void {
  if (sameType(next.type, before.type)) return;
  const types = { expected: formatType(before.type), received: formatType(next.type) };
  throw new OpError("a value changes its type in the loop", "type-mismatch", types);
}
