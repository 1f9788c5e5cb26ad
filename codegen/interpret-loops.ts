/**
 * The meaning of loops, computed the slow way on the memory of an `Interpreter`: routines, and lowered kernels in tests.
 *
 * Every loop mode runs its points in order; a barrier does nothing. Loads and stores outside their buffer throw.
 */
import type { Stmt } from "../ir/loop.ts";
import { evaluateBinary, roundScalar, type Scalar } from "../ir/scalar.ts";
import { computeType } from "../ir/type.ts";
import type { Interpreter } from "./interpret.ts";

/** Runs the statements; scalars declared by `let` end with their block. */
export function runLoops(on: Interpreter, body: readonly Stmt[]): void {
  const hidden = new Map<string, Scalar | undefined>();
  for (const s of body) {
    if (s.kind === "let" && !hidden.has(s.name)) hidden.set(s.name, on.vars.get(s.name));
    runStmt(on, s);
  }
  for (const [name, value] of hidden) {
    if (value === undefined) on.vars.delete(name);
    else on.vars.set(name, value);
  }
}

function runStmt(on: Interpreter, s: Stmt): void {
  switch (s.kind) {
    case "for": {
      const count = on.dim(s.loop.extent);
      for (let i = 0; i < count; i++) {
        on.loops.set(s.loop, i);
        runLoops(on, s.body);
      }
      return;
    }
    case "if":
      return runLoops(on, on.value(s.cond) ? s.then : (s.else ?? []));
    case "while":
      while (on.value(s.cond)) runLoops(on, s.body);
      return;
    case "bind":
      on.loops.set(s.loop, on.dim(s.value));
      return;
    case "let":
    case "assign":
      on.vars.set(s.name, on.value(s.value));
      return;
    case "store":
      return store(on, s);
    case "alloc":
      // Fresh in every round of the loop around it.
      on.memory.delete(s.buffer);
      on.elements(s.buffer);
      return;
    case "barrier":
  }
}

function store(on: Interpreter, { buffer, at, value, combine }: Extract<Stmt, { kind: "store" }>): void {
  const elements = on.elements(buffer);
  const offset = on.offset(buffer, at);
  const given = on.value(value);
  elements[offset] = roundScalar(
    buffer.dtype,
    combine ? evaluateBinary(combine, computeType(buffer.dtype), elements[offset]!, given) : given,
  );
}
