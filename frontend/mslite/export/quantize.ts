/** Quantised tensors: scales and zero points become properties of the tensors, casts stand where numbers become real. */
import { constantContent } from "../../../ir/content.ts";
import type { Constant } from "../../../ir/attribute.ts";
import { alignedBytes, readData, type TensorData } from "../../../ir/data.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { DequantizeLinear, QuantizeLinear } from "../../../ir/ops/quantize.ts";
import { readElements } from "../../../ir/storage.ts";
import { byteSize, type DType, integerBits, tensor } from "../../../ir/type.ts";
import { ComputedSource } from "../../bytes.ts";
import { permutedData } from "../../permuted-data.ts";
import { type Layout, permuted, toLast } from "../layout.ts";
import { idOfDtype } from "../type-id.ts";
import { packBits } from "../packed-bits.ts";
import { constantView, type Emitter } from "./emitter.ts";
import type { QuantMessage } from "./model.ts";
import { attribute, axisOf, type Rows } from "./row.ts";

export interface Parameters {
  readonly messages: readonly QuantMessage[];
  /** Of scales per channel, in the graph's order of axes. */
  readonly axis: number | undefined;
}

/** Types that a file can hold quantised. */
const widths: ReadonlyMap<DType, number> = new Map([
  ["i2", 2],
  ["i4", 4],
  ["i8", 8],
  ["u8", 8],
  ["i16", 16],
  ["i32", 32],
]);

/** The scales and zero points of a quantize or dequantize op; undefined where they are no constants or go by blocks. */
export function parametersOf(op: Op, dtype: DType): Parameters | undefined {
  const numBits = widths.get(dtype);
  const scales = op.operand(1) && elementsOf(op.operand(1)!);
  const points = op.operand(2) ? elementsOf(op.operand(2)!) : scales?.map(() => 0);
  if (
    numBits === undefined ||
    !scales ||
    scales.length === 0 ||
    points?.length !== scales.length ||
    attribute<number>(op, "block_size") !== 0
  )
    return undefined;
  if (op.operand(1)!.tensor.dtype !== "f32") return undefined;
  const messages = scales.map((scale, i) => ({ scale, zeroPoint: points[i]!, numBits, inited: true as const }));
  return { messages, axis: scales.length === 1 ? undefined : axisOf(op) };
}

function elementsOf(v: Value): number[] | undefined {
  const view = constantView(v);
  if (!view) return constantContent(v);
  const { type, data } = view.constant;
  return readElements(type.dtype, alignedBytes(data)).map(Number);
}

/** The integers of a constant that is made real by a dequantize op, if a file can hold it so. */
function integersOf(
  v: Value,
): { readonly op: Op; readonly constant: Constant; readonly name: string; readonly parameters: Parameters } | undefined {
  const { op } = v;
  if (op?.definition !== DequantizeLinear || v.tensor.dtype !== "f32") return undefined;
  const view = constantView(op.operand(0)!);
  const parameters = view && parametersOf(op, view.constant.type.dtype);
  return view && parameters && { op, ...view, parameters };
}

/**
 * The tensor of weights: quantised ones as integers, when their scales belong to all elements or to `axis` (in the graph's
 * order of axes); else as real numbers.
 */
export function weightTensor(e: Emitter, v: Value, layout: Layout, axis: number): number {
  const found = integersOf(v);
  const known = e.quantised.get(v)?.get(layout);
  if (!found || (found.parameters.axis !== undefined && found.parameters.axis !== axis)) return e.get(v, layout);
  if (known !== undefined) return known;
  const index = integerTensor(e, found.constant, found.name || v.name, found.parameters, layout);
  e.quantised.set(v, new Map(e.quantised.get(v)).set(layout, index));
  return index;
}

/** Whether weights can be quantised in the file. */
export const isQuantisedWeight = (v: Value, axis: number): boolean => {
  const found = integersOf(v);
  return found !== undefined && (found.parameters.axis === undefined || found.parameters.axis === axis);
};

function integerTensor(e: Emitter, { type, data }: Constant, name: string, { messages }: Parameters, layout: Layout): number {
  const shape = type.shape as readonly number[];
  const isMoved = layout === "last" && shape.length === 4;
  const moved = isMoved ? permutedData(data, shape, toLast, byteSize(type.dtype)) : data;
  const bits = integerBits(type.dtype);
  const stored = bits < 8 ? packed(moved, bits) : moved;
  const dtype = bits < 8 ? "i8" : type.dtype;
  return e.addConstant(name, tensor(dtype, isMoved ? permuted(shape, toLast) : shape), stored, isMoved ? "NHWC" : "NCHW", messages);
}

/** Integers of a byte each, in as many bits as they need. */
function packed(data: TensorData, bits: number): TensorData {
  const size = Math.ceil((data.byteLength * bits) / 8);
  const read = (offset: number, length: number): Uint8Array => {
    const bytes = readData(data);
    return packBits(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), bits).subarray(offset, offset + length);
  };
  return { source: new ComputedSource(data.source.name, size, read), offset: 0, byteLength: size };
}

/** The real numbers of a dequantize op: a cast of the quantised tensor, or its formula where the tensor has no scale. */
export function dequantisedTensor(e: Emitter, op: Op): number {
  const x = op.operand(0)!;
  const view = constantView(x);
  const parameters = parametersOf(op, x.tensor.dtype);
  const source = view && parameters ? integerTensor(e, view.constant, view.name, parameters, "second") : quantisedActivation(e, op);
  const result = e.addTensor(op.result.name, op.result.tensor, "NCHW");
  if (source === undefined || op.result.tensor.dtype !== "f32") return formula(e, op, result);
  castNode(e, idOfDtype(x.tensor.dtype) ?? 32, 43, source, result, parameters!.axis);
  return result;
}

function castNode(e: Emitter, src_t: number, dst_t: number, x: number, y: number, axis: number | undefined): void {
  e.addNode("QuantDTypeCast", { src_t, dst_t, axis: axis ?? 0 }, [x], [y], "QUANT_NONE");
}

/** The tensor that a dequantize op takes, when it is the result of quantising with the same numbers. */
export function quantisedActivation(e: Emitter, op: Op): number | undefined {
  const maker = op.operand(0)!.op;
  if (op.definition !== DequantizeLinear || maker?.definition !== QuantizeLinear) return undefined;
  const [made, wanted] = [maker, op].map((o) => parametersOf(o, op.operand(0)!.tensor.dtype));
  if (!made || !wanted || made.axis !== undefined || JSON.stringify(made) !== JSON.stringify(wanted)) return undefined;
  return e.get(op.operand(0)!);
}

/** `(x - zero point) * scale`, where both broadcast. */
function formula(e: Emitter, op: Op, result: number): number {
  const x = op.operand(0)!;
  const { dtype, shape } = op.result.tensor;
  const real = (v: Value): number => {
    const y = e.addTensor("", tensor(dtype, v.tensor.shape), "NCHW");
    e.node("Cast", {}, [e.get(v), e.int(dtype === "f16" ? 42 : 43)], [y]);
    const isVector = v !== x && v.tensor.shape.length === 1 && v.tensor.shape[0] !== 1;
    return isVector ? e.reshaped(y, dtype, [v.tensor.shape[0]!, ...shape.slice(axisOf(op) + 1).map(() => 1)]) : y;
  };
  let value = real(x);
  const zero = op.operand(2);
  if (zero) {
    const moved = e.addTensor("", op.result.tensor, "NCHW");
    e.node("SubFusion", {}, [value, real(zero)], [moved]);
    value = moved;
  }
  e.node("MulFusion", {}, [value, real(op.operand(1)!)], [result]);
  return result;
}

export const perTensor = (op: Op): Parameters | undefined => {
  const p = parametersOf(op, op.result.tensor.dtype);
  return p?.axis === undefined ? p : undefined;
};

export const quantizeRows: Rows = {
  quantize_linear: {
    accepts: (op) =>
      op.operand(0)!.tensor.dtype === "f32" && ["i8", "u8", "i16"].includes(op.result.tensor.dtype) && perTensor(op) !== undefined,
    emit(e, op) {
      castNode(
        e,
        43,
        idOfDtype(op.result.tensor.dtype)!,
        e.get(op.operand(0)!),
        e.result(op.result, "second", perTensor(op)!.messages),
        undefined,
      );
    },
  },
  // Made where their results are needed.
  dequantize_linear: {
    accepts: (op) =>
      attribute<number>(op, "block_size") === 0 &&
      ["f32", "f16"].includes(op.result.tensor.dtype) &&
      widths.has(op.operand(0)!.tensor.dtype),
    emit: () => undefined,
  },
};
