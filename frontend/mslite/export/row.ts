/** How ops of ours are said in MindSpore Lite: rows by op, and what they share. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { Relu, Relu6 } from "../../../ir/ops/activation.ts";
import type { FlatMessage } from "../../flatbuffers-reader.ts";
import { axisLast, type Layout } from "../layout.ts";
import { type Emitter, onlyUser } from "./emitter.ts";

export interface Row {
  /** Whether the primitive can say this very op; default: always. */
  readonly accepts?: (op: Op) => boolean;
  readonly emit: (e: Emitter, op: Op) => void;
}
export type Rows = Readonly<Record<string, Row>>;

export const rank = (v: Value): number => v.tensor.shape.length;

/** An attribute of an op; rows know the kinds of theirs. */
export const attribute = <T>(op: Op, name: string): T => op.attributes[name] as T;

/** An axis that an attribute names, counted from the first one of the first operand. */
export const axisOf = (op: Op, name = "axis"): number => normalizeAxis(attribute(op, name), rank(op.operand(0)!));

/** Axes that an attribute names, counted from the first one of the first operand. */
export const axesOf = (op: Op): number[] => normalizeAxes(attribute(op, "axes"), rank(op.operand(0)!));

/**
 * The order of axes in which a node that does the same along all axes takes its operands: channels last where one of them
 * is known in no other.
 */
export function layoutOf(e: Emitter, values: readonly (Value | undefined)[]): Layout {
  const given = values.filter((v) => v !== undefined);
  const fits = given.every((v) => rank(v) <= 4) && given.some((v) => rank(v) === 4);
  return fits && given.some((v) => e.isLast(v)) ? "last" : "second";
}

/** An axis of an operand in the order of axes that the node has. */
export const axisFor = (layout: Layout, axis: number): number => (layout === "last" ? axisLast(axis) : axis);

/** A node for an op whose operands are the primitive's inputs, in whatever order of axes they are. */
export function pointwiseNode(e: Emitter, op: Op, type: string, fields: FlatMessage = {}): void {
  const operands = op.operands.filter((v) => v !== undefined);
  const layout = layoutOf(e, operands);
  const inputs = operands.map((v) => e.get(v, layout));
  e.node(type, fields, inputs, [e.result(op.result, layout)]);
}

export const pointwise = (type: string, fields: (op: Op) => FlatMessage = () => ({})): Row => ({
  emit(e, op) {
    pointwiseNode(e, op, type, fields(op));
  },
});

export interface Activated {
  readonly value: Value;
  readonly activation: string;
}

/** The value after the activation that alone uses it, which the node then applies itself. */
export function withActivation(e: Emitter, value: Value): Activated {
  const user = onlyUser(value);
  const activation = user?.definition === Relu ? "RELU" : user?.definition === Relu6 ? "RELU6" : undefined;
  if (!user || activation === undefined) return { value, activation: "NO_ACTIVATION" };
  e.absorbed.add(user);
  return { value: user.result, activation };
}
