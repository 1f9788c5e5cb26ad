/** Lowerings of operators that are one op of ours, element by element. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import type { Value } from "../../../ir/graph.ts";
import { isFloat } from "../../../ir/type.ts";
import type { Lowering, NodeContext } from "../node.ts";
import { floats, pair, promote } from "./promote.ts";

export type Unary = AnyOpDefinition;

/** On the element type of the input. */
export const unary =
  (definition: Unary): Lowering =>
  (n) =>
    n.create(definition, { x: n.input(0) });

/** On floats: integers are converted. */
export const floating =
  (definition: Unary): Lowering =>
  (n) =>
    n.create(definition, { x: floats(n, 0) });

/** On floats; integers stay as they are. */
export const rounding =
  (definition: Unary): Lowering =>
  (n) => {
    const x = n.input(0);
    return isFloat(x.tensor.dtype) ? n.create(definition, { x }) : x;
  };

export const binary =
  (definition: Unary): Lowering =>
  (n) => {
    const [a, b] = pair(n);
    return n.create(definition, { a, b });
  };

export const asBool = (n: NodeContext, x: Value): Value => n.cast(x, "bool");

/** `alpha * x + beta`-like scalars of tensors: an input times or plus a number. */
export const withNumber =
  (definition: Unary): Lowering =>
  (n) => {
    const [a, b] = promote(n, n.items[0], n.items[1]);
    return n.create(definition, { a, b });
  };
