/**
 * Control flow: ops that hold graphs. The graphs may use values of the graphs around them; their own inputs and outputs
 * are what the ops' summaries say. Programs run them as nested steps.
 */
import * as attribute from "../attribute.ts";
import { anyVariadic, defineOp, operand, optionalOperand, type ProducedExtent } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { type Dim, extent, max } from "../dim.ts";
import type { Graph } from "../graph.ts";
import { formatType, sameType, type TensorType, type Type, tensor } from "../type.ts";

const outputTypes = (g: Graph): readonly Type[] => g.outputs.map((v) => v.type);

const isScalar = (t: Type | undefined, dtype: "bool" | "i64"): boolean => t?.kind === "tensor" && t.dtype === dtype && t.shape.length === 0;

/** An axis at which the results of two branches differ. */
export interface DifferingExtent {
  readonly result: number;
  readonly axis: number;
  readonly then: Dim;
  readonly else: Dim;
}

/**
 * The axes at which the types of two branches differ, results in order, axes in order. Throws an `OpError` where they
 * differ in more than extents.
 */
export function differingExtents(then: readonly Type[], otherwise: readonly Type[]): DifferingExtent[] {
  if (then.length !== otherwise.length) throw new OpError(`one branch gives ${then.length} values, the other ${otherwise.length}`);
  return then.flatMap((a, result) => {
    const b = otherwise[result]!;
    if (sameType(a, b)) return [];
    if (a.kind !== "tensor" || b.kind !== "tensor" || a.dtype !== b.dtype || a.shape.length !== b.shape.length) {
      throw new OpError(`the branches give ${formatType(a)} and ${formatType(b)} as value ${result}`);
    }
    return a.shape.flatMap((e, axis) => (e === b.shape[axis] ? [] : [{ result, axis, then: e, else: b.shape[axis]! }]));
  });
}

function joinTypes(then: readonly Type[], differing: readonly DifferingExtent[], names: readonly string[]): Type[] {
  return then.map((t, result) => {
    if (t.kind !== "tensor") return t;
    const shape = [...t.shape];
    differing.forEach((d, k) => {
      if (d.result === result) shape[d.axis] = extent(names[k]!);
    });
    return tensor(t.dtype, shape);
  });
}

interface Branches {
  readonly then: Graph;
  readonly else: Graph;
  readonly extents: readonly string[];
}

/** The types of the branches' own results, without the scalars that hold extents. */
function branchDifferences(branches: Branches): { readonly then: readonly Type[]; readonly differing: readonly DifferingExtent[] } {
  const [then, otherwise] = [branches.then, branches.else].map((g) => {
    const types = outputTypes(g);
    const count = types.length - branches.extents.length;
    if (count < 0 || !types.slice(count).every((t) => isScalar(t, "i64"))) {
      throw new OpError("a branch must end with an i64 scalar for each of the extents", "invalid-graph");
    }
    return types.slice(0, count);
  });
  return { then: then!, differing: differingExtents(then!, otherwise!) };
}

export const If = defineOp({
  name: "if",
  summary:
    "The outputs of `then` where the bool scalar `condition` holds, else those of `else`; only one of them runs. Where the shapes differ, `extents` names the result's extents at the differing axes in order, and both branches end with one i64 scalar for each, which is a result too.",
  operands: { condition: operand },
  attributes: { then: attribute.graph(), else: attribute.graph(), extents: attribute.strings([]) },
  results: ["results"],
  infer({ condition }, attributes) {
    if (!isScalar(condition, "bool"))
      throw new OpError("the condition must be a bool scalar", "type-mismatch", { received: formatType(condition) });
    if (attributes.then.inputs.length + attributes.else.inputs.length > 0) throw new OpError("a branch has no inputs", "invalid-graph");
    const { then, differing } = branchDifferences(attributes);
    if (differing.length !== attributes.extents.length) {
      throw new OpError(`the branches' shapes differ at ${differing.length} axes, but ${attributes.extents.length} extents are named`);
    }
    return [...joinTypes(then, differing, attributes.extents), ...attributes.extents.map(() => tensor("i64", []))];
  },
  extents(_operands, attributes): readonly ProducedExtent[] {
    const { then, differing } = branchDifferences(attributes);
    return differing.map((d, k) => ({ name: attributes.extents[k]!, capacity: max(d.then, d.else), from: then.length + k }));
  },
  structural: true,
});

/** Types of a loop body's inputs: iteration, condition, carried values. */
export const loopInputs = (carried: readonly Type[]): Type[] => [tensor("i64", []), tensor("bool", []), ...carried];

function checkBody(body: Graph, carried: readonly Type[]): void {
  const expected = loopInputs(carried);
  const inputs = body.inputs.map((v) => v.type);
  const fits = inputs.length === expected.length && inputs.every((t, i) => sameType(t, expected[i]!));
  if (!fits)
    throw new OpError("the body's inputs do not fit", "type-mismatch", {
      expected: expected.map(formatType).join(", "),
      received: inputs.map(formatType).join(", "),
    });
  const [condition, ...rest] = outputTypes(body);
  if (!isScalar(condition, "bool")) throw new OpError("the body's first output must be a bool scalar", "type-mismatch");
  carried.forEach((t, i) => {
    const next = rest[i];
    if (next && sameType(next, t)) return;
    throw new OpError(`carried value ${i} changes its type in the loop`, "type-mismatch", {
      expected: formatType(t),
      ...(next && { received: formatType(next) }),
    });
  });
}

export const Loop = defineOp({
  name: "loop",
  summary:
    "Runs `body` while fewer than `count` (i64 scalar; no bound when absent) iterations were made and the condition (bool scalar; initially true when absent) holds. The body takes the iteration (i64[]), the condition and the carried values and gives the next condition, the next carried values and values to stack. Results: the carried values, the stacked ones with a leading axis of iterations, and, with `extent`, the number of iterations (i64[]).",
  operands: { count: optionalOperand, condition: optionalOperand, carried: anyVariadic },
  attributes: {
    body: attribute.graph(),
    steps: attribute.maybe(attribute.dim(undefined, "the number of iterations, where it is known before the loop runs")),
    extent: attribute.maybe(attribute.text(undefined, "name of the number of iterations, where only running tells")),
    most: attribute.maybe(
      attribute.dim(undefined, "with `extent`: the most iterations that `count` and the condition allow; sizes the memory"),
    ),
  },
  results: ["results"],
  infer({ count, condition, carried }, { body, steps, extent: name, most }) {
    if (count && !isScalar(count, "i64"))
      throw new OpError("the count must be an i64 scalar", "type-mismatch", { received: formatType(count) });
    if (condition && !isScalar(condition, "bool"))
      throw new OpError("the condition must be a bool scalar", "type-mismatch", { received: formatType(condition) });
    checkBody(body, carried);
    const stacked = outputTypes(body).slice(1 + carried.length);
    const iterations = steps ?? (name === undefined ? undefined : extent(name));
    if (stacked.length > 0 && iterations === undefined)
      throw new OpError("a loop that stacks values needs 'steps' or 'extent'", "bad-attribute");
    if (name !== undefined && (steps !== undefined || most === undefined))
      throw new OpError("'extent' goes with 'most' and without 'steps'", "bad-attribute");
    return [...carried, ...stacked.map((t) => stackedType(t, iterations!)), ...(name === undefined ? [] : [tensor("i64", [])])];
  },
  extents(_operands, { body, extent: name, most }): readonly ProducedExtent[] {
    return name === undefined || most === undefined ? [] : [{ name, capacity: most, from: body.outputs.length - 1 }];
  },
  structural: true,
});

function stackedType(t: Type, steps: Dim): TensorType {
  if (t.kind !== "tensor") throw new OpError("only tensors can be stacked", "unsupported-type", { received: formatType(t) });
  return tensor(t.dtype, [steps, ...t.shape]);
}

export const Call = defineOp({
  name: "call",
  summary: "The outputs of `body` for the operands as its inputs.",
  operands: { operands: anyVariadic },
  attributes: { body: attribute.graph() },
  results: ["results"],
  infer({ operands }, { body }) {
    const inputs = body.inputs.map((v) => v.type);
    const fits = inputs.length === operands.length && inputs.every((t, i) => sameType(t, operands[i]!));
    if (!fits)
      throw new OpError("the operands do not fit the body's inputs", "type-mismatch", { expected: inputs.map(formatType).join(", ") });
    return outputTypes(body);
  },
  structural: true,
});
