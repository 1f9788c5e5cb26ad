/** Control flow as ops of GE with graphs of their own; values of the graph around become inputs of those. */
import type { AttributesFor } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import { If, Loop } from "../../ir/ops/control.ts";
import { tensor, type TensorType } from "../../ir/type.ts";
import { capturedBy } from "../captures.ts";
import { type ExportNode, type ExportScope, row, type Written } from "./export-node.ts";
import type { Ref } from "./graph-writer.ts";

const union = (...lists: readonly (readonly Value[])[]): Value[] => [...new Set(lists.flat())];

function bindAll(inner: ExportScope, values: readonly Value[], refs: readonly Ref[]): void {
  values.forEach((v, i) => inner.bind(v, refs[i]!));
}

function writeIf(e: ExportNode, a: AttributesFor<typeof If>): Written {
  if (a.extents.length > 0) return e.refuse("the branches give tensors of different shapes");
  const captured = union(capturedBy(a.then), capturedBy(a.else));
  const types = captured.map((v) => v.tensor);
  const [then, otherwise] = [a.then, a.else].map((g, i) =>
    e.scope.build(i === 0 ? "then" : "else", types, (inner, data) => {
      bindAll(inner, captured, data);
      inner.writeOps(g);
      return g.outputs.map((v) => inner.ref(v));
    }),
  );
  return e.emitWithGraphs("If", { cond: e.in(0), input: captured.map((v) => e.scope.ref(v)) }, [then!, otherwise!]);
}

/** The values that a loop stacks, one slice an iteration, as tensors that it carries. */
function stackedTypes(e: ExportNode, a: AttributesFor<typeof Loop>, carried: number): TensorType[] {
  const stacked = e.types.slice(carried);
  if (stacked.length > 0 && typeof a.steps !== "number") return e.refuse("how much the loop stacks is known only when it runs");
  return stacked;
}

/** Writes `value` as slice number `at` of what is stacked so far. */
function stack(inner: ExportScope, into: Ref, at: Ref, value: Ref): Ref {
  const { dtype, shape } = value.type;
  const sizes = inner.writer.numbers("i64", [shape.length + 1], [1, ...shape.map(Number)]);
  const updates = inner.step("Reshape", { x: value, shape: sizes }, tensor(dtype, [1, ...shape]));
  const indices = inner.step("Reshape", { x: at, shape: inner.writer.numbers("i64", [2], [1, 1]) }, tensor("i64", [1, 1]));
  return inner.step("TensorScatterUpdate", { x: into, indices, updates }, into.type);
}

/**
 * What a loop carries in the file: the iteration, the count, the condition, the carried values, the stacked ones, the
 * captured ones.
 */
function writeLoop(e: ExportNode, a: AttributesFor<typeof Loop>): Written {
  const { body } = a;
  if (a.extent !== undefined) return e.refuse("how often the loop runs gives an extent");
  const [count, condition, ...start] = [e.optional(0), e.optional(1), ...e.ins(2)];
  const stacked = stackedTypes(e, a, start.length);
  const captured = capturedBy(body);
  const [i64, bool] = [tensor("i64", []), tensor("bool", [])];
  const types = [i64, i64, bool, ...start.map((r) => r.type), ...stacked, ...captured.map((v) => v.tensor)];
  const goesOn = e.scope.build("cond", types, (inner, data) => [
    inner.step("LogicalAnd", { x1: data[2], x2: inner.step("Less", { x1: data[0], x2: data[1] }, bool) }, bool),
  ]);
  const step = e.scope.build("body", types, (inner, data) => {
    const [iteration, limit] = data as readonly [Ref, Ref];
    const carried = data.slice(2, 3 + start.length);
    const [stacks, outside] = [data.slice(3 + start.length, -captured.length || undefined), data.slice(types.length - captured.length)];
    bindAll(inner, body.inputs, [iteration, ...carried]);
    bindAll(inner, captured, outside);
    inner.writeOps(body);
    const given = body.outputs.map((v) => inner.ref(v));
    const next = inner.step("Add", { x1: iteration, x2: inner.writer.numbers("i64", [], [1]) }, i64);
    const grown = stacked.map((_, k) => stack(inner, stacks[k]!, iteration, given[1 + start.length + k]!));
    return [next, limit, ...given.slice(0, 1 + start.length), ...grown, ...outside];
  });
  const limit = count ?? e.scalar("i64", Number.MAX_SAFE_INTEGER);
  const empty = stacked.map((t) => e.step("BroadcastToD", { x: e.scalar(t.dtype, 0) }, { shape: e.fixed(t.shape, "what is stacked") }, t));
  const first = [e.scalar("i64", 0), limit, condition ?? e.scalar("bool", 1)];
  const input = [...first, ...start, ...empty, ...captured.map((v) => e.scope.ref(v))];
  return e.emitWithGraphs("While", { input }, [goesOn, step], types).slice(3, 3 + e.types.length);
}

export const controlExports = [row(If, writeIf), row(Loop, writeLoop)];
