/** Scales and zero points of tensors of a file, and constants with them. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { ConstantOp, constantValue } from "../../ir/ops/constant.ts";
import { Add } from "../../ir/ops/elementwise.ts";
import { DequantizeLinear } from "../../ir/ops/quantize.ts";
import { Reshape } from "../../ir/ops/shape.ts";
import { byteSize, type DType, integerBits, isInteger, isUnsigned, tensor } from "../../ir/type.ts";
import { permutedData } from "../permuted-data.ts";
import { permuted } from "./layout.ts";
import type { LiteQuantParam, LiteTensor } from "./messages.ts";
import type { Arrangement } from "./node.ts";
import type { Session } from "./session.ts";
import { dtypeOfId } from "./type-id.ts";
import type { Quantisation } from "./value.ts";

/** The parameters that mean something, one for all elements or one per channel. */
const parametersOf = (t: LiteTensor): readonly LiteQuantParam[] => (t.quantParams.some((p) => p.inited) ? t.quantParams : []);

/** How an activation is quantised; undefined where it is not. */
export function quantisationOf(t: LiteTensor): Quantisation | undefined {
  const [p, ...more] = parametersOf(t);
  const dtype = dtypeOfId(t.dataType);
  if (!p || dtype === undefined || !isInteger(dtype) || integerBits(dtype) > 32) return undefined;
  if (more.length > 0) throw new OpError(`the activation '${t.name}' has a scale per channel`, "unsupported-type");
  return { dtype, parameters: (builder) => parameterValues(builder, [p], dtype, false) };
}

function parameterValues(
  builder: Builder,
  all: readonly LiteQuantParam[],
  dtype: DType,
  perChannel: boolean,
): { readonly scale: Value; readonly zero_point: Value } {
  const shape = perChannel ? [all.length] : [];
  const [low, high] = rangeOf(dtype);
  const points = all.map((p) => p.zeroPoint);
  if (points.some((z) => z < low || z > high)) throw new OpError(`a zero point is no ${dtype}`, "bad-attribute");
  const scales = all.map((p) => Math.fround(p.scale * (perChannel ? varianceOf(p) : 1)));
  if (scales.some((s) => !Number.isFinite(s))) throw new OpError("a scale is not a number", "bad-attribute");
  return { scale: constantValue(builder, "f32", shape, scales), zero_point: constantValue(builder, dtype, shape, points) };
}

/** What spread weights lost to rounding; the file's runtime takes it for 1 where it is out of bounds. */
const varianceOf = (p: LiteQuantParam): number => (p.varCorr >= 0 && p.varCorr <= 10 ? p.varCorr : 1);

function rangeOf(dtype: DType): readonly [number, number] {
  const bits = integerBits(dtype);
  return isUnsigned(dtype) ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/** A constant of the file with its axes put in order: real numbers, computed from integers where it is quantised. */
export function constantIn(session: Session, builder: Builder, t: LiteTensor, { perm, axis }: Arrangement): Value {
  const { type, data } = session.constant(t);
  const shape = type.shape as readonly number[];
  if (perm && perm.length !== shape.length)
    throw new OpError(`the weights '${t.name}' have ${shape.length} axes`, "bad-operand", { expected: String(perm.length) });
  const arranged = perm
    ? { type: tensor(type.dtype, permuted(shape, perm)), data: permutedData(data, shape, perm, byteSize(type.dtype)) }
    : { type, data };
  const around = builder.location;
  builder.location = session.locate(t.name);
  const made = builder.create(ConstantOp, {}, { data: arranged });
  made.name = t.name;
  builder.location = around;
  const parameters = isInteger(type.dtype) && type.dtype !== "i64" && t.quantClusters.length === 0 ? parametersOf(t) : [];
  if (parameters.length === 0) return made;
  const channel = axis === undefined ? 0 : perm ? perm.indexOf(axis) : axis;
  return dequantised(builder, t, made, parameters, channel);
}

function dequantised(builder: Builder, t: LiteTensor, x: Value, all: readonly LiteQuantParam[], axis: number): Value {
  const perChannel = all.length > 1;
  if (perChannel && x.tensor.shape[axis] !== all.length)
    throw new OpError(`the weights '${t.name}' have ${all.length} scales, which do not fit axis ${axis}`, "type-mismatch");
  const { scale, zero_point } = parameterValues(builder, all, x.tensor.dtype, perChannel);
  const y = builder.create(DequantizeLinear, { x, scale, zero_point }, { axis: perChannel ? axis : x.tensor.shape.length > 1 ? 1 : 0 });
  if (!perChannel || all.every((p) => p.meanCorr === 0)) return y;
  const shape = x.tensor.shape.map((_, d) => (d === axis ? all.length : 1));
  const flat = constantValue(
    builder,
    "f32",
    [all.length],
    all.map((p) => Math.fround(p.meanCorr)),
  );
  return builder.create(Add, { a: y, b: builder.create(Reshape, { x: flat }, { shape }) });
}
