/** Ops that read at indices which are data. Negative indices count from the end; all are clamped into the axis. */
import { int } from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { clampedLoad, dataIndex } from "../data-index.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { pointwise } from "../stage.ts";
import { formatType, isInteger, sameShape, tensor, type TensorType } from "../type.ts";

/** Throws an `OpError` unless the tensor holds integers. */
export function expectIndices(indices: TensorType): void {
  if (!isInteger(indices.dtype))
    throw new OpError(`${formatType(indices)} cannot be indices`, "unsupported-type", { expected: "integers", received: indices.dtype });
}

/** The number of leading axes that two tensors share; their extents must be equal. */
function checkBatch(x: TensorType, indices: TensorType, batch: number): void {
  if (
    batch < 0 ||
    batch > x.shape.length ||
    batch > indices.shape.length ||
    !sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch))
  ) {
    throw new OpError(`${formatType(x)} and ${formatType(indices)} do not share ${batch} leading axes`);
  }
}

export const Gather = defineOp({
  name: "gather",
  summary:
    "Slices of `x` along an axis, picked by indices: shape `x[:axis] + indices[batch_dims:] + x[axis+1:]`; the first `batch_dims` axes are shared.",
  operands: { x: operand, indices: operand },
  attributes: { axis: int(0), batch_dims: int(0) },
  infer({ x, indices }, { axis, batch_dims }) {
    expectIndices(indices);
    checkBatch(x, indices, batch_dims);
    const a = normalizeAxis(axis, x.shape.length);
    if (a < batch_dims) throw new OpError(`axis ${a} is one of the ${batch_dims} shared axes`, "bad-attribute");
    return tensor(x.dtype, x.shape.toSpliced(a, 1, ...indices.shape.slice(batch_dims)));
  },
  compute({ operands: { x, indices }, attributes: { axis, batch_dims }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length);
    const picked = indices.shape.length - batch_dims;
    return [
      pointwise(y!, (at) => {
        const i = dataIndex(indices, [...at.slice(0, batch_dims), ...at.slice(a, a + picked)], x.shape[a]!);
        return clampedLoad(x, at.toSpliced(a, picked, i));
      }),
    ];
  },
});

export const GatherElements = defineOp({
  name: "gather_elements",
  summary:
    "One element of `x` per index: `y[i, j, k] = x[i, indices[i, j, k], k]` for axis 1. Other extents of `indices` are at most those of `x`.",
  operands: { x: operand, indices: operand },
  attributes: { axis: int(0) },
  infer({ x, indices }, { axis }) {
    expectIndices(indices);
    checkElementwise(x, indices, normalizeAxis(axis, x.shape.length));
    return tensor(x.dtype, indices.shape);
  },
  compute({ operands: { x, indices }, attributes: { axis }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length);
    return [pointwise(y!, (at) => clampedLoad(x, at.with(a, dataIndex(indices, at, x.shape[a]!))))];
  },
});

/** Throws an `OpError` unless `indices` has the rank of `x` and, but for `axis`, no larger extent. */
export function checkElementwise(x: TensorType, indices: TensorType, axis: number): void {
  const fits = indices.shape.every((d, k) => {
    const extent = x.shape[k];
    return k === axis || d === extent || (typeof d === "number" && typeof extent === "number" && d <= extent);
  });
  if (indices.shape.length !== x.shape.length || !fits)
    throw new OpError(`${formatType(indices)} does not index the elements of ${formatType(x)}`);
}

/** How many axes the vectors in the last axis of `indices` index. Throws an `OpError` unless that is a number that fits. */
export function tupleLength(x: TensorType, indices: TensorType, batch: number): number {
  const count = indices.shape.at(-1);
  if (typeof count !== "number" || batch + count > x.shape.length || indices.shape.length <= batch) {
    throw new OpError(`the last axis of ${formatType(indices)} does not index ${formatType(x)}`);
  }
  return count;
}

export const GatherNd = defineOp({
  name: "gather_nd",
  summary:
    "Slices of `x` at index vectors, which stand in the last axis of `indices`: shape `indices[:-1] + x[batch_dims+k:]` for vectors of `k`; " +
    "the first `batch_dims` axes are shared.",
  operands: { x: operand, indices: operand },
  attributes: { batch_dims: int(0) },
  infer({ x, indices }, { batch_dims }) {
    expectIndices(indices);
    checkBatch(x, indices, batch_dims);
    const count = tupleLength(x, indices, batch_dims);
    return tensor(x.dtype, [...indices.shape.slice(0, -1), ...x.shape.slice(batch_dims + count)]);
  },
  compute({ operands: { x, indices }, attributes: { batch_dims }, results: [y] }) {
    const count = indices.shape.at(-1) as number;
    const lead = indices.shape.length - 1;
    return [
      pointwise(y!, (at) => {
        const vector = Array.from({ length: count }, (_, k) => dataIndex(indices, [...at.slice(0, lead), k], x.shape[batch_dims + k]!));
        return clampedLoad(x, [...at.slice(0, batch_dims), ...vector, ...at.slice(lead)]);
      }),
    ];
  },
});
