/** Pools that give the places of their elements, and their inverse. */
import { product, type Dim } from "../../ir/dim.ts";
import type { AttributesFor } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import { FloorDiv, FloorMod, Max } from "../../ir/ops/elementwise.ts";
import { MaxPoolIndices } from "../../ir/ops/pool.ts";
import { ScatterElements } from "../../ir/ops/scatter.ts";
import { MaxUnpool } from "../../ir/ops/unpool.ts";
import { makeWindow, windowExtents } from "../../ir/window.ts";
import { type Expander, expansion, type NamedExpansion, points } from "./expander.ts";

/** Elements put into flat planes, or the flat tensor. */
const unpool = expansion(MaxUnpool, ({ x, indices }, { shape, indexed, within }, e) => {
  const isSame = indexed.length === 0 || indexed.every((d, i) => d === shape[i]);
  if (!isSame) return undefined;
  const count = within === "plane" ? product(shape.slice(0, 2)) : 1;
  const first = within === "plane" ? 2 : 0;
  const rows = (v: Value): Value => e.reshape(v, [count, product(v.tensor.shape.slice(first))]);
  const zeros = e.expand(e.scalar(x.tensor.dtype, 0), [count, product(shape.slice(first))]);
  return e.reshape(e.create(ScatterElements, { x: zeros, indices: rows(indices), updates: rows(x) }, { axis: 1 }), shape);
});

type Pooling = AttributesFor<typeof MaxPoolIndices>;

/** Positions in a plane, rows first, as those that are asked for. */
const pool = expansion(MaxPoolIndices, ({ x }, a, e) => {
  const { shape } = x.tensor;
  if (a.within === "plane" && a.order === "row") return byTaps(e, x, a);
  const [y, found] = e.createAll(MaxPoolIndices, { x }, { ...a, within: "plane", order: "row", dtype: "i64" });
  const turned = a.order === "column" ? columnFirst(e, found!, shape.slice(2)) : found;
  if (turned === undefined || shape.some((d) => typeof d !== "number")) return undefined;
  if (a.within === "plane") return [y!, e.cast(turned, a.dtype)];
  const planes = product(shape.slice(0, 2)) as number;
  const size = product(shape.slice(2)) as number;
  const starts = e.constant(
    "i64",
    [shape[0] as number, shape[1] as number, ...shape.slice(2).map(() => 1)],
    Array.from({ length: planes }, (_, i) => i * size),
  );
  return [y!, e.cast(e.f.add(turned, starts), a.dtype)];
});

function columnFirst(e: Expander, position: Value, extents: readonly Dim[]): Value | undefined {
  const [height, width] = extents;
  if (extents.length !== 2 || typeof height !== "number" || typeof width !== "number") return undefined;
  const b = e.scalar("i64", width);
  const row = e.create(FloorDiv, { a: position, b });
  return e.f.add(e.f.mul(e.create(FloorMod, { a: position, b }), height), row);
}

const mostTaps = 64;

/** Slices for all elements of the window, the first of the greatest ones kept with its position. */
function byTaps(e: Expander, x: Value, a: Pooling): readonly Value[] | undefined {
  const spatial = x.tensor.shape.slice(2);
  const pooled = makeWindow(spatial, a.kernel, a, a.ceil_mode);
  const isPlain = !a.ceil_mode && pooled.pads.every((p) => p.every((d) => d === 0));
  const taps = a.kernel.reduce<number>((p, k) => p * (typeof k === "number" ? k : Infinity), 1);
  if (!isPlain || taps > mostTaps || spatial.some((d) => typeof d !== "number")) return undefined;
  const out = windowExtents(spatial, pooled) as readonly number[];
  const offsets = points(a.kernel as readonly number[]);
  const found = offsets.map((o) => {
    const part = o.reduce<Value>((v, i, d) => e.part(v, d + 2, i * pooled.dilations[d]!, out[d]!, pooled.strides[d]), x);
    return { part, place: placesOf(e, spatial as readonly number[], out, o, pooled, a.dtype) };
  });
  const best = found.slice(1).reduce(
    (left, right) => {
      const wins = e.f.greater(right.part, left.part);
      return { part: e.create(Max, { a: left.part, b: right.part }), place: e.f.where(wins, right.place, left.place) };
    },
    { part: found[0]!.part, place: e.expand(found[0]!.place, found[0]!.part.tensor.shape) },
  );
  return [best.part, best.place];
}

/** Where the elements at offset `o` of each window lie in a plane. */
function placesOf(
  e: Expander,
  extents: readonly number[],
  out: readonly number[],
  o: readonly number[],
  { strides, dilations }: { readonly strides: readonly number[]; readonly dilations: readonly number[] },
  dtype: Pooling["dtype"],
): Value {
  const places = points(out).map((at) => at.reduce((place, i, d) => place * extents[d]! + i * strides[d]! + o[d]! * dilations[d]!, 0));
  return e.constant(dtype, [1, 1, ...out], places);
}

export const poolPlaceExpansions: readonly NamedExpansion[] = [unpool, pool];
