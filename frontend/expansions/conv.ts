/** Convolutions of other ranks, with biases, with zero points. */
import type { Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { ConvTranspose } from "../../ir/ops/conv-transpose.ts";
import { Conv, ConvInteger } from "../../ir/ops/conv.ts";
import { type Expander, expansion, type NamedExpansion } from "./expander.ts";

type Pair = readonly [Dim, Dim];

/** A bias per channel added to an image. */
export const addBias = (e: Expander, y: Value, b: Value): Value =>
  e.f.add(y, e.reshape(b, [b.tensor.shape[0]!, ...y.tensor.shape.slice(2).map(() => 1)]));

/** A line as an image of one row. */
const asImage = (e: Expander, x: Value): Value => e.reshape(x, [...x.tensor.shape.slice(0, 2), 1, x.tensor.shape[2]!]);
const asLine = (e: Expander, y: Value): Value => e.reshape(y, [...y.tensor.shape.slice(0, 2), y.tensor.shape[3]!]);

export const inFront = <T>(list: readonly T[], first: T, rank: number): readonly T[] => (list.length === rank ? [first, ...list] : []);

const conv = expansion(Conv, ({ x, w, b }, a, e) => {
  if (b) return addBias(e, e.create(Conv, { x, w }, a), b);
  if (x.tensor.shape.length !== 3) return undefined;
  const window = { strides: inFront(a.strides, 1, 1), dilations: inFront(a.dilations, 1, 1), pads: inFront<Pair>(a.pads, [0, 0], 1) };
  return asLine(e, e.create(Conv, { x: asImage(e, x), w: asImage(e, w) }, { ...a, ...window }));
});

const convTranspose = expansion(ConvTranspose, ({ x, w, b }, a, e) => {
  if (b) return addBias(e, e.create(ConvTranspose, { x, w }, a), b);
  if (x.tensor.shape.length !== 3) return undefined;
  const window = {
    strides: inFront(a.strides, 1, 1),
    dilations: inFront(a.dilations, 1, 1),
    pads: inFront<Pair>(a.pads, [0, 0], 1),
    output_padding: inFront<Dim>(a.output_padding, 0, 1),
  };
  return asLine(e, e.create(ConvTranspose, { x: asImage(e, x), w: asImage(e, w) }, { ...a, ...window }));
});

/** Sums of so many products of 8 bits are exact in f32. */
const mostProducts = 2 ** 8;

/** In floats, which hold the sums exactly; padding counts as the zero point, so it is made before. */
const integer = expansion(ConvInteger, ({ x, w, x_zero_point, w_zero_point }, a, e) => {
  const products = w.tensor.shape.slice(1).reduce<number>((p, d) => p * (typeof d === "number" ? d : Infinity), 1);
  const real = products < mostProducts ? "f32" : "f64";
  const centred = (v: Value, zero: Value | undefined): Value => {
    const wide = e.cast(v, real);
    if (!zero) return wide;
    const { shape } = zero.tensor;
    const isVector = shape.length === 1 && shape[0] !== 1;
    return e.f.sub(
      wide,
      e.cast(isVector ? e.reshape(zero, [shape[0]!, ...v.tensor.shape.slice(1).map(() => 1)]) : e.reshape(zero, []), real),
    );
  };
  const y = e.create(Conv, { x: centred(x, x_zero_point), w: centred(w, w_zero_point) }, a);
  return e.cast(y, "i32");
});

export const convExpansions: readonly NamedExpansion[] = [conv, convTranspose, integer];
