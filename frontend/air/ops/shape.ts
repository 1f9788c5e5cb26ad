/** Operators that rename, move and repeat elements. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Expand, Extents, Reshape, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose } from "../../../ir/ops/shape.ts";
import { tensor } from "../../../ir/type.ts";
import { typeNumber } from "../attributes.ts";
import { row } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

/** -1 is what is left, 0 an axis as it was. */
const reshape =
  (name: string): Lowering =>
  (n) => {
    const x = n.input("x");
    const asked = n.dims(name);
    const isEmpty = x.tensor.shape.includes(0);
    return n.reshape(x, resolveReshape(x.tensor.shape, asked, isEmpty));
  };

const flatten: Lowering = (n) => {
  const x = n.input("x");
  const { shape } = x.tensor;
  const axis = normalizeAxis(n.int("axis"), shape.length, true);
  return n.reshape(x, [dim.product(shape.slice(0, axis)), dim.product(shape.slice(axis))]);
};

const transpose: Lowering = (n) => {
  const x = n.input("x");
  const rank = x.tensor.shape.length;
  return n.create(Transpose, { x }, { perm: n.ints("perm").map((p) => normalizeAxis(p, rank)) });
};

/** Layouts that only differ in the order of axes; blocked tensors are held plain, so going there and back is nothing. */
const transData: Lowering = (n) => {
  const x = n.input("src");
  const [from, to] = ["src_format", "dst_format"].map((name) => Array.from(n.text(name))) as [string[], string[]];
  const perm = to.map((axis) => from.indexOf(axis));
  const isMove = from.length === to.length && perm.every((p) => p >= 0) && perm.some((p, d) => p !== d);
  return isMove && from.length === x.tensor.shape.length ? n.create(Transpose, { x }, { perm }) : x;
};

function inserted(n: NodeContext, name: string): Dim[] {
  let shape = [...n.type("x").shape];
  for (const axis of n.ints(name)) shape = shape.toSpliced(normalizeAxis(axis, shape.length, true), 0, 1);
  return shape;
}

const squeeze: Lowering = (n) => {
  const x = n.input("x");
  const axes = n.ints("axis");
  return n.reshape(x, squeezeShape(x.tensor.shape, axes.length === 0 ? undefined : axes));
};

/** More multiples than axes add axes in front. */
const tile: Lowering = (n) => {
  const x = n.input("x");
  const asked = n.dims("multiples");
  const rank = Math.max(asked.length, x.tensor.shape.length);
  const shape = [...new Array<Dim>(rank - x.tensor.shape.length).fill(1), ...x.tensor.shape];
  const multiples = [...new Array<Dim>(rank - asked.length).fill(1), ...asked];
  return n.create(Tile, { x: n.reshape(x, shape) }, { shape: shape.map((d, i) => dim.mul(d, multiples[i]!)) });
};

/** -1 keeps the extent of the input. */
const broadcast: Lowering = (n) => {
  const x = n.input("x");
  const asked = n.dims("shape");
  const lead = asked.length - x.tensor.shape.length;
  return n.create(Expand, { x }, { shape: asked.map((d, i) => (d === -1 ? (x.tensor.shape[i - lead] ?? 1) : d)) });
};

const fill =
  (dims: string): Lowering =>
  (n) => {
    const x = n.reshape(n.input("value"), []);
    const shape = n.dims(dims);
    return shape.length === 0 ? x : n.create(Expand, { x }, { shape });
  };

const shapeOf: Lowering = (n) => n.cast(n.create(Shape, { x: n.input("x") }), n.declared() ?? n.dtype("dtype"));
const sizeOf: Lowering = (n) => n.cast(n.create(Size, { x: n.input("x") }), n.declared() ?? n.dtype("dtype"));

export const shapeFamily: Family = {
  imports: {
    BroadcastTo: broadcast,
    BroadcastToD: broadcast,
    ExpandDims: (n) => n.reshape(n.input("x"), inserted(n, "axis")),
    Fill: fill("dims"),
    FillD: fill("dims"),
    Flatten: flatten,
    Reshape: reshape("shape"),
    Shape: shapeOf,
    Size: sizeOf,
    Squeeze: squeeze,
    Tile: tile,
    TileD: tile,
    TransData: transData,
    TransShape: reshape("outShape"),
    Transpose: transpose,
    TransposeD: transpose,
    Unsqueeze: (n) => n.reshape(n.input("x"), inserted(n, "axes")),
  },
  exports: [
    row(Expand, (e, { shape }) =>
      shape.every((d) => typeof d === "number")
        ? e.emit("BroadcastToD", { x: e.in(0) }, { shape })
        : e.emit("BroadcastTo", { x: e.in(0), shape: e.sizes(shape) }),
    ),
    row(Extents, (e, { values }) => e.sizes(values)),
    row(Reshape, (e, { shape }) => {
      const open = shape.filter((d) => typeof d !== "number");
      const isPlain = open.length === 1 && !shape.includes(0);
      const size = isPlain ? e.ints(shape.map((d) => (typeof d === "number" ? d : -1))) : e.sizes(shape);
      return e.emit("Reshape", { x: e.in(0), shape: size });
    }),
    row(Shape, (e, { start, end }) => {
      const x = e.in(0);
      const rank = x.type.shape.length;
      const [size] = e.types[0]!.shape as [number];
      const attributes = { dtype: typeNumber("i64") };
      if (size === rank && start === 0) return e.emit("Shape", { x }, attributes);
      const whole = e.step("Shape", { x }, attributes, tensor("i64", [rank]));
      const from = Math.min(rank, start < 0 ? Math.max(0, start + rank) : start);
      return e.emit("SliceD", { x: whole }, { offsets: [from], size: [end === undefined ? size : size] });
    }),
    row(Size, (e) => e.emit("Size", { x: e.in(0) }, { dtype: typeNumber("i64") })),
    row(Tile, (e, { shape }) => {
      const x = e.in(0);
      const multiples = shape.map((d, i) => (x.type.shape[i] === 0 ? 1 : dim.exactDiv(d, x.type.shape[i]!)));
      if (multiples.some((m) => m === undefined)) return e.refuse("how often it repeats depends on extents");
      return multiples.every((m) => typeof m === "number")
        ? e.emit("TileD", { x }, { multiples })
        : e.emit("Tile", { x, multiples: e.sizes(multiples as Dim[]) });
    }),
    row(Transpose, (e, { perm }) => e.emit("TransposeD", { x: e.in(0) }, { perm })),
  ],
};
