/**
 * ONNX's sequences and optionals. A sequence whose elements are known is the op that makes it, so every operator on it is
 * resolved here; only sequences that come from outside or from branches of different lengths stay.
 */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { type Dim, extent } from "../../../ir/dim.ts";
import { formatDim } from "../../../ir/dim-text.ts";
import type { Value } from "../../../ir/graph.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { Concat, evenSizes, Split, Stack, Unstack } from "../../../ir/ops/join.ts";
import {
  isElement,
  OptionalGetElement,
  OptionalHasElement,
  OptionalNone,
  OptionalOf,
  SequenceAt,
  SequenceConstruct,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
} from "../../../ir/ops/sequence.ts";
import { sameType, tensor, type Type } from "../../../ir/type.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { importType, namedExtents } from "../types.ts";
import { dtypeOf } from "./random.ts";
import { asScalar } from "./shape.ts";

/** The elements of a sequence that is known to hold them. */
export const elementsOf = (v: Value): readonly Value[] | undefined =>
  v.op?.definition === SequenceConstruct ? (v.op.operands as readonly Value[]) : undefined;

/** A type that all elements have; extents in which they differ become names. */
function elementType(n: NodeContext, types: readonly Type[], fallback: Type): Type {
  const [first] = types;
  if (!first) return fallback;
  if (first.kind !== "tensor") return first;
  const shape = first.shape.map((e, d): Dim => {
    const isSame = types.every((t) => t.kind === "tensor" && t.shape[d] === e);
    return isSame ? e : extent(n.freshExtent("element").name);
  });
  return tensor(first.dtype, shape);
}

/** A sequence of the values. */
export function makeSequence(n: NodeContext, elements: readonly Value[], fallback: Type = tensor("f32", [])): Value {
  const ranks = new Set(elements.map((v) => (v.type.kind === "tensor" ? v.type.shape.length : -1)));
  if (ranks.size > 1) n.unsupported("the sequence holds tensors with different numbers of axes", "unsupported-type");
  return n.create(
    SequenceConstruct,
    { elements },
    {
      element: elementType(
        n,
        elements.map((v) => v.type),
        fallback,
      ),
    },
  );
}

const refuseDynamic = (n: NodeContext): never => n.unsupported("the length of the sequence depends on data", "unsupported-type");

const elementFallback = (sequence: Value): Type => (sequence.type.kind === "sequence" ? sequence.type.element : sequence.type);

/** The position that operand `i` gives, counted from the start; undefined where it is data. `fallback` where it is absent. */
function positionOf(n: NodeContext, i: number, count: number, fallback: number): number | undefined {
  const given = n.optional(i) ? n.knownNumbers(i)?.[0] : fallback;
  if (given === undefined) return undefined;
  const position = given < 0 ? given + count : given;
  if (position < 0 || position > count) throw new OpError(`position ${given} is outside a sequence of ${count}`, "bad-operand");
  return position;
}

const positionOperand = (n: NodeContext, i: number): { position?: Value } => (n.optional(i) ? { position: asScalar(n, n.input(i)) } : {});

function sequenceAt(n: NodeContext): Value {
  const elements = elementsOf(n.input(0));
  const position = elements && positionOf(n, 1, elements.length, 0);
  if (elements && position !== undefined) return elements[position] ?? n.unsupported("the position is outside the sequence", "bad-operand");
  const first = elements?.[0];
  if (first?.type.kind === "tensor" && elements!.every((v) => sameType(v.type, first.type))) {
    return n.create(Gather, { x: n.create(Stack, { xs: elements! }, { axis: 0 }), indices: asScalar(n, n.input(1)) }, { axis: 0 });
  }
  return n.create(SequenceAt, { sequence: n.input(0), position: asScalar(n, n.input(1)) });
}

function sequenceInsert(n: NodeContext): Value {
  const [sequence, value] = [n.input(0), n.input(1)];
  const elements = elementsOf(sequence);
  const position = elements && positionOf(n, 2, elements.length, elements.length);
  if (elements && position !== undefined) return makeSequence(n, elements.toSpliced(position, 0, value));
  if (sequence.type.kind === "sequence" && !isElement(value.type, sequence.type.element)) refuseDynamic(n);
  return n.create(SequenceInsert, { sequence, value, ...positionOperand(n, 2) });
}

function sequenceErase(n: NodeContext): Value {
  const sequence = n.input(0);
  const elements = elementsOf(sequence);
  const position = elements && positionOf(n, 1, elements.length, -1);
  if (elements && position !== undefined) return makeSequence(n, elements.toSpliced(position, 1), elementFallback(sequence));
  return n.create(SequenceErase, { sequence, ...positionOperand(n, 1) });
}

function sequenceLength(n: NodeContext): Value {
  const elements = elementsOf(n.input(0));
  return elements ? n.scalar("i64", elements.length) : n.create(SequenceLength, { sequence: n.input(0) });
}

/** More parts than anybody unrolls. */
const mostParts = 65536;

/** Sizes of the parts: given one by one, or one size of which the last part may fall short. */
function partSizes(n: NodeContext, whole: Dim): readonly Dim[] {
  const given = n.dims(1, "the sizes of the parts");
  if (n.rank(1) > 0 && typeof whole !== "number" && given.every((d) => typeof d === "number")) {
    n.unsupported(
      `the extent ${formatDim(whole)} must be known to be split into parts of known sizes`,
      "unsupported-attribute",
      "fix it with --dim NAME=SIZE",
    );
  }
  if (n.rank(1) > 0) return given;
  const [size] = given;
  if (typeof size !== "number" || typeof whole !== "number" || size <= 0) return n.unsupported("the number of parts depends on data");
  const count = Math.ceil(whole / size);
  if (count > mostParts) return n.unsupported(`${count} parts are too many for a sequence`, "limit");
  return Array.from({ length: count }, (_, k) => Math.min(size, whole - k * size));
}

function splitToSequence(n: NodeContext): Value {
  const x = n.input(0);
  const axis = normalizeAxis(n.int("axis", 0), x.tensor.shape.length);
  const whole = x.tensor.shape[axis]!;
  if (n.optional(1)) return makeSequence(n, n.createAll(Split, { x }, { axis, sizes: partSizes(n, whole) }), x.type);
  if (typeof whole !== "number")
    return n.unsupported("the number of parts depends on data", "unsupported-attribute", "fix the extent, such as --dim n=1");
  if (whole > mostParts) return n.unsupported(`${whole} parts are too many for a sequence`, "limit");
  const parts =
    n.int("keepdims", 1) === 0
      ? n.createAll(Unstack, { x }, { axis })
      : n.createAll(Split, { x }, { axis, sizes: evenSizes(whole, whole) });
  return makeSequence(n, parts, x.type);
}

function concatFromSequence(n: NodeContext): Value {
  const xs = elementsOf(n.input(0)) ?? refuseDynamic(n);
  if (xs.length === 0) n.unsupported("an empty sequence cannot be joined", "bad-operand");
  return n.int("new_axis", 0) !== 0 ? n.create(Stack, { xs }, { axis: n.int("axis") }) : n.create(Concat, { xs }, { axis: n.int("axis") });
}

/** The body once for each element of the first sequence; other sequences walk along, tensors stay. */
function sequenceMap(n: NodeContext): Value[] {
  const inputs = n.inputs();
  const lists = inputs.map((v) => (v.type.kind === "sequence" ? (elementsOf(v) ?? refuseDynamic(n)) : undefined));
  const count = lists[0]?.length ?? n.unsupported("the first operand is no sequence", "bad-operand");
  const each = Array.from({ length: count }, (_, k) =>
    n.inlined(
      "body",
      inputs.map((v, i) => lists[i]?.[k] ?? v),
    ),
  );
  if (count > 0)
    return n.node.output.map((_, o) =>
      makeSequence(
        n,
        each.map((outputs) => outputs[o]!),
      ),
    );
  const types = n
    .region(
      "body",
      inputs.map((v) => (v.type.kind === "sequence" ? v.type.element : v.type)),
    )
    .outputs.map((v) => v.type);
  return types.map((t) => makeSequence(n, [], t));
}

const isTrue = (n: NodeContext, value: boolean): Value => n.scalar("bool", value ? 1 : 0);

function makeOptional(n: NodeContext): Value {
  const value = n.optional(0);
  if (value) return n.create(OptionalOf, { value });
  const t = importType(n.attribute("type")?.tp, namedExtents);
  return "type" in t
    ? n.create(OptionalNone, {}, { element: t.type })
    : n.unsupported(`an empty optional: ${t.reason}`, "unsupported-type");
}

function hasElement(n: NodeContext): Value {
  const x = n.optional(0);
  if (!x) return isTrue(n, false);
  if (x.type.kind !== "optional" || x.op?.definition === OptionalOf) return isTrue(n, true);
  return x.op?.definition === OptionalNone ? isTrue(n, false) : n.create(OptionalHasElement, { optional: x });
}

function getElement(n: NodeContext): Value {
  const x = n.input(0);
  if (x.type.kind !== "optional") return x;
  if (x.op?.definition === OptionalNone) n.unsupported("the optional is empty", "bad-operand");
  return x.op?.definition === OptionalOf ? x.op.operand(0)! : n.create(OptionalGetElement, { optional: x });
}

export const sequenceLowerings: Lowerings = {
  SequenceEmpty: (n) => makeSequence(n, [], tensor(dtypeOf(n, "dtype", "f32"), [])),
  SequenceConstruct: (n) => makeSequence(n, n.inputs()),
  SequenceAt: sequenceAt,
  SequenceInsert: sequenceInsert,
  SequenceErase: sequenceErase,
  SequenceLength: sequenceLength,
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
  SequenceMap: sequenceMap,
  Optional: makeOptional,
  OptionalHasElement: hasElement,
  OptionalGetElement: getElement,
};
