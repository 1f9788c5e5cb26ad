/** ONNX operators on signals: transforms, windows, mel weights. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { add, type Dim, floordiv, mul } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Mul } from "../../../ir/ops/elementwise.ts";
import { CosineWindow, Dft, Frame, MelWeightMatrix } from "../../../ir/ops/signal.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { dtypeOf } from "./random.ts";
import { asScalar } from "./shape.ts";

/** The only element of operand `i` as an extent, or what the declared shape of the result says of it. */
const sizeOf = (n: NodeContext, i: number, what: string, declared?: Dim): Dim => n.knownDims(i)?.[0] ?? declared ?? n.dims(i, what)[0]!;

function dftAxis(n: NodeContext): number {
  const axis = n.opset < 20 ? n.int("axis", 1) : n.optional(2) ? n.numbers(2, "the axis")[0]! : -2;
  return normalizeAxis(axis, n.rank(0));
}

function dft(n: NodeContext): Value {
  const axis = dftAxis(n);
  const [inverse, onesided] = [n.int("inverse", 0) !== 0, n.int("onesided", 0) !== 0];
  const points = n.type(0).shape[axis]!;
  const declared = onesided && !inverse ? undefined : n.declaredShape(0)?.[axis];
  const natural = inverse && onesided ? mul(2, add(points, -1)) : points;
  const length = n.optional(1) ? sizeOf(n, 1, "the length of the transform", declared) : natural;
  return n.create(Dft, { x: n.input(0) }, { axis, length, inverse, onesided });
}

/** The distance of frames that gives as many as the result is declared to have. */
function declaredStep(n: NodeContext, points: Dim, length: Dim): Dim | undefined {
  const frames = n.declaredShape(0)?.[1];
  if (typeof frames !== "number" || typeof points !== "number" || typeof length !== "number") return undefined;
  return frames === 1 ? points : floordiv(points - length, frames - 1);
}

function stft(n: NodeContext): Value {
  const { shape } = n.type(0);
  const signal = shape.length === 2 ? n.reshape(n.input(0), [...shape, 1]) : n.input(0);
  const window = n.optional(2);
  const length = n.optional(3) ? sizeOf(n, 3, "the frame length", window?.tensor.shape[0]) : window?.tensor.shape[0];
  if (length === undefined) throw new OpError("neither a window nor a frame length is given", "bad-operand");
  if (window && window.tensor.shape[0] !== length)
    n.unsupported("the window is not as long as a frame", "unsupported-attribute", "pad the window with zeros");
  const frames = n.create(
    Frame,
    { x: signal },
    { axis: 1, length, step: sizeOf(n, 1, "the frame step", declaredStep(n, shape[1]!, length)) },
  );
  const weighted = window ? n.create(Mul, { a: frames, b: n.reshape(window, [length, 1]) }) : frames;
  return n.create(Dft, { x: weighted }, { axis: 2, length, onesided: n.int("onesided", 1) !== 0 });
}

const window =
  (coefficients: readonly number[]) =>
  (n: NodeContext): Value =>
    n.create(
      CosineWindow,
      {},
      {
        size: sizeOf(n, 0, "the size of the window", n.declaredShape(0)?.[0]),
        coefficients,
        periodic: n.int("periodic", 1) !== 0,
        dtype: dtypeOf(n, "output_datatype", "f32"),
      },
    );

function melWeights(n: NodeContext): Value {
  const declared = n.declaredShape(0);
  const length = n.knownDims(1)?.[0];
  const bins = length === undefined ? (declared?.[0] ?? n.dims(1, "the length of the transform")[0]!) : add(floordiv(length, 2), 1);
  const [dft_length, sample_rate, lower_edge, upper_edge] = [1, 2, 3, 4].map((i) => asScalar(n, n.input(i))) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const bands = sizeOf(n, 0, "the number of bands", declared?.[1]);
  return n.create(
    MelWeightMatrix,
    { dft_length, sample_rate, lower_edge, upper_edge },
    { bins, bands, dtype: dtypeOf(n, "output_datatype", "f32") },
  );
}

export const signalLowerings: Lowerings = {
  DFT: dft,
  STFT: stft,
  HannWindow: window([0.5, 0.5]),
  HammingWindow: window([25 / 46, 21 / 46]),
  BlackmanWindow: window([0.42, 0.5, 0.08]),
  MelWeightMatrix: melWeights,
};
