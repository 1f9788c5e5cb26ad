/** Values made in regions: branches and bodies of loops. */
import type { Builder } from "../../ir/define.ts";
import { type Graph, graphOf, type Value } from "../../ir/graph.ts";
import { LogicalNot } from "../../ir/ops/compare.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { Expand } from "../../ir/ops/shape.ts";
import { computeType, type DType } from "../../ir/type.ts";
import type { Calls } from "./functions.ts";
import { NodeContext } from "./node.ts";
import { plainOperator } from "./operator.ts";
import { isValue, type Item, partsOf, withParts } from "./values.ts";

/** An item as a tensor in the builder's graph. */
export function tensorOf(calls: Calls, item: Item, builder: Builder, like?: DType): Value {
  const scope = calls.evaluator.scope(builder);
  return new NodeContext(plainOperator("tensor"), [item], scope).tensorOf(item, like);
}

/** Zeros of an item's types, made in the builder's graph. */
export function zerosLike(item: Item, builder: Builder): Item {
  return isValue(item)
    ? zeros(item, builder)
    : withParts(
        item,
        partsOf(item).map((part) => zerosLike(part, builder)),
      );
}

function zeros(value: Value, builder: Builder): Value {
  const { dtype, shape } = value.tensor;
  const isWide = computeType(dtype) === "i64" || computeType(dtype) === "u64";
  const zero = constantValue(builder, dtype, [], [isWide ? 0n : 0]);
  return shape.length === 0 ? zero : builder.create(Expand, { x: zero }, { shape });
}

/** The value, or a copy of it where it does not come from an op of the builder's graph, or always. */
export function local(value: Value, builder: Builder, always = false): Value {
  return !always && value.op && graphOf(value) === builder.graph ? value : builder.create(IdentityOp, { x: value });
}

/**
 * Takes a region that is not needed apart, so that nothing in it uses values around it. After an error there is no need:
 * the whole graph is thrown away, and regions inside that were given up may hold on to their values.
 */
export function discard(calls: Calls, graph: Graph): void {
  if (calls.evaluator.problems.errors === 0) graph.dispose();
}

/** The opposite of a bool scalar. */
export const negated = (x: Value, builder: Builder): Value => builder.create(LogicalNot, { x });
