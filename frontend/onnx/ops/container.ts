/** Sequences and optionals of known structure as the tensors in them, for control flow to carry, and back again. */
import type { Builder } from "../../../ir/define.ts";
import type { Graph, Value } from "../../../ir/graph.ts";
import { OptionalNone, OptionalOf, SequenceConstruct } from "../../../ir/ops/sequence.ts";
import type { Type } from "../../../ir/type.ts";

/** What a value consists of. */
export type Structure =
  | { readonly kind: "tensor" }
  | { readonly kind: "sequence"; readonly element: Type; readonly parts: readonly Structure[] }
  | { readonly kind: "optional"; readonly part: Structure }
  | { readonly kind: "none"; readonly element: Type };

/** The structure of a value; undefined where data decides it. */
export function structureOf(v: Value): Structure | undefined {
  if (v.type.kind === "tensor") return { kind: "tensor" };
  const definition = v.op?.definition;
  if (definition === OptionalNone && v.type.kind === "optional") return { kind: "none", element: v.type.element };
  const parts = v.op?.operands.map((x) => structureOf(x!)) ?? [];
  if (parts.some((p) => p === undefined)) return undefined;
  if (definition === OptionalOf) return { kind: "optional", part: parts[0]! };
  return definition === SequenceConstruct && v.type.kind === "sequence"
    ? { kind: "sequence", element: v.type.element, parts: parts as Structure[] }
    : undefined;
}

/** Whether two structures hold as many tensors in the same places. */
export function sameStructure(a: Structure, b: Structure): boolean {
  if (a.kind === "sequence" && b.kind === "sequence")
    return a.parts.length === b.parts.length && a.parts.every((p, i) => sameStructure(p, b.parts[i]!));
  if (a.kind === "optional" && b.kind === "optional") return sameStructure(a.part, b.part);
  return a.kind === b.kind;
}

/** The tensors in a value of known structure, in order. */
export const tensorsOf = (v: Value): readonly Value[] => (v.type.kind === "tensor" ? [v] : v.op!.operands.flatMap((x) => tensorsOf(x!)));

/** The value of the structure made of the next tensors of the list, which are taken off it. */
export function rebuild(
  builder: Builder,
  structure: Structure,
  tensors: Value[],
  elementOf: (parts: readonly Value[], structure: Structure & { kind: "sequence" }) => Type,
): Value {
  switch (structure.kind) {
    case "tensor":
      return tensors.shift()!;
    case "none":
      return builder.create(OptionalNone, {}, { element: structure.element });
    case "optional":
      return builder.create(OptionalOf, { value: rebuild(builder, structure.part, tensors, elementOf) });
    case "sequence": {
      const elements = structure.parts.map((p) => rebuild(builder, p, tensors, elementOf));
      return builder.create(SequenceConstruct, { elements }, { element: elementOf(elements, structure) });
    }
  }
}

/** The outputs of a graph, each replaced by the tensors in it. */
export function flattenOutputs(graph: Graph): void {
  graph.setOutputs(graph.outputs.flatMap(tensorsOf));
}
