/** Which nodes of a graph are needed for its outputs, each after those that it needs. */
import type { Operation } from "./operation.ts";

export interface Ordered {
  readonly operations: readonly Operation[];
  /** A node that needs its own result; the order is not to be used then. */
  readonly cyclic: Operation | undefined;
}

/** The operations that compute `outputs`, tensors by index, in the order of their needs. */
export function neededOperations(all: readonly Operation[], outputs: readonly number[]): Ordered {
  const makers = new Map<number, Operation>();
  for (const op of all) for (const o of op.outputs) if (!makers.has(o)) makers.set(o, op);
  const state = new Map<Operation, "open" | "done">();
  const operations: Operation[] = [];
  let cyclic: Operation | undefined;
  const stack: { readonly op: Operation; next: number }[] = [];
  const enter = (tensor: number): void => {
    const op = makers.get(tensor);
    if (!op || state.get(op) === "done") return;
    if (state.get(op) === "open") cyclic ??= op;
    else {
      state.set(op, "open");
      stack.push({ op, next: 0 });
    }
  };
  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top.op.inputs[top.next++];
      if (typeof input === "number") enter(input);
      else if (input === undefined) {
        stack.pop();
        state.set(top.op, "done");
        operations.push(top.op);
      }
    }
  }
  return { operations, cyclic };
}
