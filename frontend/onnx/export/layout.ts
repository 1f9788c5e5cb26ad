/** Layouts that passes make, undone: ONNX's operators have plain ones. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { ConvPacked, DepthwisePacked, MatmulPacked, Pack, Unpack } from "../../../ir/ops/layout.ts";
import { isByte, isFloat } from "../../../ir/type.ts";
import type { WindowAttributes } from "../../../ir/window.ts";
import type { Body } from "./body.ts";
import { functionRow, type Row } from "./row.ts";
import { sliceOf, transposed } from "./shape.ts";
import { countUp } from "./slice.ts";
import type { Operand, Term } from "./term.ts";
import { padded, padsAttribute, windowAttributes } from "./window.ts";

/** Blocks last, at `axis`: `[..., blocks, ..., block]` as `[..., blocks * block, ...]`. */
function joined(n: Body, x: Term, shape: readonly Dim[], axis: number): Term {
  const rank = shape.length - 1;
  const lead = Array.from({ length: rank }, (_, d) => d);
  const perm = [...lead.slice(0, axis + 1), rank, ...lead.slice(axis + 1)];
  const whole = shape.slice(0, -1).with(axis, dim.mul(shape[axis]!, shape[rank]!));
  return n.reshape(transposed(n, x, perm), whole);
}

function pack(n: Body, x: Operand, axis: number, block: number, overlaps: boolean): Term {
  const extent = x.shape[axis]!;
  const blocks = dim.ceildiv(extent, block);
  const starts = n.op("Mul", [countUp(n, blocks), n.size(block)]);
  const first = overlaps ? n.op("Min", [starts, n.size(dim.sub(extent, block))]) : starts;
  const places = n.op("Add", [n.reshape(first, [blocks, 1]), countUp(n, block)]);
  const ends = x.shape.map((_, d) => (d === axis && !overlaps ? dim.sub(dim.mul(blocks, block), extent) : 0));
  const image = ends.every((e) => e === 0) ? x : n.op("Pad", [x, n.dims([...ends.map(() => 0), ...ends]), n.like(x, 0)]);
  const taken = n.op("Gather", [image, places], { axis });
  const rank = x.shape.length;
  const others = Array.from({ length: rank - axis - 1 }, (_, d) => axis + 2 + d);
  return transposed(n, taken, [...Array.from({ length: axis + 1 }, (_, d) => d), ...others, axis + 1]);
}

function convPacked(n: Body, x: Operand, w: Operand, b: Operand | undefined, a: WindowAttributes): Term {
  const [outputs, , ...rest] = w.shape as [Dim, Dim, ...Dim[]];
  const lanes = rest.at(-1)!;
  const image = joined(n, x, x.shape, 1);
  // [M, C, kernel..., c, m] to [M, m, C, c, kernel...]
  const rank = w.shape.length;
  const kernel = Array.from({ length: rank - 4 }, (_, d) => d + 2);
  const apart = transposed(n, w, [0, rank - 1, 1, rank - 2, ...kernel]);
  const channels = dim.mul(w.shape[1]!, w.shape[rank - 2]!);
  const weight = n.reshape(apart, [dim.mul(outputs, lanes), channels, ...kernel.map((d) => w.shape[d]!)]);
  const pads = padsAttribute(a.pads);
  const bias = b && n.reshape(b, [dim.mul(outputs, lanes)]);
  const y = n.op("Conv", [pads ? image : padded(n, image, a.pads), weight, bias], { ...windowAttributes(a), ...pads });
  return inBlocks(n, y, [outputs, lanes], kernel.length);
}

/** A blocked image as a plain one, with its padding. */
export function paddedImage(n: Body, x: Operand, a: WindowAttributes, padding: Operand | undefined): Term {
  const image = joined(n, x, x.shape, 1);
  return a.pads.length === 0 ? image : padded(n, image, a.pads, padding);
}

function depthwisePacked(n: Body, x: Operand, w: Operand, b: Operand | undefined, padding: Operand | undefined, a: WindowAttributes): Term {
  const rank = w.shape.length;
  const [blocks, lanes] = [w.shape[0]!, w.shape[rank - 1]!];
  const kernel = Array.from({ length: rank - 2 }, (_, d) => d + 1);
  const channels = dim.mul(blocks, lanes) as number;
  const weight = n.reshape(transposed(n, w, [0, rank - 1, ...kernel]), [channels, 1, ...kernel.map((d) => w.shape[d]!)]);
  const image = paddedImage(n, x, a, padding);
  const attributes = { ...windowAttributes(a), group: channels };
  const areBytes = [x, w].every((t) => isByte(t.dtype));
  const wide = (t: Term): Term => (isFloat(x.dtype) ? t : n.cast(t, "f64"));
  const y = areBytes
    ? n.op("ConvInteger", [image, weight], attributes, "i32")
    : n.op("Conv", [wide(image), wide(weight), b && n.reshape(b, [channels])], attributes);
  return inBlocks(n, isFloat(x.dtype) || areBytes ? y : n.cast(y, "i32"), [blocks, lanes], kernel.length);
}

/** `[n, M * m, spatial...]` as `[n, M, spatial..., m]`. */
export function inBlocks(n: Body, y: Term, [blocks, lanes]: readonly [Dim, Dim], spatialRank: number): Term {
  const spatial = Array.from({ length: spatialRank }, (_, d) => d + 3);
  const split = n.op("Reshape", [y, n.op("Concat", [n.ints([0]), n.dims([blocks, lanes]), shapeFrom(n, y)], { axis: 0 })]);
  return transposed(n, split, [0, 1, ...spatial, 2]);
}

/** The spatial extents of a value. */
const shapeFrom = (n: Body, y: Term): Term => sliceOf(n, n.op("Shape", [y], {}, "i64"), 0, 2, 2 ** 31);

function matmulPacked(n: Body, a: Operand, b: Operand, columns: number): Term {
  const [blocks, inner, width] = b.shape as [number, Dim, number];
  const wide = n.reshape(transposed(n, b, [1, 0, 2]), [inner, dim.mul(blocks, width)]);
  return n.op("MatMul", [a, columnsOf(n, wide, [blocks, width], columns)]);
}

/** Columns of the last block overlap those before it: they are taken from their places. */
export function columnsOf(n: Body, wide: Term, [blocks, width]: readonly [number, number], columns: number): Term {
  const lastStart = columns - width;
  const place = (j: number): number => (j < (blocks - 1) * width ? j : (blocks - 1) * width + (j - lastStart));
  return n.op("Gather", [wide, n.ints(Array.from({ length: columns }, (_, j) => place(j)))], { axis: 1 });
}

export const layoutRows: readonly Row[] = [
  functionRow(Pack, (n, { x }, { axis, block, tail }) => pack(n, x, normalizeAxis(axis, x.shape.length), block, tail === "overlap")),
  functionRow(Unpack, (n, { x }, { axis, extent }) => {
    const a = normalizeAxis(axis, x.shape.length - 1);
    const whole = joined(n, x, x.shape, a);
    return dim.mul(x.shape[a]!, x.shape.at(-1)!) === extent ? whole : sliceOf(n, whole, a, 0, extent);
  }),
  functionRow(ConvPacked, (n, { x, w, b }, a) => convPacked(n, x, w, b, a)),
  functionRow(DepthwisePacked, (n, { x, w, b, padding }, a) => depthwisePacked(n, x, w, b, padding, a)),
  functionRow(MatmulPacked, (n, { a, b }, { columns }) => matmulPacked(n, a, b, columns)),
];
