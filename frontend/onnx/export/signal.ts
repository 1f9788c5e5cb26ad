/** Spectra, frames and windows as ONNX's operators. */
import { normalizeAxis } from "../../../ir/axis.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { CosineWindow, Dft, Frame, MelWeightMatrix, oneSidedBins } from "../../../ir/ops/signal.ts";
import type { Body } from "./body.ts";
import { functionRow, row, type Row } from "./row.ts";
import { sliceOf } from "./shape.ts";
import { countUp } from "./slice.ts";
import type { Operand, Term } from "./term.ts";

function transform(n: Body, x: Term, axis: number, length: Dim, flags: { readonly inverse: boolean; readonly onesided: boolean }): Term {
  const attributes = { inverse: flags.inverse || undefined, onesided: flags.onesided || undefined };
  if (n.opset < 20) return n.op("DFT", [x, n.size(length)], { ...attributes, axis });
  return n.op("DFT", [x, n.size(length), n.size(axis)], attributes);
}

/** Zeros behind `x`, or less of it, so that the axis has `extent` elements. */
const fitted = (n: Body, x: Term, rank: number, axis: number, from: Dim, extent: Dim): Term => {
  if (from === extent) return x;
  const ends = Array.from({ length: rank }, (_, d) => (d === axis ? dim.sub(extent, from) : 0));
  return n.op("Pad", [x, n.dims([...ends.map(() => 0), ...ends]), n.like(x, 0)]);
};

/** The other half of the spectrum is its mirror image with imaginary parts negated; what comes back is real. */
function mirroredInverse(n: Body, x: Operand, axis: number, length: Dim): Term {
  const rank = x.shape.length;
  const bins = oneSidedBins(length);
  const half = fitted(n, x, rank, axis, x.shape[axis]!, bins);
  const complex = x.shape.at(-1) === 2 ? half : fitted(n, half, rank, rank - 1, 1, 2);
  const rest = dim.sub(length, bins);
  const tail = sliceOf(n, complex, axis, 1, dim.add(rest, 1));
  const reversed = n.op("Gather", [tail, n.op("Sub", [n.size(dim.sub(rest, 1)), countUp(n, rest)])], { axis });
  const conjugate = n.op("Mul", [reversed, n.cast(n.values("f32", [2], [1, -1]), x.dtype)]);
  const whole = n.op("Concat", [complex, conjugate], { axis });
  return sliceOf(n, transform(n, whole, axis, length, { inverse: true, onesided: false }), rank - 1, 0, 1);
}

/** Windows that have an operator of their own, by their coefficients. */
const windows: readonly (readonly [string, readonly number[]])[] = [
  ["HannWindow", [0.5, 0.5]],
  ["HammingWindow", [25 / 46, 21 / 46]],
  ["BlackmanWindow", [0.42, 0.5, 0.08]],
];

interface WindowAttributes {
  readonly size: Dim;
  readonly coefficients: readonly number[];
  readonly periodic: boolean;
}

function cosineWindow(n: Body, { size, coefficients, periodic }: WindowAttributes, dtype: Term["dtype"]): Term {
  const [operator] = windows.find(([, c]) => c.length === coefficients.length && c.every((v, k) => v === coefficients[k])) ?? [];
  if (operator && n.has(operator)) {
    return n.op(operator, [n.size(size)], { periodic: periodic ? undefined : 0, output_datatype: n.session.code(dtype) }, dtype);
  }
  const f64 = (value: number): Term => n.scalar("f64", value);
  const places = n.cast(countUp(n, size), "f64");
  const count = n.cast(n.size(periodic ? size : dim.max(1, dim.sub(size, 1))), "f64");
  const turn = n.op("Div", [n.op("Mul", [places, f64(2 * Math.PI)]), count]);
  const terms = coefficients.map((a, k) => n.op("Mul", [n.op("Cos", [n.op("Mul", [turn, f64(k)])]), f64(k % 2 === 0 ? a : -a)]));
  return terms.reduce((a, b) => n.op("Add", [a, b]));
}

/** The positions `frame * step + i` gathered. */
function frames(n: Body, x: Operand, axis: number, length: Dim, step: Dim): Term {
  const count = dim.max(0, dim.add(dim.floordiv(dim.sub(x.shape[axis]!, length), step), 1));
  const starts = n.op("Mul", [n.reshape(countUp(n, count), [count, 1]), n.size(step)]);
  return n.op("Gather", [x, n.op("Add", [starts, countUp(n, length)])], { axis });
}

export const signalRows: readonly Row[] = [
  functionRow(Dft, (n, { x }, { axis: given, length, inverse, onesided }) => {
    const axis = normalizeAxis(given, x.shape.length);
    return inverse && onesided ? mirroredInverse(n, x, axis, length) : transform(n, x, axis, length, { inverse, onesided });
  }),
  functionRow(Frame, (n, { x }, { axis, length, step }) => frames(n, x, normalizeAxis(axis, x.shape.length), length, step)),
  functionRow(CosineWindow, (n, _operands, a) => cosineWindow(n, a, a.dtype)),
  row(MelWeightMatrix, (n, o, { bands, dtype }) => {
    const [lower, upper] = [o.lower_edge, o.upper_edge].map((t) => n.cast(t, "f32"));
    const operands = [n.size(bands), n.cast(o.dft_length, "i64"), n.cast(o.sample_rate, "i64"), lower, upper];
    return n.op("MelWeightMatrix", operands, { output_datatype: n.session.code(dtype) }, dtype);
  }),
];
