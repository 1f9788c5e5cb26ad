/** Operators of one kind, both ways; and rows that say both ways at once. */
import type { AnyOpDefinition } from "../../../ir/define.ts";
import type { ExportRow } from "../export-node.ts";
import type { Lowering, Lowerings } from "../node.ts";
import { signatureOf } from "../signature.ts";

export interface Family {
  readonly imports: Lowerings;
  readonly exports: readonly ExportRow[];
}

/** A family of operators that are one op of ours with the same operands in the same order, and no attributes. */
export function alike(pairs: Readonly<Record<string, AnyOpDefinition>>): Family {
  const imports: Record<string, Lowering> = {};
  const exports: ExportRow[] = [];
  for (const [type, definition] of Object.entries(pairs)) {
    const slots = signatureOf(type)!.inputs.map((s) => s.name);
    const operands = Object.keys(definition.operands as object);
    imports[type] = (n) => n.create(definition, Object.fromEntries(operands.map((name, i) => [name, n.input(slots[i]!)])));
    if (exports.some((r) => r.definition === definition)) continue;
    exports.push({ definition, write: (e) => e.emit(type, Object.fromEntries(slots.map((name, i) => [name, e.in(i)]))) });
  }
  return { imports, exports };
}

/** Several families as one; what comes later goes before. */
export const together = (...families: readonly Family[]): Family => ({
  imports: Object.assign({}, ...families.map((f) => f.imports)) as Lowerings,
  exports: families.flatMap((f) => f.exports),
});
