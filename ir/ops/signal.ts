/** Spectra, frames and windows. Complex numbers are the last axis: real and imaginary part. */
import * as attribute from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add as plus, type Dim, floordiv, max as greater, mod, mul as times, sub as minus } from "../dim.ts";
import {
  add,
  and,
  binary,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  eq,
  type Expr,
  floordiv as floorOf,
  index,
  le,
  load,
  lt,
  makeBuffer,
  mul,
  neg,
  select,
  sub,
  unary,
} from "../expr.ts";
import { isInside, pointwise, pointwiseAll, reduction, sum } from "../stage.ts";
import { computeType, formatType, type DType, isFloat, isInteger, type TensorType, tensor } from "../type.ts";

const f64 = (value: number): Expr => constant("f64", value);
const asF64 = (d: Dim): Expr => convert(index(d), "f64");

function expectNumbers(dtype: DType): void {
  if (!isFloat(dtype) && !isInteger(dtype)) throw new OpError(`the result cannot be ${dtype}`, "unsupported-type", { expected: "numbers" });
}

/** Number of bins of a one-sided spectrum: those of the frequencies from 0 to half the sampling rate. */
export const oneSidedBins = (length: Dim): Dim => plus(floordiv(length, 2), 1);

function checkSpectrum(x: TensorType, axis: number): number {
  const parts = x.shape.at(-1);
  if (!isFloat(x.dtype)) throw new OpError("a transform needs floats", "unsupported-type", { received: x.dtype });
  if (x.shape.length < 2 || (parts !== 1 && parts !== 2))
    throw new OpError("the last axis must have real parts or real and imaginary ones", "type-mismatch", { received: formatType(x) });
  const a = normalizeAxis(axis, x.shape.length);
  if (a === x.shape.length - 1) throw new OpError("the last axis, of the parts of complex numbers, cannot be transformed", "bad-attribute");
  return a;
}

export const Dft = defineOp({
  name: "dft",
  summary:
    "The discrete Fourier transform of `length` points along an axis, `y[k] = sum over n of x[n] * exp(-2 pi i k n / length)`, or its inverse, with the opposite sign and divided by `length`. The last axis holds real parts, or real and imaginary ones. The operand is cut or padded with zeros to `length`. `onesided`: a forward transform gives the first length/2+1 bins, an inverse one takes those and gives real numbers. Computed in f64.",
  operands: { x: operand },
  attributes: { axis: attribute.int(-2), length: attribute.dim(), inverse: attribute.flag(false), onesided: attribute.flag(false) },
  infer({ x }, { axis, length, inverse, onesided }) {
    const a = checkSpectrum(x, axis);
    if (typeof length === "number" && length < 1) throw new OpError("the length of a transform must be positive", "bad-attribute");
    const isReal = inverse && onesided;
    const points = onesided && !inverse ? oneSidedBins(length) : length;
    return tensor(
      x.dtype,
      x.shape.map((e, d) => (d === a ? points : d === x.shape.length - 1 ? (isReal ? 1 : 2) : e)),
    );
  },
  compute({ operands: { x }, attributes, results: [y] }) {
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    const { length, inverse, onesided } = attributes;
    const [cosine, sine] = ["cosine", "sine"].map((name) => makeBuffer(name, "f64", [length])) as [Buffer, Buffer];
    const angle = (j: Dim): Expr => div(mul(f64(2 * Math.PI), asF64(j)), asF64(length));
    const source = inverse && onesided ? mirroredPoint(x, axis, length) : plainPoint(x, axis);
    return [
      pointwiseAll([cosine, sine], ([j]) => [unary("cos", angle(j!)), unary("sin", angle(j!))]),
      reduction(
        y!,
        [length],
        (at, [n]) => {
          const turn = mod(times(at[axis]!, n!), length);
          const [c, s] = [load(cosine, [turn]), inverse ? load(sine, [turn]) : neg(load(sine, [turn]))];
          const [re, im] = source(at, n!);
          const real = sub(mul(re, c), mul(im, s));
          return sum(select(eq(index(at.at(-1)!), index(0)), real, add(mul(im, c), mul(re, s))));
        },
        (total) => convert(inverse ? div(total, asF64(length)) : total, computeType(y!.dtype)),
      ),
    ];
  },
});

type Point = (at: readonly Dim[], n: Dim) => readonly [Expr, Expr];

/** Real and imaginary part of the operand's point `n`, zero outside. */
function plainPoint(x: Buffer, axis: number): Point {
  const part = (at: readonly Dim[], n: Dim, k: number): Expr => {
    const point = at.map((i, d) => (d === axis ? n : d === at.length - 1 ? k : i));
    return select(isInside(n, x.shape[axis]!), convert(load(x, point), "f64"), f64(0));
  };
  return (at, n) => [part(at, n, 0), x.shape.at(-1) === 2 ? part(at, n, 1) : f64(0)];
}

/** The points above the middle are the conjugates of those below it. */
function mirroredPoint(x: Buffer, axis: number, length: Dim): Point {
  const plain = plainPoint(x, axis);
  return (at, n) => {
    const isStored = lt(index(n), index(oneSidedBins(length)));
    const [low, high] = [plain(at, n), plain(at, minus(length, n))];
    return [select(isStored, low[0], high[0]), select(isStored, low[1], neg(high[1]))];
  };
}

export const Frame = defineOp({
  name: "frame",
  summary: "Overlapping pieces of `x` along an axis, which becomes two: `y[.., f, i, ..] = x[.., f * step + i, ..]`, as many as fit.",
  operands: { x: operand },
  attributes: { axis: attribute.int(), length: attribute.dim(), step: attribute.dim() },
  infer({ x }, { axis, length, step }) {
    const a = normalizeAxis(axis, x.shape.length);
    if (typeof step === "number" && step < 1) throw new OpError("the step must be positive", "bad-attribute");
    if (typeof length === "number" && length < 1) throw new OpError("a frame must not be empty", "bad-attribute");
    const frames = greater(0, plus(floordiv(minus(x.shape[a]!, length), step), 1));
    return tensor(x.dtype, [...x.shape.slice(0, a), frames, length, ...x.shape.slice(a + 1)]);
  },
  compute({ operands: { x }, attributes: { axis, step }, results: [y] }) {
    const a = normalizeAxis(axis, x.shape.length);
    return [pointwise(y!, (at) => load(x, [...at.slice(0, a), plus(times(at[a]!, step), at[a + 1]!), ...at.slice(a + 2)]))];
  },
});

export const CosineWindow = defineOp({
  name: "cosine_window",
  summary:
    "A window that is a sum of cosines: `y[n] = sum over k of (-1)^k * coefficients[k] * cos(2 pi k n / N)`, N = size when periodic, else size - 1. Hann: 0.5, 0.5; Hamming: 25/46, 21/46; Blackman: 0.42, 0.5, 0.08.",
  operands: {},
  attributes: { size: attribute.dim(), coefficients: attribute.floats(), periodic: attribute.flag(true), dtype: attribute.dtype("f32") },
  infer(_operands, { size, dtype }) {
    expectNumbers(dtype);
    return tensor(dtype, [size]);
  },
  compute: ({ attributes: { size, coefficients, periodic }, results: [y] }) => [
    pointwise(y!, ([n]) => {
      const turn = div(mul(f64(2 * Math.PI), asF64(n!)), asF64(periodic ? size : greater(1, minus(size, 1))));
      const terms = coefficients.map((a, k) => mul(f64(k % 2 === 0 ? a : -a), unary("cos", mul(f64(k), turn))));
      return convert(terms.reduce(add), computeType(y!.dtype));
    }),
  ],
});

export const MelWeightMatrix = defineOp({
  name: "mel_weight_matrix",
  summary:
    "The matrix [bins, bands] that turns a one-sided spectrum of a transform of `dft_length` points into bands that overlap as triangles and are equally wide on the mel scale, mel = 2595 log10(1 + hertz / 700). The operands are scalars.",
  operands: { dft_length: operand, sample_rate: operand, lower_edge: operand, upper_edge: operand },
  attributes: { bins: attribute.dim(), bands: attribute.dim(), dtype: attribute.dtype("f32") },
  infer(operands, { bins, bands, dtype }) {
    expectNumbers(dtype);
    for (const [name, t] of Object.entries(operands)) {
      if (t.shape.length > 0) throw new OpError(`'${name}' must be a scalar`, "type-mismatch", { received: formatType(t) });
    }
    return tensor(dtype, [bins, bands]);
  },
  compute({ operands, attributes: { bands }, results: [y] }) {
    const [length, rate, lower, upper] = [operands.dft_length, operands.sample_rate, operands.lower_edge, operands.upper_edge].map((b) =>
      convert(load(b, []), "f64"),
    ) as [Expr, Expr, Expr, Expr];
    const mel = (hertz: Expr): Expr => mul(f64(2595 / Math.LN10), unary("log", add(f64(1), div(hertz, f64(700)))));
    const step = div(sub(mel(upper), mel(lower)), asF64(plus(bands, 2)));
    const hertz = (band: Dim): Expr => {
      const scaled = div(add(mul(asF64(band), step), mel(lower)), f64(2595));
      return mul(f64(700), sub(binary("pow", f64(10), scaled), f64(1)));
    };
    const binOf = (band: Dim): Expr => floorOf(mul(add(length, f64(1)), hertz(band)), rate);
    return [
      pointwise(y!, ([bin, band]) =>
        convert(
          triangle(
            asF64(bin!),
            [0, 1, 2].map((k) => binOf(plus(band!, k))),
          ),
          computeType(y!.dtype),
        ),
      ),
    ];
  },
});

/** Rises from 0 at the first edge to 1 at the second, falls to 0 at the third. */
function triangle(at: Expr, [left, center, right]: readonly Expr[]): Expr {
  const [zero, one] = [constantLike(at, 0), constantLike(at, 1)];
  const width = sub(center!, left!);
  const rising = select(and(le(left!, at), le(at, center!)), select(eq(width, zero), one, div(sub(at, left!), width)), zero);
  const falls = and(le(center!, at), lt(at, right!));
  return select(falls, div(sub(right!, at), sub(right!, center!)), rising);
}
