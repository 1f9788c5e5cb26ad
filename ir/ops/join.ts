/** Ops that put tensors together and take them apart along an axis: concat, split, stack, unstack. */
import { dims, int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, operand, variadicOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim, Loop } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { type Buffer, load } from "../expr.ts";
import { axesOf, pointwise, type Stage } from "../stage.ts";
import { formatType, sameType, tensor, type TensorType } from "../type.ts";

/** Copies `x`, seen under `shape`, into `y`, at `place` of its own indices. */
function copyInto(y: Buffer, x: Buffer, shape: readonly Dim[], place: (at: readonly Dim[]) => Dim[]): Stage {
  const at = axesOf(shape);
  // Extents that are equal only if the model is right must not lead outside where it is not.
  const from = at.map((i, d) => (x.shape[d] === shape[d] ? i : dim.min(i, dim.sub(x.shape[d]!, 1))));
  return { axes: at.map((d) => dim.asAtom(d) as Loop), results: [{ out: y, at: place(at), value: load(x, from) }] };
}

/** The sums of the sizes before each one. */
function offsetsOf(sizes: readonly Dim[]): Dim[] {
  let offset: Dim = 0;
  return sizes.map((size) => {
    const before = offset;
    offset = dim.add(offset, size);
    return before;
  });
}

function first(xs: readonly TensorType[], op: string): TensorType {
  const [x] = xs;
  if (!x) throw new OpError(`'${op}' needs at least one operand`, "bad-operand");
  return x;
}

/** The shape of `x` and `other` but for one axis; throws an `OpError` where they differ. */
function sharedShape(x: TensorType, other: TensorType, axis: number): TensorType {
  const shape = x.shape.map((extent, d) => (d === axis ? extent : commonExtent(extent, other.shape[d] ?? -1)));
  if (x.dtype !== other.dtype || x.shape.length !== other.shape.length || !shape.every((d) => d !== undefined)) {
    throw new OpError(`cannot join ${formatType(x)} and ${formatType(other)} along axis ${axis}`);
  }
  return tensor(x.dtype, shape);
}

export const Concat = defineOp({
  name: "concat",
  summary: "Tensors one after the other along an axis; their dtypes and other extents are equal.",
  operands: { xs: variadicOperand },
  attributes: { axis: int() },
  infer({ xs }, { axis }) {
    const x = first(xs, "concat");
    const a = normalizeAxis(axis, x.shape.length);
    const shared = xs.reduce((all, other) => sharedShape(all, other, a));
    return tensor(x.dtype, shared.shape.with(a, dim.add(...xs.map((other) => other.shape[a]!))));
  },
  compute({ operands: { xs }, attributes: { axis }, results: [y] }) {
    const a = normalizeAxis(axis, y!.shape.length);
    const offsets = offsetsOf(xs.map((x) => x.shape[a]!));
    return xs.map((x, k) => copyInto(y!, x, y!.shape.with(a, x.shape[a]!), (at) => at.with(a, dim.add(at[a]!, offsets[k]!))));
  },
});

export const Split = defineOp({
  name: "split",
  summary: "Consecutive parts of `x` along an axis, of the given sizes, which add up to its extent.",
  operands: { x: operand },
  attributes: { axis: int(), sizes: dims() },
  results: ["parts"],
  infer({ x }, { axis, sizes }) {
    const a = normalizeAxis(axis, x.shape.length);
    if (dim.add(0, ...sizes) !== x.shape[a] || sizes.some((s) => typeof s === "number" && s < 0)) {
      throw new OpError(`cannot split axis ${a} of ${formatType(x)}`, "type-mismatch", {
        expected: `sizes that add up to ${formatDim(x.shape[a]!)}`,
        received: sizes.map(formatDim).join(", "),
      });
    }
    return sizes.map((size) => tensor(x.dtype, x.shape.with(a, size)));
  },
  compute({ operands: { x }, attributes: { axis, sizes }, results }) {
    const a = normalizeAxis(axis, x.shape.length);
    const offsets = offsetsOf(sizes);
    return results.map((y, k) => pointwise(y, (at) => load(x, at.with(a, dim.add(at[a]!, offsets[k]!)))));
  },
});

/**
 * The sizes of `count` parts of an extent, each as large as the first but for the last ones, which may be smaller
 * (ONNX 18 rounds the size of a part up).
 */
export function evenSizes(extent: Dim, count: number): Dim[] {
  const each = dim.exactDiv(extent, count);
  if (each !== undefined) return Array.from({ length: count }, () => each);
  const size = dim.ceildiv(extent, count);
  const begins = Array.from({ length: count }, (_, k) => dim.min(extent, dim.mul(k, size)));
  return begins.map((begin, k) => dim.sub(begins[k + 1] ?? extent, begin));
}

export const Stack = defineOp({
  name: "stack",
  summary: "Tensors of equal type side by side along a new axis.",
  operands: { xs: variadicOperand },
  attributes: { axis: int(0) },
  infer({ xs }, { axis }) {
    const x = first(xs, "stack");
    const other = xs.find((t) => !sameType(t, x));
    if (other) throw new OpError(`cannot stack ${formatType(x)} and ${formatType(other)}`);
    return tensor(x.dtype, x.shape.toSpliced(normalizeAxis(axis, x.shape.length, true), 0, xs.length));
  },
  compute({ operands: { xs }, attributes: { axis }, results: [y] }) {
    const a = normalizeAxis(axis, y!.shape.length);
    return xs.map((x, k) => copyInto(y!, x, x.shape, (at) => at.toSpliced(a, 0, k)));
  },
});

export const Unstack = defineOp({
  name: "unstack",
  summary: "The slices of `x` along an axis, which they lack; its extent must be a number.",
  operands: { x: operand },
  attributes: { axis: int(0) },
  results: ["parts"],
  infer({ x }, { axis }) {
    const a = normalizeAxis(axis, x.shape.length);
    const count = x.shape[a]!;
    if (typeof count !== "number") throw new OpError(`cannot take ${formatType(x)} apart along axis ${a}: its extent is not a number`);
    return Array.from({ length: count }, () => tensor(x.dtype, x.shape.toSpliced(a, 1)));
  },
  compute({ operands: { x }, attributes: { axis }, results }) {
    const a = normalizeAxis(axis, x.shape.length);
    return results.map((y, k) => pointwise(y, (at) => load(x, at.toSpliced(a, 0, k))));
  },
});
