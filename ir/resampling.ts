/**
 * Where each output element of a resized axis lies in the input: ONNX's coordinate transformations as exact fractions
 * `numerator / denominator`, so that no rounding moves an element to its neighbour.
 */
import * as dim from "./dim.ts";
import type { Dim } from "./dim.ts";

export const coordinateModes = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] as const;
export type CoordinateMode = (typeof coordinateModes)[number];

/** `simple`: down when the axis grows, up when it shrinks, as Resize 10 rounds. */
export const nearestModes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"] as const;
export type NearestMode = (typeof nearestModes)[number];

/** One resized axis: `scale` is `up / down`, which need not be `output / input` exactly. */
export interface ResizedAxis {
  readonly input: Dim;
  readonly output: Dim;
  readonly up: Dim;
  readonly down: Dim;
}

export interface Fraction {
  readonly numerator: Dim;
  /** Positive. */
  readonly denominator: Dim;
}

/** Largest denominator of a scale that is looked for. */
const mostDown = 1 << 14;

/** The simplest fraction that is `scale` in f32, by continued fractions. */
export function scaleFraction(scale: number): { readonly up: number; readonly down: number } {
  let [a, b, c, d] = [0, 1, 1, 0];
  let rest = scale;
  for (;;) {
    const whole = Math.floor(rest);
    [a, b, c, d] = [c, d, whole * c + a, whole * d + b];
    if (Math.fround(c / d) === Math.fround(scale) || d > mostDown || rest === whole) return { up: c, down: d };
    rest = 1 / (rest - whole);
  }
}

/** The extent that an axis has after scaling, `floor(extent * scale)`, the product of numbers rounded to f32 as ONNX Runtime does. */
export function scaledExtent(extent: Dim, scale: number): Dim {
  if (typeof extent === "number") return Math.floor(Math.fround(extent * Math.fround(scale)));
  const { up, down } = scaleFraction(scale);
  return dim.floordiv(dim.mul(extent, up), down);
}

/** The axis as `scale` resizes it, or, without one, its two extents. */
export function resizedAxis(input: Dim, output: Dim, scale?: number): ResizedAxis {
  if (scale !== undefined) return { input, output, ...scaleFraction(scale) };
  if (typeof input !== "number" || typeof output !== "number") return { input, output, up: output, down: input };
  const shared = Math.max(1, dim.gcd(input, output));
  return { input, output, up: output / shared, down: input / shared };
}

/** The position in the input of output element `o`; every mode but `tf_crop_and_resize`, which is not exact. */
export function position(mode: Exclude<CoordinateMode, "tf_crop_and_resize">, axis: ResizedAxis, o: Dim): Fraction {
  const { input, output, up, down } = axis;
  const twice = dim.mul(dim.add(dim.mul(2, o), 1), down);
  switch (mode) {
    case "asymmetric":
      return { numerator: dim.mul(o, down), denominator: up };
    case "align_corners":
      return alignCorners(axis, o);
    case "tf_half_pixel_for_nn":
      return { numerator: twice, denominator: dim.mul(2, up) };
    case "half_pixel_symmetric": {
      const middle = dim.mul(dim.sub(input, 1), up);
      return { numerator: dim.add(middle, twice, dim.neg(dim.mul(output, down))), denominator: dim.mul(2, up) };
    }
    case "pytorch_half_pixel":
      return output === 1 ? { numerator: -1, denominator: 2 } : { numerator: dim.sub(twice, up), denominator: dim.mul(2, up) };
    case "half_pixel":
      return { numerator: dim.sub(twice, up), denominator: dim.mul(2, up) };
  }
}

/** `o * (input - 1) / (scaled input - 1)`, 0 for a single output. */
function alignCorners({ input, output, up, down }: ResizedAxis, o: Dim): Fraction {
  const isWhole = dim.mul(input, up) === dim.mul(output, down);
  const steps = isWhole ? dim.sub(output, 1) : dim.sub(dim.mul(input, up), down);
  const numerator = dim.mul(o, dim.sub(input, 1));
  return { numerator: isWhole ? numerator : dim.mul(numerator, down), denominator: dim.max(1, steps) };
}

export const floorOf = ({ numerator, denominator }: Fraction): Dim => dim.floordiv(numerator, denominator);
const ceilOf = ({ numerator, denominator }: Fraction): Dim => dim.neg(floorOf({ numerator: dim.neg(numerator), denominator }));

/** The element nearest to a position, before it is brought inside the axis. */
export function nearestTo(mode: NearestMode, { numerator, denominator }: Fraction, shrinks: boolean): Dim {
  const twice = { numerator: dim.mul(2, numerator), denominator: dim.mul(2, denominator) };
  switch (mode) {
    case "floor":
      return floorOf({ numerator, denominator });
    case "ceil":
      return ceilOf({ numerator, denominator });
    case "simple":
      return shrinks ? ceilOf({ numerator, denominator }) : floorOf({ numerator, denominator });
    case "round_prefer_floor":
      return ceilOf({ ...twice, numerator: dim.sub(twice.numerator, denominator) });
    case "round_prefer_ceil":
      return floorOf({ ...twice, numerator: dim.add(twice.numerator, denominator) });
  }
}
