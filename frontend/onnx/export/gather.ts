/** Ops that read and write at indices which are data as ONNX's operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import { Gather, GatherElements, GatherNd } from "../../../ir/ops/gather.ts";
import { ScatterElements, ScatterNd, TensorScatter } from "../../../ir/ops/scatter.ts";
import type { Body } from "./body.ts";
import { less, where } from "./elementwise.ts";
import { functionRow, row, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import { countUp } from "./slice.ts";
import { NeedsOpsetError, type Operand, type Term } from "./term.ts";

/** ONNX's indices have 32 or 64 bits. */
const asIndex = (n: Body, x: Term): Term => (x.dtype === "i32" || x.dtype === "i64" ? x : n.cast(x, "i64"));

/** Axes that are shared: the axis moves behind them, and what was picked to where it was. */
function batchedGather(n: Body, x: Operand, indices: Operand, axis: number, batch: number): Term {
  const others = x.shape.map((_, d) => d).filter((d) => d >= batch && d !== axis);
  const lead = Array.from({ length: batch }, (_, d) => d);
  const moved = axis === batch ? x : transposed(n, x, [...lead, axis, ...others]);
  const places = n.op("Unsqueeze", [n.cast(indices, "i64"), n.ints([-1])]);
  const picked = n.op("GatherND", [moved, places], { batch_dims: batch });
  const count = indices.shape.length - batch;
  const before = axis - batch;
  if (before === 0) return picked;
  const at = (k: number): number => batch + count + k;
  const perm = [
    ...lead,
    ...Array.from({ length: before }, (_, k) => at(k)),
    ...Array.from({ length: count }, (_, k) => batch + k),
    ...others.slice(before).map((_, k) => at(before + k)),
  ];
  return transposed(n, picked, perm);
}

type Reduction = "none" | "add" | "mul" | "max" | "min";

/** Ways to join updates came one after the other. */
function reductionOf(n: Body, reduction: Reduction): { readonly reduction?: string } {
  if (reduction === "none") return {};
  const since = reduction === "add" || reduction === "mul" ? 16 : 18;
  if (n.opset < since) throw new NeedsOpsetError(since, `to scatter with '${reduction}'`);
  return { reduction };
}

/** Each place of the cache either keeps its slice or takes the one of the update that belongs there. */
function tensorScatter(n: Body, cache: Operand, update: Operand, starts: Operand | undefined, axis: number, isCircular: boolean): Term {
  const a = normalizeAxis(axis, cache.shape.length);
  const extent = cache.shape[a]!;
  const behind = cache.shape.length - 1 - a;
  const column = n.reshape(countUp(n, extent), [extent, ...new Array<number>(behind).fill(1)]);
  const ones = cache.shape.map((d, k) => (k === 0 ? d : 1));
  const apart = starts ? n.op("Sub", [column, n.reshape(n.cast(starts, "i64"), ones)]) : column;
  const from = isCircular ? n.op("Mod", [apart, n.size(extent)]) : apart;
  const length = n.size(update.shape[a]!);
  const inside = n.op("And", [n.op("GreaterOrEqual", [from, n.size(0)], {}, "bool"), less(n, from, length)]);
  const clipped = n.op("Clip", [from, n.size(0), n.size(dim.sub(update.shape[a]!, 1))]);
  const taken = n.op("GatherElements", [update, n.op("Expand", [clipped, n.dims(cache.shape)])], { axis: a });
  return where(n, inside, taken, cache);
}

export const gatherRows: readonly Row[] = [
  row(Gather, (n, { x, indices }, { axis, batch_dims }) => {
    if (batch_dims > 0) return batchedGather(n, x, indices, normalizeAxis(axis, x.shape.length), batch_dims);
    return n.op("Gather", [x, asIndex(n, indices)], { axis: axis === 0 ? undefined : axis });
  }),
  row(GatherElements, (n, { x, indices }, { axis }) => n.op("GatherElements", [x, asIndex(n, indices)], { axis })),
  row(GatherNd, (n, { x, indices }, { batch_dims }) =>
    n.op("GatherND", [x, n.cast(indices, "i64")], { batch_dims: batch_dims === 0 ? undefined : batch_dims }),
  ),
  row(ScatterElements, (n, { x, indices, updates }, { axis, reduction }) =>
    n.op("ScatterElements", [x, asIndex(n, indices), updates], { axis, ...reductionOf(n, reduction) }),
  ),
  row(ScatterNd, (n, { x, indices, updates }, { reduction }) =>
    n.op("ScatterND", [x, n.cast(indices, "i64"), updates], reductionOf(n, reduction)),
  ),
  functionRow(TensorScatter, (n, { cache, update, starts }, { axis, mode }) =>
    n.has("TensorScatter")
      ? n.op("TensorScatter", [cache, update, starts && n.cast(starts, "i64")], { axis, mode })
      : tensorScatter(n, cache, update, starts, axis, mode === "circular"),
  ),
];
