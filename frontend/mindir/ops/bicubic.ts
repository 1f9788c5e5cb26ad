/**
 * TensorFlow's cubic resizing, as MindSpore has it: positions are rounded to 1/1024 of an element, so the weights are
 * those of a table. They are made here, as a matrix per axis.
 */
const tableSize = 1024;

/** Keys' kernel (1981) with the parameter `a`, at the distance `x`. */
function kernel(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

export interface CubicAxis {
  readonly input: number;
  readonly output: number;
  readonly alignCorners: boolean;
  readonly halfPixel: boolean;
}

const clamp = (i: number, extent: number): number => Math.max(0, Math.min(extent - 1, i));

/** Weights and elements of one output element. */
function taps({ input, output, alignCorners, halfPixel }: CubicAxis, o: number): readonly (readonly [at: number, weight: number])[] {
  const scale = alignCorners && output > 1 ? Math.fround((input - 1) / (output - 1)) : Math.fround(input / output);
  const position = halfPixel ? Math.fround(Math.fround(o + 0.5) * scale - 0.5) : Math.fround(o * scale);
  const base = Math.floor(position);
  const offset = Math.round((position - base) * tableSize) / tableSize;
  const a = halfPixel ? -0.5 : -0.75;
  const raw = [-1, 0, 1, 2].map((k) => [base + k, kernel(Math.abs(offset - k), a)] as const);
  if (!halfPixel) return raw.map(([at, w]) => [clamp(at, input), w]);
  // Elements outside have no weight; the others share it.
  const inside = raw.map(([at, w]) => [clamp(at, input), at === clamp(at, input) ? w : 0] as const);
  const sum = inside.reduce((total, [, w]) => total + w, 0);
  return Math.abs(sum) >= 1000 * 1.1754943508222875e-38 ? inside.map(([at, w]) => [at, w / sum]) : inside;
}

/** The matrix [output, input] that resizes an axis. */
export function cubicWeights(axis: CubicAxis): number[] {
  const weights = new Array<number>(axis.output * axis.input).fill(0);
  for (let o = 0; o < axis.output; o++) {
    for (const [at, w] of taps(axis, o)) weights[o * axis.input + at]! += w;
  }
  return weights;
}
