/** Which graphs programs can be built of: tensors of numbers in, tensors of numbers out, extents that inputs or ops give. */
import { producedExtents } from "../ir/define.ts";
import type { Diagnostics } from "../ir/diagnostic.ts";
import { asAtom } from "../ir/dim.ts";
import { atomsIn } from "../ir/dim-atoms.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { type Location, unknownLocation } from "../ir/location.ts";
import { formatType, type Type } from "../ir/type.ts";

/** Ops without stages or loops that programs have steps for. */
const structural: ReadonlySet<string> = new Set(["constant", "identity", "if", "loop", "call"]);

/** Reports everything in the graph that no program can hold. */
export function checkCarried(graph: Graph, diagnostics: Diagnostics): void {
  const where: Location = { ...unknownLocation, source: `graph '${graph.name}'` };
  const known = new Set<string>();
  for (const v of graph.inputs) {
    checkType(`input '${v.name}'`, v.type, where, diagnostics);
    if (v.type.kind === "tensor") for (const d of v.type.shape) collectExtent(asAtom(d), known);
  }
  for (const v of graph.outputs) if (!v.op) checkType(`output '${v.name}'`, v.type, where, diagnostics);
  checkOps(graph, known, diagnostics);
}

function collectExtent(atom: ReturnType<typeof asAtom>, known: Set<string>): void {
  if (atom?.kind === "extent") known.add(atom.name);
}

function checkOps(graph: Graph, known: Set<string>, diagnostics: Diagnostics): void {
  for (const op of graph.ops()) {
    for (const e of producedExtents(op)) known.add(e.name);
    if (op.definition.structural && !structural.has(op.name)) {
      diagnostics.error("unsupported-by-target", op.location, `'${op.name}' remains, which no target can run`, { op: op.name });
    } else {
      for (const r of op.results) checkValue(r, op, known, diagnostics);
    }
    for (const region of op.regions) checkOps(region, known, diagnostics);
  }
}

function checkValue(v: Value, op: Op, known: ReadonlySet<string>, diagnostics: Diagnostics): void {
  if (!checkType(`a result of '${op.name}'`, v.type, op.location, diagnostics) || v.type.kind !== "tensor") return;
  for (const d of v.type.shape) {
    for (const a of atomsIn(d)) {
      if (a.kind !== "extent" || known.has(a.name)) continue;
      diagnostics.error("unsupported-by-target", op.location, `nothing gives the extent '${a.name}' its value when the model runs`, {
        op: op.name,
        remedy: `fix it with --dim ${a.name}=N, or name it as an axis of an input`,
      });
    }
  }
}

/** Whether a program holds values of the type; reports it where not. */
function checkType(what: string, type: Type, where: Location, diagnostics: Diagnostics): boolean {
  if (type.kind === "tensor" && type.dtype !== "string") return true;
  const kind = type.kind === "tensor" ? "a tensor of strings" : `a ${type.kind}`;
  diagnostics.error("unsupported-type", where, `${what} is ${kind}, which no target carries`, { received: formatType(type) });
  return false;
}
