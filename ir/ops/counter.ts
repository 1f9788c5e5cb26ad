/** Counters of routines: i32 scalars that loops declare, change and use in indices. */
import type { Dim } from "../dim.ts";
import { add, constant, convert, type Expr, index, toDim, variable } from "../expr.ts";
import { assign, letVar, type Stmt } from "../loop.ts";

export interface Counter {
  /** The value, i32. */
  readonly value: Expr;
  /** The value as an index. */
  readonly dim: Dim;
  declare(value: Expr | Dim): Stmt;
  set(value: Expr | Dim): Stmt;
  /** Adds `by`, one if not given. */
  grow(by?: Expr | Dim): Stmt;
}

/** An index or an integer expression as an i32. */
export const asI32 = (x: Expr | Dim): Expr => convert(typeof x === "object" && "kind" in x ? x : index(x), "i32");

/** A counter of that name; names must differ within one routine. */
export function counter(name: string): Counter {
  const value = variable(name, "i32");
  return {
    value,
    dim: toDim(value),
    declare: (v) => letVar(name, asI32(v)),
    set: (v) => assign(name, asI32(v)),
    grow: (by = constant("i32", 1)) => assign(name, add(value, asI32(by))),
  };
}
