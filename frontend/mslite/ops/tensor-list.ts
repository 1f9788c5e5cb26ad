/**
 * Lists of tensors, as one tensor with the elements along its first axis: their number and the shape of an element must be
 * known. What was not set yet is zero.
 */
import type { Value } from "../../../ir/graph.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { Concat } from "../../../ir/ops/join.ts";
import { ScatterNd } from "../../../ir/ops/scatter.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { dtypeOfId } from "../type-id.ts";

/** element shape, number of elements. */
const reserve: Lowering = (n) => {
  const id = n.int("element_dtype");
  const dtype = dtypeOfId(id) ?? n.unsupported(`there is no element type ${id}`, "unsupported-type");
  const shape = n.dims(0, "the shape of the list's elements");
  const [count] = n.dims(1, "the number of the list's elements");
  if (count === 0 || count === undefined) return n.unsupported("a list without elements, which would grow, is not supported");
  if (shape.some((d) => typeof d === "number" && d < 0))
    return n.unsupported(
      "a list whose elements have no known shape is not supported",
      "unsupported-attribute",
      "convert the model with fixed shapes",
    );
  return n.create(Expand, { x: n.scalar(dtype, 0) }, { shape: [count, ...shape] });
};

/** list, index, element shape. */
const getItem: Lowering = (n) => n.create(Gather, { x: n.input(0), indices: n.reshape(n.input(1), []) }, { axis: 0 });

/** list, index, element. The index after the last one appends, where it is known. */
const setItem: Lowering = (n) => {
  const [x, item] = [n.input(0), n.input(2)];
  const [count, ...element] = x.tensor.shape;
  const updates = n.reshape(item, [1, ...item.tensor.shape]);
  if (n.isConstant(1) && n.number(1, "the index") === count) return n.create(Concat, { xs: [x, updates] }, { axis: 0 });
  const indices = n.reshape(n.cast(n.input(1), "i64"), [1, 1]);
  return n.create(ScatterNd, { x, indices, updates: n.reshape(updates, [1, ...element]) });
};

/** The list as the tensor that it is here. */
const stack: Lowering = (n) => {
  const x = n.input(0);
  const [count] = x.tensor.shape;
  const wanted = n.int("num_elements", -1);
  if (wanted > 0 && typeof count === "number" && wanted !== count)
    return n.unsupported(`the list has ${count} elements, where ${wanted} are stacked`, "type-mismatch");
  return x;
};

/** A tensor as the list of its slices. */
const fromTensor = (n: NodeContext): Value => (n.rank(0) > 0 ? n.input(0) : n.unsupported("a scalar is no list", "bad-operand"));

export const tensorListLowerings: Lowerings = {
  TensorListFromTensor: fromTensor,
  TensorListGetItem: getItem,
  TensorListReserve: reserve,
  TensorListSetItem: setItem,
  TensorListStack: stack,
};
