/**
 * The part of a training graph that infers. Files for training on a device hold the loss, gradients and the optimizer
 * too; what goes into a loss node first is what the network says, as MindSpore Lite's own sessions for evaluation take it.
 */
import type { Operation } from "./operation.ts";
import { neededOperations } from "./order.ts";
import type { Session } from "./session.ts";

const losses: ReadonlySet<string> = new Set([
  "SoftmaxCrossEntropyWithLogits",
  "SparseSoftmaxCrossEntropyWithLogits",
  "SoftmaxCrossEntropy",
  "SparseSoftmaxCrossEntropy",
  "SigmoidCrossEntropyWithLogits",
  "BinaryCrossEntropy",
  "SmoothL1Loss",
  "NLLLoss",
]);

/** What only trains. */
const isTraining = (type: string): boolean =>
  /Grad(Filter|Input|Data|Weight)?$|Backprop(Filter|Input)/.test(type) ||
  ["Adam", "SGD", "ApplyMomentum", "AdamWeightDecay", "Assign", "AssignAdd"].includes(type);

export interface InferencePart {
  readonly operations: readonly Operation[];
  readonly outputs: readonly number[];
  /** Whether an input of the model is one of the part: of graphs that only infer all are. */
  isNeeded(tensor: number): boolean;
}

export function inferencePart(session: Session, operations: readonly Operation[], outputs: readonly number[]): InferencePart {
  const whole = { operations, outputs, isNeeded: () => true };
  const { operations: needed, cyclic } = neededOperations(operations, outputs);
  const types = needed.map((op) => String(op.type));
  if (cyclic || (!types.some(isTraining) && !types.some((t) => losses.has(t)))) return whole;
  const logits = [...new Set(operations.filter(isLoss).flatMap((op) => op.inputs.slice(0, 1)))].filter((t) => typeof t === "number");
  if (logits.length === 0) return whole;
  const part = neededOperations(operations, logits).operations;
  if (part.some((op) => isTraining(String(op.type)))) return whole;
  const used = new Set(part.flatMap((op) => op.inputs));
  const left = operations.length - part.length;
  session.problems.warn("ignored", session.locate("graph"), `the graph is for training: ${left} nodes from the loss on are left out`);
  return { operations: part, outputs: logits, isNeeded: (t) => used.has(t) || logits.includes(t) };
}

/** Loss nodes that give the loss, and not its gradient. */
const isLoss = (op: Operation): boolean => losses.has(String(op.type)) && op.fields["is_grad"] !== true && op.fields["isGrad"] !== 1;
