/** flatten-sequences: sequences and optionals whose making is seen are taken apart, so that only tensors are left. */
import type { Op, Value } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import {
  OptionalGetElement,
  OptionalHasElement,
  OptionalNone,
  OptionalOf,
  SequenceAt,
  SequenceConstruct,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
} from "../ir/ops/sequence.ts";
import type { SequenceType } from "../ir/type.ts";
import { integersOf } from "./canonicalize/known.ts";
import type { Pass } from "./pass.ts";
import { applyRules, opRule, type Rewriter, type Rule } from "./rewrite.ts";

/** The elements of a sequence that is made of values. */
const elementsOf = (v: Value): readonly Value[] | undefined =>
  v.op?.definition === SequenceConstruct ? (v.op.operands as readonly Value[]) : undefined;

/** The position of an element of `count`, `fallback` where there is none; undefined when not known or outside. */
function positionIn(count: number, position: Value | undefined, fallback: number): number | undefined {
  const given = position ? integersOf(position, 1)?.[0] : fallback;
  const at = given !== undefined && given < 0 ? given + count : given;
  return at !== undefined && at >= 0 && at <= count ? at : undefined;
}

const sequenceOf = (r: Rewriter, op: Op, elements: readonly Value[]): Value =>
  r.create(SequenceConstruct, { elements }, { element: (op.result.type as SequenceType).element });

/** `at([a, b, c], 1) = b`. */
const at = opRule("sequence-at", "exact", SequenceAt, (op) => {
  const elements = elementsOf(op.operand(0)!);
  const i = elements && positionIn(elements.length, op.operand(1), 0);
  return i === undefined ? undefined : elements![i];
});

/** `insert([a, c], b, 1) = [a, b, c]`. */
const insert = opRule("sequence-insert", "exact", SequenceInsert, (op, r) => {
  const elements = elementsOf(op.operand(0)!);
  const i = elements && positionIn(elements.length, op.operand(2), elements.length);
  return i === undefined ? undefined : sequenceOf(r, op, elements!.toSpliced(i, 0, op.operand(1)!));
});

/** `erase([a, b, c], 1) = [a, c]`. */
const erase = opRule("sequence-erase", "exact", SequenceErase, (op, r) => {
  const elements = elementsOf(op.operand(0)!);
  const i = elements && positionIn(elements.length, op.operand(1), elements.length - 1);
  return i === undefined || i === elements!.length ? undefined : sequenceOf(r, op, elements!.toSpliced(i, 1));
});

/** `length([a, b]) = 2`. */
const length = opRule("sequence-length", "exact", SequenceLength, (op, r) => {
  const elements = elementsOf(op.operand(0)!);
  return elements && constantValue(r.builder, "i64", [], [BigInt(elements.length)]);
});

/** What an optional that was just made holds, and whether it does. */
const getElement = opRule("optional-get-element", "exact", OptionalGetElement, (op) => {
  const { op: made } = op.operand(0)!;
  return made?.definition === OptionalOf ? made.operand(0) : undefined;
});
const hasElement = opRule("optional-has-element", "exact", OptionalHasElement, (op, r) => {
  const { op: made } = op.operand(0)!;
  const isKnown = made?.definition === OptionalOf || made?.definition === OptionalNone;
  return isKnown ? constantValue(r.builder, "bool", [], [made.definition === OptionalOf ? 1 : 0]) : undefined;
});

export const flattenSequencesRules: readonly Rule[] = [at, insert, erase, length, getElement, hasElement];

export const flattenSequences: Pass = {
  name: "flatten-sequences",
  summary: "sequences and optionals whose elements are known taken apart",
  run(graph, context) {
    applyRules(graph, flattenSequencesRules, context);
  },
};
