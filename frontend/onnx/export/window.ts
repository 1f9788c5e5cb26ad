/** Windows of convolutions and pools: attributes where ONNX has them, else explicit padding before. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { type Pads, type Window, windowExtents } from "../../../ir/window.ts";
import type { Body } from "./body.ts";
import type { Attributes, Operand, Term } from "./term.ts";

interface Windowed {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: Pads;
}

const areNumbers = (list: readonly Dim[]): list is readonly number[] => list.every((d) => typeof d === "number");

/** ONNX's order: all begins, then all ends. */
export const beginsAndEnds = (pads: Pads): readonly Dim[] => [...pads.map((p) => p[0]), ...pads.map((p) => p[1])];

/** The pads as an attribute; undefined where they are expressions or crop. No pads are no attribute. */
export function padsAttribute(pads: Pads): { readonly pads?: readonly number[] } | undefined {
  const list = beginsAndEnds(pads);
  if (!areNumbers(list) || list.some((p) => p < 0)) return undefined;
  return list.every((p) => p === 0) ? {} : { pads: list };
}

/** A list that is all ones says nothing. */
const unlessOnes = (list: readonly number[]): readonly number[] | undefined => (list.every((v) => v === 1) ? undefined : list);

export const windowAttributes = ({ strides, dilations }: Windowed): Attributes => ({
  dilations: unlessOnes(dilations),
  strides: unlessOnes(strides),
});

/** `x` with pads before and after its spatial axes, which negative ones crop. */
export function padded(n: Body, x: Term, pads: Pads, value?: Term): Term {
  const all: Pads = [[0, 0], [0, 0], ...pads];
  return n.op("Pad", [x, n.dims(beginsAndEnds(all)), value ?? n.like(x, 0)]);
}

/** The operand and the pads that are left for the attribute. */
export function withPads(n: Body, x: Operand, window: Windowed, value?: Term): { readonly x: Term; readonly pads: Attributes } {
  const pads = padsAttribute(window.pads);
  return pads ? { x, pads } : { x: padded(n, x, window.pads, value), pads: {} };
}

/** More elements of a window than are written one by one. */
const mostElements = 1024;

/** What must be added before and after so that every window is inside, ceil mode's last ones too. */
export function enclosingPads(spatial: readonly Dim[], window: Window, out: readonly Dim[] = windowExtents(spatial, window)): Pads {
  return spatial.map((extent, d) => {
    const [begin] = window.pads[d]!;
    const reach = dim.add(
      dim.mul(dim.sub(out[d]!, 1), window.strides[d]!),
      dim.mul(window.dilations[d]!, dim.sub(window.kernel[d]!, 1)),
      1,
    );
    return [begin, dim.sub(reach, dim.add(extent, begin))];
  });
}

interface Elements {
  /** What stands outside; default zero. */
  readonly fill?: Term;
  /** Extents of the output, where they are not those that the window gives. */
  readonly out?: readonly Dim[];
}

/** Element `k` of all windows over the spatial axes of `x`, `[n, c, out...]`, for each `k` in row-major order. */
export function windowElements(n: Body, x: Operand, window: Window, { fill, out: given }: Elements = {}): Term[] {
  const { kernel, strides, dilations } = window;
  const count = dim.product(kernel);
  if (typeof count !== "number" || count > mostElements) throw new OpError("the window is too large to be written out", "limit");
  const spatial = x.shape.slice(2);
  const out = given ?? windowExtents(spatial, window);
  const pads = enclosingPads(spatial, window, out);
  const image = pads.flat().every((p) => p === 0) ? x : padded(n, x, pads, fill);
  const axes = n.ints(spatial.map((_, d) => d + 2));
  return pointsOf(kernel as readonly number[]).map((k) => {
    const starts = k.map((i, d) => i * dilations[d]!);
    const ends = starts.map((start, d) => dim.add(dim.mul(dim.sub(out[d]!, 1), strides[d]!), start + 1));
    return n.op("Slice", [image, n.ints(starts), n.dims(ends), axes, n.ints(strides)]);
  });
}

const pointsOf = (extents: readonly number[]): number[][] =>
  extents.reduce<number[][]>((points, extent) => points.flatMap((p) => Array.from({ length: extent }, (_, i) => [...p, i])), [[]]);
