/** Names of values in a text, and what can be seen where. */
import type { IToken } from "chevrotain";
import type { Value } from "../graph.ts";
import { quoteName, readName } from "./name.ts";
import { Mistake } from "./values.ts";

/** Names that can be seen at one place; those of the graphs around it are seen too. */
export class Scope {
  private readonly values = new Map<string, { readonly value: Value | undefined; readonly at: IToken }>();
  constructor(readonly parent?: Scope) {}

  find(key: string): { readonly value: Value | undefined; readonly at: IToken } | undefined {
    return this.values.get(key) ?? this.parent?.find(key);
  }

  add(key: string, value: Value | undefined, at: IToken): void {
    this.values.set(key, { value, at });
  }

  *keys(): Generator<string, void, undefined> {
    yield* this.values.keys();
    if (this.parent) yield* this.parent.keys();
  }
}

/** What tells values apart: `%x` and `%"x"` are one, `%1` and `%"1"` are two. */
export function keyOf(at: IToken): string {
  const name = readName(at.image);
  if (name === undefined) throw new Mistake(at, "syntax", "the name has an unknown escape", { remedy: "escapes are those of JSON" });
  return name === "" ? at.image : `%${quoteName(name)}`;
}
