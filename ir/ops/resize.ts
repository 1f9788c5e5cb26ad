/** Resizing of any axes: nearest, linear and cubic, with and without antialiasing. */
import { choice, dims, flag, float, floats } from "../attribute.ts";
import { type AttributesOf, defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import {
  add,
  and,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  type Expr,
  i64,
  index,
  le,
  load,
  lt,
  makeBuffer,
  mul,
  not,
  or,
  select,
  sub,
  toDim,
  unary,
} from "../expr.ts";
import { clampToAxis, cubicFar, cubicNear, cubicWeights, interpolate, linearWeights, splitFloor, type Tap } from "../interpolation.ts";
import { coordinateModes, floorOf, nearestModes, nearestTo, position, type ResizedAxis, resizedAxis } from "../resampling.ts";
import { pointwise, reduction, type Stage, sum } from "../stage.ts";
import { type ComputeType, computeType, formatType, isInteger, tensor } from "../type.ts";
import { saturate } from "./quantize.ts";

const attributes = {
  shape: dims(undefined, "shape of the result"),
  mode: choice(["nearest", "linear", "cubic"], "nearest"),
  coordinates: choice(coordinateModes, "half_pixel", "how an output element's position in the input is found"),
  scales: floats([], "the scale of each axis, where it is not the ratio of the extents"),
  nearest_mode: choice(nearestModes, "round_prefer_floor"),
  cubic_coeff_a: float(-0.75),
  exclude_outside: flag(false, "neighbours outside the input have no weight, rather than being those at the edge"),
  antialias: flag(false, "a kernel as wide as the output's distance of elements, when an axis shrinks"),
  roi: floats([], "tf_crop_and_resize: the starts of all axes, then their ends, in shares of the extents"),
  extrapolation_value: float(0, "tf_crop_and_resize: what stands outside the input"),
};
type ResizeAttributes = AttributesOf<typeof attributes>;

/** An axis to resize, with the attributes that concern it. */
interface Resized extends ResizedAxis {
  readonly axis: number;
  readonly roi: readonly [number, number];
  readonly shrinks: boolean;
}

/** The axes that change. */
function resizedAxes(input: readonly Dim[], a: ResizeAttributes): Resized[] {
  const rank = input.length;
  return input.flatMap((extent, axis): readonly Resized[] => {
    const roi = [a.roi[axis] ?? 0, a.roi[axis + rank] ?? 1] as const;
    const scale = a.scales[axis];
    const isSame = extent === a.shape[axis] && (scale === undefined || scale === 1);
    if (isSame && (a.coordinates !== "tf_crop_and_resize" || (roi[0] === 0 && roi[1] === 1))) return [];
    const resized = resizedAxis(extent, a.shape[axis]!, scale);
    const shrinks = typeof resized.up === "number" && typeof resized.down === "number" && resized.up < resized.down;
    return [{ ...resized, axis, roi, shrinks }];
  });
}

/** Element positions of one axis, computed once per output element rather than once per output. */
interface Sampling {
  readonly axis: number;
  /** Stages that fill the tables. */
  readonly stages: readonly Stage[];
  /** Number of neighbours that count. */
  readonly count: number;
  /** Neighbour `t` of output element `o`. */
  readonly tap: (t: Dim, o: Dim) => Tap<Dim>;
  /** Whether output element `o` lies outside the input. */
  readonly outside: (o: Dim) => Expr;
}

const never = constant("bool", 0);

/** The position of `o` as a float: `start * (input - 1) + o * (end - start) * (input - 1) / (output - 1)`. */
function cropPosition({ input, output, roi: [start, end] }: Resized, o: Dim, real: ComputeType): Expr {
  const number = (d: Dim): Expr => convert(index(d), real);
  const last = number(dim.sub(input, 1));
  const value = (x: number): Expr => constant(real, x);
  if (output === 1) return mul(value((start + end) / 2), last);
  return add(mul(value(start), last), div(mul(mul(number(o), value(end - start)), last), number(dim.sub(output, 1))));
}

function nearestFloat(x: Expr, mode: ResizeAttributes["nearest_mode"], shrinks: boolean): Expr {
  const half = constantLike(x, 0.5);
  switch (mode) {
    case "floor":
      return unary("floor", x);
    case "ceil":
      return unary("ceil", x);
    case "simple":
      return unary(shrinks ? "ceil" : "floor", x);
    case "round_prefer_floor":
      return unary("ceil", sub(x, half));
    case "round_prefer_ceil":
      return unary("floor", add(x, half));
  }
}

const table = (name: string, shape: readonly Dim[]): Buffer => makeBuffer(name, "i32", shape);
const insideAxis = (d: Dim, extent: Dim): Dim => dim.max(0, dim.min(dim.sub(extent, 1), d));

/** Nearest neighbours; whole ratios need no table, so that they fuse as reshapes do. */
function nearestSampling(r: Resized, a: ResizeAttributes): Sampling {
  if (a.coordinates === "tf_crop_and_resize") return croppedNearest(r, a);
  const mode = a.coordinates;
  const source = (o: Dim): Dim => {
    const nearest = nearestTo(a.nearest_mode, position(mode, r, o), r.shrinks);
    const repeats = dim.exactDiv(r.output, r.input);
    return repeats !== undefined && nearest === dim.floordiv(o, repeats) ? nearest : insideAxis(nearest, r.input);
  };
  const isWhole = dim.exactDiv(r.up, r.down) !== undefined || dim.exactDiv(r.down, r.up) !== undefined;
  if (isWhole) return { axis: r.axis, stages: [], count: 1, tap: (_, o) => ({ at: source(o) }), outside: () => never };
  const nearest = table("nearest", [r.output]);
  const fill = pointwise(nearest, ([o]) => convert(index(source(o!)), "i32"));
  return { axis: r.axis, stages: [fill], count: 1, tap: (_, o) => ({ at: toDim(load(nearest, [o])) }), outside: () => never };
}

function croppedNearest(r: Resized, a: ResizeAttributes): Sampling {
  const nearest = table("nearest", [r.output]);
  const outside = makeBuffer("outside", "bool", [r.output]);
  const stages = [
    pointwise(nearest, ([o]) =>
      convert(clampToAxis(convert(nearestFloat(cropPosition(r, o!, "f32"), a.nearest_mode, r.shrinks), "i64"), r.input), "i32"),
    ),
    pointwise(outside, ([o]) => isOutside(cropPosition(r, o!, "f32"), r.input)),
  ];
  return { axis: r.axis, stages, count: 1, tap: (_, o) => ({ at: toDim(load(nearest, [o])) }), outside: (o) => load(outside, [o]) };
}

const isOutside = (x: Expr, extent: Dim): Expr => not(and(le(constantLike(x, 0), x), le(x, convert(index(dim.sub(extent, 1)), x.dtype))));

/** The element at or below the position of `o`, and how far behind it the position lies. */
function split(r: Resized, a: ResizeAttributes, o: Dim, real: ComputeType): { base: Expr; fraction: Expr } {
  if (a.coordinates === "tf_crop_and_resize") return splitFloor(cropPosition(r, o, real));
  const at = position(a.coordinates, r, o);
  const rest = convert(index(dim.mod(at.numerator, at.denominator)), real);
  return { base: index(floorOf(at)), fraction: div(rest, convert(index(at.denominator), real)) };
}

/** Number of neighbours that have weight, and the first one's distance from the base. */
function footprint(r: Resized, a: ResizeAttributes): { count: number; first: number; scale: number } {
  const reach = a.mode === "cubic" ? 2 : 1;
  if (!a.antialias || !r.shrinks) return { count: 2 * reach, first: 1 - reach, scale: 1 };
  const scale = Number(r.up) / Number(r.down);
  const first = Math.floor(-reach / scale) + 1;
  return { count: 2 - 2 * first, first, scale };
}

/** The kernel at a distance, stretched by `scale`. */
function stretched(distance: Expr, scale: number, a: ResizeAttributes): Expr {
  const d = mul(unary("abs", distance), constantLike(distance, scale));
  const [zero, one, two] = [0, 1, 2].map((v) => constantLike(d, v)) as [Expr, Expr, Expr];
  if (a.mode === "linear") return select(lt(d, one), sub(one, d), zero);
  return select(le(d, one), cubicNear(d, a.cubic_coeff_a), select(lt(d, two), cubicFar(d, a.cubic_coeff_a), zero));
}

/** Weighted neighbours: tables of indices and weights, `[tap, output]`. */
function weightedSampling(r: Resized, a: ResizeAttributes, real: "f32" | "f64"): Sampling {
  const { count, first, scale } = footprint(r, a);
  const isStretched = scale !== 1;
  const [indices, raw, weights] = [
    table("neighbours", [count, r.output]),
    makeBuffer("raw", real, [count, r.output]),
    makeBuffer("weights", real, [count, r.output]),
  ];
  const total = makeBuffer("total", real, [r.output]);
  const tapIndex = (t: Dim, o: Dim): Expr => add(split(r, a, o, real).base, index(dim.add(t, first)));
  const kernel = (t: Dim, fraction: Expr): Expr => {
    const weightsHere = a.mode === "linear" ? linearWeights(fraction) : cubicWeights(fraction, a.cubic_coeff_a);
    if (isStretched) return stretched(sub(convert(index(dim.add(t, first)), real), fraction), scale, a);
    return weightsHere.reduceRight((otherwise, w, k) => (k === count - 1 ? w : select(le(index(t), i64(k)), w, otherwise)));
  };
  const rawWeight = ([t, o]: readonly Dim[]): Expr => {
    const weight = kernel(t!, split(r, a, o!, real).fraction);
    const at = tapIndex(t!, o!);
    return a.exclude_outside ? select(and(le(i64(0), at), lt(at, index(r.input))), weight, constantLike(weight, 0)) : weight;
  };
  const fill = pointwise(indices, ([t, o]) => convert(clampToAxis(tapIndex(t!, o!), r.input), "i32"));
  const isNormalised = a.exclude_outside || isStretched;
  const stages = isNormalised
    ? [
        fill,
        pointwise(raw, rawWeight),
        reduction(total, [count], ([o], [t]) => sum(load(raw, [t!, o!]))),
        pointwise(weights, ([t, o]) => div(load(raw, [t!, o!]), load(total, [o!]))),
      ]
    : [fill, pointwise(weights, rawWeight)];
  const tap = (t: Dim, o: Dim): Tap<Dim> => ({ at: toDim(load(indices, [t, o])), weight: load(weights, [t, o]) });
  const isCropped = a.coordinates === "tf_crop_and_resize";
  return { axis: r.axis, stages, count, tap, outside: (o) => (isCropped ? isOutside(cropPosition(r, o, real), r.input) : never) };
}

/** All axes at once: the result is a sum over the neighbours of every axis. */
function resample(x: Buffer, y: Buffer, samplings: readonly Sampling[], a: ResizeAttributes): Stage {
  return pointwise(y, (at) => {
    const element = (chosen: readonly Dim[]): Expr => {
      const indices = [...at];
      samplings.forEach((s, k) => (indices[s.axis] = chosen[k]!));
      const value = load(x, indices);
      return a.mode === "nearest" ? value : convert(value, realTypeOf(x));
    };
    const value = interpolate(
      samplings.map((s) => Array.from({ length: s.count }, (_, t) => s.tap(t, at[s.axis]!))),
      element,
    );
    const outside = or(...samplings.map((s) => s.outside(at[s.axis]!)));
    return store(
      select(
        outside,
        constantLike(value, value.dtype === "i64" ? BigInt(Math.trunc(a.extrapolation_value)) : a.extrapolation_value),
        value,
      ),
      y,
    );
  });
}

const realTypeOf = (x: Buffer): "f32" | "f64" => (x.dtype === "f64" ? "f64" : "f32");

/** A float as an element of `y`: integers are truncated and saturated. */
function store(value: Expr, y: Buffer): Expr {
  const type = computeType(y.dtype);
  const isReal = value.dtype === "f32" || value.dtype === "f64";
  return convert(isReal && isInteger(y.dtype) && type === "i32" ? saturate(value, y.dtype) : value, type);
}

/** One axis after the other, each a fold over its neighbours: for wide kernels. */
function resampleByAxis(x: Buffer, y: Buffer, samplings: readonly Sampling[], a: ResizeAttributes): Stage[] {
  let from = x;
  return samplings.map((s, k) => {
    const isLast = k === samplings.length - 1;
    const source = from;
    const shape = source.shape.map((e, d) => (d === s.axis ? a.shape[d]! : e));
    const to = isLast ? y : makeBuffer("resized", realTypeOf(x), shape);
    from = to;
    return reduction(
      to,
      [s.count],
      (at, [t]) => {
        const tap = s.tap(t!, at[s.axis]!);
        return sum(mul(tap.weight!, convert(load(source, at.with(s.axis, tap.at)), realTypeOf(x))));
      },
      (value) => (isLast ? store(value, y) : value),
    );
  });
}

export const Resize = defineOp({
  name: "resize",
  summary: "`x` with other extents, its elements interpolated at the positions that `coordinates` gives (ONNX Resize).",
  operands: { x: operand },
  attributes,
  infer({ x }, a) {
    const fits = a.shape.length === x.shape.length && (a.scales.length === 0 || a.scales.length === x.shape.length);
    if (!fits || (a.roi.length > 0 && a.roi.length !== 2 * x.shape.length))
      throw new OpError(`extents, scales or region do not fit ${formatType(x)}`, "bad-attribute");
    if (a.scales.some((s) => !(s > 0))) throw new OpError("a scale is not positive", "bad-attribute");
    return tensor(x.dtype, a.shape);
  },
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const axes = resizedAxes(x.shape, a);
    if (axes.length === 0) return [pointwise(y!, (at) => load(x, at))];
    const samplings = axes.map((r) => (a.mode === "nearest" ? nearestSampling(r, a) : weightedSampling(r, a, realTypeOf(x))));
    const tables = samplings.flatMap((s) => s.stages);
    if (a.antialias && a.mode !== "nearest" && a.coordinates !== "tf_crop_and_resize")
      return [...tables, ...resampleByAxis(x, y!, samplings, a)];
    return [...tables, resample(x, y!, samplings, a)];
  },
});
