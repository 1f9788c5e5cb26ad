/** Pools as ONNX's operators. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, LpPool, MaxPool, MaxPoolIndices } from "../../../ir/ops/pool.ts";
import { AdaptiveRoiAlign, MaxRoiPool, RoiAlign } from "../../../ir/ops/roi.ts";
import { MaxUnpool } from "../../../ir/ops/unpool.ts";
import { computeType, type DType, integerBits, isByte, isFloat, isInteger, isUnsigned } from "../../../ir/type.ts";
import { makeWindow, type Pads, type Window, type WindowAttributes, windowExtents } from "../../../ir/window.ts";
import type { Body } from "./body.ts";
import { folded, functionRow, row, type Row } from "./row.ts";
import { type Attributes, NeedsOpsetError, type Operand, type Term } from "./term.ts";
import { enclosingPads, padsAttribute, windowAttributes, windowElements } from "./window.ts";
import { reduced } from "./reduce.ts";
import { where } from "./elementwise.ts";
import { sliceOf } from "./shape.ts";

interface PoolAttributes extends WindowAttributes {
  readonly kernel: readonly Dim[];
  readonly ceil_mode: boolean;
}

const spatial = (x: Operand): readonly Dim[] => x.shape.slice(2);
const windowOf = (x: Operand, a: PoolAttributes): Window => makeWindow(spatial(x), a.kernel, a, a.ceil_mode);

/** The window is the whole of each plane. */
const isGlobal = (x: Operand, a: PoolAttributes): boolean =>
  spatial(x).length > 0 &&
  spatial(x).every((d, k) => d === a.kernel[k]) &&
  a.pads.flat().every((p) => p === 0) &&
  [...a.strides, ...a.dilations].every((v) => v === 1);

/** The window by attributes; undefined where ONNX has none for it. */
function poolAttributes(x: Operand, a: PoolAttributes): Attributes | undefined {
  const rounded = rounding(x, a);
  const pads = padsAttribute(rounded.pads);
  if (!pads || !a.kernel.every((k) => typeof k === "number") || spatial(x).length === 0) return undefined;
  if (pads.pads?.some((p, i) => p >= (a.kernel[i % a.kernel.length] as number))) return undefined;
  return { kernel_shape: a.kernel, ...windowAttributes(a), ...pads, ceil_mode: rounded.ceil_mode || undefined };
}

/**
 * Not all readers drop a last window that starts in the padding: where one is dropped, the pads are made to say so. Where
 * nothing is rounded there is no need to say how.
 */
function rounding(x: Operand, a: PoolAttributes): { readonly pads: Pads; readonly ceil_mode: boolean } {
  if (!a.ceil_mode) return a;
  const window = windowOf(x, a);
  const out = windowExtents(spatial(x), window);
  const isOut = (extents: readonly Dim[]): boolean => out.every((d, k) => d === extents[k]);
  if (isOut(windowExtents(spatial(x), { ...window, ceilMode: false }))) return { pads: a.pads, ceil_mode: false };
  const room = enclosingPads(spatial(x), window, out);
  const raw = spatial(x).map((extent, d) => {
    const reach = dim.add(extent, ...window.pads[d]!, dim.mul(-window.dilations[d]!, dim.sub(window.kernel[d]!, 1)), -1);
    return dim.add(dim.ceildiv(reach, window.strides[d]!), 1);
  });
  const isSymbolic = out.some((d) => typeof d !== "number");
  return isOut(raw) || isSymbolic ? { pads: a.pads, ceil_mode: true } : { pads: room, ceil_mode: false };
}

/** The least value of a type. */
function leastOf(n: Body, dtype: DType): Term {
  if (!isInteger(dtype)) return n.scalar(dtype, dtype === "bool" ? 0 : -Infinity);
  if (isUnsigned(dtype)) return n.scalar(dtype, 0);
  const least = -(2n ** BigInt(integerBits(dtype) - 1));
  return n.values(dtype, [], [computeType(dtype) === "i64" ? least : Number(least)]);
}

function maxPool(n: Body, x: Operand, a: PoolAttributes): Term {
  if (isGlobal(x, a)) return reducedMax(n, x);
  const attributes = poolAttributes(x, a);
  const isPooled = isFloat(x.dtype) || isByte(x.dtype);
  if (attributes && isPooled) return n.op("MaxPool", [x], attributes);
  return folded(n, "Max", windowElements(n, x, windowOf(x, a), { fill: leastOf(n, x.dtype) }));
}

const reducedMax = (n: Body, x: Operand): Term =>
  isFloat(x.dtype) ? n.op("GlobalMaxPool", [x]) : reduced(n, "ReduceMax", x, axesOf(x), true);
const axesOf = (x: Operand): number[] => spatial(x).map((_, d) => d + 2);

/** The type that means are computed in. */
const realOf = (dtype: DType): DType => (dtype === "f64" ? "f64" : isFloat(dtype) ? dtype : "f32");

function avgPool(n: Body, x: Operand, a: PoolAttributes & { readonly count_include_pad: boolean }): Term {
  const real = n.cast(x, realOf(x.dtype));
  if (isGlobal(x, a)) return n.op("GlobalAveragePool", [real]);
  const attributes = poolAttributes(x, a);
  const isDilated = a.dilations.some((d) => d !== 1);
  const reaches = a.ceil_mode && (a.count_include_pad || n.opset < 19);
  if (attributes && !(isDilated && n.opset < 19) && !reaches) {
    return n.op("AveragePool", [real], { ...attributes, count_include_pad: a.count_include_pad || undefined });
  }
  return writtenOutMean(n, { ...x, ...n.lift(real) }, windowOf(x, a), a.count_include_pad);
}

/** Sums of the windows' elements over sums of ones where elements count. */
function writtenOutMean(n: Body, x: Operand, window: Window, includesPads: boolean): Term {
  const total = folded(n, "Add", windowElements(n, x, window));
  const pads: Pads = includesPads ? window.pads : window.pads.map(() => [0, 0]);
  const counted = spatial(x).map((extent, d) => dim.add(extent, ...pads[d]!));
  const ones: Operand = { ...x, ...n.op("Expand", [n.like(x, 1), n.dims([1, 1, ...counted])]), shape: [1, 1, ...counted] };
  const around: Window = { ...window, pads: window.pads.map(([b, e], d) => [dim.sub(b, pads[d]![0]), dim.sub(e, pads[d]![1])]) };
  const count = folded(n, "Add", windowElements(n, ones, around, { out: windowExtents(spatial(x), window) }));
  return n.op("Div", [total, n.op("Max", [count, n.like(x, 1)])]);
}

function lpPool(n: Body, x: Operand, a: PoolAttributes & { readonly p: number }): Term {
  if (isGlobal(x, a)) return n.op("GlobalLpPool", [x], { p: a.p });
  const attributes = poolAttributes(x, a);
  const isNew = a.ceil_mode || a.dilations.some((d) => d !== 1);
  if (attributes && !(isNew && n.opset < 18)) return n.op("LpPool", [x], { ...attributes, p: a.p });
  const lifted: Operand = { ...x, ...n.lift(x) };
  const powers = windowElements(n, lifted, windowOf(x, a)).map((t) => n.op("Pow", [n.op("Abs", [t]), n.like(t, a.p)]));
  return n.op("Pow", [folded(n, "Add", powers), n.like(lifted, 1 / a.p)]);
}

interface IndexAttributes extends PoolAttributes {
  readonly within: "tensor" | "plane";
  readonly order: "row" | "column";
}

/** Positions count in the whole tensor; those in a plane are what is left of them. */
function maxPoolIndices(n: Body, x: Operand, a: IndexAttributes): Term[] {
  const attributes = poolAttributes(x, a);
  if (!attributes) throw new OpError("'max_pool_indices' with pads or extents that ONNX's window has not", "unsupported-attribute");
  const storage = { storage_order: a.order === "column" ? 1 : undefined };
  const [y, indices] = n.ops("MaxPool", [x], { ...attributes, ...storage }, { results: [undefined, "i64"] }) as [Term, Term];
  if (a.within === "tensor") return [y, indices];
  return [y, n.op("Mod", [indices, n.size(dim.product(spatial(x)))])];
}

/** One axis of an adaptive pool, its windows one by one. */
function adaptiveAxis(n: Body, x: Term, axis: number, extent: Dim, parts: Dim, reduce: string): Term {
  if (extent === parts) return x;
  if (typeof parts !== "number") throw new OpError("an adaptive pool to extents that are no numbers", "unsupported-type");
  const slices = Array.from({ length: parts }, (_, o) => {
    const end = dim.ceildiv(dim.mul(o + 1, extent), parts);
    return reduced(n, reduce, sliceOf(n, x, axis, dim.floordiv(dim.mul(o, extent), parts), end), [axis], true);
  });
  return slices.length === 1 ? slices[0]! : n.op("Concat", slices, { axis });
}

function adaptive(n: Body, x: Operand, output: readonly Dim[], kind: "max" | "avg"): Term {
  const kernel = spatial(x).map((extent, d) => dim.exactDiv(extent, output[d]!));
  const areWindows = kernel.every((k) => k !== undefined) && (output.every((d) => d === 1) || kernel.every((k) => typeof k === "number"));
  if (areWindows) {
    const strides = kernel.map((k) => (typeof k === "number" ? k : 1));
    const window = { kernel: kernel as readonly Dim[], strides, dilations: [], pads: [], ceil_mode: false };
    return kind === "max" ? maxPool(n, x, window) : avgPool(n, x, { ...window, count_include_pad: false });
  }
  const real = kind === "max" ? x : n.lift(n.cast(x, realOf(x.dtype)));
  return output.reduce<Term>(
    (t, parts, d) => adaptiveAxis(n, t, d + 2, spatial(x)[d]!, parts, kind === "max" ? "ReduceMax" : "ReduceMean"),
    real,
  );
}

interface RoiAttributes {
  readonly height: number;
  readonly width: number;
  readonly spatial_scale: number;
  readonly mode: "avg" | "max";
  readonly offset: number;
  readonly end_offset: number;
  readonly at_least_one: boolean;
}

/**
 * ONNX has two kinds of coordinates: half a pixel off with regions of any size, or not off with regions of one element at
 * least. Other offsets, and ends that are moved, are put into the regions.
 */
function roiAlign(n: Body, x: Operand, rois: Operand, batch: Operand, a: RoiAttributes, samples: number): Term {
  const isHalf = !a.at_least_one;
  if (isHalf && n.opset < 16) throw new NeedsOpsetError(16, "'roi_align' of half pixels");
  const shift = ((isHalf ? 0.5 : 0) - a.offset) / a.spatial_scale;
  const lifted = n.lift(rois);
  const moves = [shift, shift, shift + a.end_offset, shift + a.end_offset];
  const moved = moves.every((m) => m === 0) ? lifted : n.op("Add", [lifted, n.values(lifted.dtype, [4], moves)]);
  return n.op("RoiAlign", [x, n.cast(moved, x.dtype), n.cast(batch, "i64")], {
    output_height: a.height,
    output_width: a.width,
    spatial_scale: { float: a.spatial_scale },
    mode: a.mode,
    sampling_ratio: samples,
    coordinate_transformation_mode: n.opset < 16 ? undefined : isHalf ? "half_pixel" : "output_half_pixel",
  });
}

/** Zeros with the elements scattered among them; positions outside go to a place behind that is cut off. */
function maxUnpool(n: Body, x: Operand, indices: Operand, shape: readonly Dim[], indexed: readonly Dim[], isPlane: boolean): Term {
  const source = indexed.length > 0 ? indexed : shape;
  const size = dim.product(source);
  let position = n.cast(indices, "i64");
  if (isPlane) {
    const planes = dim.product(shape.slice(0, 2));
    const offsets = n.op("Mul", [n.op("Range", [n.size(0), n.size(planes), n.size(1)]), n.size(dim.product(source.slice(2)))]);
    const column = n.reshape(offsets, [...x.shape.slice(0, 2), ...spatial(x).map(() => 1)]);
    position = n.op("Add", [position, column]);
  }
  const zero = n.size(0);
  const isInside = n.op("And", [n.op("GreaterOrEqual", [position, zero], {}, "bool"), n.op("Less", [position, n.size(size)], {}, "bool")]);
  const place = n.reshape(where(n, isInside, position, n.size(size)), [-1]);
  const blank = n.op("Expand", [n.like(x, 0), n.dims([dim.add(size, 1)])]);
  const filled = n.op("ScatterElements", [blank, place, n.reshape(x, [-1])], { axis: 0 });
  const whole = n.reshape(sliceOf(n, filled, 0, 0, size), source);
  if (source.every((d, k) => d === shape[k])) return whole;
  const grown = n.op("Pad", [whole, n.dims([...shape.map(() => 0), ...shape.map((d, k) => dim.sub(d, source[k]!))]), n.like(x, 0)]);
  return grown;
}

export const poolRows: readonly Row[] = [
  row(MaxPool, (n, { x }, a) => maxPool(n, x, a)),
  row(AvgPool, (n, { x }, a) => avgPool(n, x, a)),
  row(LpPool, (n, { x }, a) => lpPool(n, x, a)),
  row(MaxPoolIndices, (n, { x }, a) => maxPoolIndices(n, x, a)),
  functionRow(AdaptiveAvgPool, (n, { x }, { output }) => adaptive(n, x, output, "avg")),
  functionRow(AdaptiveMaxPool, (n, { x }, { output }) => adaptive(n, x, output, "max")),
  row(RoiAlign, (n, { x, rois, batch }, a) => roiAlign(n, x, rois, batch, a, a.samples)),
  row(AdaptiveRoiAlign, (n, { x, rois, batch }, a) => roiAlign(n, x, rois, batch, a, 0)),
  row(MaxRoiPool, (n, { x, rois }, a) =>
    n.op("MaxRoiPool", [x, n.cast(rois, x.dtype)], { pooled_shape: [a.height, a.width], spatial_scale: { float: a.spatial_scale } }),
  ),
  functionRow(MaxUnpool, (n, { x, indices }, { shape, indexed, within }) => maxUnpool(n, x, indices, shape, indexed, within === "plane")),
];
