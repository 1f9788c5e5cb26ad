/** Sequences and optionals as ONNX's operators. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as sequence from "../../../ir/ops/sequence.ts";
import type { Body } from "./body.ts";
import { row, type Row } from "./row.ts";
import { NeedsOpsetError, type Operand, type Term } from "./term.ts";

/** The element type of terms that are no tensors says nothing. */
const container = "string";

const position = (n: Body, p: Operand | undefined): Term | undefined =>
  p && (p.dtype === "i32" || p.dtype === "i64" ? p : n.cast(p, "i64"));

function construct(n: Body, elements: readonly Operand[], type: Operand["type"]): Term {
  if (type.kind !== "sequence" || type.element.kind !== "tensor")
    throw new OpError("ONNX makes sequences of tensors only", "unsupported-type");
  if (elements.length === 0) return n.plain("SequenceEmpty", [], { dtype: n.session.code(type.element.dtype) }, [container])[0]!;
  return n.plain("SequenceConstruct", elements, {}, [container])[0]!;
}

function expectOptionals(n: Body): void {
  if (n.opset < 15) throw new NeedsOpsetError(15, "optionals");
}

export const sequenceRows: readonly Row[] = [
  row(sequence.SequenceConstruct, (n, { elements }, _attributes, { results }) => construct(n, elements, results[0]!)),
  row(sequence.SequenceAt, (n, { sequence: s, position: p }, _attributes, { result }) =>
    n.plain("SequenceAt", [s, position(n, p)], {}, [result.dtype]),
  ),
  row(sequence.SequenceInsert, (n, { sequence: s, value, position: p }) =>
    n.plain("SequenceInsert", [s, value, position(n, p)], {}, [container]),
  ),
  row(sequence.SequenceErase, (n, { sequence: s, position: p }) => n.plain("SequenceErase", [s, position(n, p)], {}, [container])),
  row(sequence.SequenceLength, (n, { sequence: s }) => n.plain("SequenceLength", [s], {}, ["i64"])),
  row(sequence.OptionalOf, (n, { value }) => {
    expectOptionals(n);
    return n.plain("Optional", [value], {}, [container]);
  }),
  row(sequence.OptionalNone, (n, _operands, { element }) => {
    expectOptionals(n);
    return n.plain("Optional", [], { type: { type: element } }, [container]);
  }),
  row(sequence.OptionalHasElement, (n, { optional: o }) => {
    expectOptionals(n);
    return n.plain("OptionalHasElement", [o], {}, ["bool"]);
  }),
  row(sequence.OptionalGetElement, (n, { optional: o }, _attributes, { results }) => {
    expectOptionals(n);
    const [type] = results;
    return n.plain("OptionalGetElement", [o], {}, [type!.kind === "tensor" ? type!.dtype : container]);
  }),
];
