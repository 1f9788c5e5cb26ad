/** Spectra as products with constant matrices; frames as gathers; windows as constants. */
import { normalizeAxis } from "../../ir/axis.ts";
import type { AttributesFor } from "../../ir/define.ts";
import { type Dim, product } from "../../ir/dim.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { CosineWindow, Dft, Frame, oneSidedBins } from "../../ir/ops/signal.ts";
import { expansion, fixed, mostElements, type NamedExpansion, points, realOf } from "./expander.ts";

interface Sizes {
  /** Points of the transform. */
  readonly length: number;
  /** Points that there are, and their parts: real, or real and imaginary. */
  readonly stored: number;
  readonly parts: number;
  /** Points of the result, and their parts. */
  readonly bins: number;
  readonly results: number;
}

/**
 * The matrix [stored * parts, bins * results] of a transform. Points that a one-sided spectrum leaves out are the
 * conjugates of those that it has; others that are not stored are zero.
 */
function transformMatrix({ length, stored, parts, bins, results }: Sizes, { inverse, onesided }: AttributesFor<typeof Dft>): number[] {
  const matrix = new Array<number>(stored * parts * bins * results).fill(0);
  const factor = inverse ? 1 / length : 1;
  const half = inverse && onesided ? (oneSidedBins(length) as number) : length;
  for (let n = 0; n < length; n++) {
    const isConjugate = n >= half;
    const row = isConjugate ? length - n : n;
    if (row >= stored) continue;
    for (let k = 0; k < bins; k++) {
      const angle = ((inverse ? 2 : -2) * Math.PI * ((n * k) % length)) / length;
      const [c, s] = [Math.cos(angle) * factor, Math.sin(angle) * factor];
      const imaginary = isConjugate ? [s, -c] : [-s, c];
      for (let r = 0; r < results; r++) {
        const column = k * results + r;
        matrix[row * parts * bins * results + column]! += r === 0 ? c : s;
        if (parts === 2) matrix[(row * 2 + 1) * bins * results + column]! += imaginary[r]!;
      }
    }
  }
  return matrix;
}

/** The axis next to that of the parts, and both as one. */
const dft = expansion(Dft, ({ x }, a, e) => {
  const { shape, dtype } = x.tensor;
  const rank = shape.length;
  const axis = normalizeAxis(a.axis, rank);
  const needed = a.inverse && a.onesided ? oneSidedBins(a.length) : a.length;
  const bins = a.onesided && !a.inverse ? oneSidedBins(a.length) : a.length;
  const list = [a.length, shape[axis]!, shape[rank - 1]!, bins, needed];
  if (!fixed(list)) return undefined;
  const sizes = {
    length: list[0]!,
    stored: Math.min(list[1]!, list[4]!),
    parts: list[2]!,
    bins: list[3]!,
    results: a.inverse && a.onesided ? 1 : 2,
  };
  const [rows, columns] = [sizes.stored * sizes.parts, sizes.bins * sizes.results];
  if (rows === 0 || rows * columns > mostElements) return undefined;
  const others = shape.map((_, d) => d).filter((d) => d !== axis && d !== rank - 1);
  const perm = [...others, axis, rank - 1];
  const lead: Dim[] = others.map((d) => shape[d]!);
  const real = realOf(x);
  const moved = e.transpose(e.cast(e.part(x, axis, 0, sizes.stored), real), perm);
  const matrix = e.constant(real, [rows, columns], transformMatrix(sizes, a));
  const y = e.create(Matmul, { a: e.reshape(moved, [product(lead), rows]), b: matrix });
  const apart = e.reshape(y, [...lead, sizes.bins, sizes.results]);
  return e.cast(e.transposeBack(apart, perm), dtype);
});

const frame = expansion(Frame, ({ x }, { axis: given, length, step }, e) => {
  const { shape } = x.tensor;
  const axis = normalizeAxis(given, shape.length);
  const list: readonly Dim[] = [shape[axis]!, length, step];
  if (!fixed(list)) return undefined;
  const [extent, size, hop] = list as readonly [number, number, number];
  const count = Math.max(0, Math.floor((extent - size) / hop) + 1);
  if (count === 0 || count * size > mostElements) return undefined;
  const places = points([count, size]).map(([f, i]) => f! * hop + i!);
  return e.create(Gather, { x, indices: e.constant("i32", [count, size], places) }, { axis });
});

const window = expansion(CosineWindow, (_operands, { size, coefficients, periodic, dtype }, e) => {
  if (typeof size !== "number") return undefined;
  const turn = (2 * Math.PI) / (periodic ? size : Math.max(1, size - 1));
  const at = (n: number): number => coefficients.reduce((sum, a, k) => sum + (k % 2 === 0 ? a : -a) * Math.cos(k * n * turn), 0);
  return e.constant(
    dtype,
    [size],
    Array.from({ length: size }, (_, n) => at(n)),
  );
});

export const signalExpansions: readonly NamedExpansion[] = [dft, frame, window];
