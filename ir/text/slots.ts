/** The operands of an op as they are written, matched with those it declares. */
import type { IToken } from "chevrotain";
import type { AnyOpDefinition, OperandSpec, OperandSpecs } from "../define.ts";
import { didYouMean } from "./suggest.ts";
import { Mistake } from "./values.ts";

/** Which declared operand each written one is: labelled ones by name, the others in order. */
export class Slots {
  private readonly specs: readonly (readonly [string, OperandSpec])[];
  private readonly filled = new Set<string>();

  constructor(
    private readonly definition: AnyOpDefinition,
    private readonly at: IToken,
  ) {
    this.specs = Object.entries(definition.operands as OperandSpecs);
  }

  next(label: IToken | undefined, at: IToken): { readonly name: string; readonly spec: OperandSpec } {
    const found = label
      ? this.specs.find(([name, { arity }]) => name === label.image && arity !== "many")
      : this.specs.find(([name, { arity }]) => arity === "many" || (arity === "one" && !this.filled.has(name)));
    if (!found) throw label ? this.unknown(label) : this.surplus(at);
    const [name, spec] = found;
    if (label && this.filled.has(name)) throw new Mistake(label, "bad-operand", `operand '${name}' is given twice`);
    this.filled.add(name);
    return { name, spec };
  }

  /** Every operand that must be there is there. */
  finish(): void {
    const missing = this.specs.find(([name, { arity }]) => arity === "one" && !this.filled.has(name));
    if (missing) throw new Mistake(this.at, "bad-operand", `operand '${missing[0]}' of '${this.definition.name}' is missing`);
  }

  private unknown(label: IToken): Mistake {
    const names = this.specs.map(([name]) => name);
    return new Mistake(label, "bad-operand", `'${this.definition.name}' has no operand '${label.image}'`, didYouMean(label.image, names));
  }

  private surplus(at: IToken): Mistake {
    const needed = this.specs.filter(([, { arity }]) => arity === "one").length;
    const optional = this.specs.filter(([, { arity }]) => arity === "optional").map(([name]) => `${name}=`);
    return new Mistake(
      at,
      "bad-operand",
      `'${this.definition.name}' takes ${needed} operand${needed === 1 ? "" : "s"}`,
      optional.length > 0 ? { remedy: `optional operands are given by name: ${optional.join(", ")}` } : {},
    );
  }
}
