/** Padding that windows do themselves: convolutions with zeros, mean pools with zeros that count, max pools with -infinity. */
import { type AnyOpDefinition, attributesOf, type OpOf } from "../../ir/define.ts";
import * as dim from "../../ir/dim.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Relu, Relu6 } from "../../ir/ops/activation.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { AvgPool, MaxPool } from "../../ir/ops/pool.ts";
import { isFloat } from "../../ir/type.ts";
import type { Pads } from "../../ir/window.ts";
import { kebab, opRule, type Rule } from "../rewrite.ts";
import { isNeverNegative } from "./clamp.ts";
import { isFilled } from "./known.ts";

/** The padded value and what a `pad` adds around its spatial axes; undefined where it does anything else. */
function spatialPad(v: Value, isValue: (value: Value | undefined) => boolean): { readonly x: Value; readonly pads: Pads } | undefined {
  if (v.op?.definition !== Pad) return undefined;
  const [x, value] = v.op.operands as [Value, Value | undefined];
  const { pads, mode } = attributesOf(v.op as OpOf<typeof Pad>);
  const isSpatial = pads.slice(0, 2).every((p) => p.every((n) => n === 0)) && pads.slice(2).every((p) => p.every(dim.isNonNegative));
  return mode === "constant" && isSpatial && isValue(value) ? { x, pads: pads.slice(2) } : undefined;
}

const addPads = (own: Pads, more: Pads): Pads =>
  more.map(([begin, end], a) => [dim.add(begin, own[a]?.[0] ?? 0), dim.add(end, own[a]?.[1] ?? 0)] as const);

const isZero = (v: Value | undefined): boolean => v === undefined || isFilled(v, 0);
const isLeast = (v: Value | undefined): boolean => v !== undefined && isFilled(v, -Infinity);

/** `op(pad(x)) = op(x)` with more pads and other attributes, where `fits`. */
const padInto = (
  definition: AnyOpDefinition,
  isValue: (value: Value | undefined) => boolean,
  fits: (op: Op) => boolean,
  attributes: Readonly<Record<string, unknown>>,
): Rule =>
  opRule(`pad-into-${kebab(definition)}`, "exact", definition, (op, r) => {
    const padded = fits(op) ? spatialPad(op.operand(0)!, isValue) : undefined;
    if (!padded) return undefined;
    const { x, w, b } = { x: padded.x, w: op.operand(1), b: op.operand(2) };
    const operands = definition === Conv ? { x, w, b } : { x };
    return r.create(definition, operands, { ...op.attributes, ...attributes, pads: addPads(op.attributes["pads"] as Pads, padded.pads) });
  });

/** A mean counts what an explicit pad added; its own padding must count too, and no window may reach beyond both. */
const countsPads = (op: Op): boolean => {
  const { pads, ceil_mode, count_include_pad } = attributesOf(op as OpOf<typeof AvgPool>);
  return !ceil_mode && (count_include_pad || pads.every((p) => p.every((n) => n === 0)));
};

/** Whether no element is below zero or -0, by the op that computes them. */
const isPositive = (v: Value): boolean => isNeverNegative(v) || v.op?.definition === Relu || v.op?.definition === Relu6;

/** Whether every window of the pool sees an element of x, for pads around it: each pad is narrower than the window. */
function seesElements(op: Op, x: Value, pads: Pads): boolean {
  const a = attributesOf(op as OpOf<typeof MaxPool>);
  const isDense = a.dilations.every((d) => d === 1) && a.pads.every((p) => p.every((n) => n === 0)) && !a.ceil_mode;
  const fits = pads.every(([begin, end], i) => [begin, end].every((n) => dim.range(dim.sub(a.kernel[i]!, n))[0] > 0));
  return isDense && fits && x.tensor.shape.slice(2).every((d) => dim.range(d)[0] > 0);
}

/** Zeros around elements that are not below zero change no maximum, where every window sees one of those. */
const zerosIntoMaxPool = opRule("zeros-into-max-pool", "exact", MaxPool, (op, r) => {
  const padded = spatialPad(op.operand(0)!, isZero);
  if (!padded || !isFloat(padded.x.tensor.dtype) || !isPositive(padded.x) || !seesElements(op, padded.x, padded.pads)) return undefined;
  return r.create(MaxPool, { x: padded.x }, { ...op.attributes, pads: padded.pads });
});

export const windowRules: readonly Rule[] = [
  zerosIntoMaxPool,
  padInto(Conv, isZero, () => true, {}),
  padInto(AvgPool, isZero, countsPads, { count_include_pad: true }),
  padInto(MaxPool, isLeast, (op) => !attributesOf(op as OpOf<typeof MaxPool>).ceil_mode, {}),
];
