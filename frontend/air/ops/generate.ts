/** Operators whose elements follow from their position. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { constantContent } from "../../../ir/content.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Eye, OneHot, Range, rangeLength, Trilu } from "../../../ir/ops/generate.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { typeNumber } from "../attributes.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

const oneHot: Lowering = (n) => {
  const indices = n.input("x");
  const [on, off] = [n.reshape(n.input("on_value"), []), n.reshape(n.input("off_value"), [])];
  const axis = normalizeAxis(n.int("axis"), indices.tensor.shape.length, true);
  return n.create(OneHot, { indices, on, off: n.cast(off, on.tensor.dtype) }, { depth: n.dim("depth"), axis });
};

/** Where the bounds are inputs, their number may depend on extents. */
const range: Lowering = (n) => {
  const [start, limit, delta] = ["start", "limit", "delta"].map((name) => n.reshape(n.input(name), [])) as [Value, Value, Value];
  const numbers = [start, limit, delta].map(constantContent);
  const known = numbers.every((v) => v !== undefined);
  const length = known ? rangeLength(...(numbers.flat() as [number, number, number])) : extentLength(n);
  return n.create(Range, { start, delta: n.cast(delta, start.tensor.dtype) }, { length });
};

function extentLength(n: NodeContext): Dim {
  const [from, to, by] = [n.dim("start"), n.dim("limit"), n.dim("delta")];
  return typeof by === "number" && by > 0
    ? dim.max(0, dim.ceildiv(dim.sub(to, from), by))
    : n.unsupported("the length of a range depends on data");
}

/** The input is a vector of the length of the range, whose type the range takes. */
const rangeD: Lowering = (n) => {
  const { dtype } = n.type("x");
  const [start, limit, delta] = [n.float("start"), n.float("limit"), n.float("delta")];
  return n.create(Range, { start: n.scalar(dtype, start), delta: n.scalar(dtype, delta) }, { length: rangeLength(start, limit, delta) });
};

const eye: Lowering = (n) => {
  const rows = n.int("num_rows");
  const columns = n.int("num_columns");
  return n.create(Eye, {}, { shape: [...n.ints("batch_shape"), rows, columns > 0 ? columns : rows], dtype: n.dtype("dtype") });
};

const triangle =
  (upper: boolean): Lowering =>
  (n) =>
    n.create(Trilu, { x: n.input("x") }, { upper, k: n.int("diagonal") });

/** A tensor of shape s gives one of shape s + s with it on the diagonal. */
const diag: Lowering = (n) => {
  const x = n.input("x");
  const size = dim.product(x.tensor.shape);
  const mask = n.create(Eye, {}, { shape: [size, size], dtype: "bool" });
  const rows = n.reshape(x, [size, 1]);
  return n.reshape(new Formula(n).where(mask, rows, 0), [...x.tensor.shape, ...x.tensor.shape]);
};

const diagPart: Lowering = (n) => {
  const x = n.input("x");
  const half = x.tensor.shape.slice(0, x.tensor.shape.length >> 1);
  const size = dim.product(half);
  const mask = n.create(Eye, {}, { shape: [size, size], dtype: "bool" });
  const f = new Formula(n);
  return n.reshape(f.sum(f.where(mask, n.reshape(x, [size, size]), 0), [1]), half);
};

/** Blocks of channels become pixels: DCR (the block's place first) or CRD (the channel first). */
const depthToSpace: Lowering = (n) => {
  const x = inImageOrder(n);
  const block = n.int("block_size");
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const depth = dim.floordiv(channels, block * block);
  const isColumn = n.string("mode") === "crd";
  const apart = n.reshape(x, isColumn ? [images, depth, block, block, height, width] : [images, block, block, depth, height, width]);
  const moved = n.create(Transpose, { x: apart }, { perm: isColumn ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2] });
  return back(n, n.reshape(moved, [images, depth, dim.mul(height, block), dim.mul(width, block)]));
};

const spaceToDepth: Lowering = (n) => {
  const x = inImageOrder(n);
  const block = n.int("block_size");
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const [rows, columns] = [dim.floordiv(height, block), dim.floordiv(width, block)];
  const moved = n.create(Transpose, { x: n.reshape(x, [images, channels, rows, block, columns, block]) }, { perm: [0, 3, 5, 1, 2, 4] });
  return back(n, n.reshape(moved, [images, dim.mul(channels, block * block), rows, columns]));
};

/** MindSpore leaves the format at its default though its tensors are NCHW: the descriptor tells. */
const isLast = (n: NodeContext): boolean => n.text("data_format") === "NHWC" && n.format("x") !== "NCHW";
const inImageOrder = (n: NodeContext): Value =>
  isLast(n) ? n.create(Transpose, { x: n.input("x") }, { perm: [0, 3, 1, 2] }) : n.input("x");
const back = (n: NodeContext, x: Value): Value => (isLast(n) ? n.create(Transpose, { x }, { perm: [0, 2, 3, 1] }) : x);

/** Blocks of pixels become images; the spatial axes, the last two, are padded first. */
const spaceToBatch: Lowering = (n) => {
  const x = n.input("x");
  const block = n.int("block_size");
  const [top, bottom, left, right] = n.ints("paddings");
  const padded = padImage(n, x, [top!, bottom!, left!, right!]);
  const [images, channels, height, width] = padded.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const [rows, columns] = [dim.floordiv(height, block), dim.floordiv(width, block)];
  const moved = n.create(
    Transpose,
    { x: n.reshape(padded, [images, channels, rows, block, columns, block]) },
    { perm: [3, 5, 0, 1, 2, 4] },
  );
  return n.reshape(moved, [dim.mul(images, block * block), channels, rows, columns]);
};

const batchToSpace: Lowering = (n) => {
  const x = n.input("x");
  const block = n.int("block_size");
  const [top, bottom, left, right] = n.ints("crops") as readonly [number, number, number, number];
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const depth = dim.floordiv(images, block * block);
  const moved = n.create(Transpose, { x: n.reshape(x, [block, block, depth, channels, height, width]) }, { perm: [2, 3, 4, 0, 5, 1] });
  const y = n.reshape(moved, [depth, channels, dim.mul(height, block), dim.mul(width, block)]);
  return cropImage(n, y, [top, bottom, left, right]);
};

type Sides = readonly [top: number, bottom: number, left: number, right: number];

/** Zeros on the sides of an image. */
function padImage(n: NodeContext, x: Value, [top, bottom, left, right]: Sides): Value {
  const pads = [[0, 0] as const, [0, 0] as const, [top, bottom] as const, [left, right] as const];
  return pads.flat().every((p) => p === 0) ? x : n.create(Pad, { x }, { pads });
}

function cropImage(n: NodeContext, x: Value, [top, bottom, left, right]: Sides): Value {
  if (top + bottom + left + right === 0) return x;
  const [images, channels, height, width] = x.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  const sizes = [images, channels, dim.sub(height, top + bottom), dim.sub(width, left + right)];
  return n.create(Slice, { x }, { starts: [0, 0, top, left], sizes, steps: [1, 1, 1, 1] });
}

/** Elements of a range that is known now, or multiples of the step. */
function writeRange(e: ExportNode, length: Dim): Written {
  const [start, delta] = [0, 1].map((i) => constantContent(e.op.operand(i)!)?.[0]);
  const [result] = e.types;
  const limit = start !== undefined && delta !== undefined && typeof length === "number" ? start + delta * length : undefined;
  if (limit !== undefined && rangeLength(start!, limit, delta!) === length)
    return e.emit("Range", { start: e.in(0), limit: e.scalar(result!.dtype, limit), delta: e.in(1) });
  const { dtype } = result!;
  const count = typeof length === "number" ? e.scalar("i64", length) : e.reshape(e.sizes([length]), []);
  const steps = e.step("Range", { start: e.scalar("i64", 0), limit: count, delta: e.scalar("i64", 1) }, {}, tensor("i64", [length]));
  const multiples = e.step("Mul", { x1: e.cast(steps, dtype), x2: e.in(1) }, {}, tensor(dtype, [length]));
  return e.emit("Add", { x1: multiples, x2: e.in(0) });
}

export const generateFamily: Family = {
  imports: {
    BatchToSpaceD: batchToSpace,
    DepthToSpace: depthToSpace,
    Diag: diag,
    DiagPart: diagPart,
    Eye: eye,
    OneHot: oneHot,
    OneHotD: oneHot,
    Range: range,
    RangeD: rangeD,
    SpaceToBatchD: spaceToBatch,
    SpaceToDepth: spaceToDepth,
    Tril: triangle(false),
    Triu: triangle(true),
  },
  exports: [
    row(Eye, (e, { shape, k, dtype }) => {
      const [rows, columns, ...more] = e.fixed(shape, "the size of the matrix");
      if (k !== 0 || more.length > 0) return e.refuse("its diagonal is not the main one");
      return e.emit("Eye", {}, { num_rows: rows!, num_columns: columns!, dtype: typeNumber(dtype) });
    }),
    row(OneHot, (e, { depth, axis, from_end }) => {
      if (from_end) return e.refuse("it counts negative indices from the end");
      const size = typeof depth === "number" ? e.scalar("i32", depth) : e.cast(e.reshape(e.sizes([depth]), []), "i32");
      return e.emit("OneHot", { x: e.in(0), depth: size, on_value: e.in(1), off_value: e.in(2) }, { axis });
    }),
    row(Range, (e, { length }) => writeRange(e, length)),
    row(Trilu, (e, { upper, k }) =>
      e.optional(1) ? e.refuse("its diagonal is data") : e.emit(upper ? "Triu" : "Tril", { x: e.in(0) }, { diagonal: k }),
    ),
  ],
};
