/** Weights as integers of few bits: constants become `dequantize_linear` of smaller constants. */
import type { Constant } from "../../ir/attribute.ts";
import { alignedBytes, memoryData } from "../../ir/data.ts";
import { attributesOf, Builder, type OpOf } from "../../ir/define.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { ConvTranspose } from "../../ir/ops/conv-transpose.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { Gemm, Matmul } from "../../ir/ops/matmul.ts";
import { DequantizeLinear } from "../../ir/ops/quantize.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { Transpose } from "../../ir/ops/shape.ts";
import { writeElements } from "../../ir/storage.ts";
import { type DType, staticShape, tensor } from "../../ir/type.ts";
import { constantOf } from "../canonicalize/known.ts";
import { allGraphs } from "../rewrite.ts";
import { quantizeSlice } from "./parameters.ts";

export interface WeightOptions {
  /** `mixed`: 4 bits where they are nearly as good, else 8. */
  readonly bits: 8 | 4 | "mixed";
  /** Constants with fewer elements stay as they are. */
  readonly least?: number;
}

/** What became of one constant. */
export interface QuantizedWeight {
  readonly name: string;
  readonly bits: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Power of the weights over that of their error, in decibels. */
  readonly sqnr: number;
}

const usualLeast = 64;
/** `mixed`: 4 bits are taken where the signal is so far above the error. */
const enoughSqnr = 20;

/** A constant of weights, and its axis whose slices have scales of their own; -1: one scale for all. */
export interface Weight {
  readonly value: Value;
  readonly axis: number;
}

/** The weights that the op multiplies by, whose other operand the data is. */
export function weightOf(op: Op): Weight | undefined {
  const b = op.operand(1);
  switch (op.definition) {
    case Conv:
      return constantWeight(b, 0);
    case ConvTranspose:
      return constantWeight(b, op.attributes["group"] === 1 ? 1 : -1);
    case Matmul:
      return matrixWeight(b, false);
    case Gemm:
      return matrixWeight(b, attributesOf(op as OpOf<typeof Gemm>).trans_b);
    case Gather:
      return constantWeight(op.operand(0), -1);
    default:
      return undefined;
  }
}

function constantWeight(value: Value | undefined, axis: number): Weight | undefined {
  const type = constantOf(value)?.type;
  return value && type?.dtype === "f32" && staticShape(type.shape) ? { value, axis } : undefined;
}

/** A constant matrix, perhaps transposed; its columns, as the product sees them, are the slices. */
function matrixWeight(b: Value | undefined, isTransposed: boolean): Weight | undefined {
  if (b?.tensor.shape.length !== 2) return undefined;
  if (b.op?.definition === Transpose) return matrixWeight(b.op.operand(0), !isTransposed);
  return constantWeight(b, isTransposed ? 0 : 1);
}

/** Quantises the weights of products and tables, in inner graphs too; each constant once. */
export function quantizeWeights(graph: Graph, { bits, least = usualLeast }: WeightOptions): QuantizedWeight[] {
  const done = new Map<Value, QuantizedWeight>();
  for (const g of allGraphs(graph)) {
    for (const op of g.ops()) {
      const weight = weightOf(op);
      if (!weight || done.has(weight.value)) continue;
      const c = constantOf(weight.value)!;
      if (c.data.byteLength / 4 >= least)
        done.set(weight.value, { ...replaceWeight(weight, c, bits), name: weight.value.name || op.result.name || op.name });
    }
  }
  return [...done.values()];
}

function replaceWeight({ value, axis }: Weight, c: Constant, bits: WeightOptions["bits"]): Omit<QuantizedWeight, "name"> {
  const four = bits === 8 ? undefined : quantized(c, axis, 4);
  const chosen = four && (bits === 4 || four.sqnr >= enoughSqnr) ? four : quantized(c, axis, 8);
  const dtype: DType = chosen === four ? "i4" : "i8";
  const { op } = value;
  const builder = new Builder(op!.graph!, op!.location, op!.next);
  const shape = staticShape(c.type.shape)!;
  const x = builder.create(ConstantOp, {}, { data: { type: tensor(dtype, shape), data: memoryData(asBytes(chosen.integers)) } });
  const scale = builder.create(
    ConstantOp,
    {},
    { data: { type: tensor("f32", axis < 0 ? [] : [shape[axis]!]), data: memoryData(asBytes(chosen.scales)) } },
  );
  x.name = value.name;
  const y = builder.create(DequantizeLinear, { x, scale }, { axis: Math.max(0, axis) });
  op!.graph!.replaceUses(value, y);
  y.name = "";
  const width = chosen === four ? 4 : 8;
  return {
    bits: width,
    bytesBefore: c.data.byteLength,
    bytesAfter: Math.ceil((chosen.integers.length * width) / 8),
    sqnr: chosen.sqnr,
  };
}

const asBytes = (a: Int8Array<ArrayBuffer> | Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => new Uint8Array(a.buffer);

interface Quantized {
  readonly integers: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  readonly sqnr: number;
}

function quantized(c: Constant, axis: number, bits: number): Quantized {
  const weights = new Float32Array(alignedBytes(c.data).buffer);
  const shape = staticShape(c.type.shape)!;
  const count = axis < 0 ? 1 : shape[axis]!;
  const inner = axis < 0 ? weights.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const integers = new Int8Array(weights.length);
  const scales = new Float32Array(count);
  let [signal, noise] = [0, 0];
  for (let k = 0; k < count; k++) {
    const at = slicePlaces(weights.length, count, inner, k);
    const slice = quantizeSlice(
      Float32Array.from(at, (i) => weights[i]!),
      bits,
    );
    scales[k] = slice.scale;
    at.forEach((i, j) => {
      integers[i] = slice.integers[j]!;
      signal += weights[i]! ** 2;
      noise += (weights[i]! - integers[i] * slice.scale) ** 2;
    });
  }
  return { integers, scales, sqnr: noise === 0 ? Infinity : 10 * Math.log10(signal / noise) };
}

/** What the weights lose at so many bits: `w - quantised w`, in the constant's order. */
export function quantizationError({ value, axis }: Weight, bits: number): Float32Array {
  const c = constantOf(value)!;
  const weights = new Float32Array(alignedBytes(c.data).buffer);
  const { integers, scales } = quantized(c, axis, bits);
  const shape = staticShape(c.type.shape)!;
  const inner = axis < 0 ? weights.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return weights.map((w, i) => w - integers[i]! * scales[Math.floor(i / inner) % scales.length]!);
}

/** The places of slice `k` of `count` along an axis with `inner` elements behind each of its indices. */
function slicePlaces(length: number, count: number, inner: number, k: number): Int32Array {
  const places = new Int32Array(length / count);
  for (let i = 0; i < places.length; i++) places[i] = (Math.floor(i / inner) * count + k) * inner + (i % inner);
  return places;
}

/** Stores f32 constants of at least `least` elements as f16; what overflows f16 stays. The bytes saved. */
export function halveWeights(graph: Graph, least = usualLeast): number {
  let saved = 0;
  for (const g of allGraphs(graph)) {
    for (const op of g.ops()) {
      const c = constantOf(op.results[0]);
      if (c?.type.dtype !== "f32" || c.data.byteLength / 4 < least || !staticShape(c.type.shape)) continue;
      const values = new Float32Array(alignedBytes(c.data).buffer);
      if (values.some((v) => Number.isFinite(v) && Math.abs(v) >= 65520)) continue;
      const builder = new Builder(g, op.location, op.next);
      const x = builder.create(
        ConstantOp,
        {},
        { data: { type: tensor("f16", c.type.shape), data: memoryData(writeElements("f16", Array.from(values))) } },
      );
      x.name = op.result.name;
      op.result.name = "";
      g.replaceUses(op.result, builder.create(Cast, { x }, { to: "f32" }));
      saved += c.data.byteLength / 2;
    }
  }
  return saved;
}
