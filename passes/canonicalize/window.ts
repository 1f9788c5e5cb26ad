/** Padding that windows do themselves: convolutions with zeros, mean pools with zeros that count, max pools with -infinity. */
import type { AnyOpDefinition } from "../../ir/define.ts";
import { attributesOf, type OpOf } from "../../ir/define.ts";
import * as dim from "../../ir/dim.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { AvgPool, MaxPool } from "../../ir/ops/pool.ts";
import type { Pads } from "../../ir/window.ts";
import { kebab, opRule, type Rule } from "../rewrite.ts";
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

export const windowRules: readonly Rule[] = [
  padInto(Conv, isZero, () => true, {}),
  padInto(AvgPool, isZero, countsPads, { count_include_pad: true }),
  padInto(MaxPool, isLeast, (op) => !attributesOf(op as OpOf<typeof MaxPool>).ceil_mode, {}),
];
