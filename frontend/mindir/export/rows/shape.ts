/** Shapes: reshape, transpose, broadcast. */
import { floordiv, type Dim, dimKey } from "../../../../ir/dim.ts";
import { IdentityOp } from "../../../../ir/ops/identity.ts";
import { Expand, Extents, Reshape, Shape, Tile, Transpose } from "../../../../ir/ops/shape.ts";
import { tensor } from "../../../../ir/type.ts";
import { extentsVector } from "../extents.ts";
import { literal } from "../graph-writer.ts";
import { type NamedRow, row, since2 } from "../row.ts";

const names = (...input: readonly string[]): { readonly input_names: readonly string[]; readonly output_names: readonly string[] } => ({
  input_names: input,
  output_names: ["output"],
});

/** -1 keeps an extent that is not fixed where the input has it on the same axis. */
const expand = row(Expand, ({ x }, { shape }, n) => {
  const lead = shape.length - x.tensor.shape.length;
  const kept = (d: Dim, i: number): boolean => i >= lead && dimKey(x.tensor.shape[i - lead]!) === dimKey(d);
  if (shape.some((d, i) => typeof d !== "number" && !kept(d, i))) return n.node("DynamicBroadcastTo", [x, extentsVector(n, shape)]);
  return n.node("BroadcastTo", [x], { shape: shape.map((d) => (typeof d === "number" ? d : -1)) });
});

const tile = row(Tile, ({ x }, { shape }, n) => {
  const multiples = shape.map((d, i) => floordiv(d, x.tensor.shape[i]!));
  return n.node("Tile", [x, n.dims(multiples)], names("x", "multiples"));
});

const shape = row(Shape, ({ x }, { start, end }, n) => {
  const rank = x.tensor.shape.length;
  if (start !== 0 || (end !== undefined && end < rank)) return n.cannot("of some axes only");
  return n.node("TensorShape", [x]);
});

/** Of several open extents the shape is computed: the operator takes numbers, not a tensor. */
const reshape = row(Reshape, ({ x }, { shape: to }, n) => {
  const isOpen = to.filter((d) => typeof d !== "number").length > 1;
  const types = to.map(() => tensor("i64", []));
  const size = isOpen ? n.node("TensorToTuple", [extentsVector(n, to)], {}, types) : n.dims(to, 1);
  return n.node("Reshape", [x, size], names("tensor", "shape"));
});

export const shapeRows: readonly NamedRow[] = [
  row(IdentityOp, ({ x }) => x),
  reshape,
  row(Extents, (_operands, { values }, n) =>
    values.every((v) => typeof v === "number") ? n.cannot("of numbers") : extentsVector(n, values),
  ),
  row(Transpose, ({ x }, { perm }, n) => n.node("Transpose", [x, literal(perm)], names("x", "perm"))),
  expand,
  tile,
  ...since2(shape),
];
