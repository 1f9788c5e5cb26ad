/** Loops in the form of `while`: no count, nobody reads the number of the iteration, nothing is stacked. */
import type { AttributesFor } from "../../ir/define.ts";
import { Builder } from "../../ir/define.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { Less, LogicalAnd } from "../../ir/ops/compare.ts";
import { Loop, loopInputs } from "../../ir/ops/control.ts";
import { Add } from "../../ir/ops/elementwise.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { ScatterNd } from "../../ir/ops/scatter.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Reshape } from "../../ir/ops/shape.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

type LoopAttributes = AttributesFor<typeof Loop>;

const int = (b: Builder, value: number): Value => constantValue(b, "i64", [], [BigInt(value)]);

/** Numbers of the carried values that somebody reads, in the body or after it. */
const neededOf = (body: Graph, results: readonly boolean[], count: number): number[] =>
  Array.from({ length: count }, (_, i) => i).filter((i) => results[i] === true || body.inputs[i + 2]!.uses.size > 0);

/** Whether a loop is a `while` already: it starts with a condition, and none of its values is carried for nothing. */
export function isWhile(
  { count, condition, carried }: { count?: Value | undefined; condition?: Value | undefined; carried: readonly Value[] },
  { body, extent }: LoopAttributes,
  used: readonly boolean[],
): boolean {
  const isStacking = body.outputs.length > 1 + carried.length;
  const reads = body.inputs.slice(0, 2).some((v) => v.uses.size > 0);
  const all = neededOf(body, used, carried.length).length === carried.length;
  return !count && condition !== undefined && !isStacking && !reads && extent === undefined && all;
}

/**
 * The number of the iteration, where it is read, and what is stacked become carried values; the count becomes part of the
 * condition. Not for loops that stack as often as only running tells.
 */
function whileLoop(
  operands: { readonly count?: Value | undefined; readonly condition?: Value | undefined; readonly carried: readonly Value[] },
  a: LoopAttributes,
  e: Expander,
): readonly Value[] | undefined {
  const { count, condition, carried } = operands;
  const stacked = a.body.outputs.slice(1 + carried.length);
  if (a.extent !== undefined || (stacked.length > 0 && typeof a.steps !== "number")) return undefined;
  const counts = count !== undefined || a.body.inputs[0]!.uses.size > 0 || stacked.length > 0;
  const stacks = stacked.map((v) => e.expand(e.scalar(v.tensor.dtype, 0), [a.steps!, ...v.tensor.shape]));
  const zero = e.scalar("i64", 0);
  const used = e.builder.before?.results.map((r) => r.uses.size > 0) ?? carried.map(() => true);
  const kept = neededOf(a.body, used, carried.length);
  const initial = [...(counts ? [zero] : []), ...kept.map((i) => carried[i]!), ...stacks];
  const start = condition ?? e.scalar("bool", 1);
  const first = count ? e.create(LogicalAnd, { a: start, b: e.create(Less, { a: zero, b: count }) }) : start;
  const body = whileBody(a.body, { counts, count, initial, carried: carried.length, kept });
  const results = e.createAll(Loop, { condition: first, carried: initial }, { body }).slice(counts ? 1 : 0);
  return [...carried.map((v, i) => (kept.includes(i) ? results[kept.indexOf(i)]! : v)), ...results.slice(kept.length)];
}

interface Form {
  readonly counts: boolean;
  readonly count: Value | undefined;
  readonly initial: readonly Value[];
  /** How many values the old loop carries, and which of them the new one does. */
  readonly carried: number;
  readonly kept: readonly number[];
}

/** The ops of the old body in a new one with other inputs and outputs. */
function whileBody(old: Graph, { counts, count, initial, carried, kept }: Form): Graph {
  const body = new Graph(old.name);
  const [, , ...inputs] = loopInputs(initial.map((v) => v.type)).map((type, i) =>
    body.addInput(i === 0 ? "iteration" : i === 1 ? "condition" : initial[i - 2]!.name, type),
  );
  const iteration = counts ? inputs[0] : undefined;
  const own = inputs.slice(counts ? 1 : 0);
  const b = new Builder(body);
  const [go, ...rest] = old.outputs;
  // The body runs only while the condition holds.
  const holds = old.inputs[1]!.uses.size > 0 ? constantValue(b, "bool", [], [1]) : undefined;
  const before = [iteration, holds, ...Array.from({ length: carried }, (_, i) => own[kept.indexOf(i)])];
  for (const op of old.ops()) body.adopt(op);
  const values = [go!, ...rest];
  old.setOutputs([]);
  const fresh = (v: Value): Value => {
    const at = old.inputs.indexOf(v);
    return at < 0 ? v : before[at]!;
  };
  old.inputs.forEach((v, i) => {
    if (v.uses.size > 0) old.replaceUses(v, before[i]!);
  });
  const [again, ...next] = values.map(fresh);
  const following = iteration && b.create(Add, { a: iteration, b: int(b, 1) });
  const stacks = own.slice(kept.length).map((acc, k) => stackedOnto(b, acc, iteration!, next[carried + k]!));
  const condition = count && following ? b.create(LogicalAnd, { a: again!, b: b.create(Less, { a: following, b: count }) }) : again!;
  const outputs = [condition, ...(following ? [following] : []), ...kept.map((i) => next[i]!), ...stacks];
  body.setOutputs(
    outputs.map((v, i) => (outputs.indexOf(v) === i && v.def !== body && v.op?.graph === body ? v : b.create(IdentityOp, { x: v }))),
  );
  return body;
}

function stackedOnto(b: Builder, x: Value, at: Value, value: Value): Value {
  const indices = b.create(Reshape, { x: at }, { shape: [1, 1] });
  const updates = b.create(Reshape, { x: value }, { shape: [1, ...value.tensor.shape] });
  return b.create(ScatterNd, { x, indices, updates });
}

export const loopExpansions: readonly NamedExpansion[] = [expansion(Loop, (operands, attributes, e) => whileLoop(operands, attributes, e))];
