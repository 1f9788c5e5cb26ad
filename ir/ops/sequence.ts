/**
 * Sequences and optionals. Importers resolve them where their length is known; what is left of these ops afterwards
 * has lengths that only data tells.
 */
import * as attribute from "../attribute.ts";
import { anyOperand, anyVariadic, defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { asAtom } from "../dim.ts";
import {
  formatType,
  isInteger,
  optional,
  type OptionalType,
  sameType,
  sequence,
  type SequenceType,
  type TensorType,
  type Type,
  tensor,
} from "../type.ts";

/** `t` is `like`, but for the extents that are a name in `like`, which stand for any. */
export function isElement(t: Type, like: Type): boolean {
  if (t.kind !== "tensor" || like.kind !== "tensor") return sameType(t, like);
  return (
    t.dtype === like.dtype &&
    t.shape.length === like.shape.length &&
    like.shape.every((e, d) => e === t.shape[d] || asAtom(e)?.kind === "extent")
  );
}

function expectSequence(t: Type): SequenceType {
  if (t.kind === "sequence") return t;
  throw new OpError("the operand is not a sequence", "bad-operand", { received: formatType(t) });
}

function expectOptional(t: Type): OptionalType {
  if (t.kind === "optional") return t;
  throw new OpError("the operand is not an optional", "bad-operand", { received: formatType(t) });
}

function expectPosition(t: TensorType | undefined): void {
  if (t && (!isInteger(t.dtype) || t.shape.length > 0))
    throw new OpError("a position is an integer scalar", "type-mismatch", { received: formatType(t) });
}

function expectElement(t: Type, like: Type): void {
  if (!isElement(t, like))
    throw new OpError("an element does not fit the sequence", "type-mismatch", { expected: formatType(like), received: formatType(t) });
}

export const SequenceConstruct = defineOp({
  name: "sequence_construct",
  summary:
    "A sequence of the operands. `element` is the type of its elements, where it is not that of the first; extents that are names there stand for any.",
  operands: { elements: anyVariadic },
  attributes: { element: attribute.maybe(attribute.type()) },
  infer({ elements }, { element }) {
    const type = element ?? elements[0];
    if (!type) throw new OpError("an empty sequence needs the attribute 'element'", "bad-attribute");
    for (const t of elements) expectElement(t, type);
    return sequence(type);
  },
  structural: true,
});

export const SequenceAt = defineOp({
  name: "sequence_at",
  summary: "The element at a position, which counts from the end when negative.",
  operands: { sequence: anyOperand, position: operand },
  attributes: {},
  infer({ sequence: s, position }) {
    expectPosition(position);
    return expectSequence(s).element;
  },
  structural: true,
});

export const SequenceInsert = defineOp({
  name: "sequence_insert",
  summary: "The sequence with `value` before the element at a position, or at its end.",
  operands: { sequence: anyOperand, value: anyOperand, position: optionalOperand },
  attributes: {},
  infer({ sequence: s, value, position }) {
    expectPosition(position);
    expectElement(value, expectSequence(s).element);
    return s;
  },
  structural: true,
});

export const SequenceErase = defineOp({
  name: "sequence_erase",
  summary: "The sequence without the element at a position, by default the last one.",
  operands: { sequence: anyOperand, position: optionalOperand },
  attributes: {},
  infer({ sequence: s, position }) {
    expectPosition(position);
    return expectSequence(s);
  },
  structural: true,
});

export const SequenceLength = defineOp({
  name: "sequence_length",
  summary: "The number of elements, i64[].",
  operands: { sequence: anyOperand },
  attributes: {},
  infer({ sequence: s }) {
    expectSequence(s);
    return tensor("i64", []);
  },
  structural: true,
});

export const OptionalOf = defineOp({
  name: "optional",
  summary: "An optional that holds the operand.",
  operands: { value: anyOperand },
  attributes: {},
  infer: ({ value }) => optional(value),
  structural: true,
});

export const OptionalNone = defineOp({
  name: "optional_none",
  summary: "An optional of type `element` that holds nothing.",
  operands: {},
  attributes: { element: attribute.type() },
  infer: (_operands, { element }) => optional(element),
  structural: true,
});

export const OptionalHasElement = defineOp({
  name: "optional_has_element",
  summary: "Whether the optional holds something, bool[].",
  operands: { optional: anyOperand },
  attributes: {},
  infer({ optional: o }) {
    expectOptional(o);
    return tensor("bool", []);
  },
  structural: true,
});

export const OptionalGetElement = defineOp({
  name: "optional_get_element",
  summary: "What the optional holds; an error of the run where it holds nothing.",
  operands: { optional: anyOperand },
  attributes: {},
  infer: ({ optional: o }) => expectOptional(o).element,
  structural: true,
});
