/** Ops of a graph in the order of their needs, and references to their results. */
import type { GeOp } from "./messages.ts";

export interface Reference {
  readonly name: string;
  /** Which result; -1: the op only has to come before. */
  readonly index: number;
}

/** `op:3`; names may hold colons. Undefined for "" and for what is no reference. */
export function referenceOf(text: string): Reference | undefined {
  const at = text.lastIndexOf(":");
  const index = Number(text.slice(at + 1));
  return at > 0 && Number.isInteger(index) && index >= -1 && text.length > at + 1 ? { name: text.slice(0, at), index } : undefined;
}

/** What the slots of an op hold, in order; edges that only order ops are left out. */
export const dataInputs = (op: GeOp): (Reference | undefined)[] => op.input.map(referenceOf).filter((r) => r?.index !== -1);

/** The ops that `roots` need, each after what it needs; in `cyclic` one op of each cycle found. */
export function sortOps(ops: ReadonlyMap<string, GeOp>, roots: readonly string[]): { sorted: readonly GeOp[]; cyclic: readonly GeOp[] } {
  const state = new Map<GeOp, "open" | "done">();
  const sorted: GeOp[] = [];
  const cyclic: GeOp[] = [];
  for (const root of roots) {
    const stack = [ops.get(root)];
    while (stack.length > 0) {
      const op = stack.at(-1);
      if (op && state.get(op) === undefined) {
        state.set(op, "open");
        for (const r of dataInputs(op).reverse()) {
          const needed = r && ops.get(r.name);
          if (needed && state.get(needed) === "open") cyclic.push(op);
          else if (needed && state.get(needed) === undefined) stack.push(needed);
        }
        continue;
      }
      stack.pop();
      if (op && state.get(op) === "open") {
        state.set(op, "done");
        sorted.push(op);
      }
    }
  }
  return { sorted, cyclic };
}
