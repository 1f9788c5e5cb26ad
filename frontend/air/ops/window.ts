/** Windows of convolutions and pools: lists of GE with an entry per axis, pads in pairs, and channels first or last. */
import type { Dim } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { NodeContext } from "../node.ts";

export type Pair = readonly [Dim, Dim];

/** Whether the channels stand last; other formats than the usual are refused. */
export function isChannelsLast(n: NodeContext): boolean {
  const format = n.text("data_format").toUpperCase();
  if (format === "NHWC" || format === "NDHWC") return true;
  return format === "NCHW" || format === "NCDHW" ? false : n.unsupported(`the format '${format}' is not supported`);
}

export const channelsSecond = (n: NodeContext, x: Value, isLast: boolean): Value => {
  const rank = x.tensor.shape.length;
  return isLast ? n.create(Transpose, { x }, { perm: [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)] }) : x;
};

export const channelsBack = (n: NodeContext, x: Value, isLast: boolean): Value => {
  const rank = x.tensor.shape.length;
  return isLast ? n.create(Transpose, { x }, { perm: [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1] }) : x;
};

/** The spatial entries of a list with one for all, one per spatial axis, or one per axis. */
export function spatialEntries(n: NodeContext, name: string, rank: number, isLast: boolean): readonly number[] {
  const values = n.ints(name);
  if (values.length === rank) return values;
  if (values.length === 1) return new Array<number>(rank).fill(values[0]!);
  if (values.length === rank + 2) return isLast ? values.slice(1, -1) : values.slice(2);
  return n.unsupported(`'${name}' has ${values.length} entries for ${rank} spatial axes`, "bad-attribute");
}

/** A begin and an end per spatial axis. */
export function padPairs(n: NodeContext, name: string, rank: number): Pair[] {
  const flat = n.ints(name);
  if (flat.length === 2 * rank) return Array.from({ length: rank }, (_, d) => [flat[2 * d]!, flat[2 * d + 1]!]);
  if (flat.length === rank) return flat.map((p) => [p, p]);
  return n.unsupported(`'${name}' has ${flat.length} entries for ${rank} spatial axes`, "bad-attribute");
}

/** As many pads as `SAME` needs: the result has `ceil(extent / stride)` elements, the odd one is at the end. */
export function samePads(input: readonly Dim[], kernel: readonly Dim[], strides: readonly number[]): Pair[] {
  return input.map((extent, d) => {
    const stride = strides[d] ?? 1;
    const out = dim.ceildiv(extent, stride);
    const need = dim.max(0, dim.sub(dim.add(dim.mul(dim.sub(out, 1), stride), kernel[d]!), extent));
    const begin = dim.floordiv(need, 2);
    return [begin, dim.sub(need, begin)];
  });
}

export const isSamePads = (a: readonly Pair[], b: readonly Pair[]): boolean =>
  a.length === b.length && a.every((p, i) => p[0] === b[i]![0] && p[1] === b[i]![1]);

/** Entries for images and channels in front. */
export const withOnes = (values: readonly number[]): number[] => [1, 1, ...values];
/** A list that our ops leave out where it is all ones. */
export const orOnes = (values: readonly number[], rank: number): readonly number[] =>
  values.length === 0 ? new Array<number>(rank).fill(1) : values;
export const orZeros = (pads: readonly Pair[], rank: number): readonly Pair[] =>
  pads.length === 0 ? Array.from({ length: rank }, () => [0, 0] as const) : pads;
