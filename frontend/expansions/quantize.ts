/** Quantised arithmetic by way of floats. */
import { normalizeAxis } from "../../ir/axis.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Round } from "../../ir/ops/elementwise.ts";
import { MatmulInteger, QlinearMatmul } from "../../ir/ops/matmul.ts";
import { ConvInteger, QlinearConv } from "../../ir/ops/conv.ts";
import { DequantizeLinear, DynamicQuantizeLinear, QuantizeLinear } from "../../ir/ops/quantize.ts";
import { ReduceMax, ReduceMin } from "../../ir/ops/reduce.ts";
import { computeType, type DType, integerBits, isInteger, isUnsigned } from "../../ir/type.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

const limits = (to: DType): readonly [number, number] => {
  const bits = integerBits(to);
  return isUnsigned(to) ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
};

/** A float rounded, moved by the zero point, and brought into the range of the type. */
function toInteger(e: Expander, x: Value, zero: Value | undefined, to: DType): Value {
  const { f } = e;
  const whole = e.create(Round, { x });
  const [low, high] = limits(to);
  return e.cast(f.min(f.max(zero ? f.add(whole, e.cast(zero, x.tensor.dtype)) : whole, low), high), to);
}

/** A scale or zero point so that it broadcasts to `x`: one for all, one per slice of the axis, or one per block. */
function along(e: Expander, p: Value, x: Value, axis: number, block: number): Value {
  const { shape } = x.tensor;
  if (block === 0) {
    if (p.tensor.shape.length === 0 || p.tensor.shape[0] === 1) return e.reshape(p, []);
    return e.reshape(p, [p.tensor.shape[0]!, ...shape.slice(normalizeAxis(axis, shape.length) + 1).map(() => 1)]);
  }
  const at = normalizeAxis(axis, shape.length);
  const own = p.tensor.shape;
  const wide: Dim[] = [...own.slice(0, at + 1), block, ...own.slice(at + 1)];
  const repeated = e.expand(e.reshape(p, [...own.slice(0, at + 1), 1, ...own.slice(at + 1)]), wide);
  const count = typeof own[at] === "number" ? own[at] * block : undefined;
  if (count === undefined) return repeated;
  return e.part(e.reshape(repeated, own.with(at, count)), at, 0, shape[at]!);
}

const quantize = expansion(QuantizeLinear, ({ x, scale, zero_point }, a, e) => {
  const precision = a.precision ?? scale.tensor.dtype;
  if (!isInteger(a.to) || computeType(precision) === "f64") return undefined;
  const divided = e.f.div(e.cast(x, precision), e.cast(along(e, scale, x, a.axis, a.block_size), precision));
  return toInteger(e, e.cast(divided, "f32"), zero_point && along(e, zero_point, x, a.axis, a.block_size), a.to);
});

const dequantize = expansion(DequantizeLinear, ({ x, scale, zero_point }, a, e) => {
  const wide = e.cast(x, "f32");
  const spread = (p: Value): Value => along(e, e.cast(p, "f32"), x, a.axis, a.block_size);
  const real = e.f.mul(zero_point ? e.f.sub(wide, spread(zero_point)) : wide, spread(scale));
  return e.cast(real, a.to ?? scale.tensor.dtype);
});

const dynamic = expansion(DynamicQuantizeLinear, ({ x: given }, _a, e) => {
  const { f } = e;
  const x = e.cast(given, "f32");
  const axes = x.tensor.shape.map((_, d) => d);
  const low = f.min(e.create(ReduceMin, { x }, { axes }), 0);
  const span = f.sub(f.max(e.create(ReduceMax, { x }, { axes }), 0), low);
  const scale = f.where(f.equal(span, 0), 1, f.div(span, 255));
  const zero = toInteger(e, f.div(f.neg(low), scale), undefined, "u8");
  return [toInteger(e, f.div(x, scale), zero, "u8"), scale, zero];
});

/** `saturate(round(sum * (a_scale * b_scale / y_scale)) + zero)`. */
function requantized(e: Expander, sum: Value, scales: readonly [Value, Value, Value], zero: Value): Value {
  const [a, b, y] = scales.map((s) => e.cast(s, "f32")) as [Value, Value, Value];
  return toInteger(e, e.f.mul(e.cast(sum, "f32"), e.f.div(e.f.mul(a, b), y)), zero, zero.tensor.dtype);
}

const qlinearMatmul = expansion(QlinearMatmul, (o, _a, e) => {
  const sum = e.create(MatmulInteger, { a: o.a, b: o.b, a_zero_point: o.a_zero_point, b_zero_point: o.b_zero_point });
  const rows = (p: Value): Value => (p.tensor.shape.length === 1 && p.tensor.shape[0] !== 1 ? e.reshape(p, [p.tensor.shape[0]!, 1]) : p);
  const y = requantized(e, sum, [rows(o.a_scale), o.b_scale, rows(o.y_scale)], rows(o.y_zero_point));
  return e.reshape(y, sum.tensor.shape);
});

const qlinearConv = expansion(QlinearConv, (o, a, e) => {
  const window = { strides: a.strides, dilations: a.dilations, pads: a.pads, group: a.group };
  const product = e.create(ConvInteger, { x: o.x, w: o.w, x_zero_point: o.x_zero_point, w_zero_point: o.w_zero_point }, window);
  const channels = (p: Value): Value =>
    p.tensor.shape.length === 1 && p.tensor.shape[0] !== 1
      ? e.reshape(p, [p.tensor.shape[0]!, ...o.x.tensor.shape.slice(2).map(() => 1)])
      : e.reshape(p, []);
  const sum = o.b ? e.f.add(product, e.cast(channels(o.b), "i32")) : product;
  return requantized(e, sum, [channels(o.x_scale), channels(o.w_scale), channels(o.y_scale)], channels(o.y_zero_point));
});

export const quantizeExpansions: readonly NamedExpansion[] = [quantize, dequantize, dynamic, qlinearMatmul, qlinearConv];
