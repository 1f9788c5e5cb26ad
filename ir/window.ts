/**
 * Sliding windows: what convolutions, pools and unfolding share. Kernel element `k` of output `o` is input element
 * `o * stride + k * dilation - padBegin`, per spatial axis.
 */
import { ints, pairs } from "./attribute.ts";
import { OpError } from "./diagnostic.ts";
import * as dim from "./dim.ts";
import type { Dim } from "./dim.ts";
import { formatDim } from "./dim-text.ts";
import { and, bool, type Expr, index, le, lt } from "./expr.ts";

/** A begin and an end per spatial axis; negative ones crop. */
export type Pads = readonly (readonly [Dim, Dim])[];

export interface WindowAttributes {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: Pads;
}

/** One entry per spatial axis in every field. */
export interface Window extends WindowAttributes {
  readonly kernel: readonly Dim[];
  /** A last window that is only partly inside counts, when it starts inside the input or the padding before it. */
  readonly ceilMode: boolean;
}

/** The attributes of ops with windows; an empty list stands for ones, for pads zeros. */
export const windowAttributes = {
  strides: ints([], "steps of the window, one per spatial axis; none: all one"),
  dilations: ints([], "distances between elements of the window; none: all one"),
  pads: pairs([], "padding before and after each spatial axis; none: no padding"),
};

/** The window over spatial axes of the given extents, with defaults filled in. Throws an `OpError` where lengths or signs do not fit. */
export function makeWindow(input: readonly Dim[], kernel: readonly Dim[], attributes: WindowAttributes, ceilMode = false): Window {
  const rank = input.length;
  if (kernel.length !== rank) throw new OpError(`a window of ${kernel.length} axes does not fit ${rank} spatial axes`);
  return {
    kernel,
    strides: perAxis(attributes.strides, rank, "strides"),
    dilations: perAxis(attributes.dilations, rank, "dilations"),
    pads: listOf(attributes.pads, rank, "pads", [0, 0] as const),
    ceilMode,
  };
}

function perAxis(values: readonly number[], rank: number, name: string): readonly number[] {
  if (values.some((v) => v < 1)) throw new OpError(`'${name}' must be positive`, "bad-attribute", { received: values.join(", ") });
  return listOf(values, rank, name, 1);
}

function listOf<T>(values: readonly T[], rank: number, name: string, fallback: T): readonly T[] {
  if (values.length === 0) return new Array<T>(rank).fill(fallback);
  if (values.length !== rank) throw new OpError(`'${name}' has ${values.length} entries for ${rank} spatial axes`, "bad-attribute");
  return values;
}

/** The input elements that a kernel reaches over: `dilation * (kernel - 1) + 1`. */
export const windowSpan = (kernel: Dim, dilation: number): Dim => dim.add(dim.mul(dilation, dim.sub(kernel, 1)), 1);

/** Extents of the output. Throws an `OpError` where a window is larger than the padded input. */
export function windowExtents(input: readonly Dim[], w: Window): Dim[] {
  return input.map((extent, a) => {
    const [begin, end] = w.pads[a]!;
    const stride = w.strides[a]!;
    const span = windowSpan(w.kernel[a]!, w.dilations[a]!);
    const room = dim.sub(dim.add(extent, begin, end), span);
    if (typeof room === "number" && room < -stride) {
      throw new OpError(`a window of ${formatDim(span)} is larger than the padded input of ${formatDim(dim.add(room, span))}`);
    }
    if (!w.ceilMode) return dim.add(dim.floordiv(room, stride), 1);
    return dim.min(dim.add(dim.ceildiv(room, stride), 1), dim.ceildiv(dim.add(extent, begin), stride));
  });
}

export interface WindowPoint {
  /** Indices into the input, one per spatial axis. */
  readonly at: readonly Dim[];
  /** Whether they are inside the input rather than in the padding. */
  readonly inside: Expr;
}

/** Kernel element `k` of output `o`. Conditions that hold for every window are not asked. */
export function windowPoint(input: readonly Dim[], w: Window, o: readonly Dim[], k: readonly Dim[]): WindowPoint {
  const at = input.map((_, a) => dim.add(dim.mul(o[a]!, w.strides[a]!), dim.mul(k[a]!, w.dilations[a]!), dim.neg(w.pads[a]![0])));
  const conditions = at.flatMap((d, a) => {
    const [begin, end] = w.pads[a]!;
    const mayStartBefore = dim.range(begin)[1] > 0;
    const mayEndAfter = w.ceilMode || dim.range(end)[1] > 0;
    return [...(mayStartBefore ? [le(index(0), index(d))] : []), ...(mayEndAfter ? [lt(index(d), index(input[a]!))] : [])];
  });
  return { at, inside: conditions.length > 0 ? and(...conditions) : bool(true) };
}

/**
 * How many elements of the window at `o` count: those inside the input or, with `includePads`, inside the padded input
 * (a last window of ceil mode may reach beyond that).
 */
export function windowCount(input: readonly Dim[], w: Window, o: readonly Dim[], includePads: boolean): Dim {
  return dim.product(
    input.map((extent, a) => {
      const [begin, end] = w.pads[a]!;
      const dilation = w.dilations[a]!;
      const start = dim.sub(dim.mul(o[a]!, w.strides[a]!), begin);
      const isWhole = !w.ceilMode && (includePads || (begin === 0 && end === 0));
      if (isWhole) return w.kernel[a]!;
      const limit = includePads ? dim.add(extent, end) : extent;
      const first = includePads ? 0 : dim.max(0, dim.ceildiv(dim.neg(start), dilation));
      const last = dim.min(w.kernel[a]!, dim.ceildiv(dim.sub(limit, start), dilation));
      return dim.max(0, dim.sub(last, first));
    }),
  );
}

export type AutoPad = "valid" | "same_upper" | "same_lower";

/**
 * The pads that ONNX's `auto_pad` and MindSpore's `pad_mode` stand for: with "same" the output has
 * `ceil(extent / stride)` elements, and an odd pad goes to the end (`same_upper`) or the beginning (`same_lower`).
 */
export function autoPads(mode: AutoPad, input: readonly Dim[], kernel: readonly Dim[], given: Omit<WindowAttributes, "pads">): Pads {
  const { strides, dilations } = makeWindow(input, kernel, { ...given, pads: [] });
  return input.map((extent, a) => {
    if (mode === "valid") return [0, 0];
    const stride = strides[a]!;
    // ceil(n / s) * s - n is the remainder of -n
    const missing = dim.add(windowSpan(kernel[a]!, dilations[a]!), -stride, dim.mod(dim.neg(extent), stride));
    return splitPads(dim.max(0, missing), mode === "same_upper");
  });
}

function splitPads(total: Dim, upper: boolean): readonly [Dim, Dim] {
  const small = dim.floordiv(total, 2);
  const large = dim.sub(total, small);
  return upper ? [small, large] : [large, small];
}

export interface TransposedPads {
  readonly pads: Pads;
  /** Added to each extent; negative where the output is smaller than the windows reach. */
  readonly outputPadding: readonly Dim[];
}

/**
 * Pads of a transposed convolution whose output extents are given (ONNX's `output_shape`, MindSpore's `input_sizes`):
 * what is too much is padded away on both sides, what is missing is added at the end.
 */
export function padsForOutput(output: readonly Dim[], natural: readonly Dim[], upper: boolean): TransposedPads {
  const pads = output.map((o, a) => splitPads(dim.max(0, dim.sub(natural[a]!, o)), upper));
  const outputPadding = output.map((o, a) => dim.add(o, dim.neg(natural[a]!), ...pads[a]!));
  return { pads, outputPadding };
}

/** Extents of a transposed convolution without pads: `stride * (extent - 1) + span`. */
export const transposedExtents = (input: readonly Dim[], w: Omit<Window, "ceilMode" | "pads">): Dim[] =>
  input.map((extent, a) => dim.add(dim.mul(w.strides[a]!, dim.sub(extent, 1)), windowSpan(w.kernel[a]!, w.dilations[a]!)));

/** The output element that reaches kernel element `k` at `y` of a transposed convolution: `inside` where there is one. */
export function transposedPoint(input: readonly Dim[], w: Window, y: readonly Dim[], k: readonly Dim[]): WindowPoint {
  const reached = input.map((_, a) => dim.add(y[a]!, w.pads[a]![0], dim.neg(dim.mul(k[a]!, w.dilations[a]!))));
  const at = reached.map((d, a) => dim.floordiv(d, w.strides[a]!));
  const conditions = reached.flatMap((d, a) => [
    le(index(0), index(d)),
    le(index(dim.mod(d, w.strides[a]!)), index(0)),
    lt(index(at[a]!), index(input[a]!)),
  ]);
  return { at, inside: and(...conditions) };
}
